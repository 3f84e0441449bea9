//! The signature on answers: RSA with SHA-256 (PKCS #1 v1.5), by the key of a certificate that is issued for the domain.

use crate::config;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;
use std::path::{Path, PathBuf};

/// Fewer bits are not allowed for new signatures (NIST SP 800-131A).
const LEAST_BITS: u32 = 2048;

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A file that cannot be read.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, std::io::ErrorKind),
    /// A file that is not what it should be.
    #[error("{}: {}", .0.display(), .1)]
    Unusable(PathBuf, &'static str),
    /// OpenSSL cannot sign.
    #[error("signing: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// Signs for one domain. It does not implement `Debug`: it holds a private key.
pub struct Signer {
    domain: String,
    key: PKey<Private>,
    certificate: Vec<u8>,
}

impl Signer {
    /// Reads key and certificate, which must belong together and to the domain.
    pub fn new(dsr: &config::Dsr) -> Result<Signer, SignError> {
        let read = |path: &Path| std::fs::read(path).map_err(|fault| SignError::File(path.to_owned(), fault.kind()));
        let unusable = |path: &Path, why| SignError::Unusable(path.to_owned(), why);
        let certificate = read(&dsr.certificate)?;
        let chain = X509::stack_from_pem(&certificate).unwrap_or_default();
        let Some(leaf) = chain.first() else { return Err(unusable(&dsr.certificate, "no certificate in PEM")) };
        // Whatever else is in the file stays here: the certificates alone are handed out.
        let certificate = chain.iter().map(|certificate| certificate.to_pem()).collect::<Result<Vec<_>, _>>()?.concat();
        let key = zeroize::Zeroizing::new(read(&dsr.key)?);
        let key = PKey::private_key_from_pem(&key).map_err(|_| unusable(&dsr.key, "no private key in PEM without a password"))?;
        if key.id() != Id::RSA || key.bits() < LEAST_BITS {
            return Err(unusable(&dsr.key, "OpenDSR signs with RSA, with 2048 bits or more"));
        }
        if !leaf.public_key().is_ok_and(|public| public.public_eq(&key)) {
            return Err(unusable(&dsr.certificate, "it is the certificate of another key"));
        }
        if !covers(leaf, &dsr.domain) {
            return Err(unusable(&dsr.certificate, "it is not issued for `dsr.domain`"));
        }
        let now = openssl::asn1::Asn1Time::days_from_now(0)?;
        if leaf.not_after() < now {
            tracing::warn!(path = %dsr.certificate.display(), "the certificate that signs answers to data subjects' requests has expired");
        }
        Ok(Signer { domain: dsr.domain.clone(), key, certificate })
    }

    /// The domain that signs.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The certificate and its issuers, in PEM.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The signature of a body, in base64.
    pub fn sign(&self, body: &[u8]) -> Result<String, SignError> {
        let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &self.key)?;
        Ok(STANDARD.encode(signer.sign_oneshot_to_vec(body)?))
    }
}

/// Whether a certificate names the domain (RFC 6125: in its alternative names; `*` stands for the first label).
fn covers(certificate: &X509, domain: &str) -> bool {
    let names = certificate.subject_alt_names();
    let mut names = names.iter().flatten().filter_map(|name| name.dnsname());
    names.any(|name| match name.strip_prefix("*.") {
        Some(parent) => domain.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(domain),
    })
}

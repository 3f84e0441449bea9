//! TLS of the admin server, by OpenSSL: the one TLS library in the binary (decision 0003).

use super::AdminError;
use crate::config::Tls;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode};
use openssl::x509::X509Name;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// How often the certificate's files are looked at: they are renewed every few weeks.
const RENEWED: Duration = Duration::from_secs(10);

/// The certificate in use, replaced when its files change.
pub(super) struct Acceptor {
    files: Tls,
    current: SslAcceptor,
    seen: Seen,
    looked: Instant,
}

/// When the certificate and the key were last written.
type Seen = [Option<SystemTime>; 2];

impl Acceptor {
    /// Loads and checks the files.
    pub(super) fn new(files: &Tls) -> Result<Acceptor, AdminError> {
        let seen = seen(files);
        Ok(Acceptor { files: files.clone(), current: build(files)?, seen, looked: Instant::now() })
    }

    /// What to accept the next connection with.
    pub(super) fn current(&mut self) -> SslAcceptor {
        if self.looked.elapsed() >= RENEWED {
            self.looked = Instant::now();
            self.renew();
        }
        self.current.clone()
    }

    fn renew(&mut self) {
        let now = seen(&self.files);
        if now == self.seen {
            return;
        }
        self.seen = now;
        match build(&self.files) {
            Ok(renewed) => {
                self.current = renewed;
                tracing::info!("admin certificate renewed");
            }
            Err(fault) => tracing::error!(%fault, "the new admin certificate cannot be used; the old one stays"),
        }
    }

    /// The DNS names of the certificate, lower-case.
    pub(super) fn names(&self) -> Vec<String> {
        let certificate = self.current.context().certificate();
        let names = certificate.and_then(|certificate| certificate.subject_alt_names());
        let dns = names.iter().flatten().filter_map(|name| name.dnsname());
        dns.map(str::to_lowercase).collect()
    }
}

fn seen(files: &Tls) -> Seen {
    [&files.certificate, &files.key].map(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok())
}

/// Mozilla's "intermediate" settings: TLS 1.2 and 1.3, forward secrecy, authenticated ciphers.
fn build(files: &Tls) -> Result<SslAcceptor, AdminError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |cause| AdminError::Tls { path, cause }
    };
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_certificate_chain_file(&files.certificate).map_err(at(&files.certificate))?;
    builder.set_private_key_file(&files.key, SslFiletype::PEM).map_err(at(&files.key))?;
    builder.check_private_key().map_err(at(&files.key))?;
    // A resumed session would carry an earlier check of the client's certificate.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_options(SslOptions::NO_TICKET);
    if let Some(authority) = &files.client_ca {
        builder.set_ca_file(authority).map_err(at(authority))?;
        let names = X509Name::load_client_ca_file(authority).map_err(at(authority))?;
        builder.set_client_ca_list(names);
        // Asked for, not demanded: probes and scrapes have none. One that does not verify ends the handshake.
        builder.set_verify(SslVerifyMode::PEER);
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{certificate, files, save};
    use super::*;

    #[test]
    fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            // File times are coarser than two writes in a row.
            std::thread::sleep(Duration::from_millis(30));
            save(folder.path(), "server", &certificate(name, None));
        };
        write("first.example");
        let mut acceptor = Acceptor::new(&files(folder.path(), None)).unwrap();
        write("second.example");
        acceptor.current();
        assert_eq!(acceptor.names(), ["first.example"], "not looked at with every connection");
        acceptor.renew();
        assert_eq!(acceptor.names(), ["second.example"]);
        write("third.example");
        std::fs::write(folder.path().join("server.key"), "half a fil").unwrap();
        acceptor.renew();
        assert_eq!(acceptor.names(), ["second.example"]);
        write("fourth.example");
        acceptor.renew();
        assert_eq!(acceptor.names(), ["fourth.example"]);
    }
}

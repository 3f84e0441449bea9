//! How a working key comes from a root: HKDF-SHA-256 (RFC 5869) with an info that names the use.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The version of the derivation; another one means other pseudonyms.
const VERSION: &str = "privet/v1";

/// What a working key is used for. Keys of different uses are unrelated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Pseudonyms in a sink's records.
    Pseudonym,
    /// Tokens in a sink's records.
    Token,
    /// Digests of subjects in ledger and suppression list.
    Digest,
    /// What `encrypt` writes about the data keys of a value.
    Reference,
    /// The wrapping of data keys.
    WrapDataKey,
    /// Data keys where there is no topic of random ones.
    DataKey,
}

impl Use {
    fn as_str(self) -> &'static str {
        match self {
            Use::Pseudonym => "pseudonym",
            Use::Token => "token",
            Use::Digest => "digest",
            Use::Reference => "reference",
            Use::WrapDataKey => "wrap",
            Use::DataKey => "data-key",
        }
    }
}

/// What names a working key.
pub(super) struct Derivation<'a> {
    /// What it is used for.
    pub(super) purpose: Use,
    /// The key name of the policy.
    pub(super) name: &'a str,
    /// The sink; a shared key leaves it out.
    pub(super) sink: Option<&'a str>,
    /// The class of the values.
    pub(super) class: &'a str,
    /// The period in which values stay linkable; empty for all time.
    pub(super) epoch: &'a str,
}

impl Derivation<'_> {
    /// The working key under this root.
    pub(super) fn derive(&self, root: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0u8; 32]);
        self.derive_into(root, &mut key[..]);
        key
    }

    /// A working key of another length.
    pub(super) fn derive_into(&self, root: &[u8], key: &mut [u8]) {
        hkdf_sha256(None, root, &self.info(), key);
    }

    /// What stands before the epoch in the info; the epoch of a period is added when the period is known.
    pub(super) fn info_before_epoch(&self) -> Vec<u8> {
        let mut info = self.info();
        info.truncate(info.len() - 4 - self.epoch.len());
        info
    }

    /// The parts, each behind its length as four bytes, big-endian: no two derivations share an info. A
    /// shared key has one part less.
    pub(super) fn info(&self) -> Vec<u8> {
        let parts = [VERSION, self.purpose.as_str(), self.name].into_iter().chain(self.sink).chain([self.class, self.epoch]);
        let mut info = Vec::new();
        for part in parts {
            let length = u32::try_from(part.len()).expect("names in a policy are far shorter than 4 GiB");
            info.extend_from_slice(&length.to_be_bytes());
            info.extend_from_slice(part.as_bytes());
        }
        info
    }
}

/// HKDF's first step alone: the pseudorandom key of a root.
pub(super) fn extract(root: &[u8]) -> Zeroizing<[u8; 32]> {
    let (key, _) = Hkdf::<Sha256>::extract(None, root);
    Zeroizing::new(key.into())
}

/// HKDF-SHA-256, extract and expand.
fn hkdf_sha256(salt: Option<&[u8]>, root: &[u8], info: &[u8], out: &mut [u8]) {
    Hkdf::<Sha256>::new(salt, root).expand(info, out).expect("HKDF-SHA-256 gives up to 8,160 bytes and less is asked for");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn check(root: &[u8], salt: Option<&[u8]>, info: &[u8], expected: &str) {
        let expected = hex(expected);
        let mut out = vec![0; expected.len()];
        hkdf_sha256(salt, root, info, &mut out);
        assert_eq!(out, expected);
    }

    /// RFC 5869, appendix A.1 to A.3.
    #[test]
    fn answers_rfc_5869() {
        check(
            &[0x0b; 22],
            Some(&hex("000102030405060708090a0b0c")),
            &hex("f0f1f2f3f4f5f6f7f8f9"),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        );
        check(
            &(0x00..=0x4f).collect::<Vec<u8>>(),
            Some(&(0x60..=0xaf).collect::<Vec<u8>>()),
            &(0xb0..=0xff).collect::<Vec<u8>>(),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
             da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        );
        check(&[0x0b; 22], None, b"", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        let info = |name, sink, class| Derivation { purpose: Use::Pseudonym, name, sink, class, epoch: "" }.info();
        assert_ne!(info("ab", Some("c"), "d"), info("a", Some("bc"), "d"));
        assert_ne!(info("a", Some("b"), ""), info("a", None, "b"));
        assert_eq!(
            info("k", Some("s"), "c"),
            b"\x00\x00\x00\x09privet/v1\x00\x00\x00\x09pseudonym\x00\x00\x00\x01k\x00\x00\x00\x01s\x00\x00\x00\x01c\x00\x00\x00\x00"
        );
    }
}

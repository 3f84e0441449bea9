//! The working key of a pseudonym: HMAC-SHA-256 (RFC 2104) with its key schedule done once.

use super::derive::{Derivation, extract};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// How many bytes of the HMAC a pseudonym shows: 144 bits, of which 128 are asked for, and no padding in base64.
const SHOWN: usize = 18;

/// A working key for pseudonyms. The state of the hash is wiped when it is dropped.
pub struct MacKey {
    id: Box<str>,
    state: Hmac<Sha256>,
}

impl MacKey {
    /// The key with its schedule; `id` is the root's.
    pub(super) fn new(id: &str, key: &[u8]) -> MacKey {
        let state = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        MacKey { id: id.into(), state }
    }

    /// The id of the root it comes from.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Appends `p1.<key id>.<base64url>` of the input's HMAC-SHA-256. Allocates only where `out` must grow.
    pub fn pseudonym(&self, input: &[u8], out: &mut Vec<u8>) {
        print(&self.id, &self.mac(input), out);
    }

    /// HMAC-SHA-256 of the input, whole.
    pub fn mac(&self, input: &[u8]) -> [u8; 32] {
        self.mac_of(&[input])
    }

    /// HMAC-SHA-256 of the parts as one: what ledger rows and suppression lists are keyed by.
    pub fn mac_of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut state = self.state.clone();
        parts.iter().for_each(|part| state.update(part));
        state.finalize().into_bytes().into()
    }
}

/// Appends `p1.<key id>.<base64url>`.
fn print(id: &str, mac: &[u8; 32], out: &mut Vec<u8>) {
    out.extend_from_slice(b"p1.");
    out.extend_from_slice(id.as_bytes());
    out.push(b'.');
    let start = out.len();
    out.resize(start + SHOWN / 3 * 4, 0);
    URL_SAFE_NO_PAD.encode_slice(&mac[..SHOWN], &mut out[start..]).expect("18 bytes are 24 characters of base64");
}

/// What makes the working keys of pseudonyms that hold for one period: HKDF's second step, with the period as epoch.
pub struct PeriodKey {
    id: Box<str>,
    /// HMAC keyed with what HKDF extracted from the root.
    extracted: Hmac<Sha256>,
    info: Box<[u8]>,
}

impl PeriodKey {
    /// The key maker of a derivation whose epoch is left open.
    pub(super) fn new(id: &str, root: &[u8], derivation: &Derivation<'_>) -> PeriodKey {
        let extracted = Hmac::<Sha256>::new_from_slice(&extract(root)[..]).expect("HMAC takes keys of any length");
        PeriodKey { id: id.into(), extracted, info: derivation.info_before_epoch().into() }
    }

    /// The id of the root it comes from.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Appends the input's pseudonym in one period. Allocates only where `out` must grow.
    pub fn pseudonym(&self, epoch: &str, input: &[u8], out: &mut Vec<u8>) {
        let length = u32::try_from(epoch.len()).expect("a period is ten letters or fewer");
        let mut expand = self.extracted.clone();
        expand.update(&self.info);
        expand.update(&length.to_be_bytes());
        expand.update(epoch.as_bytes());
        // RFC 5869, section 2.3: the first block, which is as long as the key.
        expand.update(&[1]);
        let key = Zeroizing::new(<[u8; 32]>::from(expand.finalize().into_bytes()));
        let mut state = Hmac::<Sha256>::new_from_slice(&key[..]).expect("HMAC takes keys of any length");
        state.update(input);
        print(&self.id, &state.finalize().into_bytes().into(), out);
    }
}

impl fmt::Debug for PeriodKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PeriodKey({})", self.id)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MacKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231, section 4, test cases 1 to 4, 6 and 7 (5 is truncated output).
    #[test]
    fn answers_rfc_4231() {
        let counted: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], &[u8], &str); 6] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (&counted, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be \
                  hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(hex(&MacKey::new("k", key).mac(data)), expected);
        }
    }

    /// A period's key is the one that HKDF gives for the period as epoch.
    #[test]
    fn periods_have_keys_of_their_own() {
        use super::super::derive::Use;
        let with = |epoch| Derivation { purpose: Use::Pseudonym, name: "k", sink: Some("s"), class: "c", epoch };
        let period = PeriodKey::new("id", b"a root of some length", &with(""));
        for epoch in ["2026-11-22", "2026-W47", "2026-11"] {
            let (mut got, mut expected) = (Vec::new(), Vec::new());
            period.pseudonym(epoch, b"u1", &mut got);
            MacKey::new("id", &with(epoch).derive(b"a root of some length")[..]).pseudonym(b"u1", &mut expected);
            assert_eq!(got, expected);
        }
    }

    /// The first 18 bytes of RFC 4231's second case, in base64url (by `openssl` and `basenc`).
    #[test]
    fn prints_version_key_id_and_144_bits() {
        let mut out = b"before ".to_vec();
        MacKey::new("k1", b"Jefe").pseudonym(b"what do ya want for nothing?", &mut out);
        assert_eq!(out, b"before p1.k1.W9zBRr9gdU5qBCQmCJV1x1oA");
    }
}

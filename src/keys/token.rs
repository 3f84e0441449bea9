//! The working key of a token: deterministic authenticated encryption, AES-256-SIV (RFC 5297). Who holds the key file reads
//! tokens back; who does not, sees only which are equal.

use super::derive::{Derivation, Use};
use super::{KeySet, Role};
use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use zeroize::Zeroizing;

/// Two keys of AES-256: one authenticates, one encrypts.
const KEY_BYTES: usize = 64;
/// What tokens begin with; another version means another format.
const PREFIX: &str = "t1.";

/// A working key for tokens. The key is wiped when it is dropped.
pub struct TokenKey {
    id: Box<str>,
    key: Box<Zeroizing<[u8; KEY_BYTES]>>,
    /// What the token says about its key, as text: name, sink and class.
    place: Box<str>,
    /// What is authenticated with each value: sink, class and key id, each behind its length.
    header: Box<[u8]>,
}

/// Why a token cannot be read back. No variant holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevealError {
    /// It is not `t1.<key id>.<place>.<text>`.
    #[error("not a token")]
    NotAToken,
    /// The key file has no root of that id.
    #[error("the key file does not have its key")]
    NoSuchKey,
    /// The root's secret is gone.
    #[error("its key was destroyed")]
    Destroyed,
    /// It was made with another key, or changed.
    #[error("it was not made with this key, or was changed")]
    NotAuthentic,
    /// Its subject's data key is not there.
    #[error("its subject's key is not there: destroyed by an erasure, or kept elsewhere")]
    Erased,
}

impl TokenKey {
    /// The key of (key name, sink, class) under one root; `sink` is `None` for a shared key.
    pub(super) fn new(id: &str, root: &[u8], name: &str, sink: Option<&str>, class: &str) -> TokenKey {
        let derivation = Derivation { purpose: Use::Token, name, sink, class, epoch: "" };
        let mut key = Box::new(Zeroizing::new([0u8; KEY_BYTES]));
        derivation.derive_into(root, &mut key[..]);
        let parts = [Some(name), sink, Some(class)];
        let place = URL_SAFE_NO_PAD.encode(parts.iter().flat_map(|part| lengthened(part.as_deref())).collect::<Vec<u8>>());
        let header = [sink, Some(class), Some(id)].iter().flat_map(|part| lengthened(part.as_deref())).collect();
        TokenKey { id: id.into(), key, place: place.into(), header }
    }

    /// The id of the root it comes from.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Appends the token of a value: `t1.<key id>.<place>.<base64url>`. Allocates only where `work` or `out` must grow.
    pub fn token(&self, value: &[u8], work: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
        work.clear();
        work.extend_from_slice(value);
        let mut cipher = Aes256Siv::new((&**self.key).into());
        cipher.encrypt_in_place([&self.header[..]], work).ok()?;
        out.extend_from_slice(PREFIX.as_bytes());
        out.extend_from_slice(self.id.as_bytes());
        out.push(b'.');
        out.extend_from_slice(self.place.as_bytes());
        out.push(b'.');
        let start = out.len();
        out.resize(start + work.len().div_ceil(3) * 4, 0);
        let written = URL_SAFE_NO_PAD.encode_slice(&work, &mut out[start..]).ok()?;
        out.truncate(start + written);
        Some(())
    }

    fn reveal(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RevealError> {
        let mut value = Zeroizing::new(sealed.to_vec());
        let mut cipher = Aes256Siv::new((&**self.key).into());
        cipher.decrypt_in_place([&self.header[..]], &mut *value).map_err(|_| RevealError::NotAuthentic)?;
        Ok(value)
    }
}

impl KeySet {
    /// The token key of (key name, sink, class); `sink` is `None` for a `shared` key.
    pub fn token_key(&self, name: &str, sink: Option<&str>, class: &str) -> TokenKey {
        let (id, secret) = self.active(Role::Root);
        TokenKey::new(id, secret, name, sink, class)
    }

    /// The value of a token. It says itself which key made it; that it says so truly is authenticated.
    pub fn reveal(&self, token: &str) -> Result<Zeroizing<Vec<u8>>, RevealError> {
        let rest = token.strip_prefix(PREFIX).ok_or(RevealError::NotAToken)?;
        let mut parts = rest.split('.');
        let (Some(id), Some(place), Some(sealed), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(RevealError::NotAToken);
        };
        let place = URL_SAFE_NO_PAD.decode(place).map_err(|_| RevealError::NotAToken)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| RevealError::NotAToken)?;
        let [Some(name), sink, Some(class)] = read_place(&place).ok_or(RevealError::NotAToken)? else {
            return Err(RevealError::NotAToken);
        };
        let root = self.keys.iter().find(|key| key.role == Role::Root && *key.id == *id).ok_or(RevealError::NoSuchKey)?;
        let secret = root.secret().ok_or(RevealError::Destroyed)?;
        TokenKey::new(id, secret, name, sink, class).reveal(&sealed)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TokenKey({})", self.id)
    }
}

/// A part behind its length as two bytes, big-endian; one that is absent has a length that none has.
pub(super) fn lengthened(part: Option<&str>) -> Vec<u8> {
    let length = part.map_or(u16::MAX, |part| u16::try_from(part.len()).unwrap_or(u16::MAX - 1));
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(part.unwrap_or_default().as_bytes());
    bytes
}

/// Name, sink and class.
pub(super) fn read_place(mut bytes: &[u8]) -> Option<[Option<&str>; 3]> {
    let mut parts = [None; 3];
    for part in &mut parts {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let length = u16::from_be_bytes(*length);
        bytes = rest;
        if length != u16::MAX {
            let (text, rest) = bytes.split_at_checked(usize::from(length))?;
            *part = Some(std::str::from_utf8(text).ok()?);
            bytes = rest;
        }
    }
    bytes.is_empty().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(key: &TokenKey, value: &str) -> String {
        let mut out = Vec::new();
        key.token(value.as_bytes(), &mut b"left over".to_vec(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// RFC 5297, appendix A.1, with the cipher as it is used here but for the size of its key.
    #[test]
    fn the_cipher_answers_rfc_5297() {
        let key: [u8; 32] = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").try_into().unwrap();
        let header = hex("101112131415161718191a1b1c1d1e1f2021222324252627");
        let mut buffer = hex("112233445566778899aabbccddee");
        aes_siv::siv::Aes128Siv::new((&key).into()).encrypt_in_place([&header[..]], &mut buffer).unwrap();
        assert_eq!(buffer, hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"));
    }

    #[test]
    fn tokens_are_stable_and_read_back() {
        let keys = KeySet::demonstration();
        let key = keys.token_key("crm", Some("ads"), "user.contact.email");
        for value in ["", "a@x.io", "例え", &"x".repeat(1000)] {
            let made = token(&key, value);
            assert_eq!(made, token(&keys.token_key("crm", Some("ads"), "user.contact.email"), value));
            assert!(made.starts_with("t1.demo."));
            assert_eq!(keys.reveal(&made).unwrap().as_slice(), value.as_bytes());
        }
    }

    #[test]
    fn keys_of_other_names_sinks_and_classes_share_nothing() {
        let keys = KeySet::demonstration();
        let all = [
            keys.token_key("a", Some("s"), "c"),
            keys.token_key("b", Some("s"), "c"),
            keys.token_key("a", Some("t"), "c"),
            keys.token_key("a", Some("s"), "d"),
            keys.token_key("a", None, "c"),
        ];
        let mut sealed: Vec<String> = all.iter().map(|key| token(key, "u1").rsplit('.').next().unwrap().to_owned()).collect();
        sealed.sort();
        sealed.dedup();
        assert_eq!(sealed.len(), all.len());
        assert_eq!(keys.reveal(&token(&all[4], "u1")).unwrap().as_slice(), b"u1");
    }

    #[test]
    fn what_was_changed_is_not_revealed() {
        let keys = KeySet::demonstration();
        let made = token(&keys.token_key("a", Some("s"), "c"), "u1");
        let parts: Vec<&str> = made.split('.').collect();
        let other = token(&keys.token_key("a", Some("t"), "c"), "u1");
        let mixed = format!("t1.demo.{}.{}", other.split('.').nth(2).unwrap(), parts[3]);
        assert_eq!(keys.reveal(&mixed), Err(RevealError::NotAuthentic), "the place is authenticated");
        assert_eq!(keys.reveal(&format!("t1.other.{}.{}", parts[2], parts[3])), Err(RevealError::NoSuchKey));
        for broken in ["", "t1.", "t1.demo", "p1.demo.x.y", "t1.demo.!.!", "t1.demo.AAA.AAA", "t1.demo.a.b.c"] {
            assert_eq!(keys.reveal(broken), Err(RevealError::NotAToken), "{broken}");
        }
        assert_eq!(keys.reveal(&format!("t1.demo.{}.AAAA", parts[2])), Err(RevealError::NotAuthentic));
    }

    #[test]
    fn retired_keys_still_read_and_destroyed_ones_do_not() {
        let mut keys = KeySet::generate().unwrap();
        let old = keys.keys()[0].id().to_owned();
        let made = token(&keys.token_key("a", None, "c"), "u1");
        keys.rotate().unwrap();
        assert_ne!(token(&keys.token_key("a", None, "c"), "u1"), made);
        assert_eq!(keys.reveal(&made).unwrap().as_slice(), b"u1");
        keys.destroy(&old).unwrap();
        assert_eq!(keys.reveal(&made), Err(RevealError::Destroyed));
    }
}

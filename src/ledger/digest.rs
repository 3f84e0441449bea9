//! Who is who without knowing them: keyed digests of identities, and of their hashes where a request names only these.

use super::record::Format;
use crate::keys::{KeySet, MacKey};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The keyed digest of an identity, the only form in which a ledger knows anybody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub(super) u128);

impl Digest {
    /// Stands for everyone where a change may concern anybody.
    pub const EVERYONE: Digest = Digest(u128::MAX);

    /// 32 hexadecimal digits: what remains of an erased person in keys of the topic of erasures.
    pub fn to_hex(self) -> String {
        format!("{:032x}", self.0)
    }

    fn from_hex(text: &[u8]) -> Option<Digest> {
        let plain = text.len() == 32 && text.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(text).ok().filter(|_| plain)?;
        u128::from_str_radix(text, 16).ok().map(Digest)
    }
}

/// The kind of an alias that is the ledger's own digest of a name, in hexadecimal digits.
pub(super) const DIGEST_KIND: &str = "digest";

/// Which form of an identity a digest is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The identity.
    Plain,
    /// One of its hashes.
    Hashed(Hash),
}

/// The hashes in which requests may name identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha1,
    Md5,
}

impl Hash {
    pub(super) const ALL: [Hash; 3] = [Hash::Sha256, Hash::Sha1, Hash::Md5];

    fn format(self) -> Format {
        match self {
            Hash::Sha256 => Format::Sha256,
            Hash::Sha1 => Format::Sha1,
            Hash::Md5 => Format::Md5,
        }
    }

    /// How many hexadecimal digits it has.
    fn digits(self) -> usize {
        match self {
            Hash::Sha256 => 64,
            Hash::Sha1 => 40,
            Hash::Md5 => 32,
        }
    }
}

/// Memory for hashing an identity, reused from record to record. It does not implement `Debug`.
#[derive(Default)]
pub struct HashBuffers {
    lower: Vec<u8>,
}

impl HashBuffers {
    /// The text trimmed and lower-cased.
    fn lower_case(&mut self, value: &str) -> &[u8] {
        self.lower.clear();
        for letter in value.trim().chars().flat_map(char::to_lowercase) {
            self.lower.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        &self.lower
    }

    /// Forgets whom it was used for.
    pub fn clear(&mut self) {
        self.lower.clear();
    }
}

/// Makes digests.
pub struct Digests(MacKey);

impl Digests {
    pub(super) fn new(keys: &KeySet) -> Digests {
        Digests(keys.digest_key("ledger"))
    }

    /// The digest of an identity. Kinds have no colon, so that no two identities are one text.
    pub fn of(&self, kind: &str, value: &str) -> Digest {
        self.mac(&[kind.as_bytes(), b":", value.as_bytes()])
    }

    /// The digest of an alias of a consent record, which may be written as a digest itself.
    pub fn of_alias(&self, kind: &str, value: &str) -> Digest {
        let digest = if kind == DIGEST_KIND { Digest::from_hex(value.as_bytes()) } else { None };
        digest.unwrap_or_else(|| self.of(kind, value))
    }

    /// The digest under which a record key of the consent topic, `kind:value`, is filed.
    pub fn of_key(&self, key: &[u8]) -> Digest {
        self.mac(&[key])
    }

    /// The digest under which a record key of the topic of erasures is filed, what it is the digest of, and what is wrong
    /// with the key. A key that looks like a hash and is none is taken as the name of somebody.
    pub(super) fn of_suppression_key(&self, key: &[u8]) -> (Digest, Form, Option<&'static str>) {
        const ODD: &str = "a key with a hash that is none";
        if let Some(rest) = key.strip_prefix(b"digest:") {
            let (form, hex) = match Hash::ALL.into_iter().find_map(|hash| Some((hash, hashed(rest, hash)?))) {
                Some((hash, hex)) => (Form::Hashed(hash), hex),
                None => (Form::Plain, rest),
            };
            return match Digest::from_hex(hex) {
                Some(digest) => (digest, form, None),
                None => (self.of_key(key), Form::Plain, Some(ODD)),
            };
        }
        for hash in Hash::ALL {
            let Some(named) = hashed(key, hash) else { continue };
            let split = named.iter().position(|byte| *byte == b':');
            let Some((kind, hex)) = split.map(|at| (&named[..at], &named[at + 1..])) else { continue };
            if kind.is_empty() || hex.len() != hash.digits() || !hex.iter().all(u8::is_ascii_hexdigit) {
                return (self.of_key(key), Form::Plain, Some(ODD));
            }
            return (self.of_hash(kind, hash, &hex.to_ascii_lowercase()), Form::Hashed(hash), None);
        }
        (self.of_key(key), Form::Plain, None)
    }

    /// The key under which the same suppression stands without saying whom it is about.
    pub fn anonymous_key(&self, key: &[u8]) -> Vec<u8> {
        let (digest, form, _) = self.of_suppression_key(key);
        let hex = digest.to_hex();
        match form {
            Form::Plain => format!("digest:{hex}"),
            Form::Hashed(hash) => format!("digest:{}:{hex}", hash.format().as_str()),
        }
        .into_bytes()
    }

    /// The digest of an identity trimmed and lower-cased, where that is another text.
    pub(super) fn of_lower_case(&self, kind: &str, value: &str, buffers: &mut HashBuffers) -> Option<Digest> {
        if is_plain(value) {
            return None;
        }
        let lower = buffers.lower_case(value);
        (lower != value.as_bytes()).then(|| self.mac(&[kind.as_bytes(), b":", lower]))
    }

    /// The digests of one hash of an identity: of the text as it stands, and of the text trimmed and lower-cased, the form
    /// in which e-mail addresses are hashed.
    pub(super) fn of_hashes(&self, kind: &str, value: &str, hash: Hash, buffers: &mut HashBuffers) -> [Option<Digest>; 2] {
        let lower = buffers.lower_case(value);
        let of = |bytes: &[u8]| {
            let mut hex = [0u8; 64];
            let length = match hash {
                Hash::Sha256 => print(&Sha256::digest(bytes), &mut hex),
                Hash::Sha1 => print(&Sha1::digest(bytes), &mut hex),
                Hash::Md5 => print(&Md5::digest(bytes), &mut hex),
            };
            self.of_hash(kind.as_bytes(), hash, &hex[..length])
        };
        [Some(of(value.as_bytes())), (lower != value.as_bytes()).then(|| of(lower))]
    }

    fn of_hash(&self, kind: &[u8], hash: Hash, hex: &[u8]) -> Digest {
        self.mac(&[hash.format().as_str().as_bytes(), b":", kind, b":", hex])
    }

    fn mac(&self, parts: &[&[u8]]) -> Digest {
        let mac = self.0.mac_of(parts);
        let (digest, _) = mac.split_first_chunk().expect("a MAC of 32 bytes has 16");
        Digest(u128::from_le_bytes(*digest))
    }
}

/// Whether trimming and lower-casing surely changes nothing, as with most ids: asked of every event.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
}

/// What follows the name of a hash and a colon.
fn hashed(key: &[u8], hash: Hash) -> Option<&[u8]> {
    key.strip_prefix(hash.format().as_str().as_bytes())?.strip_prefix(b":")
}

/// Writes lower-case hexadecimal digits; returns how many.
fn print(bytes: &[u8], hex: &mut [u8; 64]) -> usize {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, byte) in bytes.iter().enumerate() {
        hex[2 * at] = DIGITS[usize::from(byte >> 4)];
        hex[2 * at + 1] = DIGITS[usize::from(byte & 15)];
    }
    2 * bytes.len()
}

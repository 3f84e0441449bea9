//! Random data keys, one or more a subject, under which `encrypt` writes: who destroys a subject's data keys makes every
//! value unreadable that was encrypted for them.
//!
//! A data key is known as a row: its subject's digest and an id of its own, and the key wrapped under a root. Rows stand in
//! a compacted topic and, all of them, in a [`SubjectTable`]; nothing is ever derived that could bring a destroyed key back.

mod cipher;
mod encrypt;
mod reveal;
mod row;
mod sealing;
mod table;

pub use encrypt::EncryptKey;
pub use reveal::RowSet;
pub use row::{RowError, RowKey, hashed_names};
pub use sealing::{DataKeys, Sealing, Unavailable};
pub use table::{Applied, SubjectTable};

use super::derive::{Derivation, Use};
use super::{KeySet, MacKey, Role, State};
use crate::event::SubjectDigest;
use md5::Md5;
use row::{Row, WrapKey};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};
use zeroize::Zeroizing;

/// The length of a data key.
const KEY_BYTES: usize = 32;

/// A data key, wiped when it is dropped.
type DataKey = Zeroizing<[u8; KEY_BYTES]>;

/// What a plan needs for `encrypt` besides the working keys of its fields: the roots that wrap data keys, and the key of the
/// digests by which subjects are known. `Debug` shows ids only.
pub struct SubjectKeys {
    digests: MacKey,
    /// The active root first; then every other whose secret is there.
    roots: Box<[WrapKey]>,
    derived: MacKey,
}

impl SubjectKeys {
    /// The digest of one identity: the one by which the ledger knows it too, so that an erasure finds its keys.
    pub fn digest(&self, kind: &str, value: &[u8]) -> SubjectDigest {
        let mac = self.digests.mac_of(&[kind.as_bytes(), b":", value]);
        SubjectDigest(*mac.first_chunk().expect("a MAC of 32 bytes begins with 16"))
    }

    /// Whether both know a subject by the same digest.
    pub fn names_alike(&self, other: &SubjectKeys) -> bool {
        self.digest("", b"") == other.digest("", b"")
    }

    /// The digests of an identity's hashes, `kind:value`, as an erasure may name it: of the value as it is, and trimmed and
    /// lower-cased. The same as the ledger's.
    fn hashed_names(&self, name: &str) -> row::HashedNames {
        let Some((kind, value)) = name.split_once(':') else { return Vec::new() };
        let common: String = value.trim().chars().flat_map(char::to_lowercase).collect();
        let mut hashes = Vec::with_capacity(row::MOST_HASHES);
        for value in [value, &common] {
            let (sha256, sha1, md5) = (Sha256::digest(value), Sha1::digest(value), Md5::digest(value));
            for (word, hex) in [("sha256", hex(&sha256)), ("sha1", hex(&sha1)), ("md5", hex(&md5))] {
                let mac = self.digests.mac_of(&[word.as_bytes(), b":", kind.as_bytes(), b":", hex.as_bytes()]);
                let digest = SubjectDigest(*mac.first_chunk().expect("a MAC of 32 bytes begins with 16"));
                if !hashes.contains(&digest) {
                    hashes.push(digest);
                }
            }
        }
        hashes
    }

    /// The root that wraps new data keys.
    fn active(&self) -> &WrapKey {
        &self.roots[0]
    }

    /// The data key of a row; `None` where its root is gone, or it is not authentic.
    fn unwrap(&self, row: &Row) -> Option<DataKey> {
        self.roots.iter().filter(|root| root.tag() == row.root).find_map(|root| root.unwrap(row))
    }

    /// The data key that stands in for a random one where there is no topic; see [`DataKeys::Derived`].
    fn derive(&self, subject: &SubjectDigest) -> (row::KeyId, DataKey) {
        let id = row::KeyId::derived(&self.derived.mac_of(&[b"id", &subject.0]));
        (id, reveal::derive(&self.derived, &id))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // A string takes every write.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Debug for SubjectKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SubjectKeys({})", self.active().id())
    }
}

impl KeySet {
    /// What `encrypt` needs of this key set.
    pub fn subject_keys(&self) -> SubjectKeys {
        let mut roots: Vec<WrapKey> = Vec::new();
        for root in self.keys.iter().filter(|root| root.role == Role::Root) {
            let Some(secret) = root.secret() else { continue };
            let key = WrapKey::new(&root.id, secret);
            let first = root.state == State::Active;
            roots.insert(if first { 0 } else { roots.len() }, key);
        }
        let derivation = Derivation { purpose: Use::DataKey, name: "", sink: None, class: "", epoch: "" };
        SubjectKeys {
            digests: self.digest_key("ledger"),
            roots: roots.into(),
            derived: self.working_key(Role::Root, &derivation),
        }
    }
}

#[cfg(test)]
mod tests;

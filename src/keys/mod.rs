//! Key sets, derivation, and the working keys that a plan holds.

use std::fmt;
use std::path::Path;

/// Root keys with their ids and states.
pub struct KeySet {}

/// Why a key set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {}

impl KeySet {
    /// The fixed, published root that `filter`, `explain` and `test` use without `--keys`; `run` never does.
    pub fn demonstration() -> KeySet {
        todo!()
    }

    /// Reads a key file; refuses one that others may read.
    pub fn load(_path: &Path) -> Result<KeySet, KeyError> {
        todo!()
    }

    /// The pseudonym key of (key name, sink, class); `sink` is `None` for a `shared` key.
    pub fn pseudonym_key(&self, _name: &str, _sink: Option<&str>, _class: &str) -> MacKey {
        todo!()
    }
}

/// A working key for pseudonyms.
pub struct MacKey {}

impl MacKey {
    /// The id of the root it comes from.
    pub fn id(&self) -> &str {
        todo!()
    }

    /// Appends `p1.<key id>.<base64url>` of the input's HMAC-SHA-256.
    pub fn pseudonym(&self, _input: &[u8], _out: &mut Vec<u8>) {
        todo!()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MacKey({})", self.id())
    }
}

//! Encrypted fields back to values: by the key file and the rows of the topic that are left.

use super::encrypt::{EncryptKey, PREFIX, extract};
use super::row::{KeyId, Row, RowKey};
use super::{Applied, DataKey, SubjectKeys};
use crate::keys::derive::{Derivation, Use};
use crate::keys::token::read_place;
use crate::keys::{KeySet, MacKey, RevealError, Role};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use zeroize::Zeroizing;

/// The rows of the topic by data key, for those who read values back.
#[derive(Default)]
pub struct RowSet {
    rows: HashMap<KeyId, Row>,
}

impl RowSet {
    /// Takes one record of the topic, in the order of the topic.
    pub fn apply(&mut self, key: &[u8], value: Option<&[u8]>) -> Applied {
        let Some(named) = RowKey::from_record_key(key) else { return Applied::Undecodable(super::RowError::Key) };
        match value.map(|value| Row::read(key, value)) {
            None => Applied::Destroyed(self.rows.remove(&named.id).is_some()),
            Some(Ok(row)) => {
                self.rows.insert(named.id, row);
                Applied::Stored(named.subject)
            }
            Some(Err(error)) => {
                self.rows.remove(&named.id);
                Applied::Undecodable(error)
            }
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl KeySet {
    /// Whether a text looks like an encrypted field, which is read back with [`KeySet::reveal_encrypted`].
    pub fn is_encrypted(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The value of an encrypted field, by the rows that are left of its subject's data keys.
    pub fn reveal_encrypted(&self, text: &str, keys: &SubjectKeys, rows: &RowSet) -> Result<Zeroizing<Vec<u8>>, RevealError> {
        let rest = text.strip_prefix(PREFIX).ok_or(RevealError::NotAToken)?;
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
        let key = EncryptKey::new(id, secret, name, sink, class);
        let derivation = Derivation { purpose: Use::DataKey, name: "", sink: None, class: "", epoch: "" };
        let derived = MacKey::new(id, &*derivation.derive(secret));
        let mut all = Zeroizing::new(Vec::new());
        for id in key.ids(&sealed).ok_or(RevealError::NotAuthentic)? {
            let id = KeyId::from_bytes(id);
            let data_key = if id.is_derived() { Some(derive(&derived, &id)) } else { stored(keys, rows, &id) };
            all.extend_from_slice(&data_key.ok_or(RevealError::Erased)?[..]);
        }
        key.open(&extract(&all), &sealed).ok_or(RevealError::NotAuthentic)
    }
}

/// The data key of an id that was derived.
pub(super) fn derive(derived: &MacKey, id: &KeyId) -> DataKey {
    Zeroizing::new(derived.mac_of(&[b"key", id.bytes()]))
}

fn stored(keys: &SubjectKeys, rows: &RowSet, id: &KeyId) -> Option<DataKey> {
    keys.unwrap(rows.rows.get(id)?)
}

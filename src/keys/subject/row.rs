//! A row of the topic of subject keys: whose key it is, and the key wrapped under a root.

use super::{DataKey, KEY_BYTES};
use crate::event::SubjectDigest;
use crate::keys::derive::{Derivation, Use};
use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The length of a data key's id.
pub(super) const ID_BYTES: usize = 12;
/// A data key and what AES-SIV adds to it.
pub(super) const WRAPPED_BYTES: usize = KEY_BYTES + 16;
/// What a row's value begins with; another version means another format.
const PREFIX: &str = "s1.";
/// `s1.<root id>.<64 characters>.<128 characters>`; a root id has at most 24.
const LONGEST_VALUE: usize = 256;
/// How many hashes of an identity a row is found by: three functions, of the text as it is and in its common form.
pub(super) const MOST_HASHES: usize = 6;

/// Digests of the hashes of an identity: an erasure may name no more than a hash. They stand in the topic alone.
pub(super) type HashedNames = Vec<SubjectDigest>;

/// The digests of hashes in a row's value, by which an erasure that names a hash finds it.
pub fn hashed_names(value: &[u8]) -> Vec<SubjectDigest> {
    let Some(text) = std::str::from_utf8(value).ok().filter(|text| text.len() <= LONGEST_VALUE) else { return Vec::new() };
    let Some(hashes) = text.strip_prefix(PREFIX).and_then(|rest| rest.split('.').nth(2)) else { return Vec::new() };
    let bytes = URL_SAFE_NO_PAD.decode(hashes).unwrap_or_default();
    bytes.chunks_exact(16).filter_map(|digest| digest.first_chunk().copied().map(SubjectDigest)).collect()
}

/// The id of a data key: random, so that no two are ever the same. The top bit is set for one that was derived.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyId([u8; ID_BYTES]);

impl KeyId {
    pub(super) fn random(mut bytes: [u8; ID_BYTES]) -> KeyId {
        bytes[0] &= 0x7f;
        KeyId(bytes)
    }

    pub(super) fn derived(mac: &[u8; 32]) -> KeyId {
        let mut bytes: [u8; ID_BYTES] = *mac.first_chunk().expect("a MAC of 32 bytes begins with 12");
        bytes[0] |= 0x80;
        KeyId(bytes)
    }

    pub(super) fn from_bytes(bytes: [u8; ID_BYTES]) -> KeyId {
        KeyId(bytes)
    }

    pub(super) fn is_derived(&self) -> bool {
        self.0[0] & 0x80 != 0
    }

    pub(super) fn bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

/// What names a row: the subject and the data key. `Debug` shows nothing: the digest stands for a person.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// Whose key it is.
    pub subject: SubjectDigest,
    pub(super) id: KeyId,
}

impl fmt::Debug for RowKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RowKey")
    }
}

impl RowKey {
    /// As a record key: base64url of digest and id.
    pub fn write(&self, out: &mut Vec<u8>) {
        append_base64(&self.bytes(), out);
    }

    /// The row that a record key of the topic names.
    pub fn from_record_key(text: &[u8]) -> Option<RowKey> {
        let mut bytes = [0u8; 16 + ID_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (subject, id) = bytes.split_first_chunk::<16>()?;
        (length == bytes.len()).then_some(RowKey { subject: SubjectDigest(*subject), id: KeyId(*id.first_chunk()?) })
    }

    fn bytes(&self) -> [u8; 16 + ID_BYTES] {
        let mut bytes = [0u8; 16 + ID_BYTES];
        bytes[..16].copy_from_slice(&self.subject.0);
        bytes[16..].copy_from_slice(&self.id.0);
        bytes
    }
}

/// Stands for a root's id in a row: the first bytes of its SHA-256. Two that agree are told apart by trying.
pub(super) type RootTag = u32;

fn tag(id: &str) -> RootTag {
    u32::from_be_bytes(*Sha256::digest(id).first_chunk().expect("a SHA-256 of 32 bytes begins with 4"))
}

/// A row: everything of it is fit to be stored.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) key: RowKey,
    pub(super) root: RootTag,
    pub(super) wrapped: [u8; WRAPPED_BYTES],
}

/// Why a record of the topic is no row. No variant holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The record key is not that of a row.
    #[error("a record key that is not base64 of a digest and a key's id")]
    Key,
    /// The value is not that of a row.
    #[error("a value that is not `s1.<root id>.<base64>`")]
    Value,
}

impl Row {
    /// A row from a record of the topic.
    pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Row, RowError> {
        let key = RowKey::from_record_key(key).ok_or(RowError::Key)?;
        let (root, wrapped) = read_value(value).ok_or(RowError::Value)?;
        Ok(Row { key, root, wrapped })
    }
}

fn read_value(value: &[u8]) -> Option<(RootTag, [u8; WRAPPED_BYTES])> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= LONGEST_VALUE)?;
    let (root, rest) = text.strip_prefix(PREFIX)?.split_once('.')?;
    let wrapped = rest.split('.').next()?;
    let mut bytes = [0u8; WRAPPED_BYTES];
    let length = URL_SAFE_NO_PAD.decode_slice(wrapped, &mut bytes).ok()?;
    (length == WRAPPED_BYTES).then_some((tag(root), bytes))
}

/// What wraps data keys: AES-256-SIV (RFC 5297) under a key derived from one root, with the row's key as associated data.
pub(super) struct WrapKey {
    id: Box<str>,
    tag: RootTag,
    key: Box<Zeroizing<[u8; 64]>>,
}

impl WrapKey {
    pub(super) fn new(id: &str, root: &[u8]) -> WrapKey {
        let mut key = Box::new(Zeroizing::new([0u8; 64]));
        Derivation { purpose: Use::WrapDataKey, name: "", sink: None, class: "", epoch: "" }.derive_into(root, &mut key[..]);
        WrapKey { id: id.into(), tag: tag(id), key }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn tag(&self) -> RootTag {
        self.tag
    }

    pub(super) fn wrap(&self, key: RowKey, data_key: &DataKey) -> Option<Row> {
        let mut text = *data_key.as_slice().first_chunk::<KEY_BYTES>()?;
        let siv = Aes256Siv::new((&**self.key).into()).encrypt_inout_detached([&key.bytes()[..]], (&mut text[..]).into()).ok()?;
        let mut wrapped = [0u8; WRAPPED_BYTES];
        wrapped[..16].copy_from_slice(&siv);
        wrapped[16..].copy_from_slice(&text);
        Some(Row { key, root: self.tag, wrapped })
    }

    pub(super) fn unwrap(&self, row: &Row) -> Option<DataKey> {
        let (siv, text) = row.wrapped.split_first_chunk::<16>()?;
        let mut key = Zeroizing::new(*text.first_chunk::<KEY_BYTES>()?);
        let header = row.key.bytes();
        let mut cipher = Aes256Siv::new((&**self.key).into());
        cipher.decrypt_inout_detached([&header[..]], (&mut key[..]).into(), siv.into()).ok()?;
        Some(key)
    }

    /// The value of a row that this root wrapped.
    pub(super) fn write(&self, row: &Row, hashes: &[SubjectDigest], out: &mut Vec<u8>) {
        out.extend_from_slice(PREFIX.as_bytes());
        out.extend_from_slice(self.id.as_bytes());
        out.push(b'.');
        append_base64(&row.wrapped, out);
        if !hashes.is_empty() {
            out.push(b'.');
            append_base64(&hashes.iter().flat_map(|digest| digest.0).collect::<Vec<u8>>(), out);
        }
    }
}

pub(super) fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut out[start..]).expect("room was made for it");
    out.truncate(start + written);
}

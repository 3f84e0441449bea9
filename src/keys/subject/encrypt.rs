//! The working key of an encrypted field: a value under its subject's data keys, written as `e1.<key id>.<place>.<text>`.
//!
//! Key of the value and key of the nonce come from the subject's data keys and the field's name, sink and class (HKDF). The nonce is
//! a PRF of where the value stands and of the value itself: the same record again gives the same bytes, and no two different values
//! ever share a nonce, whatever becomes of offsets. Which data keys they are is itself encrypted, with the nonce, so that
//! two values of one person show no common part, in one sink or in two.

use super::cipher::{self, NONCE_BYTES};
use super::row::{ID_BYTES, append_base64};
use crate::keys::KeySet;
use crate::keys::Role;
use crate::keys::derive::{Derivation, Use};
use crate::keys::token::lengthened;
use aes_siv::KeyInit as _;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// What encrypted values begin with; another version means another format.
pub(super) const PREFIX: &str = "e1.";
/// What AES-SIV adds.
const SIV_BYTES: usize = 16;
/// How many identities an event has at most whose data keys guard a value: their number is one byte.
pub(super) const MOST_SUBJECTS: usize = 16;

/// What the data keys of one event's subject are together: HKDF's extracted key.
pub(super) type Secret = Hmac<Sha256>;

/// A working key for encrypted fields. It is of no use without a subject's data keys.
pub struct EncryptKey {
    id: Box<str>,
    /// What the text says about its key: name, sink and class.
    place: Box<str>,
    /// Name, sink and class as HKDF's info.
    info: Box<[u8]>,
    /// What is authenticated with each value: sink, class and key id, each behind its length.
    header: Box<[u8]>,
    /// Encrypts which data keys were used.
    reference: Box<Zeroizing<[u8; 64]>>,
}

/// A value with the place where it stands: what a nonce is made of.
pub(super) struct Point<'a> {
    pub(super) stream: &'a str,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Which of the record's encrypted values it is, counted for each sink.
    pub(super) ordinal: u32,
    pub(super) value: &'a [u8],
}

impl EncryptKey {
    pub(super) fn new(id: &str, root: &[u8], name: &str, sink: Option<&str>, class: &str) -> EncryptKey {
        let derivation = Derivation { purpose: Use::Reference, name, sink, class, epoch: "" };
        let mut reference = Box::new(Zeroizing::new([0u8; 64]));
        derivation.derive_into(root, &mut reference[..]);
        let parts = [Some(name), sink, Some(class)];
        let place = URL_SAFE_NO_PAD.encode(parts.iter().flat_map(|part| lengthened(part.as_deref())).collect::<Vec<u8>>());
        let header = [sink, Some(class), Some(id)].iter().flat_map(|part| lengthened(part.as_deref())).collect();
        EncryptKey { id: id.into(), place: place.into(), info: derivation.info().into(), header, reference }
    }

    /// The id of the root it comes from.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Appends the value, encrypted. Allocates only where `work` or `out` must grow.
    pub(super) fn seal(
        &self,
        secret: &Secret,
        ids: &[u8],
        point: &Point<'_>,
        work: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let [key, nonce_key] = self.expand(secret);
        let nonce = nonce(&nonce_key, point);
        work.clear();
        work.extend_from_slice(&self.header);
        work.push(u8::try_from(ids.len() / ID_BYTES).ok()?);
        work.extend_from_slice(&nonce);
        let siv_at = work.len();
        work.resize(siv_at + SIV_BYTES, 0);
        work.extend_from_slice(ids);
        let siv = self.siv().encrypt_inout_detached([&nonce[..]], (&mut work[siv_at + SIV_BYTES..]).into()).ok()?;
        work[siv_at..siv_at + SIV_BYTES].copy_from_slice(&siv);
        let text_at = work.len();
        work.extend_from_slice(point.value);
        cipher::seal(&key, &nonce, work, text_at)?;
        out.extend_from_slice(PREFIX.as_bytes());
        out.extend_from_slice(self.id.as_bytes());
        out.push(b'.');
        out.extend_from_slice(self.place.as_bytes());
        out.push(b'.');
        append_base64(&work[self.header.len()..], out);
        Some(())
    }

    /// The ids of the data keys that a sealed value names; `None` where it was not made with this key.
    pub(super) fn ids(&self, sealed: &[u8]) -> Option<Vec<[u8; ID_BYTES]>> {
        let (count, rest) = sealed.split_first()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (siv, rest) = rest.split_first_chunk::<SIV_BYTES>()?;
        let mut ids = rest.get(..usize::from(*count) * ID_BYTES)?.to_vec();
        self.siv().decrypt_inout_detached([&nonce[..]], (&mut ids[..]).into(), siv.into()).ok()?;
        ids.chunks(ID_BYTES).map(|id| id.first_chunk().copied()).collect()
    }

    /// The value; `None` where it is not authentic under these data keys.
    pub(super) fn open(&self, secret: &Secret, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let count = usize::from(*sealed.first()?);
        let nonce = sealed.get(1..)?.first_chunk::<NONCE_BYTES>()?;
        let text_at = self.header.len() + 1 + NONCE_BYTES + SIV_BYTES + count * ID_BYTES;
        let [key, _] = self.expand(secret);
        let mut buffer = Zeroizing::new([&self.header[..], sealed].concat());
        cipher::open(&key, nonce, &mut buffer, text_at)?;
        buffer.drain(..text_at);
        Some(buffer)
    }

    fn siv(&self) -> Aes256Siv {
        Aes256Siv::new((&**self.reference).into())
    }

    /// HKDF's second step: the key of values, and the key of nonces.
    fn expand(&self, secret: &Secret) -> [Zeroizing<[u8; 32]>; 2] {
        let mut state = secret.clone();
        state.update(&self.info);
        state.update(&[1]);
        let key = Zeroizing::new(<[u8; 32]>::from(state.finalize().into_bytes()));
        let mut state = secret.clone();
        state.update(&key[..]);
        state.update(&self.info);
        state.update(&[2]);
        [key, Zeroizing::new(state.finalize().into_bytes().into())]
    }
}

/// What HKDF extracts from the data keys of one event's subject.
pub(super) fn extract(data_keys: &[u8]) -> Secret {
    let extracted = crate::keys::derive::extract(data_keys);
    Hmac::<Sha256>::new_from_slice(&extracted[..]).expect("HMAC takes keys of any length")
}

fn nonce(key: &[u8; 32], point: &Point<'_>) -> [u8; NONCE_BYTES] {
    let Point { stream, partition, offset, ordinal, value } = point;
    let mut state = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    state.update(&u32::try_from(stream.len()).unwrap_or(u32::MAX).to_be_bytes());
    state.update(stream.as_bytes());
    state.update(&partition.to_be_bytes());
    state.update(&offset.to_be_bytes());
    state.update(&ordinal.to_be_bytes());
    state.update(value);
    *state.finalize().into_bytes().first_chunk().expect("a MAC of 32 bytes begins with 24")
}

impl KeySet {
    /// The key of encrypted fields of (key name, sink, class); `sink` is `None` for a `shared` key.
    pub fn encrypt_key(&self, name: &str, sink: Option<&str>, class: &str) -> EncryptKey {
        let (id, secret) = self.active(Role::Root);
        EncryptKey::new(id, secret, name, sink, class)
    }
}

impl fmt::Debug for EncryptKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "EncryptKey({})", self.id)
    }
}

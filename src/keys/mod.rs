//! Key sets, who keeps their roots, derivation, and the working keys that a plan holds.
//!
//! A key set is a list of root keys. Nothing is ever computed with a root itself: every use has a working
//! key of its own, derived with HKDF from the active root, so that two sinks share no pseudonym unless the
//! policy says so.

mod derive;
mod file;
mod mac;
pub mod provider;
pub mod subject;
mod token;

pub use file::{KeyError, KeyFile};
pub use mac::{MacKey, PeriodKey};
pub use token::{RevealError, TokenKey};

use derive::{Derivation, Use};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// The length of a root key that Privet makes, in bytes; shorter ones are refused.
pub const ROOT_BYTES: usize = 32;

/// What a root key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Pseudonyms and whatever else leaves for a sink; rotated.
    Root,
    /// Digests of subjects in ledger and suppression list; never rotated or destroyed, else erased people
    /// would come back.
    Digests,
}

/// How a root key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// New values are made with it.
    Active,
    /// Values made with it can still be read; none are made.
    Retired,
    /// Its secret is gone.
    Destroyed,
}

impl State {
    /// The word in key files and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Retired => "retired",
            State::Destroyed => "destroyed",
        }
    }
}

impl Role {
    /// The word in key files and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Root => "root",
            Role::Digests => "digests",
        }
    }
}

/// One root key. `Debug` shows everything but the secret.
#[derive(Debug)]
pub struct RootKey {
    id: Box<str>,
    role: Role,
    state: State,
    created: Timestamp,
    held: Held,
}

/// What there is of a root's secret.
#[derive(Debug)]
enum Held {
    /// It is gone.
    Nothing,
    /// The secret. `Debug` does not show it.
    Secret(SecretSlice<u8>),
    /// The secret under somebody else's key: no secret, and nothing can be derived from it.
    Wrapped(Box<str>),
}

impl RootKey {
    /// Its name, printed in every pseudonym that comes from it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How it may be used.
    pub fn state(&self) -> State {
        self.state
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    fn secret(&self) -> Option<&[u8]> {
        match &self.held {
            Held::Secret(secret) => Some(secret.expose_secret()),
            Held::Nothing | Held::Wrapped(_) => None,
        }
    }

    /// The same key with something else held of it.
    fn holding(&self, held: Held) -> RootKey {
        RootKey { id: self.id.clone(), role: self.role, state: self.state, created: self.created, held }
    }

    /// A copy of the same key in another state.
    fn in_state(&self, state: State) -> RootKey {
        let held = match &self.held {
            Held::Nothing => Held::Nothing,
            Held::Secret(secret) => Held::Secret(SecretSlice::from(secret.expose_secret().to_vec())),
            Held::Wrapped(text) => Held::Wrapped(text.clone()),
        };
        RootKey { state, ..self.holding(held) }
    }

    fn fresh(role: Role, taken: &[RootKey]) -> Result<RootKey, KeyError> {
        let mut secret = Zeroizing::new(vec![0u8; ROOT_BYTES]);
        getrandom::fill(&mut secret).map_err(|_| KeyError::NoRandomness)?;
        let secret = SecretSlice::from(std::mem::take(&mut *secret));
        Ok(RootKey { id: fresh_id(taken)?, role, state: State::Active, created: whole_seconds(), held: Held::Secret(secret) })
    }
}

/// Root keys with their ids and states: exactly one active root and one digests root.
pub struct KeySet {
    keys: Vec<RootKey>,
}

impl KeySet {
    /// The fixed, published root that `filter`, `explain` and `test` use without `--keys`; `run` never does.
    pub fn demonstration() -> KeySet {
        let published = |id: &str, role, secret: &[u8; ROOT_BYTES]| RootKey {
            id: id.into(),
            role,
            state: State::Active,
            created: Timestamp::UNIX_EPOCH,
            held: Held::Secret(SecretSlice::from(secret.to_vec())),
        };
        let keys = vec![
            published("demo", Role::Root, b"privet demonstration root: known"),
            published("demo-digests", Role::Digests, b"privet demonstration digests: ok"),
        ];
        KeySet { keys }
    }

    /// Reads a key file whose roots stand there in the clear; refuses one that others may read, and one that is not exactly as
    /// `docs/pseudonymisation.md` says.
    pub fn load(path: &Path) -> Result<KeySet, KeyError> {
        KeyFile::load(path)?.open(&provider::Clear)
    }

    /// A new key set: an active root and a digests root, 256 bits each from the operating system.
    pub fn generate() -> Result<KeySet, KeyError> {
        let mut keys = Vec::with_capacity(2);
        for role in [Role::Root, Role::Digests] {
            let key = RootKey::fresh(role, &keys)?;
            keys.push(key);
        }
        Ok(KeySet { keys })
    }

    /// Writes a new key file, readable by its owner only; refuses to overwrite one.
    pub fn save_new(&self, path: &Path) -> Result<(), KeyError> {
        file::save_new(&self.keys, None, path)
    }

    /// Replaces a key file as a whole: a reader sees the old or the new one.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        file::save(&self.keys, None, path)
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> &[RootKey] {
        &self.keys
    }

    /// Retires the active root and adds a new one; the digests root stays. Returns the new id.
    pub fn rotate(&mut self) -> Result<&str, KeyError> {
        let fresh = RootKey::fresh(Role::Root, &self.keys)?;
        Ok(succeed(&mut self.keys, fresh))
    }

    /// Erases the secret of a retired root. The active root and the digests root are refused.
    pub fn destroy(&mut self, id: &str) -> Result<(), KeyError> {
        destroy(&mut self.keys, id)
    }

    /// The pseudonym key of (key name, sink, class); `sink` is `None` for a `shared` key.
    pub fn pseudonym_key(&self, name: &str, sink: Option<&str>, class: &str) -> MacKey {
        self.working_key(Role::Root, &Derivation { purpose: Use::Pseudonym, name, sink, class, epoch: "" })
    }

    /// As [`KeySet::pseudonym_key`], with another key in every period.
    pub fn period_key(&self, name: &str, sink: Option<&str>, class: &str) -> PeriodKey {
        let (id, secret) = self.active(Role::Root);
        PeriodKey::new(id, secret, &Derivation { purpose: Use::Pseudonym, name, sink, class, epoch: "" })
    }

    /// The root that was active before the last rotation, and when that was; `None` where its secret is gone.
    pub fn before_rotation(&self) -> Option<BeforeRotation<'_>> {
        let mut roots = self.keys.iter().filter(|key| key.role == Role::Root).rev();
        let active = roots.find(|key| key.state == State::Active)?;
        // Roots stand in the order in which they were made: the one before, or none.
        let before = roots.next().filter(|key| key.state == State::Retired)?;
        Some(BeforeRotation { id: &before.id, secret: before.secret()?, at: active.created })
    }

    /// This set as it would be had each retired root stayed the active one, oldest first: whoever has to name somebody in the terms of
    /// those who got values before a rotation needs them. Roots that were destroyed make nothing any more.
    pub fn before_rotations(&self) -> Vec<KeySet> {
        let is_retired = |key: &&RootKey| key.role == Role::Root && key.state == State::Retired && key.secret().is_some();
        let active_instead = |chosen: &RootKey| KeySet {
            keys: self
                .keys
                .iter()
                .map(|key| {
                    key.in_state(match (key.role, key.state) {
                        (Role::Root, _) if key.id == chosen.id => State::Active,
                        (Role::Root, State::Active) => State::Retired,
                        (Role::Root | Role::Digests, state) => state,
                    })
                })
                .collect(),
        };
        self.keys.iter().filter(is_retired).map(active_instead).collect()
    }

    /// The key of the digests by which the ledger and the suppression list know a subject.
    pub fn digest_key(&self, name: &str) -> MacKey {
        self.working_key(Role::Digests, &Derivation { purpose: Use::Digest, name, sink: None, class: "", epoch: "" })
    }

    fn working_key(&self, role: Role, derivation: &Derivation<'_>) -> MacKey {
        let (id, secret) = self.active(role);
        MacKey::new(id, &*derivation.derive(secret))
    }

    /// Id and secret of the active root.
    fn active(&self, role: Role) -> (&str, &[u8]) {
        let root = self
            .keys
            .iter()
            .find(|key| key.role == role && key.state == State::Active)
            .expect("every way to make a key set leaves one active key of each role");
        let secret = root.secret().expect("an active key has its secret: `file` refuses one without, and a provider opens it");
        (&root.id, secret)
    }
}

/// Makes a fresh root the active one.
fn succeed(keys: &mut Vec<RootKey>, fresh: RootKey) -> &str {
    for key in keys.iter_mut() {
        if key.role == Role::Root && key.state == State::Active {
            key.state = State::Retired;
        }
    }
    keys.push(fresh);
    &keys[keys.len() - 1].id
}

/// Lets go of what is held of a retired root.
fn destroy(keys: &mut [RootKey], id: &str) -> Result<(), KeyError> {
    let Some(key) = keys.iter_mut().find(|key| &*key.id == id) else { return Err(KeyError::NoSuchKey) };
    match (key.role, key.state) {
        (Role::Digests, _) => return Err(KeyError::DigestsRoot),
        (Role::Root, State::Active) => return Err(KeyError::StillActive),
        (Role::Root, State::Destroyed) => return Err(KeyError::AlreadyDestroyed),
        (Role::Root, State::Retired) => {}
    }
    key.state = State::Destroyed;
    key.held = Held::Nothing;
    Ok(())
}

/// The root before the last rotation. It does not implement `Debug`: it holds a secret.
pub struct BeforeRotation<'k> {
    id: &'k str,
    secret: &'k [u8],
    at: Timestamp,
}

impl BeforeRotation<'_> {
    /// When the next root was made.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// As [`KeySet::pseudonym_key`], under this root.
    pub fn pseudonym_key(&self, name: &str, sink: Option<&str>, class: &str) -> MacKey {
        let derivation = Derivation { purpose: Use::Pseudonym, name, sink, class, epoch: "" };
        MacKey::new(self.id, &*derivation.derive(self.secret))
    }

    /// As [`KeySet::period_key`], under this root.
    pub fn period_key(&self, name: &str, sink: Option<&str>, class: &str) -> PeriodKey {
        PeriodKey::new(self.id, self.secret, &Derivation { purpose: Use::Pseudonym, name, sink, class, epoch: "" })
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

/// An id that the set does not have yet: random, so that the pseudonyms of two key sets are told apart.
fn fresh_id(taken: &[RootKey]) -> Result<Box<str>, KeyError> {
    loop {
        let mut random = [0u8; 4];
        getrandom::fill(&mut random).map_err(|_| KeyError::NoRandomness)?;
        let id = format!("k{:08x}", u32::from_be_bytes(random));
        if taken.iter().all(|key| *key.id != *id) {
            return Ok(id.into());
        }
    }
}

/// Now, without fractions of a second: a date for people.
fn whole_seconds() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonym(key: &MacKey, input: &str) -> String {
        let mut out = Vec::new();
        key.pseudonym(input.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn sinks_classes_and_names_share_no_pseudonym_but_shared_keys_do() {
        let keys = KeySet::demonstration();
        let all = [
            keys.pseudonym_key("ads", Some("a"), "user.contact.email"),
            keys.pseudonym_key("ads", Some("b"), "user.contact.email"),
            keys.pseudonym_key("ads", Some("a"), "user.unique_id"),
            keys.pseudonym_key("crm", Some("a"), "user.contact.email"),
            keys.pseudonym_key("ads", None, "user.contact.email"),
            keys.digest_key("ads"),
        ];
        let mut texts: Vec<_> = all.iter().map(|key| pseudonym(key, "u1").rsplit('.').next().unwrap().to_owned()).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), all.len());
        assert_eq!(
            pseudonym(&keys.pseudonym_key("ads", None, "c"), "u1"),
            pseudonym(&keys.pseudonym_key("ads", None, "c"), "u1")
        );
    }

    #[test]
    fn rotation_retires_and_destruction_erases() {
        let mut keys = KeySet::generate().unwrap();
        let digests = pseudonym(&keys.digest_key("ledger"), "u1");
        let old = keys.keys()[0].id().to_owned();
        assert!(matches!(keys.destroy(&old), Err(KeyError::StillActive)));
        let new = keys.rotate().unwrap().to_owned();
        assert_ne!(old, new);
        assert_eq!(keys.pseudonym_key("k", None, "c").id(), new);
        assert_eq!(keys.keys()[0].state(), State::Retired);
        assert_eq!(pseudonym(&keys.digest_key("ledger"), "u1"), digests);
        keys.destroy(&old).unwrap();
        assert_eq!(keys.keys()[0].state(), State::Destroyed);
        assert!(keys.keys()[0].secret().is_none());
        assert!(matches!(keys.destroy(&old), Err(KeyError::AlreadyDestroyed)));
        assert!(matches!(keys.destroy("nobody"), Err(KeyError::NoSuchKey)));
        let digests_id = keys.keys()[1].id().to_owned();
        assert!(matches!(keys.destroy(&digests_id), Err(KeyError::DigestsRoot)));
    }

    #[test]
    fn debug_shows_ids_only() {
        let keys = KeySet::demonstration();
        let shown = format!("{keys:?} {:?} {:?}", keys.keys(), keys.pseudonym_key("k", None, "c"));
        assert!(shown.contains("demo"));
        assert!(!shown.contains("known"));
        assert!(!shown.contains("107, 110, 111"), "the bytes of a secret");
    }
}

//! Who is to be forgotten: which rows of the consent topic are about somebody erased, asked by record key.

use super::digest::{Digest, Hash, HashBuffers};
use super::lookup::Held;
use super::store::Store;
use super::{Ledger, aliases::Claims, learned};
use crate::event::SubjectDigest;

/// Why a row of the consent topic has to do with somebody erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasing {
    /// It is their row.
    Own,
    /// Only another name in it is that of somebody erased.
    Alias,
}

impl Ledger {
    /// Whether an identity is erased, by name, by digest or by a hash.
    pub fn is_erased(&self, kind: &str, value: &str) -> bool {
        if self.suppressions.is_erased(self.digests.of_alias(kind, value)) {
            return true;
        }
        let mut buffers = HashBuffers::default();
        let digests = &self.digests;
        let lower = digests.of_lower_case(kind, value, &mut buffers);
        let is = |digest: Digest| self.suppressions.is_erased(digest);
        if is(digests.of(kind, value)) || lower.is_some_and(is) {
            return true;
        }
        let used = Hash::ALL.into_iter().filter(|hash| self.suppressions.uses(*hash));
        used.flat_map(|hash| digests.of_hashes(kind, value, hash, &mut buffers)).flatten().any(is)
    }

    /// What the row under a key of the consent topic has to do with somebody erased, if anything.
    pub fn erasing(&self, key: &[u8]) -> Option<Erasing> {
        if self.suppressions.len() == 0 {
            return None;
        }
        let about = learned::about(key);
        let split = std::str::from_utf8(about).ok().and_then(|key| key.split_once(':'));
        if split.is_some_and(|(kind, value)| self.is_erased(kind, value)) {
            return Some(Erasing::Own);
        }
        // Other names are the platform's word.
        if about.len() < key.len() {
            return None;
        }
        let mut aliases = Vec::new();
        self.aliases.of(self.digests.of_key(key), &mut aliases);
        aliases.into_iter().any(|alias| self.suppressions.is_erased(alias)).then_some(Erasing::Alias)
    }

    /// Whether somebody has a row, something that was learned about them, or another name in a row.
    pub fn has_row(&self, subject: SubjectDigest) -> bool {
        let digest = Digest(u128::from_le_bytes(subject.0));
        let is_in = |store: &Store| store.get(digest, |_, _| ()).is_some();
        is_in(&self.rows) || is_in(&self.learned) || self.aliases.is_claimed(digest)
    }

    /// Whether exactly one row has this identity for another name.
    pub fn is_of_one_row(&self, kind: &str, value: &str) -> bool {
        let mut rows = Vec::new();
        self.aliases.rows(self.digests.of_alias(kind, value), &mut rows) == Claims::Listed && rows.len() == 1
    }

    /// The keys of the topic of erasures that stand for the other names of a row, as far as they are known.
    pub fn alias_keys(&self, key: &[u8]) -> Vec<String> {
        let mut aliases = Vec::new();
        self.aliases.of(self.digests.of_key(key), &mut aliases);
        aliases.into_iter().map(|alias| format!("digest:{}", alias.to_hex())).collect()
    }

    /// Whether a key of the topic of erasures is suppressed, for some purpose or all.
    pub fn is_suppressed(&self, key: &[u8]) -> bool {
        let (digest, ..) = self.digests.of_suppression_key(key);
        let mut found = false;
        self.suppressions.get(digest, |_| found = true);
        found
    }

    /// Whom a record key of the consent topic names.
    pub fn subject_of(&self, key: &[u8]) -> SubjectDigest {
        SubjectDigest(self.digests.of_key(learned::about(key)).0.to_le_bytes())
    }

    /// What is held about whom a key of the topic of erasures names; `None` where nothing is, or where it is the digest of a hash.
    pub fn held_under(&self, key: &[u8]) -> Option<Held> {
        let (digest, form, _) = self.digests.of_suppression_key(key);
        (form == super::digest::Form::Plain).then(|| self.held_by(digest)).flatten()
    }
}

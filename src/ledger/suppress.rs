//! Who is suppressed, for which purposes: by digest of the identity, or of a hash of it.

use super::Digest;
use super::digest::{Form, Hash};
use super::shapes::PurposeName;
use super::store::{NoRoom, Store};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The list.
pub(super) struct Suppressions {
    /// The tag is the form; no words are all purposes.
    rows: Store,
    /// How many are known by each hash, in the order of [`Hash::ALL`]: what nobody is known by is not computed.
    hashed: [AtomicUsize; 3],
}

fn tag(form: Form) -> u32 {
    match form {
        Form::Plain => 0,
        Form::Hashed(hash) => 1 + position(hash) as u32,
    }
}

fn position(hash: Hash) -> usize {
    match hash {
        Hash::Sha256 => 0,
        Hash::Sha1 => 1,
        Hash::Md5 => 2,
    }
}

impl Suppressions {
    pub(super) fn new() -> Suppressions {
        Suppressions { rows: Store::new(), hashed: Default::default() }
    }

    /// How many identities are suppressed.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether anybody is known by that hash.
    pub(super) fn uses(&self, hash: Hash) -> bool {
        self.hashed[position(hash)].load(Ordering::Acquire) > 0
    }

    /// Suppresses for these purposes, or for all where none is named. True for the first one known by its hash.
    pub(super) fn put(&self, digest: Digest, form: Form, purposes: &[PurposeName]) -> Result<bool, NoRoom> {
        let words: Vec<u32> = purposes.iter().map(|purpose| purpose.number()).collect();
        // The new count is there before the row, and the old one goes after it: nobody fails to look meanwhile.
        let is_first = match form {
            Form::Plain => false,
            Form::Hashed(hash) => self.hashed[position(hash)].fetch_add(1, Ordering::AcqRel) == 0,
        };
        let before = self.form(digest);
        self.rows.put(digest, tag(form), &words)?;
        self.uncount(before);
        Ok(is_first)
    }

    /// Suppresses no more.
    pub(super) fn lift(&self, digest: Digest) {
        let before = self.form(digest);
        self.rows.remove(digest);
        self.uncount(before);
    }

    /// Whether it is suppressed, and `each` purpose, [`PurposeName::EVERY`] where it is for all.
    pub(super) fn get(&self, digest: Digest, mut each: impl FnMut(PurposeName)) {
        if self.rows.len() == 0 {
            return;
        }
        self.rows.get(digest, |_, words| match words {
            [] => each(PurposeName::EVERY),
            words => words.iter().for_each(|word| each(PurposeName::from_number(*word))),
        });
    }

    /// The tag of a row, 0 where there is none.
    fn form(&self, digest: Digest) -> u32 {
        self.rows.get(digest, |tag, _| tag).unwrap_or(0)
    }

    fn uncount(&self, tag: u32) {
        if let Some(count) = (tag as usize).checked_sub(1).and_then(|position| self.hashed.get(position)) {
            count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

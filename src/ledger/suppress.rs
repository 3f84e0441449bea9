//! Who is suppressed, for which purposes: by digest of the identity, or of a hash of it.

use super::Digest;
use super::digest::{Form, Hash};
use super::shapes::PurposeName;
use super::store::{NoRoom, Store};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a key of the topic says whom it is about. An erasure is made anonymous by writing the second and taking back the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// By name, or a hash of it.
    Openly,
    /// By the ledger's own digest.
    ByDigest,
}

/// The list.
pub(super) struct Suppressions {
    /// By how they were named, in the order of [`Named`]: the keys are different records of the topic, so each is lifted by its
    /// own tombstone. The tag is the form; no words are all purposes.
    rows: [Store; 2],
    /// How many are known by each hash, in the order of [`Hash::ALL`]: what nobody is known by is not computed.
    hashed: [AtomicUsize; 3],
}

/// In the tag of one that destroys nothing yet.
const HOLD: u32 = 8;

fn tag(form: Form, is_hold: bool) -> u32 {
    let form = match form {
        Form::Plain => 0,
        Form::Hashed(hash) => 1 + position(hash) as u32,
    };
    if is_hold { form | HOLD } else { form }
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
        Suppressions { rows: [Store::new(), Store::new()], hashed: Default::default() }
    }

    /// How many suppressions stand: one who is named in both ways counts twice.
    pub(super) fn len(&self) -> usize {
        self.rows.iter().map(Store::len).sum()
    }

    /// The memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.rows.iter().map(Store::bytes).sum()
    }

    /// Whether anybody is known by that hash.
    pub(super) fn uses(&self, hash: Hash) -> bool {
        self.hashed[position(hash)].load(Ordering::Acquire) > 0
    }

    /// Suppresses for these purposes, or for all where none is named. True for the first one known by its hash.
    pub(super) fn put(
        &self,
        digest: Digest,
        named: Named,
        (form, is_hold): (Form, bool),
        purposes: &[PurposeName],
    ) -> Result<bool, NoRoom> {
        let words: Vec<u32> = purposes.iter().map(|purpose| purpose.number()).collect();
        // The new count is there before the row, and the old one goes after it: nobody fails to look meanwhile.
        let is_first = match form {
            Form::Plain => false,
            Form::Hashed(hash) => self.hashed[position(hash)].fetch_add(1, Ordering::AcqRel) == 0,
        };
        let rows = self.rows(named);
        let before = form_of(rows, digest);
        rows.put(digest, tag(form, is_hold), &words)?;
        self.uncount(before);
        Ok(is_first)
    }

    /// Suppresses no more by that name; what was said under the other stands.
    pub(super) fn lift(&self, digest: Digest, named: Named) {
        let rows = self.rows(named);
        let before = form_of(rows, digest);
        rows.remove(digest);
        self.uncount(before);
    }

    /// Whether it is suppressed, and `each` purpose, [`PurposeName::EVERY`] where it is for all.
    pub(super) fn get(&self, digest: Digest, mut each: impl FnMut(PurposeName)) {
        for rows in self.rows.iter().filter(|rows| rows.len() > 0) {
            rows.get(digest, |_, words| match words {
                [] => each(PurposeName::EVERY),
                words => words.iter().for_each(|word| each(PurposeName::from_number(*word))),
            });
        }
    }

    /// Whether it is suppressed for every purpose and for good.
    pub(super) fn is_erased(&self, digest: Digest) -> bool {
        let is =
            |rows: &Store| rows.len() > 0 && rows.get(digest, |tag, words| words.is_empty() && tag & HOLD == 0) == Some(true);
        self.rows.iter().any(is)
    }

    fn rows(&self, named: Named) -> &Store {
        let [openly, by_digest] = &self.rows;
        match named {
            Named::Openly => openly,
            Named::ByDigest => by_digest,
        }
    }

    fn uncount(&self, tag: u32) {
        if let Some(count) = (tag as usize).checked_sub(1).and_then(|position| self.hashed.get(position)) {
            count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// The form in a row's tag, 0 where there is none.
fn form_of(rows: &Store, digest: Digest) -> u32 {
    rows.get(digest, |tag, _| tag & !HOLD).unwrap_or(0)
}

//! Other names of subjects: which rows claim an alias, and which aliases a row claims.

use super::Digest;
use super::store::{NoRoom, Store};
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most rows that one alias leads to. One with more is a kiosk or a test device, not somebody: everything is denied
/// to it, and to find that out costs a look-up no more than any other.
pub(super) const MOST_CLAIMS: usize = 60;

/// An entry with the digests of rows.
const LIST: u32 = 0;

/// An entry without them: too many.
const CROWD: u32 = 1;

/// Both directions.
pub(super) struct Aliases {
    /// Alias → rows.
    claims: Store,
    /// Row → aliases.
    claimed: Store,
    /// The rows of crowds, so that one that shrinks is the same as one that never was.
    crowds: Mutex<HashMap<Digest, BTreeSet<Digest>>>,
    /// How many rows crowds have in sum.
    crowded: AtomicUsize,
}

/// About what one row of a crowd takes in memory.
const CROWDED: usize = 32;

/// Which rows an alias leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claims {
    /// As many as were written down.
    Listed,
    /// Too many.
    Crowd,
}

impl Aliases {
    pub(super) fn new() -> Aliases {
        Aliases { claims: Store::new(), claimed: Store::new(), crowds: Mutex::default(), crowded: AtomicUsize::new(0) }
    }

    /// How many aliases there are.
    pub(super) fn len(&self) -> usize {
        self.claims.len()
    }

    /// About the memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.claims.bytes() + self.claimed.bytes() + CROWDED * self.crowded.load(Ordering::Relaxed)
    }

    /// Whether some row claims it.
    pub(super) fn is_claimed(&self, alias: Digest) -> bool {
        self.claims.len() > 0 && self.claims.get(alias, |_, _| ()).is_some()
    }

    /// Appends the rows that an alias leads to.
    pub(super) fn rows(&self, alias: Digest, out: &mut Vec<Digest>) -> Claims {
        if self.claims.len() == 0 {
            return Claims::Listed;
        }
        let read = |tag: u32, words: &[u32]| {
            unpack(words, out);
            if tag == CROWD { Claims::Crowd } else { Claims::Listed }
        };
        self.claims.get(alias, read).unwrap_or(Claims::Listed)
    }

    /// Puts the aliases of a row into `out`.
    pub(super) fn of(&self, row: Digest, out: &mut Vec<Digest>) {
        out.clear();
        if self.claimed.len() > 0 {
            self.claimed.get(row, |_, words| unpack(words, out));
        }
    }

    /// Writes down which aliases a row has.
    pub(super) fn set(&self, row: Digest, aliases: &[Digest]) -> Result<(), NoRoom> {
        if aliases.is_empty() {
            if self.claimed.len() > 0 {
                self.claimed.remove(row);
            }
            return Ok(());
        }
        self.claimed.put(row, LIST, &pack(aliases.iter()))
    }

    /// The row claims the alias from now on.
    pub(super) fn claim(&self, alias: Digest, row: Digest) -> Result<(), NoRoom> {
        self.change(alias, |rows| {
            rows.insert(row);
        })
    }

    /// The row claims the alias no more.
    pub(super) fn release(&self, alias: Digest, row: Digest) -> Result<(), NoRoom> {
        self.change(alias, |rows| {
            rows.remove(&row);
        })
    }

    fn change(&self, alias: Digest, change: impl FnOnce(&mut BTreeSet<Digest>)) -> Result<(), NoRoom> {
        let mut crowds = self.crowds.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(rows) = crowds.get_mut(&alias) {
            let before = rows.len();
            change(rows);
            self.crowded.fetch_add(rows.len(), Ordering::Relaxed);
            self.crowded.fetch_sub(before, Ordering::Relaxed);
            if rows.len() > MOST_CLAIMS {
                return Ok(());
            }
            let rows = crowds.remove(&alias).unwrap_or_default();
            self.crowded.fetch_sub(rows.len(), Ordering::Relaxed);
            return self.claims.put(alias, LIST, &pack(rows.iter()));
        }
        let mut list = Vec::new();
        self.rows(alias, &mut list);
        let mut rows: BTreeSet<Digest> = list.into_iter().collect();
        change(&mut rows);
        match rows.len() {
            0 => {
                self.claims.remove(alias);
                Ok(())
            }
            1..=MOST_CLAIMS => self.claims.put(alias, LIST, &pack(rows.iter())),
            _ => {
                self.claims.put(alias, CROWD, &[])?;
                self.crowded.fetch_add(rows.len(), Ordering::Relaxed);
                crowds.insert(alias, rows);
                Ok(())
            }
        }
    }
}

fn pack<'d>(digests: impl Iterator<Item = &'d Digest>) -> Vec<u32> {
    digests.flat_map(|digest| (0..4).map(|word| (digest.0 >> (32 * word)) as u32)).collect()
}

fn unpack(words: &[u32], out: &mut Vec<Digest>) {
    let digest = |words: &[u32]| Digest(words.iter().rev().fold(0, |digest, word| digest << 32 | u128::from(*word)));
    out.extend(words.chunks_exact(4).map(digest));
}

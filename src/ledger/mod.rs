//! The consent ledger: what people said elsewhere and before, by keyed digest of who they are, in memory.
//!
//! One thread applies the records of two compacted topics, consent and erasures, each as the last word on its key; all workers
//! read meanwhile. Whoever judges a batch can ask afterwards whether something was taken away from anybody it looked up.

mod aliases;
mod apply;
mod departing;
mod digest;
mod forget;
pub mod learned;
mod lines;
mod lookup;
mod recent;
pub mod record;
mod row;
mod shapes;
pub mod snapshot;
mod store;
mod suppress;
#[cfg(test)]
mod tests;
mod wire;

pub use departing::Departing;
pub use digest::{Digest, Digests, HashBuffers};
pub use forget::Erasing;
pub use lookup::{Held, HeldPurpose, Rows};
pub use record::{ConsentRecord, Suppression, Unreadable};
pub use row::Said;
pub use shapes::{Choice, PurposeName, Reach};
pub use snapshot::{Discarded, Origin, Snapshot};

use crate::event::{SubjectDigest, Timestamp};
use crate::keys::{KeySet, MacKey};
use aliases::Aliases;
use recent::Recent;
use row::Packer;
use shapes::{Near, Shapes};
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::Store;
use suppress::{Named, Suppressions};

/// The two compacted topics that feed a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Consent records.
    Consent,
    /// Suppressions and erasures.
    Erasures,
}

/// One record of a feed, as it came.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// Of which feed.
    pub feed: Feed,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its time.
    pub timestamp: Option<Timestamp>,
}

/// What became of one change.
#[derive(Clone, PartialEq, Eq)]
pub enum Applied {
    /// The row is as the record says; nothing was taken away.
    Stored,
    /// The row is as the record says, and something was taken away: a withdrawal, a denial, a suppression.
    Restricted,
    /// The row, or the suppression, is gone.
    Removed,
    /// The record cannot be read: all is denied to whom its key names. To be counted and said aloud.
    Undecodable {
        /// What is wrong, without values.
        why: &'static str,
    },
    /// Its key has a record in another partition as well, and which of them is the last nobody can know: to be said aloud.
    Split {
        /// All is denied to whom the key names; false where counted versions say which record is the later one, and that one holds.
        denies: bool,
    },
    /// The version went backwards: all is denied to whom the key names. To be said aloud, and `denial` to be appended
    /// to the topic under the same key, so that every instance comes to the same answer. While a topic is being loaded the
    /// denial may stand later in it already: append it only where [`Ledger::needs_denial`] still says so once loaded.
    Regression {
        /// The value to append.
        denial: Vec<u8>,
    },
    /// A record of what was learned lacks what an earlier one said, which holds on: to be appended under the same key, as a
    /// denial after a regression is. Two that learn at once do not see each other; it is no fault.
    Merged {
        /// The value to append.
        record: Vec<u8>,
    },
    /// The ledger cannot keep what the record says and does not know any more what holds. The process must stop.
    Stop {
        /// Why.
        why: &'static str,
    },
}

/// Whether what the ledger holds may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not everything was read yet, or reading failed for good.
    NotReady,
    /// Everything acknowledged before that moment is there.
    Fresh(Instant),
    /// The same, and that moment is too long ago.
    Stale(Instant),
}

/// How an erasure names somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasedAs {
    /// By the identity.
    Identity(SubjectDigest),
    /// By a hash of it.
    Hash(SubjectDigest),
}

/// How much a ledger holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows.
    pub subjects: usize,
    /// Other names of subjects.
    pub aliases: usize,
    /// Identities suppressed, for some purpose or all.
    pub suppressed: usize,
    /// Combinations of purposes, states, vendor lists and places.
    pub shapes: usize,
    /// Different names of purposes.
    pub purposes: usize,
    /// Different lists of vendors.
    pub vendor_lists: usize,
}

/// Consent and suppressions by subject: shared, read by all workers while one thread applies changes.
pub struct Ledger {
    digests: Digests,
    /// What the keys of snapshots are made with.
    snapshot_key: MacKey,
    shapes: Shapes,
    rows: Store,
    /// What was learned from events, by the identity that it is about.
    learned: Store,
    aliases: Aliases,
    suppressions: Suppressions,
    recent: Recent,
    /// Keys with records in several partitions, and in which.
    splits: Mutex<HashMap<Digest, BTreeSet<i32>>>,
    /// Rows that stand on a version which went backwards: their denials are not in the topic yet.
    regressed: AtomicUsize,
    /// The most memory that all this may take.
    most_bytes: usize,
    fresh: Mutex<Option<Instant>>,
    /// Whether `fresh` says something: asked for every record, by all workers at once.
    is_ready: AtomicBool,
    /// Held while a change is applied: what a row was and what it becomes belong together.
    applying: Mutex<Scratch>,
}

/// The memory of applying.
#[derive(Default)]
struct Scratch {
    packer: Packer,
    /// Shapes that were met lately: records come in floods in which most have one of a few.
    near: Near,
    old_words: Vec<u32>,
    old_aliases: Vec<Digest>,
    new_aliases: Vec<Digest>,
    /// A snapshot that is being taken: what it still needs is copied before it changes.
    copying: Option<snapshot::Copying>,
}

/// No more numbers or places for what a record says.
struct Full;

impl From<store::NoRoom> for Full {
    fn from(_: store::NoRoom) -> Full {
        Full
    }
}

impl From<shapes::NoRoom> for Full {
    fn from(_: shapes::NoRoom) -> Full {
        Full
    }
}

const FULL: Applied = Applied::Stop { why: "the ledger has no room for more" };

impl Ledger {
    /// An empty ledger, not ready, whose digests are made with the key set's dedicated root.
    pub fn new(keys: &KeySet) -> Ledger {
        Ledger {
            digests: Digests::new(keys),
            snapshot_key: keys.digest_key("ledger snapshot"),
            shapes: Shapes::default(),
            rows: Store::new(),
            learned: Store::new(),
            aliases: Aliases::new(),
            suppressions: Suppressions::new(),
            recent: Recent::new(),
            splits: Mutex::default(),
            regressed: AtomicUsize::new(0),
            most_bytes: usize::MAX,
            fresh: Mutex::new(None),
            is_ready: AtomicBool::new(false),
            applying: Mutex::new(Scratch::default()),
        }
    }

    /// The same ledger, in at most so much memory: a change beyond it is answered with [`Applied::Stop`].
    pub fn within(self, most_bytes: usize) -> Ledger {
        Ledger { most_bytes, ..self }
    }

    /// An empty ledger under the published keys, fresh from the start: for trying policies out.
    pub fn for_trial() -> Ledger {
        let ledger = Ledger::new(&KeySet::demonstration());
        ledger.set_fresh(Instant::now());
        ledger
    }

    /// Applies one change: the last one for a key wins. Readers go on meanwhile.
    pub fn apply(&self, change: &Change<'_>) -> Applied {
        let Change { feed, partition, offset: _, key, value, timestamp: _ } = *change;
        let mut scratch = self.applying.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let applied = match (feed, key) {
            // A compacted topic has no such record. It may be a withdrawal, and nobody knows whose.
            (Feed::Consent | Feed::Erasures, None | Some(b"")) => {
                return Applied::Stop { why: "a record without a key: the topic is not compacted" };
            }
            (Feed::Consent, Some(key)) => match key.strip_prefix(learned::PREFIX.as_bytes()) {
                Some(about) => self.apply_learned(key, about, value, &mut scratch),
                None => self.apply_consent(partition, key, value, &mut scratch),
            },
            (Feed::Erasures, Some(key)) => self.apply_suppression(key, value),
        };
        match applied {
            Err(Full) => FULL,
            // What it has taken already is there: the process must not go on as if the next change would find room.
            Ok(_) if self.bytes() > self.most_bytes => {
                Applied::Stop { why: "it takes more memory than `ledger.max_memory` allows" }
            }
            Ok(applied) => applied,
        }
    }

    fn apply_suppression(&self, key: &[u8], value: Option<&[u8]>) -> Result<Applied, Full> {
        let (digest, form, unreadable_key) = self.digests.of_suppression_key(key);
        let named = if key.starts_with(b"digest:") { Named::ByDigest } else { Named::Openly };
        let Some(value) = value else {
            self.suppressions.lift(digest, named);
            return Ok(Applied::Removed);
        };
        // The digits of a hash may be written in either case; another spelling of a name is another name.
        let is_same = |written: &[u8]| match (form, named) {
            (digest::Form::Plain, Named::Openly) => written == key,
            (digest::Form::Plain, Named::ByDigest) | (digest::Form::Hashed(_), _) => written.eq_ignore_ascii_case(key),
        };
        let read = Suppression::read(value).and_then(|record| match &record.identity {
            Some(identity) if !is_same(identity.key().as_ref()) => {
                Err(Unreadable("a suppression under the key of another identity"))
            }
            Some(_) | None => Ok(record),
        });
        let mut purposes = Vec::new();
        // One that cannot be read destroys nothing, whoever asks.
        let is_hold = read.as_ref().map_or(true, |record| record.hold) || unreadable_key.is_some();
        if let Ok(record) = &read {
            for name in &record.purposes {
                match &**name {
                    // As if none were named.
                    record::EVERY_PURPOSE => {
                        purposes.clear();
                        break;
                    }
                    name => purposes.push(self.shapes.purpose(name)?),
                }
            }
        }
        let is_first_of_its_form = self.suppressions.put(digest, named, (form, is_hold), &purposes)?;
        // Nobody was looked up by hashes of this form before.
        self.recent.push([if is_first_of_its_form { Digest::EVERYONE } else { digest }]);
        Ok(match (read.err(), unreadable_key) {
            (Some(Unreadable(why)), _) | (None, Some(why)) => Applied::Undecodable { why },
            (None, None) => Applied::Restricted,
        })
    }

    /// Whether the row under that key still stands on a regression, or on more than its last record says, so that a record has to
    /// be appended: false once that, or any later record, was applied.
    pub fn needs_denial(&self, key: &[u8]) -> bool {
        let shape = match key.strip_prefix(learned::PREFIX.as_bytes()) {
            Some(about) => self.learned.get(self.digests.of_key(about), |shape, _| shape),
            None => self.rows.get(self.digests.of_key(key), |shape, _| shape),
        };
        shape.and_then(|shape| self.shapes.get(shape)).is_some_and(|shape| shape.regressed)
    }

    /// Whom a key of the topic of erasures names, by the digest that their data keys have, or the digest of a hash that is in the
    /// rows of these keys, and whether they are suppressed for every purpose now and for good, which is what an erasure is.
    pub fn erasure(&self, key: &[u8]) -> (ErasedAs, bool) {
        let (digest, form, _) = self.digests.of_suppression_key(key);
        let erased = self.suppressions.is_erased(digest);
        let digest = SubjectDigest(digest.0.to_le_bytes());
        let named = if form == digest::Form::Plain { ErasedAs::Identity(digest) } else { ErasedAs::Hash(digest) };
        (named, erased)
    }

    /// What makes the digests by which this ledger knows people.
    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    /// How many subjects have a row.
    pub fn subjects(&self) -> usize {
        self.rows.len()
    }

    /// How many identities are suppressed, for some purpose or all.
    pub fn suppressed(&self) -> usize {
        self.suppressions.len()
    }

    /// About the memory that it takes: rows, aliases, suppressions, and what rows have in common.
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.learned.bytes() + self.aliases.bytes() + self.suppressions.bytes() + self.shapes.bytes()
    }

    /// How much it holds.
    pub fn stats(&self) -> Stats {
        let (shapes, purposes, vendor_lists) = self.shapes.counts();
        let (subjects, aliases, suppressed) = (self.rows.len(), self.aliases.len(), self.suppressions.len());
        Stats { subjects, aliases, suppressed, shapes, purposes, vendor_lists }
    }

    /// How often something was taken away from somebody so far. A worker notes it when a batch opens.
    pub fn restrictions(&self) -> u64 {
        self.recent.count()
    }

    /// Whether, since [`Ledger::restrictions`] was `since`, something was taken away from anybody whom `concerns` knows:
    /// the digests that the engine says it looked up. Also true where too much happened to tell.
    pub fn restricted_since(&self, since: u64, concerns: impl FnMut(Digest) -> bool) -> bool {
        self.recent.any_since(since, concerns)
    }

    /// Everything that was acknowledged before `as_of` has been applied, to both feeds: from now on it may be relied on.
    pub fn set_fresh(&self, as_of: Instant) {
        *self.fresh.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(as_of);
        self.is_ready.store(true, Ordering::Release);
    }

    /// It may not be relied on, until [`Ledger::set_fresh`] is called again.
    pub fn set_not_ready(&self) {
        self.is_ready.store(false, Ordering::Release);
        *self.fresh.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
    }

    /// Whether everything was read. How long ago that was proved is for the delivery loop, which has a clock.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Whether it may be relied on.
    pub fn state(&self, now: Instant, max_staleness: Duration) -> State {
        match *self.fresh.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            None => State::NotReady,
            Some(as_of) if now.saturating_duration_since(as_of) > max_staleness => State::Stale(as_of),
            Some(as_of) => State::Fresh(as_of),
        }
    }
}

//! The consent ledger: what people said elsewhere and before, by keyed digest of who they are, in memory.

mod recent;

use crate::event::Timestamp;
use crate::keys::{KeySet, MacKey};
use recent::Recent;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The keyed digest of an identity, the only form in which a ledger knows anybody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(u128);

impl Digest {
    /// Stands for everyone where a change may concern anybody.
    pub const EVERYONE: Digest = Digest(u128::MAX);
}

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
    /// Its key; a record without one concerns nobody who could be named, and denies everybody.
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
    /// The version went backwards: all is denied to whom the key names. To be said aloud, and `denial` to be appended
    /// to the topic under the same key, so that every instance comes to the same answer. While a topic is being loaded the
    /// denial may stand later in it already: append it only where [`Ledger::needs_denial`] still says so once loaded.
    Regression {
        /// The value to append.
        denial: Vec<u8>,
    },
    /// There is no room: what the record says could not be kept. The process must stop.
    Full,
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

/// Consent and suppressions by subject: shared, read by all workers while one thread applies changes.
pub struct Ledger {
    key: MacKey,
    recent: Recent,
    fresh: Mutex<Option<Instant>>,
}

impl Ledger {
    /// An empty ledger, not ready, whose digests are made with the key set's dedicated root.
    pub fn new(keys: &KeySet) -> Ledger {
        Ledger { key: keys.digest_key("ledger"), recent: Recent::new(), fresh: Mutex::new(None) }
    }

    /// Applies one change: the last one for a key wins. For one thread at a time; readers go on meanwhile.
    pub fn apply(&self, change: &Change<'_>) -> Applied {
        let Change { feed: _, partition: _, offset: _, key, value: _, timestamp: _ } = *change;
        self.recent.push([key.map_or(Digest::EVERYONE, |key| self.digest_of_key(key))]);
        Applied::Undecodable { why: "the ledger reads no records yet" }
    }

    /// Whether the row under that key still stands on a regression, so that a denial has to be appended: false once the
    /// denial, or any later record, was applied.
    pub fn needs_denial(&self, _key: &[u8]) -> bool {
        false
    }

    /// The digest under which a record key, `kind:value`, is filed.
    pub fn digest_of_key(&self, key: &[u8]) -> Digest {
        let mac = self.key.mac(key);
        let (digest, _) = mac.split_first_chunk().expect("a MAC of 32 bytes has 16");
        Digest(u128::from_le_bytes(*digest))
    }

    /// How many subjects have a row.
    pub fn subjects(&self) -> usize {
        0
    }

    /// How many identities are suppressed, for some purpose or all.
    pub fn suppressed(&self) -> usize {
        0
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
    }

    /// It may not be relied on, until [`Ledger::set_fresh`] is called again.
    pub fn set_not_ready(&self) {
        *self.fresh.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
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

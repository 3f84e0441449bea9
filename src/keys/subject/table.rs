//! Every row of the topic of subject keys, in memory: read by all workers, fed by the one who follows the topic.
//!
//! A row that a worker has just made is its own until its batch is committed: others do not encrypt under a key that may
//! never be stored. A table that is full takes no row more, and forgets none.

use super::row::{ID_BYTES, KeyId, RootTag, Row, RowError, RowKey, WRAPPED_BYTES};
use crate::event::SubjectDigest;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// So many parts with a lock of their own: workers rarely meet, and one part grows at a time.
const SHARDS: usize = 256;
/// What one row takes, but for the room that a hash table leaves free (a tenth to a quarter of it).
const SLOT_BYTES: usize = size_of::<Slot>();
/// The smallest part.
const FIRST_SLOTS: usize = 8;
/// The row is in the topic.
const STORED: u16 = 0;
/// No row.
const FREE: u16 = u16::MAX;

/// What became of a record of the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The row, of that subject, is in the table.
    Stored(SubjectDigest),
    /// The row was destroyed; whether the table had it.
    Destroyed(bool),
    /// It is no row: a newer format, or somebody else's record. Where its key is one, that data key is not used any more.
    Undecodable(RowError),
    /// There is no room.
    Full,
}

/// One row, or room for one.
#[derive(Clone, Copy)]
struct Slot {
    subject: [u8; 16],
    wrapped: [u8; WRAPPED_BYTES],
    root: RootTag,
    id: [u8; ID_BYTES],
    /// Whose batch has made it: a worker's number from 1, [`STORED`], or [`FREE`].
    owner: u16,
}

const EMPTY: Slot = Slot { subject: [0; 16], wrapped: [0; WRAPPED_BYTES], root: 0, id: [0; ID_BYTES], owner: FREE };

impl Slot {
    fn row(&self) -> Row {
        let key = RowKey { subject: SubjectDigest(self.subject), id: KeyId::from_bytes(self.id) };
        Row { key, root: self.root, wrapped: self.wrapped }
    }

    fn is(&self, key: &RowKey) -> bool {
        self.owner != FREE && self.subject == key.subject.0 && self.id == *key.id.bytes()
    }
}

/// One part: open addressing, the slot next to where a row belongs.
#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    used: usize,
}

/// All rows, shared by workers and follower.
pub struct SubjectTable {
    shards: Box<[RwLock<Shard>]>,
    rows: AtomicUsize,
    capacity: usize,
}

impl SubjectTable {
    /// A table of at most so many rows.
    pub fn new(capacity: usize) -> SubjectTable {
        SubjectTable { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), rows: AtomicUsize::new(0), capacity }
    }

    /// How many rows it holds.
    pub fn len(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows it may hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The memory that so many rows take at most, in bytes.
    pub fn bytes_for(rows: usize) -> usize {
        rows.saturating_mul(SLOT_BYTES).saturating_mul(4) / 3 + SHARDS * FIRST_SLOTS * SLOT_BYTES
    }

    /// Takes one record of the topic, in the order of the topic.
    pub fn apply(&self, key: &[u8], value: Option<&[u8]>) -> Applied {
        let Some(named) = RowKey::from_record_key(key) else { return Applied::Undecodable(RowError::Key) };
        let Some(value) = value else { return Applied::Destroyed(self.remove(&named, |_| true)) };
        match Row::read(key, value) {
            Ok(row) if self.put(&row, STORED) => Applied::Stored(named.subject),
            Ok(_) => Applied::Full,
            Err(error) => {
                self.remove(&named, |_| true);
                Applied::Undecodable(error)
            }
        }
    }

    /// The keys of every row of a subject, also of rows that a worker has made and not stored yet.
    pub fn rows_of(&self, subject: &SubjectDigest) -> Vec<RowKey> {
        let mut keys = Vec::new();
        self.each(subject, |_, row| keys.push(row.key));
        keys
    }

    /// Calls `each` for the rows of a subject that a worker may use: those that are stored, and its own.
    pub(super) fn usable(&self, subject: &SubjectDigest, worker: u16, mut each: impl FnMut(bool, &Row)) {
        self.each(subject, |owner, row| {
            if owner == STORED || owner == worker {
                each(owner == STORED, row);
            }
        });
    }

    /// Adds a row that a worker has made; false where there is no room.
    pub(super) fn add(&self, row: &Row, worker: u16) -> bool {
        self.put(row, worker)
    }

    /// The worker's batch was committed: if nobody has destroyed the row since, it is stored.
    pub(super) fn confirm(&self, key: &RowKey, worker: u16) {
        let mut shard = self.write(&key.subject);
        if let Some(slot) = shard.find(key).filter(|at| shard.slots[*at].owner == worker) {
            shard.slots[slot].owner = STORED;
        }
    }

    /// The worker's batch is void, and so is the row, unless the topic has it all the same.
    pub(super) fn withdraw(&self, key: &RowKey, worker: u16) {
        self.remove(key, |owner| owner == worker);
    }

    fn each(&self, subject: &SubjectDigest, mut each: impl FnMut(u16, &Row)) {
        let shard = self.read(subject);
        let Some(mut at) = shard.home(subject) else { return };
        while shard.slots[at].owner != FREE {
            if shard.slots[at].subject == subject.0 {
                each(shard.slots[at].owner, &shard.slots[at].row());
            }
            at = shard.next(at);
        }
    }

    fn put(&self, row: &Row, owner: u16) -> bool {
        let mut shard = self.write(&row.key.subject);
        if let Some(at) = shard.find(&row.key) {
            shard.slots[at] = slot(row, owner);
            return true;
        }
        // Counted before it is there, so that workers together never exceed the limit.
        if self.rows.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.rows.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        shard.insert(slot(row, owner));
        true
    }

    fn remove(&self, key: &RowKey, only: impl Fn(u16) -> bool) -> bool {
        let mut shard = self.write(&key.subject);
        let Some(at) = shard.find(key).filter(|at| only(shard.slots[*at].owner)) else { return false };
        shard.remove(at);
        self.rows.fetch_sub(1, Ordering::Relaxed);
        true
    }

    fn read(&self, subject: &SubjectDigest) -> RwLockReadGuard<'_, Shard> {
        // A panic between two statements of a part cannot leave it half-written: its lock is taken all the same.
        self.shards[usize::from(subject.0[15])].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, subject: &SubjectDigest) -> RwLockWriteGuard<'_, Shard> {
        self.shards[usize::from(subject.0[15])].write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot(row: &Row, owner: u16) -> Slot {
    Slot { subject: row.key.subject.0, wrapped: row.wrapped, root: row.root, id: *row.key.id.bytes(), owner }
}

impl Shard {
    /// Where rows of a subject begin; `None` in a part without slots. Digests are keyed, so nobody can choose the place.
    fn home(&self, subject: &SubjectDigest) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = u64::from_be_bytes(*subject.0.first_chunk().expect("a digest of 16 bytes begins with 8"));
        usize::try_from((u128::from(hash) * self.slots.len() as u128) >> 64).ok()
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    fn find(&self, key: &RowKey) -> Option<usize> {
        let mut at = self.home(&key.subject)?;
        while self.slots[at].owner != FREE {
            if self.slots[at].is(key) {
                return Some(at);
            }
            at = self.next(at);
        }
        None
    }

    /// Adds a row that is not there; nine slots of ten are used at most.
    fn insert(&mut self, slot: Slot) {
        if (self.used + 1) * 10 > self.slots.len() * 9 {
            // A sixth more: at least three slots of four are used then.
            let more = (self.slots.len() + self.slots.len() / 6 + 1).max(FIRST_SLOTS);
            let mut old = std::mem::take(&mut self.slots);
            self.slots.reserve_exact(more);
            self.slots.resize(more, EMPTY);
            old.drain(..).filter(|slot| slot.owner != FREE).for_each(|slot| self.place(slot));
        }
        self.place(slot);
        self.used += 1;
    }

    fn place(&mut self, slot: Slot) {
        let Some(mut at) = self.home(&SubjectDigest(slot.subject)) else { return };
        while self.slots[at].owner != FREE {
            at = self.next(at);
        }
        self.slots[at] = slot;
    }

    /// Frees a slot and moves up what stands behind it only because it was taken.
    fn remove(&mut self, mut hole: usize) {
        let mut at = self.next(hole);
        while self.slots[at].owner != FREE {
            let Some(home) = self.home(&SubjectDigest(self.slots[at].subject)) else { break };
            let reaches = if hole <= at { home <= hole || home > at } else { home <= hole && home > at };
            if reaches {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.next(at);
        }
        // The wrapped key goes with it.
        self.slots[hole] = EMPTY;
        self.used -= 1;
    }
}

#[cfg(test)]
mod tests;

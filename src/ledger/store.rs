//! Digest → a few words, for tens of millions of digests: dense memory, short locks, no allocation to look one up.
//!
//! Rows stand one behind the other in chunks that never move; a table of 32-bit slots, open addressing, says where. That is
//! 20 bytes and the words of a row, and 5 to 10 bytes of slots, where a map of fixed rows would pay for its empty places
//! with whole rows. The chunk memory of removed rows is used again for rows of the same length.

use super::Digest;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many parts are locked apart: a power of two. While one part grows, its readers wait (1 ms at 10 million rows).
pub(super) const SHARDS: usize = 512;

/// The words of a chunk, 16 KiB: at most one partly filled per shard, 4 MiB in all on average.
const CHUNK: usize = 4096;

/// The words of a row before its own: the digest and the header.
const HEAD: usize = 5;

/// The most words that a row may have of its own: a count of eight bits.
pub(super) const MOST_WORDS: usize = 255;

/// What a header holds besides that count; also the places of one shard.
const MOST_TAG: u32 = (1 << 24) - 1;

/// No room: the memory that 24 bits can address per shard is used up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// The map.
pub(super) struct Store {
    shards: Box<[RwLock<Shard>]>,
    rows: AtomicUsize,
    bytes: AtomicUsize,
}

impl Store {
    pub(super) fn new() -> Store {
        let shards = (0..SHARDS).map(|_| RwLock::new(Shard::default())).collect();
        Store { shards, rows: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// The memory of rows and slots. It never shrinks.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// Reads a row: its tag and its words, while its shard is locked for writers.
    pub(super) fn get<R>(&self, digest: Digest, read: impl FnOnce(u32, &[u32]) -> R) -> Option<R> {
        let shard = self.shard(digest).read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (_, at) = shard.find(digest)?;
        let (tag, words) = shard.row(at);
        Some(read(tag, words))
    }

    /// Sets a row. The tag has 24 bits.
    pub(super) fn put(&self, digest: Digest, tag: u32, words: &[u32]) -> Result<(), NoRoom> {
        if tag > MOST_TAG || words.len() > MOST_WORDS {
            return Err(NoRoom);
        }
        let mut shard = self.shard(digest).write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let before = shard.bytes();
        let is_new = shard.put(digest, tag, words)?;
        self.bytes.fetch_add(shard.bytes() - before, Ordering::Relaxed);
        if is_new {
            self.rows.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Removes a row; false if there was none.
    pub(super) fn remove(&self, digest: Digest) -> bool {
        let mut shard = self.shard(digest).write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let removed = shard.remove(digest);
        if removed {
            self.rows.fetch_sub(1, Ordering::Relaxed);
        }
        removed
    }

    fn shard(&self, digest: Digest) -> &RwLock<Shard> {
        &self.shards[part_of(digest)]
    }

    /// Shows every row of one part.
    pub(super) fn each_of_part(&self, part: usize, mut each: impl FnMut(Digest, u32, &[u32])) {
        let shard = self.shards[part].read().unwrap_or_else(|poisoned| poisoned.into_inner());
        for entry in shard.slots.iter().filter(|entry| **entry != 0) {
            let at = (entry & MOST_TAG) - 1;
            let (tag, words) = shard.row(at);
            each(shard.digest(at), tag, words);
        }
    }
}

/// One part: the rows of the digests with the same first bits.
#[derive(Default)]
struct Shard {
    /// A power of two, or none. A slot is 0, or 8 bits of the digest above 24 bits: the row's place plus one.
    slots: Vec<u32>,
    rows: usize,
    chunks: Vec<Box<[u32]>>,
    /// The words used of all chunks, unused ends of full ones included.
    filled: usize,
    /// Removed rows by their length: the place of the last, whose first word leads to the one before.
    free: Vec<(usize, u32)>,
}

/// The end of a list of removed rows.
const NO_ROW: u32 = u32::MAX;

impl Shard {
    fn bytes(&self) -> usize {
        size_of::<u32>() * (self.slots.len() + self.chunks.len() * CHUNK)
    }

    /// Slot and place of a digest's row.
    fn find(&self, digest: Digest) -> Option<(usize, u32)> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = first_slot(digest) & mask;
        loop {
            let entry = self.slots[slot];
            if entry == 0 {
                return None;
            }
            let at = (entry & MOST_TAG) - 1;
            if entry >> 24 == mark(digest) && self.digest(at) == digest {
                return Some((slot, at));
            }
            slot = (slot + 1) & mask;
        }
    }

    fn words(&self, at: u32) -> &[u32] {
        let at = at as usize;
        &self.chunks[at / CHUNK][at % CHUNK..]
    }

    fn words_mut(&mut self, at: u32) -> &mut [u32] {
        let at = at as usize;
        &mut self.chunks[at / CHUNK][at % CHUNK..]
    }

    fn digest(&self, at: u32) -> Digest {
        let words = self.words(at);
        Digest((0..4).fold(0, |digest, word| digest | u128::from(words[word]) << (32 * word)))
    }

    fn row(&self, at: u32) -> (u32, &[u32]) {
        let words = self.words(at);
        let header = words[4];
        (header >> 8, &words[HEAD..HEAD + (header & 0xFF) as usize])
    }

    /// True where the digest had no row.
    fn put(&mut self, digest: Digest, tag: u32, words: &[u32]) -> Result<bool, NoRoom> {
        if let Some((slot, at)) = self.find(digest) {
            let old = self.row(at).1.len();
            if old == words.len() {
                self.write(at, digest, tag, words);
                return Ok(false);
            }
            let fresh = self.allocate(words.len())?;
            self.write(fresh, digest, tag, words);
            self.slots[slot] = mark(digest) << 24 | (fresh + 1);
            self.release(at, old);
            return Ok(false);
        }
        let at = self.allocate(words.len())?;
        self.write(at, digest, tag, words);
        self.make_room();
        self.settle(digest, at);
        self.rows += 1;
        Ok(true)
    }

    fn write(&mut self, at: u32, digest: Digest, tag: u32, words: &[u32]) {
        let row = self.words_mut(at);
        for (word, place) in row[..4].iter_mut().enumerate() {
            *place = (digest.0 >> (32 * word)) as u32;
        }
        row[4] = tag << 8 | words.len() as u32;
        row[HEAD..HEAD + words.len()].copy_from_slice(words);
    }

    /// Grows the slots so that one more row leaves at least a fifth of them empty.
    fn make_room(&mut self) {
        if (self.rows + 1) * 5 <= self.slots.len() * 4 {
            return;
        }
        let size = (self.slots.len() * 2).max(8);
        let old = std::mem::replace(&mut self.slots, vec![0; size]);
        for entry in old.into_iter().filter(|entry| *entry != 0) {
            let at = (entry & MOST_TAG) - 1;
            self.settle(self.digest(at), at);
        }
    }

    /// Puts a row that has no slot into one; there is an empty one.
    fn settle(&mut self, digest: Digest, at: u32) {
        let mask = self.slots.len() - 1;
        let mut slot = first_slot(digest) & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = mark(digest) << 24 | (at + 1);
    }

    fn remove(&mut self, digest: Digest) -> bool {
        let Some((slot, at)) = self.find(digest) else { return false };
        let length = self.row(at).1.len();
        self.close_gap(slot);
        self.release(at, length);
        self.rows -= 1;
        true
    }

    /// Empties a slot and moves what a search would no longer find behind it.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = gap;
        loop {
            slot = (slot + 1) & mask;
            let entry = self.slots[slot];
            if entry == 0 {
                break;
            }
            let wanted = first_slot(self.digest((entry & MOST_TAG) - 1)) & mask;
            // How far it stands from where it wants to be; it may move to the gap if that is not before its first slot.
            if (slot.wrapping_sub(wanted) & mask) >= (slot.wrapping_sub(gap) & mask) {
                self.slots[gap] = entry;
                gap = slot;
            }
        }
        self.slots[gap] = 0;
    }

    fn allocate(&mut self, words: usize) -> Result<u32, NoRoom> {
        if let Some(list) = self.free.iter().position(|(length, _)| *length == words) {
            let at = self.free[list].1;
            match self.words(at)[0] {
                NO_ROW => drop(self.free.swap_remove(list)),
                next => self.free[list].1 = next,
            }
            return Ok(at);
        }
        let size = HEAD + words;
        if self.filled % CHUNK + size > CHUNK || self.filled == self.chunks.len() * CHUNK {
            if (self.chunks.len() + 1) * CHUNK >= MOST_TAG as usize {
                return Err(NoRoom);
            }
            self.filled = self.chunks.len() * CHUNK;
            self.chunks.push(vec![0; CHUNK].into());
        }
        let at = self.filled as u32;
        self.filled += size;
        Ok(at)
    }

    fn release(&mut self, at: u32, words: usize) {
        let list = self.free.iter().position(|(length, _)| *length == words);
        let next = list.map_or(NO_ROW, |list| self.free[list].1);
        // Nothing of whom it was about stays.
        self.words_mut(at)[..HEAD + words].fill(0);
        self.words_mut(at)[0] = next;
        match list {
            Some(list) => self.free[list].1 = at,
            None => self.free.push((words, at)),
        }
    }
}

/// The part in which a digest's row is, in every store.
pub(super) fn part_of(digest: Digest) -> usize {
    (digest.0 >> 119) as usize % SHARDS
}

/// Where a search begins. A digest is a MAC: its bits are as good as any hash of it.
fn first_slot(digest: Digest) -> usize {
    digest.0 as usize
}

/// The bits of a digest that its slot shows: others than those that choose shard and slot.
fn mark(digest: Digest) -> u32 {
    (digest.0 >> 64) as u32 & 0xFF
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Digests that meet in few shards and few slots.
    fn digest(number: u8) -> Digest {
        let number = u128::from(number);
        Digest((number % 3) | (number % 5) << 64 | (number / 15) << 100)
    }

    proptest! {
        /// The standard library's map is the oracle.
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((any::<u8>(), 0u32..1 << 24, prop::option::of(0usize..12)), 0..600)) {
            let store = Store::new();
            let mut oracle: HashMap<Digest, (u32, Vec<u32>)> = HashMap::new();
            for (number, tag, length) in steps {
                let digest = digest(number);
                match length {
                    Some(length) => {
                        let words: Vec<u32> = (0..length as u32).map(|word| word ^ tag).collect();
                        prop_assert_eq!(store.put(digest, tag, &words), Ok(()));
                        oracle.insert(digest, (tag, words));
                    }
                    None => prop_assert_eq!(store.remove(digest), oracle.remove(&digest).is_some()),
                }
            }
            prop_assert_eq!(store.len(), oracle.len());
            for number in 0..=255 {
                let got = store.get(digest(number), |tag, words| (tag, words.to_vec()));
                prop_assert_eq!(got, oracle.get(&digest(number)).cloned());
            }
        }
    }

    #[test]
    fn memory_of_removed_rows_is_used_again_and_holds_nothing_of_them() {
        let mut shard = Shard::default();
        for round in 0..100u128 {
            for number in 0..50 {
                shard.put(Digest(round << 32 | number), 1, &[0xABCD; 6]).unwrap();
            }
            for number in 0..50 {
                assert!(shard.remove(Digest(round << 32 | number)));
            }
        }
        assert_eq!((shard.chunks.len(), shard.filled), (1, 50 * 11));
        assert!(shard.chunks[0].iter().all(|word| *word == NO_ROW || *word < 50 * 11), "places of free rows only");
    }

    #[test]
    fn its_memory_is_counted_as_it_grows() {
        let store = Store::new();
        assert_eq!(store.bytes(), 0);
        store.put(Digest(1), 0, &[7; 3]).unwrap();
        assert_eq!(store.bytes(), 4 * (CHUNK + 8), "one chunk, and the first slots");
        (0..10_000u128).for_each(|number| store.put(Digest(number << 110 | number), 0, &[7; 3]).unwrap());
        let shards: usize = store.shards.iter().map(|shard| shard.read().unwrap().bytes()).sum();
        assert_eq!(store.bytes(), shards);
        assert!(store.bytes() > 10_000 * 32);
    }

    #[test]
    fn what_has_no_room_is_refused() {
        let store = Store::new();
        assert_eq!(store.put(Digest(1), 1 << 24, &[]), Err(NoRoom));
        assert_eq!(store.put(Digest(1), 0, &[0; 256]), Err(NoRoom));
        assert_eq!(store.put(Digest(1), MOST_TAG, &[7; 255]), Ok(()));
        assert_eq!(store.get(Digest(1), |tag, words| (tag, words.len())), Some((MOST_TAG, 255)));
    }
}

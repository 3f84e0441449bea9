//! A snapshot of the consent rows, for a fast restart: what they were at one moment, with the offsets up to which they had been
//! read. Suppressions are no part of it: their topic is read whole at every start.
//!
//! A snapshot is of one moment although records are applied while it is written: a part of the table that has not been copied yet is copied
//! before a record changes it. Restored rows go the way of rows that were read ([`Ledger::store`]).

mod code;
mod sealed;
#[cfg(test)]
mod tests;

use super::apply::Row;
use super::shapes::All;
use super::store::{SHARDS, part_of};
use super::{Digest, Full, Ledger, Scratch};
use crate::event::Timestamp;
use code::{Taker, put_i64, put_shape, put_text, put_u32, put_u128};
use sealed::{Opener, Sealer};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Which topic rows were read from, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The cluster's id.
    pub cluster: String,
    /// The topic's name.
    pub topic: String,
    /// The topic's id, which one made anew does not share.
    pub id: u128,
    /// By partition: the offset of the next record to be read.
    pub next: Vec<i64>,
    /// For how long at least the topic keeps the tombstones of what was deleted.
    pub delete_retention: Duration,
}

/// What the topic is at a start: what a snapshot is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The cluster's id.
    pub cluster: String,
    /// The topic's name.
    pub topic: String,
    /// The topic's id.
    pub id: u128,
    /// By partition: the first offset that is there, and the one behind the last.
    pub ends: Vec<(i64, i64)>,
    /// For how long at least it keeps tombstones now.
    pub delete_retention: Duration,
    /// The time.
    pub now: Timestamp,
}

/// Why a snapshot is of no use; the topic is read whole then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Discarded {
    /// It is no snapshot, or of another form.
    #[error("it is no snapshot of this version")]
    Form,
    /// It was changed or cut off, or written with other keys.
    #[error("it was changed, cut off, or written with another key set")]
    NotAuthentic,
    /// It is of another cluster.
    #[error("it was taken from another cluster")]
    OtherCluster,
    /// It is of another topic, or of one of the same name that was deleted since.
    #[error("it was taken from another topic, or this one was made anew since")]
    OtherTopic,
    /// Tombstones may have gone since.
    #[error("it is older than half of the topic's `delete.retention.ms`: deletions may have been missed")]
    TooOld,
    /// It claims to be of the future: a clock was wrong, and its age cannot be known.
    #[error("it was taken later than now, by this machine's clock")]
    OfTheFuture,
    /// The log does not hold what follows it.
    #[error("the topic does not reach from where it ends: records were deleted or lost")]
    OffsetsGone,
    /// The ledger has no room for it.
    #[error("the ledger has no room for it")]
    NoRoom,
}

impl From<Full> for Discarded {
    fn from(_: Full) -> Discarded {
        Discarded::NoRoom
    }
}

/// What stands before each row of a file.
mod tag {
    pub(super) const ROW: u8 = 1;
    pub(super) const SPLIT: u8 = 2;
    pub(super) const LEARNED: u8 = 3;
    pub(super) const END: u8 = 4;
}

/// A snapshot that is being taken, as the one who applies records knows it.
pub(super) struct Copying {
    is_copied: Vec<bool>,
    /// Parts that a record was about to change.
    saved: VecDeque<Vec<u8>>,
    next: usize,
}

/// A moment of the ledger that is being written. Dropping it gives the copy up.
pub struct Snapshot {
    ledger: Arc<Ledger>,
    head: Vec<u8>,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.ledger.applying.lock().unwrap_or_else(PoisonError::into_inner).copying = None;
    }
}

impl Ledger {
    /// Marks this moment, up to which `origin` was read. It must be called by the one who applies records. `None` while another
    /// snapshot is taken, and where a denial that the topic needs has not been appended: a start from that snapshot would not
    /// know to append it.
    pub fn snapshot(self: &Arc<Ledger>, origin: &Origin, now: Timestamp) -> Option<Snapshot> {
        let mut scratch = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        if scratch.copying.is_some() || self.regressed.load(Ordering::Relaxed) > 0 {
            return None;
        }
        scratch.copying = Some(Copying { is_copied: vec![false; SHARDS], saved: VecDeque::new(), next: 0 });
        drop(scratch);
        Some(Snapshot { ledger: self.clone(), head: self.head(origin, now) })
    }

    fn head(&self, origin: &Origin, now: Timestamp) -> Vec<u8> {
        let Origin { cluster, topic, id, next, delete_retention } = origin;
        let mut out = Vec::new();
        put_i64(now.as_millisecond(), &mut out);
        put_i64(i64::try_from(delete_retention.as_millis()).unwrap_or(i64::MAX), &mut out);
        put_text(cluster, &mut out);
        put_text(topic, &mut out);
        put_u128(*id, &mut out);
        put_u32(next.len() as u32, &mut out);
        next.iter().for_each(|next| put_i64(*next, &mut out));
        let All { purposes, lists, shapes } = self.shapes.all();
        put_u32(purposes.len() as u32, &mut out);
        purposes.iter().for_each(|name| put_text(name, &mut out));
        put_u32(lists.len() as u32, &mut out);
        for list in &lists {
            put_u32(list.len() as u32, &mut out);
            list.iter().for_each(|name| put_text(name, &mut out));
        }
        put_u32(shapes.len() as u32, &mut out);
        shapes.iter().for_each(|shape| put_shape(shape, &mut out));
        out
    }

    /// A record is about to change that digest's row: a snapshot that has not come to it yet gets it as it is.
    pub(super) fn save_part_of(&self, digest: Digest, scratch: &mut Scratch) {
        let Some(copying) = &mut scratch.copying else { return };
        let part = part_of(digest);
        if !std::mem::replace(&mut copying.is_copied[part], true) {
            let mut bytes = Vec::new();
            self.copy_part(part, &mut bytes);
            copying.saved.push_back(bytes);
        }
    }

    /// Appends the rows of one part of the table.
    fn copy_part(&self, part: usize, out: &mut Vec<u8>) {
        let mut aliases = Vec::new();
        self.rows.each_of_part(part, |digest, shape, words| {
            self.aliases.of(digest, &mut aliases);
            out.push(tag::ROW);
            put_u128(digest.0, out);
            put_u32(shape, out);
            out.extend([words.len() as u8, aliases.len() as u8]);
            words.iter().for_each(|word| put_u32(*word, out));
            aliases.iter().for_each(|alias| put_u128(alias.0, out));
        });
        self.learned.each_of_part(part, |digest, shape, words| {
            out.push(tag::LEARNED);
            put_u128(digest.0, out);
            put_u32(shape, out);
            out.extend([words.len() as u8, 0]);
            words.iter().for_each(|word| put_u32(*word, out));
        });
        for (digest, places) in self.splits().iter().filter(|(digest, _)| part_of(**digest) == part) {
            out.push(tag::SPLIT);
            put_u128(digest.0, out);
            put_u32(places.len() as u32, out);
            places.iter().for_each(|place| put_u32(place.cast_unsigned(), out));
        }
    }

    /// Puts the rows of a snapshot into this ledger, which must be new: the offsets from which its topic is to be read on. After
    /// an error the ledger holds some of the rows and is of no use.
    pub fn restore(&self, input: impl Read, expected: &Expected) -> Result<Vec<i64>, Discarded> {
        let mut taker = Taker(Opener::new(&self.snapshot_key, input)?);
        let origin = compare(&mut taker, expected)?;
        let same = |number: u32, position: usize| if number as usize == position { Ok(()) } else { Err(Discarded::Form) };
        for (position, name) in taker.list(Taker::text)?.iter().enumerate() {
            same(self.shapes.purpose(name).map_err(Full::from)?.number(), position)?;
        }
        for (position, list) in taker.list(|taker| taker.list(Taker::text))?.iter().enumerate() {
            same(self.shapes.list(list.iter().map(String::as_str)).map_err(Full::from)?, position)?;
        }
        let shapes = taker.list(Taker::shape)?;
        for (position, shape) in shapes.iter().enumerate() {
            same(self.shapes.shape(shape).map_err(Full::from)?, position)?;
        }
        let mut scratch = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match taker.u8()? {
                tag::ROW => self.restore_row(false, &mut taker, &shapes, &mut scratch)?,
                tag::LEARNED => self.restore_row(true, &mut taker, &shapes, &mut scratch)?,
                tag::SPLIT => {
                    let digest = taker.digest()?;
                    let places = taker.list(|taker| taker.u32().map(u32::cast_signed))?;
                    self.splits().insert(digest, places.into_iter().collect::<BTreeSet<i32>>());
                }
                tag::END => break,
                _ => return Err(Discarded::Form),
            }
            if self.bytes() > self.most_bytes {
                return Err(Discarded::NoRoom);
            }
        }
        if taker.0.is_at_end() { Ok(origin) } else { Err(Discarded::NotAuthentic) }
    }

    fn restore_row<R: Read>(
        &self,
        is_learned: bool,
        taker: &mut Taker<R>,
        shapes: &[super::shapes::Shape],
        scratch: &mut Scratch,
    ) -> Result<(), Discarded> {
        let (digest, number) = (taker.digest()?, taker.u32()?);
        let (words, aliases) = (taker.u8()?, taker.u8()?);
        let shape = shapes.get(number as usize).ok_or(Discarded::Form)?;
        let is_there =
            if is_learned { self.learned.get(digest, |_, _| ()).is_some() } else { self.row(digest, scratch).is_some() };
        if is_there || usize::from(words) != super::row::length(shape) {
            return Err(Discarded::Form);
        }
        scratch.packer.words.clear();
        for _ in 0..words {
            scratch.packer.words.push(taker.u32()?);
        }
        for _ in 0..aliases {
            scratch.new_aliases.push(taker.digest()?);
        }
        if is_learned {
            self.learned.put(digest, number, &scratch.packer.words).map_err(Full::from)?;
        } else {
            self.store(digest, None, Row { number, shape }, scratch)?;
        }
        Ok(())
    }
}

/// Reads where a snapshot comes from and how old it is; the offsets from which to read on.
fn compare<R: Read>(taker: &mut Taker<R>, expected: &Expected) -> Result<Vec<i64>, Discarded> {
    let (taken, retention) = (taker.i64()?, taker.i64()?);
    let (cluster, topic, id) = (taker.text()?, taker.text()?, taker.u128()?);
    let next = taker.list(Taker::i64)?;
    if cluster != expected.cluster {
        return Err(Discarded::OtherCluster);
    }
    if topic != expected.topic || id != expected.id || next.len() > expected.ends.len() {
        return Err(Discarded::OtherTopic);
    }
    let age = expected.now.as_millisecond().checked_sub(taken).filter(|age| *age >= 0).ok_or(Discarded::OfTheFuture)?;
    // What the topic kept then counts too: it may keep more since, and have lost something before.
    let now = i64::try_from(expected.delete_retention.as_millis()).unwrap_or(i64::MAX);
    if age > retention.min(now) / 2 {
        return Err(Discarded::TooOld);
    }
    if next.iter().zip(&expected.ends).any(|(next, (first, end))| next < first || next > end) {
        return Err(Discarded::OffsetsGone);
    }
    Ok(next)
}

impl Snapshot {
    /// Writes everything as it was when this was made. Between two parts of it `go_on` is asked: false ends it with an error.
    pub fn write<W: Write>(&self, out: W, go_on: impl Fn() -> bool) -> io::Result<W> {
        let mut sealer = Sealer::new(&self.ledger.snapshot_key, out)?;
        sealer.write(&self.head)?;
        let mut bytes = Vec::new();
        while self.next(&mut bytes) {
            if !go_on() {
                return Err(io::Error::other("it took too long and was given up"));
            }
            sealer.write(&bytes)?;
        }
        sealer.write(&[tag::END])?;
        sealer.finish()
    }

    /// The next part; false at the end.
    fn next(&self, out: &mut Vec<u8>) -> bool {
        out.clear();
        let mut scratch = self.ledger.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(copying) = &mut scratch.copying else { return false };
        if let Some(saved) = copying.saved.pop_front() {
            *out = saved;
            return true;
        }
        while let Some(is_copied) = copying.is_copied.get_mut(copying.next) {
            let part = copying.next;
            copying.next += 1;
            if !std::mem::replace(is_copied, true) {
                self.ledger.copy_part(part, out);
                return true;
            }
        }
        false
    }
}

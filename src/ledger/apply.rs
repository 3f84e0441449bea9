//! One consent record becomes a row. A record that was read from the topic and a row that was restored from a snapshot end in the
//! same call, [`Ledger::store`].

use super::record::{self, ConsentRecord, Identity, Unreadable};
use super::row::{self, Refused};
use super::shapes::{Choice, SPLIT, Shape};
use super::{Applied, Digest, Full, Ledger, Scratch};
use crate::event::Jurisdiction;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

/// The row that a key has, and its shape's number.
type Old = Option<(u32, Arc<Shape>)>;

/// The shape of a row whose words are in the packer.
pub(super) struct Row<'s> {
    pub(super) number: u32,
    pub(super) shape: &'s Shape,
}

/// How a record stands to the row of its key.
enum Order {
    /// Behind it, in the same partition, or first of all.
    Follows,
    /// In another partition, and by its version the later one.
    Replaces,
    /// In another partition, and by its version the earlier one.
    Remains,
    /// In another partition: nobody knows.
    Unknown,
}

impl Ledger {
    pub(super) fn apply_consent(
        &self,
        partition: i32,
        key: &[u8],
        value: Option<&[u8]>,
        scratch: &mut Scratch,
    ) -> Result<Applied, Full> {
        let digest = self.digests.of_key(key);
        self.save_part_of(digest, scratch);
        let old = self.row(digest, scratch);
        let Some(value) = value else { return self.apply_tombstone(partition, digest, &old, scratch) };
        let highest = old.as_ref().map_or(0, |(_, shape)| row::version(shape, &scratch.old_words));
        let place = old.as_ref().and_then(|(_, shape)| shape.place);
        let read = ConsentRecord::read(value).and_then(|record| match record.identity.is_key(key) {
            true => Ok(record),
            false => Err(Unreadable("a consent record under the key of another identity")),
        });
        let version = read.as_ref().ok().map(|record| record.version);
        let order = self.order(partition, digest, old.as_ref().map(|(_, shape)| &**shape), version, highest);
        let (mut shape, applied) = match (&read, &order) {
            (_, Order::Remains) => return Ok(Applied::Split { denies: false }),
            (Err(Unreadable(why)), _) => {
                scratch.new_aliases.extend_from_slice(&scratch.old_aliases);
                (scratch.packer.refuse(Refused::Unreadable, highest, place), Some(Applied::Undecodable { why }))
            }
            (Ok(record), Order::Unknown) => {
                let place = self.gather(record, digest, place, scratch);
                let version = highest.max(record.version);
                (scratch.packer.refuse(Refused::Split, version, place), Some(Applied::Split { denies: true }))
            }
            (Ok(record), Order::Follows) if record.version < highest => {
                let place = self.gather(record, digest, place, scratch);
                let denial = self.denial(record, highest.saturating_add(1), value, place, &scratch.new_aliases);
                (scratch.packer.refuse(Refused::Regressed, highest, place), Some(Applied::Regression { denial }))
            }
            (Ok(record), Order::Follows | Order::Replaces) => {
                self.name(record, digest, scratch);
                let applied = matches!(order, Order::Replaces).then_some(Applied::Split { denies: false });
                (scratch.packer.pack(record, &self.shapes)?, applied)
            }
        };
        shape.partition = if matches!(order, Order::Unknown) { SPLIT } else { partition };
        let number = match &old {
            Some((number, old)) if **old == shape => *number,
            Some(_) | None => scratch.near.shape(&self.shapes, &shape)?,
        };
        let restricts = self.store(digest, old.as_ref().map(|(_, shape)| &**shape), Row { number, shape: &shape }, scratch)?;
        Ok(applied.unwrap_or(if restricts { Applied::Restricted } else { Applied::Stored }))
    }

    /// Puts the words and aliases of a digest's row into the scratch, and forgets what stood there.
    pub(super) fn row(&self, digest: Digest, scratch: &mut Scratch) -> Old {
        let number = self.rows.get(digest, |shape, words| {
            scratch.old_words.clear();
            scratch.old_words.extend_from_slice(words);
            shape
        });
        self.aliases.of(digest, &mut scratch.old_aliases);
        scratch.new_aliases.clear();
        number.and_then(|number| Some((number, self.shapes.get(number)?)))
    }

    /// Kafka orders records, and compacts them, within a partition only. A key that has records in two, since partitions were added
    /// or two writers choose them differently, has no last record: the next start may read them the other way round.
    fn order(&self, partition: i32, digest: Digest, old: Option<&Shape>, version: Option<u64>, highest: u64) -> Order {
        let Some(old) = old else { return Order::Follows };
        let known = old.partition;
        // What cannot be read may be later than any version that can.
        let is_counted = highest > 0 && old.parts.iter().all(|part| part.choice != Choice::Broken);
        if known == SPLIT {
            let mut splits = self.splits();
            let places = splits.entry(digest).or_default();
            places.insert(partition);
            if places.len() == 1 {
                splits.remove(&digest);
                return Order::Follows;
            }
            return Order::Unknown;
        }
        match version {
            _ if known == partition => Order::Follows,
            Some(version) if version > highest && is_counted => Order::Replaces,
            Some(version) if version < highest && version > 0 && is_counted => Order::Remains,
            Some(_) | None => {
                self.splits().insert(digest, BTreeSet::from([known, partition]));
                Order::Unknown
            }
        }
    }

    /// The digests by which a record names its subject otherwise become the new aliases.
    fn name(&self, record: &ConsentRecord<'_>, digest: Digest, scratch: &mut Scratch) {
        let aliases = record.aliases.iter().map(|alias| self.digests.of_alias(&alias.kind, &alias.value));
        scratch.new_aliases.extend(aliases.filter(|alias| *alias != digest));
        scratch.new_aliases.sort_unstable();
        scratch.new_aliases.dedup();
    }

    /// The same for a row that denies: who was found by an old name is denied by it too. Its place is what both the row and
    /// the record say; where they differ it is one that is not recognised, for which the strictest rules hold.
    fn gather(
        &self,
        record: &ConsentRecord<'_>,
        digest: Digest,
        place: Option<Jurisdiction>,
        scratch: &mut Scratch,
    ) -> Option<Jurisdiction> {
        self.name(record, digest, scratch);
        let Scratch { old_aliases, new_aliases, .. } = scratch;
        let fresh: Vec<Digest> = new_aliases.iter().filter(|alias| !old_aliases.contains(alias)).copied().collect();
        new_aliases.clone_from(old_aliases);
        new_aliases.extend(fresh.into_iter().take(record::MOST_ALIASES.saturating_sub(old_aliases.len())));
        match (place, record.jurisdiction.as_deref().map(row::place)) {
            (Some(old), Some(new)) if old != new => Some(Jurisdiction::Unrecognised),
            (old, new) => old.or(new),
        }
    }

    /// Stores the row in the packer and its aliases. Whether something was taken away, from whomever: it is known before
    /// this returns.
    pub(super) fn store(
        &self,
        digest: Digest,
        old: Option<&Shape>,
        Row { number, shape }: Row<'_>,
        scratch: &Scratch,
    ) -> Result<bool, Full> {
        let Scratch { packer, old_words, old_aliases, new_aliases, .. } = scratch;
        self.rows.put(digest, number, &packer.words)?;
        self.count_regressed(old, Some(shape));
        let restricts = row::takes_away(old.map(|old| (old, &old_words[..])), (shape, &packer.words));
        let denies = row::denies(shape);
        // A row that is new may name a place, or speak in place of another identity's. Before the first event nobody asked.
        let displaces = old.is_none() && self.is_ready();
        let (mut lost, mut shared) = (Vec::new(), Vec::new());
        for alias in new_aliases.iter().filter(|alias| !old_aliases.contains(alias)) {
            // Of several rows a grant counts only where all of them have it.
            let had = self.aliases.is_claimed(*alias) || self.rows.get(*alias, |_, _| ()).is_some();
            self.aliases.claim(*alias, digest)?;
            if had || denies {
                shared.push(*alias);
            }
        }
        for alias in old_aliases.iter().filter(|alias| !new_aliases.contains(alias)) {
            self.aliases.release(*alias, digest)?;
            lost.push(*alias);
        }
        self.aliases.set(digest, new_aliases)?;
        if restricts || displaces {
            self.recent.push([digest].into_iter().chain(old_aliases.iter().chain(new_aliases).copied()));
        } else if !lost.is_empty() || !shared.is_empty() {
            self.recent.push(lost.iter().chain(&shared).copied());
        }
        Ok(restricts || !lost.is_empty() || !shared.is_empty())
    }

    /// A tombstone: what was granted is silence again, and so is what was denied. One in another partition says nothing about
    /// the record here, and of several records it takes back its own.
    fn apply_tombstone(&self, partition: i32, digest: Digest, old: &Old, scratch: &Scratch) -> Result<Applied, Full> {
        let known = old.as_ref().map(|(_, shape)| shape.partition);
        match known {
            Some(SPLIT) => {
                let mut splits = self.splits();
                let places = splits.entry(digest).or_default();
                places.remove(&partition);
                if !places.is_empty() {
                    return Ok(Applied::Split { denies: true });
                }
                splits.remove(&digest);
            }
            Some(known) if known != partition => return Ok(Applied::Split { denies: false }),
            Some(_) | None => {}
        }
        for alias in &scratch.old_aliases {
            self.aliases.release(*alias, digest)?;
        }
        self.aliases.set(digest, &[])?;
        self.rows.remove(digest);
        if let Some((_, shape)) = old {
            self.count_regressed(Some(shape), None);
            self.recent.push([digest].into_iter().chain(scratch.old_aliases.iter().copied()));
        }
        Ok(Applied::Removed)
    }

    pub(super) fn count_regressed(&self, old: Option<&Shape>, new: Option<&Shape>) {
        let is_regressed = |shape: Option<&Shape>| shape.is_some_and(|shape| shape.regressed);
        match (is_regressed(old), is_regressed(new)) {
            (false, true) => drop(self.regressed.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.regressed.fetch_sub(1, Ordering::Relaxed)),
            (true, true) | (false, false) => {}
        }
    }

    /// The denial to append after a version went backwards, in the form in which the record came. It has no time, so that
    /// nothing beats it, as nothing beats the row until it comes. Names that only the row knows stand in it by their digests.
    fn denial(
        &self,
        record: &ConsentRecord<'_>,
        version: u64,
        value: &[u8],
        place: Option<Jurisdiction>,
        aliases: &[Digest],
    ) -> Vec<u8> {
        let named = |alias: &Digest| {
            let same = |known: &&Identity<'_>| self.digests.of_alias(&known.kind, &known.value) == *alias;
            let by_digest = || Identity { kind: super::digest::DIGEST_KIND.into(), value: alias.to_hex().into() };
            record.aliases.iter().find(same).cloned().unwrap_or_else(by_digest)
        };
        let denial = ConsentRecord {
            aliases: aliases.iter().map(named).collect(),
            jurisdiction: place.map(|place| row::place_text(&place).into()),
            ..ConsentRecord::denial(record.identity.clone(), version)
        };
        if value.first() == Some(&b'{') { denial.to_json() } else { denial.to_protobuf() }
    }

    pub(super) fn splits(&self) -> MutexGuard<'_, HashMap<Digest, BTreeSet<i32>>> {
        self.splits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

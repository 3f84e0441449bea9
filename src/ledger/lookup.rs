//! What is known about one identity: its row, the rows that claim it, and whether it is suppressed.

use super::aliases::Claims;
use super::digest::{Digest, Hash, HashBuffers};
use super::row::{self, Said};
use super::shapes::{Choice, PurposeName, Reach, Shape};
use super::store::Store;
use super::{Ledger, record};
use crate::event::{Jurisdiction, Timestamp};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// The rows that one identity leads to: copies, so that no lock is held while they are judged. Reused from look-up to
/// look-up.
#[derive(Default)]
pub struct Rows {
    words: Vec<u32>,
    found: Vec<Found>,
    /// What was learned, and beside which of the rows.
    learned: Vec<(Found, Option<usize>)>,
    digests: Vec<Digest>,
    /// By number, as far as they were met: numbers are never given again.
    shapes: HashMap<u32, Arc<Shape>, BuildHasherDefault<ByNumber>>,
    is_crowd: bool,
}

/// Numbers are given in order by us: spreading them takes one multiplication, and nobody can choose them.
#[derive(Default)]
struct ByNumber(u64);

impl Hasher for ByNumber {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Shapes remembered at once. Where people choose vendor by vendor there are more, and each is fetched again at times.
const MOST_SHAPES: usize = 1 << 16;

struct Found {
    shape: u32,
    start: usize,
    end: usize,
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether so many rows claim the identity that none was looked at, or one cannot be read: everything is denied.
    pub fn is_crowd(&self) -> bool {
        self.is_crowd
    }

    /// The digests of the identity and of each row.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// What one row says, purpose by purpose.
    pub fn said(&self, row: usize) -> impl Iterator<Item = Said> {
        let Found { shape, start, end } = self.found[row];
        let shape = self.shape(shape);
        shape.into_iter().flat_map(move |shape| row::said(shape, &self.words[start..end]))
    }

    /// Tells what was learned about the identity and about whoever has one of the rows, as far as no row says otherwise: a
    /// denial that a later grant of its row does not lift; a grant where its row denies nothing and has no younger one, with
    /// the number of that row, or 0 where there is none at all.
    pub fn learned(&self, each: &mut dyn FnMut(Said, Option<usize>)) {
        for (Found { shape, start, end }, row) in &self.learned {
            let said = self.shape(*shape).into_iter().flat_map(|shape| row::said(shape, &self.words[*start..*end]));
            for said in said {
                let beside = || row.iter().flat_map(|row| self.said(*row));
                let granted = || beside().find(|own| own.purpose == said.purpose && own.choice == Choice::Granted);
                let confirmed = granted().and_then(|own| own.confirmed);
                match said.choice {
                    Choice::Denied | Choice::Withdrawn if super::learned::supersedes(confirmed, said.start) => {}
                    Choice::Denied | Choice::Withdrawn | Choice::Broken => each(said, None),
                    Choice::Granted => {
                        let about = |own: &Said| own.purpose == said.purpose || own.purpose == PurposeName::EVERY;
                        let denied = beside().any(|own| about(&own) && own.choice != Choice::Granted);
                        let alone = row.is_some() || self.found.is_empty();
                        if alone && !denied && confirmed.is_none_or(|own| said.confirmed > Some(own)) {
                            each(said, Some(row.unwrap_or(0)));
                        }
                    }
                }
            }
        }
    }

    /// The place that one row names.
    pub fn place(&self, row: usize) -> Option<Jurisdiction> {
        self.shape(self.found[row].shape).and_then(|shape| shape.place)
    }

    fn shape(&self, number: u32) -> Option<&Shape> {
        self.shapes.get(&number).map(|shape| &**shape)
    }

    fn clear(&mut self) {
        if self.shapes.len() > MOST_SHAPES {
            self.shapes.clear();
        }
        self.words.clear();
        self.found.clear();
        self.learned.clear();
        self.digests.clear();
        self.is_crowd = false;
    }
}

impl Ledger {
    /// Finds the rows of an identity: its own first, then those that claim it as an alias. Rows must be of this ledger
    /// always: they remember shapes.
    pub fn find(&self, identity: Digest, rows: &mut Rows) {
        rows.clear();
        rows.digests.push(identity);
        self.copy(identity, rows);
        let mut claims = std::mem::take(&mut rows.digests);
        rows.is_crowd |= self.aliases.rows(identity, &mut claims) == Claims::Crowd;
        for row in &claims[1..] {
            self.copy(*row, rows);
        }
        rows.digests = claims;
    }

    fn copy(&self, row: Digest, rows: &mut Rows) {
        let before = rows.found.len();
        if let Some(found) = self.copy_from(&self.rows, row, rows) {
            rows.found.push(found);
        }
        if self.learned.len() > 0
            && let Some(found) = self.copy_from(&self.learned, row, rows)
        {
            let beside = (rows.found.len() > before).then_some(before);
            rows.learned.push((found, beside));
        }
    }

    fn copy_from(&self, store: &Store, row: Digest, rows: &mut Rows) -> Option<Found> {
        let Rows { words, shapes, .. } = rows;
        let found = store.get(row, |shape, row| {
            let start = words.len();
            words.extend_from_slice(row);
            Found { shape, start, end: words.len() }
        })?;
        let number = found.shape;
        if shapes.contains_key(&number) {
            return Some(found);
        }
        match self.shapes.get(number) {
            Some(shape) => drop(shapes.insert(number, shape)),
            // Its row is there and cannot be read: that is no silence.
            None => rows.is_crowd = true,
        }
        Some(found)
    }

    /// Tells `each` purpose for which an identity, under any of its digests, is suppressed, and puts the digests looked
    /// up into `looked_up`, `plain` aside.
    pub fn suppressions(
        &self,
        (kind, value): (&str, &str),
        plain: Digest,
        buffers: &mut HashBuffers,
        looked_up: &mut Vec<Digest>,
        each: &mut dyn FnMut(PurposeName),
    ) {
        // Noted also while nobody is suppressed: the first may be before the batch ends.
        let lower = self.digests.of_lower_case(kind, value, buffers);
        looked_up.extend(lower);
        if self.suppressions.len() == 0 {
            return;
        }
        if let Some(lower) = lower {
            self.suppressions.get(lower, &mut *each);
        }
        self.suppressions.get(plain, &mut *each);
        for hash in Hash::ALL.into_iter().filter(|hash| self.suppressions.uses(*hash)) {
            for digest in self.digests.of_hashes(kind, value, hash, buffers).into_iter().flatten() {
                looked_up.push(digest);
                self.suppressions.get(digest, &mut *each);
            }
        }
    }

    /// The same by one digest alone: that of a row which was reached by an alias.
    pub fn suppressions_of(&self, digest: Digest, each: &mut dyn FnMut(PurposeName)) {
        self.suppressions.get(digest, each);
    }

    /// The name of a purpose, by its position.
    pub fn purpose_name(&self, index: usize) -> Option<Arc<str>> {
        self.shapes.purpose_name(index)
    }

    /// The vendors of a list, sorted.
    pub fn vendors(&self, list: u32) -> Option<Arc<[Arc<str>]>> {
        self.shapes.vendors(list)
    }

    /// What is held about an identity, for people.
    pub fn held(&self, kind: &str, value: &str) -> Option<Held> {
        self.held_by(self.digests.of(kind, value))
    }

    pub(super) fn held_by(&self, digest: Digest) -> Option<Held> {
        let (number, words) = self.rows.get(digest, |shape, words| (shape, words.to_vec()))?;
        let shape = self.shapes.get(number)?;
        let purposes = row::said(&shape, &words).map(|said| self.held_purpose(said)).collect();
        let mut aliases = Vec::new();
        self.aliases.of(digest, &mut aliases);
        let version = row::version(&shape, &words);
        Some(Held { version, place: shape.place, aliases: aliases.len(), regressed: shape.regressed, purposes })
    }

    fn held_purpose(&self, said: Said) -> HeldPurpose {
        let Said { purpose, choice, reach, start, confirmed, expires } = said;
        let name = purpose.index().and_then(|index| self.purpose_name(index));
        let vendors = match reach {
            Reach::Processors => None,
            Reach::Nobody => Some(Vec::new()),
            Reach::Disclosed => Some(vec!["*".to_owned()]),
            Reach::Named(list) => self.vendors(list).map(|names| names.iter().map(|name| name.to_string()).collect()),
        };
        let purpose = name.map_or_else(|| record::EVERY_PURPOSE.to_owned(), |name| name.to_string());
        HeldPurpose { purpose, choice, since: start, confirmed, expires, vendors }
    }
}

/// A row as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The version of its record.
    pub version: u64,
    /// Where its subject is.
    pub place: Option<Jurisdiction>,
    /// How many other names it has.
    pub aliases: usize,
    /// Whether it stands on a version that went backwards.
    pub regressed: bool,
    /// By purpose.
    pub purposes: Vec<HeldPurpose>,
}

/// One purpose of a row as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPurpose {
    /// Its name; `*` is every purpose.
    pub purpose: String,
    /// What was said.
    pub choice: Choice,
    /// Since when a grant stands, or when a denial was said.
    pub since: Option<Timestamp>,
    /// When it was last confirmed.
    pub confirmed: Option<Timestamp>,
    /// The first moment at which it no longer holds.
    pub expires: Option<Timestamp>,
    /// Whom a grant reaches; absent: processors.
    pub vendors: Option<Vec<String>>,
}

//! What rows have in common, kept once: everything but times, versions and people. Purposes, states, vendor lists and
//! places make few combinations however many subjects there are.
//!
//! Names are those of the records, not of a policy: a policy that is loaded later may name more of them.

use crate::event::Jurisdiction;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What somebody said about a purpose, as a row keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Yes.
    Granted,
    /// No.
    Denied,
    /// A yes that was taken back.
    Withdrawn,
    /// It could not be read: a denial that nothing beats.
    Broken,
}

/// The name of a purpose, as a number of this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PurposeName(u16);

impl PurposeName {
    /// Every purpose there is, named or not.
    pub const EVERY: PurposeName = PurposeName(u16::MAX);

    /// Its position among the names, from 0 in the order in which they were met; of [`PurposeName::EVERY`] none.
    pub fn index(self) -> Option<usize> {
        (self != PurposeName::EVERY).then_some(usize::from(self.0))
    }

    pub(super) fn number(self) -> u32 {
        u32::from(self.0)
    }

    pub(super) fn from_number(number: u32) -> PurposeName {
        PurposeName(number as u16)
    }
}

/// Whom a grant reaches besides the first party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Nothing was said: processors.
    Processors,
    /// Nobody.
    Nobody,
    /// Whoever was disclosed by then (`*`).
    Disclosed,
    /// The vendors of one list, by its number.
    Named(u32),
}

/// One purpose of a shape. Which of its times are there follows from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    pub(super) purpose: PurposeName,
    pub(super) choice: Choice,
    pub(super) reach: Reach,
    pub(super) has_at: bool,
    pub(super) has_since: bool,
    pub(super) has_expires: bool,
    /// Whether the start has milliseconds, kept behind the times.
    pub(super) has_millis: bool,
}

/// Everything of a row but its times and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) parts: Vec<Part>,
    pub(super) place: Option<Jurisdiction>,
    /// Whether the version takes two words.
    pub(super) long_version: bool,
    /// Whether the row stands on a version that went backwards.
    pub(super) regressed: bool,
    /// In which partition its record is, or [`SPLIT`]. Kept here it costs a row nothing: shapes are few, and where they are
    /// not, each has few rows.
    pub(super) partition: i32,
}

/// The partition of a row whose key has records in several.
pub(super) const SPLIT: i32 = -1;

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Shape { parts, place, long_version, regressed, partition } = self;
        parts.hash(state);
        (long_version, regressed, partition).hash(state);
        match place {
            None => 0u8.hash(state),
            Some(Jurisdiction::Place { country, subdivision }) => (country, subdivision).hash(state),
            Some(Jurisdiction::AnyOf(_)) => 1u8.hash(state),
            Some(Jurisdiction::Unrecognised) => 2u8.hash(state),
        }
    }
}

/// More different things than numbers for them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// The most names of purposes: a number of 16 bits, of which one means every purpose.
const MOST_PURPOSES: usize = u16::MAX as usize;

/// The most shapes: a row has 24 bits for them.
const MOST_SHAPES: usize = 1 << 24;

/// The most lists of vendors. Where people choose vendor by vendor there may be nearly as many as people.
const MOST_LISTS: usize = 1 << 24;

/// All that was met so far. Numbers are never given again, so what a reader made of them stays true.
#[derive(Default)]
pub(super) struct Shapes {
    tables: RwLock<Tables>,
    bytes: AtomicUsize,
}

/// What an entry takes besides its content: two references, two counts, and its share of a vector and a map.
const ENTRY: usize = 80;

#[derive(Default)]
struct Tables {
    shapes: Interned<Shape>,
    purposes: Interned<str>,
    /// Sorted, each name once.
    lists: Interned<[Arc<str>]>,
    vendors: HashSet<Arc<str>>,
}

/// What there is, each in the order of its numbers.
pub(super) struct All {
    pub(super) purposes: Vec<Arc<str>>,
    pub(super) lists: Vec<Arc<[Arc<str>]>>,
    pub(super) shapes: Vec<Arc<Shape>>,
}

/// How many shapes are near: a power of two.
const NEAR: usize = 64;

/// The shapes that one who applies records has met lately, so that finding a shape's number mostly takes neither a lock nor a hash that
/// strangers cannot steer: who steers this one makes it slow, and no more.
pub(super) struct Near(Vec<Option<(Arc<Shape>, u32)>>);

impl Default for Near {
    fn default() -> Near {
        Near(vec![None; NEAR])
    }
}

impl Near {
    /// The number of a shape, as [`Shapes::shape`] says it.
    pub(super) fn shape(&mut self, shapes: &Shapes, shape: &Shape) -> Result<u32, NoRoom> {
        let place = &mut self.0[place_of(shape)];
        if let Some((_, number)) = place.as_ref().filter(|(known, _)| **known == *shape) {
            return Ok(*number);
        }
        let number = shapes.shape(shape)?;
        *place = shapes.get(number).map(|shape| (shape, number));
        Ok(number)
    }
}

/// Where a shape is kept among those that are near.
fn place_of(shape: &Shape) -> usize {
    let mut sum = shape.partition.cast_unsigned();
    for part in &shape.parts {
        let reach = match part.reach {
            Reach::Processors => 0,
            Reach::Nobody => 1,
            Reach::Disclosed => 2,
            Reach::Named(list) => list.wrapping_add(3),
        };
        let times = u32::from(part.has_at) << 1 | u32::from(part.has_since) << 2 | u32::from(part.has_expires) << 3;
        let bits = times | u32::from(part.has_millis) | (part.choice as u32) << 4 | part.purpose.number() << 8;
        sum = (sum ^ bits ^ reach.rotate_left(16)).wrapping_mul(0x9E37_79B1);
    }
    if let Some(Jurisdiction::Place { country, .. }) = &shape.place {
        let [first, second, ..] = country.as_str().as_bytes() else { return 0 };
        sum = (sum ^ u32::from(*first) << 8 ^ u32::from(*second)).wrapping_mul(0x9E37_79B1);
    }
    (sum >> 16) as usize % NEAR
}

struct Interned<T: ?Sized> {
    values: Vec<Arc<T>>,
    numbers: HashMap<Arc<T>, u32>,
}

impl<T: ?Sized> Default for Interned<T> {
    fn default() -> Interned<T> {
        Interned { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Hash + Eq + ?Sized> Interned<T> {
    /// The value's number, and whether it was not there before.
    fn add(&mut self, value: Arc<T>, most: usize) -> Result<(u32, bool), NoRoom> {
        if let Some(number) = self.numbers.get(&value) {
            return Ok((*number, false));
        }
        if self.values.len() >= most {
            return Err(NoRoom);
        }
        let number = self.values.len() as u32;
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        Ok((number, true))
    }
}

impl Shapes {
    /// The number of a shape; it is copied only where it is new.
    pub(super) fn shape(&self, shape: &Shape) -> Result<u32, NoRoom> {
        if let Some(number) = self.read().shapes.numbers.get(shape) {
            return Ok(*number);
        }
        let size = ENTRY + size_of::<Shape>() + size_of_val(&*shape.parts);
        self.added(size, self.write().shapes.add(Arc::new(shape.clone()), MOST_SHAPES))
    }

    /// The shape of a number.
    pub(super) fn get(&self, number: u32) -> Option<Arc<Shape>> {
        self.read().shapes.values.get(number as usize).cloned()
    }

    /// The number of a purpose's name.
    pub(super) fn purpose(&self, name: &str) -> Result<PurposeName, NoRoom> {
        if let Some(number) = self.read().purposes.numbers.get(name) {
            return Ok(PurposeName(*number as u16));
        }
        let added = self.write().purposes.add(name.into(), MOST_PURPOSES);
        Ok(PurposeName(self.added(ENTRY + name.len(), added)? as u16))
    }

    /// The number of a purpose's name that was met before.
    pub(super) fn known_purpose(&self, name: &str) -> Option<PurposeName> {
        self.read().purposes.numbers.get(name).map(|number| PurposeName(*number as u16))
    }

    /// The name of a purpose.
    pub(super) fn purpose_name(&self, index: usize) -> Option<Arc<str>> {
        self.read().purposes.values.get(index).cloned()
    }

    /// The number of a list of vendors' names, in whatever order they come.
    pub(super) fn list<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<u32, NoRoom> {
        let mut tables = self.write();
        let mut size = ENTRY;
        let mut list: Vec<Arc<str>> = names
            .map(|name| match tables.vendors.get(name) {
                Some(known) => known.clone(),
                None => {
                    let name: Arc<str> = name.into();
                    size += ENTRY + name.len();
                    tables.vendors.insert(name.clone());
                    name
                }
            })
            .collect();
        list.sort();
        list.dedup();
        size += size_of_val(&*list);
        self.added(size, tables.lists.add(list.into(), MOST_LISTS))
    }

    /// Counts the memory of what was added, or was there before: then somebody else has counted it.
    fn added(&self, size: usize, added: Result<(u32, bool), NoRoom>) -> Result<u32, NoRoom> {
        let (number, is_new) = added?;
        if is_new {
            self.bytes.fetch_add(size, Ordering::Relaxed);
        }
        Ok(number)
    }

    /// About the memory that all of it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The names of a list, sorted.
    pub(super) fn vendors(&self, list: u32) -> Option<Arc<[Arc<str>]>> {
        self.read().lists.values.get(list as usize).cloned()
    }

    /// Everything as it stands.
    pub(super) fn all(&self) -> All {
        let tables = self.read();
        let (purposes, lists) = (tables.purposes.values.clone(), tables.lists.values.clone());
        All { purposes, lists, shapes: tables.shapes.values.clone() }
    }

    /// How many shapes, purposes and lists there are.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let tables = self.read();
        (tables.shapes.values.len(), tables.purposes.values.len(), tables.lists.values.len())
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

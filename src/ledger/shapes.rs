//! What rows have in common, kept once: everything but times, versions and people. Purposes, states, vendor lists and
//! places make few combinations however many subjects there are.
//!
//! Names are those of the records, not of a policy: a policy that is loaded later may name more of them.

use crate::event::Jurisdiction;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
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
}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Shape { parts, place, long_version, regressed } = self;
        parts.hash(state);
        (long_version, regressed).hash(state);
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
pub(super) struct Shapes(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    shapes: Interned<Shape>,
    purposes: Interned<str>,
    /// Sorted, each name once.
    lists: Interned<[Arc<str>]>,
    vendors: HashSet<Arc<str>>,
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
    fn add(&mut self, value: Arc<T>, most: usize) -> Result<u32, NoRoom> {
        if let Some(number) = self.numbers.get(&value) {
            return Ok(*number);
        }
        if self.values.len() >= most {
            return Err(NoRoom);
        }
        let number = self.values.len() as u32;
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        Ok(number)
    }
}

impl Shapes {
    /// The number of a shape; it is copied only where it is new.
    pub(super) fn shape(&self, shape: &Shape) -> Result<u32, NoRoom> {
        if let Some(number) = self.read().shapes.numbers.get(shape) {
            return Ok(*number);
        }
        self.write().shapes.add(Arc::new(shape.clone()), MOST_SHAPES)
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
        Ok(PurposeName(self.write().purposes.add(name.into(), MOST_PURPOSES)? as u16))
    }

    /// The name of a purpose.
    pub(super) fn purpose_name(&self, index: usize) -> Option<Arc<str>> {
        self.read().purposes.values.get(index).cloned()
    }

    /// The number of a list of vendors' names, in whatever order they come.
    pub(super) fn list<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<u32, NoRoom> {
        let mut tables = self.write();
        let mut list: Vec<Arc<str>> = names
            .map(|name| match tables.vendors.get(name) {
                Some(known) => known.clone(),
                None => {
                    let name: Arc<str> = name.into();
                    tables.vendors.insert(name.clone());
                    name
                }
            })
            .collect();
        list.sort();
        list.dedup();
        tables.lists.add(list.into(), MOST_LISTS)
    }

    /// The names of a list, sorted.
    pub(super) fn vendors(&self, list: u32) -> Option<Arc<[Arc<str>]>> {
        self.read().lists.values.get(list as usize).cloned()
    }

    /// How many shapes, purposes and lists there are.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let tables = self.read();
        (tables.shapes.values.len(), tables.purposes.values.len(), tables.lists.values.len())
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

//! The places of one record that a plan cares about, as a scan found them; `decode` fills it, `encode` reads it.

use super::{Capture, PathId};

/// Stands for "no mark".
pub const NO_MARK: u32 = u32::MAX;

/// What made a place worth a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path ends here.
    Path(PathId),
    /// A path ends at something that this member is a part of: its dotted name leads through it.
    Within(PathId),
    /// A path goes on below this node of the automaton, but the value is no object: a mismatch, for the sinks that
    /// have a rule further down.
    Interior(u16),
    /// The same for an element of an array that stands at the node itself: arrays are transparent, so the element
    /// stands there too. A path that goes on by position or wildcard has taken it already.
    Element(u16),
}

/// One reason for a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What.
    pub target: Target,
    /// Whether every step matched as spelled, without the dotted reading and without passing through an array.
    pub exact: bool,
}

/// One place, or a container on the way to one. Offsets are bytes of the record value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The mark of the container that holds it; [`NO_MARK`] for the document itself.
    pub parent: u32,
    /// The comma in front of the member or element; for the first, the byte behind the opening bracket.
    pub lead: u32,
    /// Where the member's name or the element begins.
    pub start: u32,
    /// Where the value begins.
    pub value: u32,
    /// The byte behind the value.
    pub end: u32,
    /// Its position among its siblings, unmarked ones counted.
    pub ordinal: u32,
    /// How many members or elements the value has.
    pub count: u32,
    /// The first of its hits.
    pub first_hit: u32,
    /// How many hits it has; none for a container that is only on the way.
    pub hits: u32,
    /// The next mark that is not inside this one.
    pub next: u32,
    /// An array that holds scalars only, and at least one.
    pub all_scalars: bool,
}

/// Everything found in one record. Marks stand in document order, containers before what they hold.
#[derive(Default)]
pub struct Places {
    /// The marks.
    pub marks: Vec<Mark>,
    /// The reasons of all marks.
    pub hits: Vec<Hit>,
    /// The control values.
    pub captures: Vec<Capture>,
}

impl Places {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.marks.clear();
        self.hits.clear();
        self.captures.clear();
    }

    /// The reasons of one mark.
    pub fn hits_of(&self, mark: &Mark) -> &[Hit] {
        &self.hits[mark.first_hit as usize..(mark.first_hit + mark.hits) as usize]
    }
}

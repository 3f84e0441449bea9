//! The places of one record that a plan cares about, as a scan found them; `decode` fills it, `encode` reads it.

use super::{Capture, PathId};
use std::ops::Range;

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
    /// A scalar in an array at which a path ends: what a transform that goes element by element transforms, and no other
    /// rule is about.
    Elementwise(PathId),
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
    /// The JSON text found in strings of the record.
    pub inner: Inner,
    /// Which elements of filtered arrays match.
    pub sifted: Sifted,
}

impl Places {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.marks.clear();
        self.hits.clear();
        self.captures.clear();
        self.inner.clear();
        self.sifted.clear();
    }

    /// The reasons of one mark.
    pub fn hits_of(&self, mark: &Mark) -> &[Hit] {
        &self.hits[mark.first_hit as usize..(mark.first_hit + mark.hits) as usize]
    }
}

/// Stands for the record itself among the owners of inner documents.
pub const RECORD: u32 = u32::MAX;

/// One string of the record that holds the JSON text of an object, read for the rules of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerDocument {
    /// The inner document that holds the string, by position; [`RECORD`] for the record itself.
    pub owner: u32,
    /// The string's mark there.
    pub mark: u32,
    /// The path of the owner whose rules are about the text.
    pub path: PathId,
    /// The decoded text, in [`Inner::text`].
    pub text: Range<usize>,
    /// Its marks, in [`Inner::marks`]; their offsets count from the start of the text.
    pub marks: Range<usize>,
    /// Its hits, in [`Inner::hits`].
    pub hits: Range<usize>,
}

/// The JSON text in strings of one record, all levels side by side: memory is bounded by the largest record, not by how
/// its strings lie in each other. Documents are in order of owner and mark, the record's own first.
#[derive(Default)]
pub struct Inner {
    /// The documents.
    pub documents: Vec<InnerDocument>,
    /// The decoded text of all of them.
    pub text: Vec<u8>,
    /// The marks of all of them.
    pub marks: Vec<Mark>,
    /// The reasons of all those marks.
    pub hits: Vec<Hit>,
}

impl Inner {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.documents.clear();
        self.text.clear();
        self.marks.clear();
        self.hits.clear();
    }

    /// The document at a mark of an owner, as read for one path.
    pub fn find(&self, owner: u32, mark: u32, path: PathId) -> Option<(u32, &InnerDocument)> {
        // The record's own documents come first, though `RECORD` is the greatest number.
        let place = |document: &InnerDocument| (document.owner.wrapping_add(1), document.mark);
        let wanted = (owner.wrapping_add(1), mark);
        let first = self.documents.partition_point(|document| place(document) < wanted);
        let here = self.documents[first..].iter().take_while(|document| place(document) == wanted);
        here.zip(first..).find(|(document, _)| document.path == path).map(|(document, position)| (position as u32, document))
    }
}

/// One array at a path with filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiftedArray {
    /// The document that holds it: an inner one, by position, or [`RECORD`].
    pub owner: u32,
    /// Its mark there.
    pub mark: u32,
    /// The path whose filters were asked.
    pub path: PathId,
    /// How many elements it has.
    pub elements: u32,
    /// Where the answers begin in [`Sifted::matches`]: those of the first condition for each element, then the second's.
    pub first: u32,
}

/// Which elements of a record's arrays match the filters that are about them. Arrays are in order of owner and mark, the
/// record's own first.
#[derive(Default)]
pub struct Sifted {
    /// The arrays.
    pub arrays: Vec<SiftedArray>,
    /// The answers.
    pub matches: Vec<bool>,
}

impl Sifted {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.arrays.clear();
        self.matches.clear();
    }

    /// Which elements of the array at a mark match one condition of a path: an answer an element.
    pub fn find(&self, owner: u32, mark: u32, path: PathId, condition: u16) -> Option<&[bool]> {
        let place = |array: &SiftedArray| (array.owner.wrapping_add(1), array.mark);
        let wanted = (owner.wrapping_add(1), mark);
        let first = self.arrays.partition_point(|array| place(array) < wanted);
        let mut here = self.arrays[first..].iter().take_while(|array| place(array) == wanted);
        let array = here.find(|array| array.path == path)?;
        let (count, first) = (array.elements as usize, array.first as usize);
        let from = first + count * usize::from(condition);
        self.matches.get(from..from + count)
    }
}

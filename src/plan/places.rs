//! All paths of one stream as one automaton over decoded, folded member names.

use crate::event::{Path, PathId, SlotId};

/// A node of the automaton.
pub type NodeId = u16;

/// A node that is active at some place, and whether every step to it matched exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The node.
    pub node: NodeId,
    /// False where a step matched folded, dotted or through an array.
    pub exact: bool,
}

/// A distinct member name of the stream's paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub u16);

/// Folds names as `scrub.md`, rule 3, says.
pub struct NameFolder;

/// The automaton.
pub struct PathIndex {}

impl PathIndex {
    /// Compiles the distinct paths of a stream, each with the slots that it fills; `PathId`s are positions
    /// in the list. `fold` is false under `match: exact`.
    pub fn build(_paths: Vec<(Path, Vec<SlotId>)>, _fold: bool) -> PathIndex {
        todo!()
    }

    /// How many paths there are.
    pub fn path_count(&self) -> usize {
        todo!()
    }

    /// How many nodes the automaton has.
    pub fn node_count(&self) -> usize {
        todo!()
    }

    /// One path.
    pub fn path(&self, _id: PathId) -> &Path {
        todo!()
    }

    /// By [`PathId`], the place of the path in the order of specificity; equal ranks tie.
    pub fn specificity(&self) -> Vec<u32> {
        todo!()
    }

    /// The nodes at which the path expects an object or array; not the root.
    pub fn interior_nodes(&self, _path: PathId) -> Vec<usize> {
        todo!()
    }

    /// Notes that some sink treats arrays of scalars at this path element by element.
    pub fn set_elementwise(&mut self, _path: PathId) {
        todo!()
    }
}

//! The distinct paths of one stream and the slots that they fill, while the plan is being made.

use super::conditions::OnElements;
use crate::event::{Path, PathId, Segment, Selector, SlotId};
use crate::plan::{Condition, Filters, PathIndex};
use std::collections::{BTreeMap, HashMap};

/// How many steps the paths of a stream may have together: nodes of the automaton are numbered with 16 bits, and a
/// step makes at most two of them.
const MOST_STEPS: usize = 30_000;

/// The paths of one stream, in order of first use.
#[derive(Default)]
pub(super) struct PathTable {
    paths: Vec<(Path, Vec<SlotId>)>,
    ids: HashMap<Path, PathId>,
    slots: usize,
    /// The slot of each path that a condition tests; tests of several sinks share it.
    tested: HashMap<PathId, SlotId>,
    /// By path: the paths inside the JSON text that stands there.
    inner: BTreeMap<PathId, PathTable>,
    /// By path: the filters for arrays that stand there.
    filters: BTreeMap<PathId, FilterTable>,
    /// More rules reach into JSON text than are laid out.
    pub(super) crowded: bool,
    /// Some value is read from a record header instead.
    has_headers: bool,
}

/// The filters for the arrays at one path.
#[derive(Default)]
struct FilterTable {
    /// What they test, from the element on.
    paths: PathTable,
    conditions: Vec<Condition>,
}

impl PathTable {
    /// The id of a path, made at need.
    pub(super) fn intern(&mut self, path: &Path) -> PathId {
        if let Some(known) = self.ids.get(path) {
            return *known;
        }
        let id = PathId(narrow(self.paths.len()));
        self.paths.push((path.clone(), Vec::new()));
        self.ids.insert(path.clone(), id);
        id
    }

    /// Notes that a control value stands in a record header.
    pub(super) fn note_header(&mut self) {
        self.has_headers = true;
    }

    /// Whether some control value stands in a record header.
    pub(super) fn has_headers(&self) -> bool {
        self.has_headers
    }

    /// A new slot that the path fills.
    pub(super) fn slot(&mut self, path: &Path) -> SlotId {
        let id = self.intern(path);
        let slot = SlotId(narrow(self.slots));
        self.slots += 1;
        if let Some((_, slots)) = self.paths.get_mut(id.index()) {
            slots.push(slot);
        }
        slot
    }

    /// The slot for tests on the path.
    pub(super) fn test_slot(&mut self, path: &Path) -> SlotId {
        let id = self.intern(path);
        if let Some(slot) = self.tested.get(&id) {
            return *slot;
        }
        let slot = self.slot(path);
        self.tested.insert(id, slot);
        slot
    }

    /// By slot, the paths that conditions test; for a table that has no other slots.
    pub(super) fn tested(&self) -> Vec<Path> {
        let mut tested: Vec<(SlotId, Path)> = self.tested.iter().map(|(id, slot)| (*slot, self.path(*id).clone())).collect();
        tested.sort_by_key(|(slot, _)| *slot);
        tested.into_iter().map(|(_, path)| path).collect()
    }

    /// The position of a filter among those for the arrays at a path; those of several sinks that ask alike are one.
    pub(super) fn filter(&mut self, id: PathId, filter: &OnElements) -> u16 {
        // The elements are places of the plan too: whatever stays or goes is marked.
        self.intern(&elements_of(self.path(id)));
        let FilterTable { paths, conditions } = self.filters.entry(id).or_default();
        let condition = filter.within(paths);
        let known = conditions.iter().position(|known| *known == condition);
        narrow(known.unwrap_or_else(|| {
            conditions.push(condition);
            conditions.len() - 1
        }))
    }

    /// The paths inside the JSON text at a path, made at need.
    pub(super) fn inner(&mut self, id: PathId) -> &mut PathTable {
        self.inner.entry(id).or_default()
    }

    /// One path.
    pub(super) fn path(&self, id: PathId) -> &Path {
        &self.paths[id.index()].0
    }

    /// How many slots there are.
    pub(super) fn slot_count(&self) -> u16 {
        narrow(self.slots)
    }

    /// Whether the stream has more paths than a plan can number.
    pub(super) fn overflows(&self) -> bool {
        let steps: usize = self.paths.iter().map(|(path, _)| path.segments().len()).sum();
        let too_many = steps > MOST_STEPS || self.paths.len() > MOST_STEPS || self.slots > MOST_STEPS;
        let within = self.inner.values().chain(self.filters.values().map(|filters| &filters.paths));
        too_many || self.crowded || within.into_iter().any(PathTable::overflows)
    }

    /// All paths as one automaton, with those inside JSON text; positions are [`PathId`]s.
    pub(super) fn into_index(self, folds: bool) -> PathIndex {
        let mut index = PathIndex::build(self.paths, folds);
        for (path, inner) in self.inner {
            index.set_inner(path, inner.into_index(folds));
        }
        for (path, FilterTable { paths, conditions }) in self.filters {
            index.set_filters(path, Filters { index: paths.into_index(folds), conditions });
        }
        index
    }
}

/// The path of each element of the arrays at a path.
pub(super) fn elements_of(path: &Path) -> Path {
    let element = Segment { descendant: false, selector: Selector::Wildcard };
    Path::from_segments(path.segments().iter().cloned().chain([element]).collect())
}

/// Ids beyond the limit stay at it: [`PathTable::overflows`] then refuses the policy.
fn narrow(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

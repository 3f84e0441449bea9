//! Which nodes of the automaton are active where: sets of nodes on a stack, and the steps from a container to what it holds.

use super::names::Traits;
use crate::event::PathId;
use crate::plan::{NameId, NameStart, NodeId, PathIndex, ROOT, fold};
use std::ops::Range;

/// A node of the automaton that is active at some place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Active {
    pub(super) node: NodeId,
    /// Every step matched as spelled, without the dotted reading and without passing through an array.
    pub(super) exact: bool,
    /// Carried from an array to its elements: arrays are transparent, but a path that ends at the array does not end
    /// again at each element.
    pub(super) carried: bool,
    /// For carried nodes: whether the array itself was met exactly.
    pub(super) array_exact: bool,
    /// A wildcard met this member, among all the others: the path may go on here, and if it cannot, that is no mismatch.
    pub(super) perhaps: bool,
}

impl Active {
    /// A node to which a step led.
    fn at(node: NodeId, exact: bool) -> Active {
        Active { node, exact, carried: false, array_exact: false, perhaps: false }
    }
}

/// A stretch of the active nodes' stack; the persistent ones stand first. Two words, which the processor carries in
/// registers: three fields of four bytes, written one by one and read together, cost more than a step.
#[derive(Clone, Copy, Default)]
pub(super) struct Set {
    start: u32,
    /// Where the persistent nodes end, in the high half, and where all end.
    ends: u64,
}

impl Set {
    /// From `start` to `end`, of which those before `own` are persistent.
    #[inline(always)]
    fn new(start: usize, own: usize, end: usize) -> Set {
        Set { start: start as u32, ends: (own as u64) << 32 | end as u64 }
    }

    #[inline(always)]
    fn end_of_persistent(self) -> u32 {
        (self.ends >> 32) as u32
    }

    #[inline(always)]
    fn end(self) -> u32 {
        self.ends as u32
    }

    /// No node at all: nothing below is met either.
    #[inline(always)]
    pub(super) fn is_empty(self) -> bool {
        self.start == self.end()
    }

    /// Nothing but `..` nodes: no path ends or goes on here.
    #[inline(always)]
    pub(super) fn is_bare(self) -> bool {
        self.end_of_persistent() == self.end()
    }

    #[inline(always)]
    pub(super) fn bare(self) -> Set {
        let own = self.end_of_persistent();
        Set { ends: u64::from(own) << 32 | u64::from(own), ..self }
    }

    /// All of it on the stack.
    fn range(self) -> Range<usize> {
        self.start as usize..self.end() as usize
    }

    /// Its `..` nodes.
    fn persistent(self) -> Range<usize> {
        self.start as usize..self.end_of_persistent() as usize
    }

    /// The others.
    pub(super) fn own(self) -> Range<usize> {
        self.end_of_persistent() as usize..self.end() as usize
    }
}

/// A member name that may mean one of the policy's.
pub(super) struct Name<'a> {
    pub(super) decoded: &'a [u8],
    pub(super) start: NameStart,
    pub(super) traits: Traits,
}

/// The stack of active nodes with the buffers of a step.
#[derive(Default)]
pub(super) struct Sets {
    active: Vec<Active>,
    fresh: Vec<Active>,
    parts: Parts,
    /// The paths that end at something which the current member is a part of, by its dotted name.
    pub(super) within: Vec<PathId>,
    work: String,
    part: String,
}

impl Sets {
    /// Forgets the last record; answers with the set of the whole document.
    pub(super) fn start(&mut self, index: &PathIndex) -> Set {
        self.active.clear();
        self.within.clear();
        let descend = index.node(ROOT).descend;
        if let Some(node) = descend {
            self.active.push(Active::at(node, true));
        }
        self.active.push(Active::at(ROOT, true));
        Set::new(0, usize::from(descend.is_some()), self.active.len())
    }

    /// Where the stack ends.
    pub(super) fn top(&self) -> usize {
        self.active.len()
    }

    /// Forgets the sets behind `top`, and what the last member's name led into.
    #[inline]
    pub(super) fn truncate(&mut self, top: usize) {
        self.active.truncate(top);
    }

    /// The nodes of a set that are no `..` nodes.
    #[inline]
    pub(super) fn own(&self, set: Set) -> &[Active] {
        &self.active[set.own()]
    }

    /// What a set holds, and how many of it are `..` nodes.
    pub(super) fn content(&self, set: Set) -> (&[Active], usize) {
        (&self.active[set.range()], set.persistent().len())
    }

    /// Puts a set on the stack that had that content before; an empty one is the parent's `..` nodes.
    #[inline(always)]
    pub(super) fn recall(&mut self, parent: Set, (content, persistent): (&[Active], usize)) -> Set {
        if content.is_empty() {
            return parent.bare();
        }
        let start = self.active.len();
        self.active.extend_from_slice(content);
        Set::new(start, start + persistent, self.active.len())
    }

    /// One step of the automaton by a member name that may be one of the policy's.
    pub(super) fn member(&mut self, index: &PathIndex, parent: Set, name: &Name<'_>) -> Set {
        if name.traits == Traits::default() && !index.has_wildcards() {
            return self.plain_member(index, parent, name);
        }
        let Sets { active, fresh, parts, within, work, part } = self;
        let Name { decoded, start, traits } = *name;
        fresh.clear();
        let from = &active[parent.range()];
        let mut spelled = decoded;
        if traits.beyond_ascii {
            work.clear();
            fold::fold_confusable(std::str::from_utf8(decoded).unwrap_or_default(), work);
            step_by(index, from, name, index.names().find_folded(work), fresh);
            if index.names().folds() {
                // What looks like a dot or a slash may be read as one.
                spelled = work.as_bytes();
            }
        } else {
            let found = index.names().find_started(decoded, start);
            step_by(index, from, name, found.names, fresh);
        }
        if traits.segmented || (traits.beyond_ascii && (spelled.first() == Some(&b'/') || spelled.contains(&b'.'))) {
            let segmented = Segmented { index, from, name: spelled, beyond_ascii: traits.beyond_ascii };
            segmented.step(parts, part, within, fresh);
        }
        if fresh.is_empty() { parent.bare() } else { self.push(index, parent) }
    }

    /// The same for most names: nothing but the spelling to be compared.
    fn plain_member(&mut self, index: &PathIndex, parent: Set, name: &Name<'_>) -> Set {
        let found = index.names().find_started(name.decoded, name.start);
        let from = &self.active[parent.range()];
        if let ([id], [place]) = (found.names, from)
            && parent.persistent().is_empty()
        {
            // One name at one node: nothing to merge with.
            let Some(next) = index.node(place.node).member(*id) else { return parent.bare() };
            if !(found.first_is_exact || index.names().folds()) {
                return parent.bare();
            }
            if index.node(next).descend.is_none() {
                let start = self.active.len();
                let exact = place.exact && found.first_is_exact;
                self.active.push(Active::at(next, exact));
                return Set::new(start, start, start + 1);
            }
        }
        self.fresh.clear();
        step_by(index, from, name, found.names, &mut self.fresh);
        if self.fresh.is_empty() { parent.bare() } else { self.push(index, parent) }
    }

    /// The set of an array's elements, or of the one at `ordinal`: what is active at the array, carried; and what `[*]` and
    /// `[n]` lead to.
    pub(super) fn element(&mut self, index: &PathIndex, set: Set, ordinal: Option<u32>) -> Set {
        let Sets { active, fresh, .. } = self;
        fresh.clear();
        for (position, place) in active[set.range()].iter().enumerate() {
            let node = index.node(place.node);
            if position >= set.persistent().len() {
                let array_exact = if place.carried { place.array_exact } else { place.exact };
                add(fresh, Active { node: place.node, exact: false, carried: true, array_exact, perhaps: place.perhaps });
            }
            let stepped = [node.wildcard, ordinal.and_then(|ordinal| node.element(ordinal))];
            for next in stepped.into_iter().flatten() {
                // `..[*]` meets elements everywhere: like a wildcard among members, it expects nothing of each.
                add(fresh, Active { perhaps: node.persistent, ..Active::at(next, place.exact) });
            }
        }
        self.push(index, set)
    }

    /// Whether some element of an array has a step of its own.
    pub(super) fn tells_elements_apart(&self, index: &PathIndex, set: Set) -> bool {
        self.active[set.range()].iter().any(|place| index.node(place.node).has_elements())
    }

    /// Puts the fresh nodes on the stack as a set, behind the persistent nodes of the parent and their own.
    fn push(&mut self, index: &PathIndex, parent: Set) -> Set {
        let Sets { active, fresh, .. } = self;
        let start = active.len();
        active.extend_from_within(parent.persistent());
        for place in fresh.iter() {
            if let Some(node) = index.node(place.node).descend {
                let exact = place.exact;
                match active[start..].iter_mut().find(|known| known.node == node) {
                    Some(known) => known.exact |= exact,
                    None => active.push(Active::at(node, exact)),
                }
            }
        }
        let own = active.len();
        active.extend_from_slice(fresh);
        Set::new(start, own, active.len())
    }
}
/// Adds a node to a set unless it is there; of two ways to one node the exact one counts.
#[inline(always)]
fn add(set: &mut Vec<Active>, place: Active) {
    match set.iter_mut().find(|known| known.node == place.node && known.carried == place.carried) {
        Some(known) => {
            known.exact |= place.exact;
            known.array_exact |= place.array_exact;
            known.perhaps &= place.perhaps;
        }
        None => set.push(place),
    }
}

/// Steps by a name that was found among the policy's, and by wildcards.
fn step_by(index: &PathIndex, from: &[Active], name: &Name<'_>, found: &[NameId], out: &mut Vec<Active>) {
    for id in found {
        let Some(matched) = index.names().compare_started(*id, name.decoded, name.start) else { continue };
        for place in from {
            if let Some(next) = index.node(place.node).member(*id) {
                add(out, Active::at(next, place.exact && matched.exact));
            }
        }
    }
    if index.has_wildcards() {
        for place in from {
            if let Some(next) = index.node(place.node).wildcard {
                add(out, Active { perhaps: true, ..Active::at(next, place.exact) });
            }
        }
    }
}

/// A dotted name, or one that begins with a slash, which also counts as its parts.
struct Segmented<'a> {
    index: &'a PathIndex,
    from: &'a [Active],
    name: &'a [u8],
    beyond_ascii: bool,
}

/// What one part is to the plan.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Part {
    /// The first of the policy's names that it means.
    name: Option<NameId>,
    /// Only digits.
    is_position: bool,
}

/// The sets that the parts of a name lead through. Each step is worked out once: what is long repeats itself.
#[derive(Default)]
struct Parts {
    places: Vec<Active>,
    /// Where each set stands. From the last, if there are too many, no step is known, and none to it.
    sets: Vec<Range<usize>>,
    /// From which set which part leads to which.
    steps: Vec<(usize, Part, usize)>,
    next: Vec<Active>,
}

/// So many sets and steps of one name are known at most.
const MOST_SETS: usize = 16;
const MOST_STEPS: usize = 32;

impl Parts {
    fn begin(&mut self, from: &[Active]) {
        let Parts { places, sets, steps, next: _ } = self;
        places.clear();
        places.extend_from_slice(from);
        sets.clear();
        sets.push(0..from.len());
        steps.clear();
    }

    fn known(&self, from: usize, part: Part) -> Option<usize> {
        let step = self.steps.iter().find(|(known, by, _)| *known == from && *by == part);
        step.map(|(_, _, to)| *to)
    }

    /// Keeps the set that a part led to, and the step if there is room; answers with the set's number.
    fn keep(&mut self, from: usize, part: Part) -> usize {
        let Parts { places, sets, steps, next } = self;
        let has_room = from < MOST_SETS && steps.len() < MOST_STEPS;
        let known = if has_room { sets.iter().position(|set| places[set.clone()] == next[..]) } else { None };
        let to = known.unwrap_or_else(|| {
            if sets.len() > MOST_SETS {
                places.truncate(sets.pop().map_or(0, |last| last.start));
            }
            sets.push(places.len()..places.len() + next.len());
            places.extend_from_slice(next);
            sets.len() - 1
        });
        if has_room && to < MOST_SETS {
            steps.push((from, part, to));
        }
        to
    }
}

impl Segmented<'_> {
    /// Steps by the parts; never exact. Paths that end before the last part are noted in `within`.
    fn step(&self, parts: &mut Parts, work: &mut String, within: &mut Vec<PathId>, out: &mut Vec<Active>) {
        let is_slashed = self.name.starts_with(b"/");
        if is_slashed {
            self.split(|byte| byte == b'/', parts, work, within, out);
        }
        if self.name.contains(&b'.') {
            self.split(|byte| byte == b'.' || is_slashed && byte == b'/', parts, work, within, out);
        }
    }

    fn split(
        &self,
        separates: impl Fn(u8) -> bool,
        known: &mut Parts,
        work: &mut String,
        within: &mut Vec<PathId>,
        out: &mut Vec<Active>,
    ) {
        known.begin(self.from);
        let mut at = 0;
        let parts = self.name.split(|byte| separates(*byte));
        let mut parts = parts.filter(|part| !part.is_empty()).peekable();
        while let Some(text) = parts.next() {
            let names = self.names(text, work);
            let part = Part { name: names.first().copied(), is_position: text.iter().all(u8::is_ascii_digit) };
            let is_last = parts.peek().is_none();
            if !is_last && let Some(to) = known.known(at, part) {
                at = to;
                continue;
            }
            let Parts { places, sets, next, .. } = &mut *known;
            next.clear();
            let stepped = self.step_part(part, names, &places[sets[at].clone()], next);
            if is_last {
                return self.settle(next, out);
            }
            note_ends(self.index, next, stepped, within);
            at = known.keep(at, part);
        }
        // Nothing but separators.
        self.settle(self.from, out);
    }

    /// Notes where the last part led to.
    fn settle(&self, last: &[Active], out: &mut Vec<Active>) {
        // What only digits led to is the container itself, not something in it.
        let moved = |place: &&Active| !place.carried || self.from.iter().all(|origin| origin.node != place.node);
        for place in last.iter().filter(|place| !self.index.node(place.node).persistent).filter(moved) {
            add(out, Active { exact: false, ..*place });
        }
    }

    /// The names of the policy that a part means.
    #[inline(always)]
    fn names(&self, part: &[u8], work: &mut String) -> &[NameId] {
        let names = self.index.names();
        let found = if names.is_empty() {
            &[]
        } else if self.beyond_ascii {
            // A separator is a whole letter, so that what is between two of them is text.
            let text = std::str::from_utf8(part).unwrap_or_default();
            if names.folds() {
                // It is a part of what was folded already.
                names.find_folded(text)
            } else {
                work.clear();
                fold::fold_confusable(text, work);
                names.find_folded(work)
            }
        } else {
            names.find_ascii(part).names
        };
        if names.folds() {
            return found;
        }
        // As it is spelled it is one of them at most.
        let spelled = found.iter().position(|id| names.compare(*id, part).is_some());
        spelled.map_or(&[], |one| &found[one..=one])
    }

    /// `names` are those of the policy that the part means. Answers with how many places they led to, which come first.
    fn step_part(&self, part: Part, names: &[NameId], from: &[Active], next: &mut Vec<Active>) -> usize {
        let index = self.index;
        for place in from {
            for reached in names.iter().filter_map(|id| index.node(place.node).member(*id)) {
                add(next, Active::at(reached, false));
            }
        }
        let stepped = next.len();
        for place in from {
            let node = index.node(place.node);
            if node.persistent {
                add(next, *place);
            } else if part.is_position {
                // Arrays are transparent.
                add(next, Active { exact: false, carried: true, ..*place });
            }
            if let Some(wildcard) = node.wildcard {
                add(next, Active { perhaps: true, ..Active::at(wildcard, false) });
            }
        }
        open_descents(index, next, stepped);
        stepped
    }
}

/// Whether a part of a name led there, and it was not there before: the first ones, and what wildcards meet.
fn is_new(position: usize, place: &Active, stepped: usize) -> bool {
    position < stepped || place.perhaps && !place.carried
}

/// Notes the paths that end at the places to which a part of a name led.
#[inline(always)]
fn note_ends(index: &PathIndex, places: &[Active], stepped: usize, within: &mut Vec<PathId>) {
    for (_, place) in places.iter().enumerate().filter(|(position, place)| is_new(*position, place, stepped)) {
        if let Some(path) = index.node(place.node).terminal
            && !within.contains(&path)
        {
            within.push(path);
        }
    }
}

/// Adds the `..` nodes that become active together with what a part of a name led to; those of all others are there already.
#[inline(always)]
fn open_descents(index: &PathIndex, set: &mut Vec<Active>, stepped: usize) {
    for position in 0..set.len() {
        if is_new(position, &set[position], stepped)
            && let Some(node) = index.node(set[position].node).descend
        {
            add(set, Active::at(node, false));
        }
    }
}

//! The scan: one iterative pass that checks the whole document and marks the places of the plan's paths.

use super::names::{Look, Names, Traits};
use super::sets::{Name, Set, Sets};
use super::shapes::{self, Shapes, StepId, Under, Way};
use super::skip::Skipper;
use super::stretches::{StretchId, Walked};
use super::structure::{Path, Structure};
use super::walk::{NAME_POSITIONS, Next, Scalar, Walk, close_of, malformed};
use crate::decode::{Limits, Refusal};
use crate::event::json::Kind;
use crate::event::{Capture, Hit, Mark, NO_MARK, Places, SlotId, Target};
use crate::outcome::Reason;
use crate::plan::{Duplicates, NameHash, PathIndex};
use std::ops::Range;

/// Where a value stands among its siblings.
#[derive(Clone, Copy, Default)]
struct Site {
    lead: u32,
    start: u32,
    ordinal: u32,
}

/// An open container.
struct Frame {
    /// The bracket that ends it.
    close: u8,
    site: Site,
    value: usize,
    set: Set,
    /// Where the active nodes' stack ends while this container is innermost.
    top: usize,
    /// The set of every element, where no element has a step of its own.
    elements: Option<Set>,
    mark: u32,
    /// Those that end with it.
    captures: Range<usize>,
    /// The members of an object.
    way: Way,
    /// Where the ways of objects in an array begin.
    beneath: StepId,
    count: u32,
    all_scalars: bool,
    on_path: bool,
}

impl Frame {
    #[inline(always)]
    fn is_object(&self) -> bool {
        self.close == b'}'
    }
}

/// The scanner with its buffers, reused from record to record.
pub struct Scanner {
    limits: Limits,
    structure: Structure,
    work: Work,
}

/// The buffers of the walk.
struct Work {
    names: Names,
    sets: Sets,
    shapes: Shapes,
    frames: Vec<Frame>,
    skipper: Skipper,
}

impl Scanner {
    /// A scanner with empty buffers.
    pub fn new(limits: Limits) -> Scanner {
        let (sets, shapes, skipper) = Default::default();
        let work = Work { names: Names::new(), sets, shapes, frames: Vec::new(), skipper };
        Scanner { limits, structure: Structure::new(), work }
    }

    /// Reads the structure in another way than the best that the processor has; for tests and benches, which compare.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Scanner {
        self.structure.set_path(path);
        self
    }

    /// A record begins: all scans up to the next call are of it, or of what stands in it. Without a call nothing is
    /// remembered.
    pub fn begin_record(&mut self) {
        self.work.shapes.begin_record();
    }

    #[cfg(test)]
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    #[cfg(test)]
    pub(super) fn shapes(&self) -> &Shapes {
        &self.work.shapes
    }

    /// Remembers nothing of one record for the next; for tests, which compare.
    #[must_use]
    pub fn without_memory(mut self) -> Scanner {
        self.work.shapes.turn_off();
        self
    }

    /// Checks that `input` is exactly one JSON document within the limits and marks the places of the index.
    /// `places` is cleared first; on a refusal its content means nothing.
    pub fn scan(&mut self, input: &[u8], index: &PathIndex, duplicates: Duplicates, places: &mut Places) -> Result<(), Refusal> {
        let Scanner { limits, structure, work } = self;
        places.clear();
        work.names.clear();
        work.frames.clear();
        work.shapes.stretches.begin_document();
        if input.len() > limits.record_bytes.min(u32::MAX as usize) {
            return Err(Refusal { reason: Reason::LimitExceeded, at: limits.record_bytes });
        }
        structure.read(input).map_err(malformed)?;
        let walk = Walk::new(input, structure, *limits);
        let walked = Run { walk, index, duplicates, work, places, touched: 0 }.document();
        match (structure.fault(), walked) {
            // What comes first in the record is what is wrong with it.
            (Some(fault), Err(refusal)) if refusal.at < fault => Err(refusal),
            (Some(fault), _) => Err(malformed(fault)),
            (None, walked) => walked,
        }
    }
}

/// One scan.
struct Run<'a> {
    walk: Walk<'a>,
    index: &'a PathIndex,
    duplicates: Duplicates,
    work: &'a mut Work,
    places: &'a mut Places,
    touched: usize,
}

impl Run<'_> {
    fn document(mut self) -> Result<(), Refusal> {
        let mut next = self.walk.next();
        let mut lead = next.at();
        'values: loop {
            // A value comes next: the document itself, or a child of the innermost container; or many that are known.
            if self.stretch() {
                next = self.walk.next();
            } else {
                let (site, set, value, under) = self.child(lead, next)?;
                let bracket = value.byte();
                if !matches!(bracket, b'{' | b'[') {
                    next = self.scalar(value, site, set)?;
                } else if set.is_empty() && self.work.sets.within.is_empty() {
                    self.walk.pass(value);
                    self.skip(under)?;
                    next = self.walk.next();
                } else {
                    self.open(value.at(), site, set, bracket, under)?;
                    lead = value.at() + 1;
                    self.walk.pass(value.behind(1));
                    next = self.walk.next();
                    if next.byte() != close_of(bracket) {
                        continue 'values;
                    }
                }
            }
            // Behind a whole value: the next one, or the end of what it stands in.
            loop {
                let (at, byte) = (next.at(), next.byte());
                let Some(frame) = self.work.frames.last() else {
                    return if byte == 0 && at == self.walk.input.len() { Ok(()) } else { Err(malformed(at)) };
                };
                self.work.sets.truncate(frame.top);
                let closes = byte == frame.close;
                if !closes && byte != b',' {
                    return Err(malformed(at));
                }
                if closes {
                    self.close(at, self.walk.passed_before(next))?;
                }
                self.walk.pass(next.behind(1));
                next = self.walk.next();
                if !closes {
                    lead = at;
                    continue 'values;
                }
            }
        }
    }

    /// Passes the members that are known together to come next in the innermost object, if they do, up to behind the last
    /// one's value.
    #[inline(always)]
    fn stretch(&mut self) -> bool {
        let Work { shapes, frames, .. } = &*self.work;
        let Some(step) = frames.last().map(|frame| frame.way.at).filter(|step| *step != shapes::NONE) else { return false };
        match shapes.stretch(step) {
            Some(stretch) => self.follow(stretch),
            None => {
                if shapes.may_draft(step) {
                    self.work.shapes.stretches.draft(step, self.work.frames.len(), &self.walk, self.places);
                }
                false
            }
        }
    }

    fn follow(&mut self, stretch: StretchId) -> bool {
        let Some(end) = self.work.shapes.stretches.follow(stretch, &self.walk).copied() else { return false };
        let touched = self.touched + end.touched as usize;
        if touched > self.walk.limits.touched {
            return false;
        }
        self.touched = touched;
        if end.has_marks() {
            let parent = self.mark_ancestors();
            self.work.shapes.stretches.put(stretch, &end, &self.walk, parent, self.places);
        }
        if let Some(frame) = self.work.frames.last_mut() {
            frame.way.at = end.step;
            frame.count += end.members;
        }
        self.walk.pass_all(end.at);
        true
    }

    /// Takes stretches from the objects inside `depth` containers in which they began, the innermost first: of the positions
    /// before `until`, where the innermost closes or does not.
    #[cold]
    fn end_drafts(&mut self, depth: usize, until: usize, closes: bool) {
        let Run { walk, work: Work { shapes, frames, .. }, places, .. } = self;
        while let Some(draft) = shapes.stretches.end_inside(depth) {
            let Some((frame, around)) = frames.get(..draft.depth).and_then(<[Frame]>::split_last) else { continue };
            let is_new = |mark: u32| mark != NO_MARK && mark as usize >= draft.marks;
            let marked = around.iter().chain([frame]).filter(|frame| is_new(frame.mark)).count();
            shapes.take(draft, &frame.way, &Walked { walk, places, marked, until, closes });
        }
    }

    /// Reads a value that is no container.
    #[inline(always)]
    fn scalar<'n>(&mut self, next: Next<'n>, site: Site, set: Set) -> Result<Next<'n>, Refusal> {
        let Scalar { kind, end, positions } = self.walk.scalar(next)?;
        if self.is_met(set) {
            let first = self.places.captures.len();
            let mark = self.meet(kind, next.at(), site, set)?;
            if mark != NO_MARK {
                self.places.marks[mark as usize].end = end as u32;
                self.places.marks[mark as usize].next = mark + 1;
            }
            end_captures(&mut self.places.captures[first..], end);
        }
        Ok(next.behind(positions))
    }

    /// Checks a container in which no path ends or goes on.
    #[inline(never)]
    fn skip(&mut self, under: Under) -> Result<(), Refusal> {
        let Work { names, shapes, frames, skipper, .. } = &mut *self.work;
        let depth = frames.len();
        let on_path = frames.last_mut().is_some_and(|parent| {
            parent.all_scalars = false;
            parent.on_path
        });
        let counts = self.duplicates == Duplicates::Quarantine || on_path;
        let passed = self.walk.passed();
        skipper.skip(names, shapes, &mut self.walk, depth, counts, under)?;
        if self.work.shapes.stretches.is_drafting_inside(0) && self.walk.between(passed..self.walk.passed()).0.contains(&b'[') {
            self.end_drafts(0, self.walk.passed(), false);
        }
        Ok(())
    }

    #[inline(never)]
    fn open(&mut self, at: usize, site: Site, set: Set, bracket: u8, under: Under) -> Result<(), Refusal> {
        if self.work.frames.len() >= self.walk.limits.depth {
            return Err(Refusal { reason: Reason::LimitExceeded, at });
        }
        let object = bracket == b'{';
        if !object && self.work.shapes.stretches.is_drafting_inside(0) {
            self.end_drafts(0, self.walk.passed(), false);
        }
        let kind = if object { Kind::Object } else { Kind::Array };
        let first = self.places.captures.len();
        let mark = if self.is_met(set) { self.meet(kind, at, site, set)? } else { NO_MARK };
        let captures = first..self.places.captures.len();
        let Work { names, sets, shapes, frames, .. } = &mut *self.work;
        let on_path = frames.last().is_some_and(|frame| frame.on_path) || (!set.is_bare() && !frames.is_empty());
        let elements = (!object && !sets.tells_elements_apart(self.index, set))
            .then(|| if set.is_empty() { set } else { sets.element(self.index, set, None) });
        let beneath = if elements.is_some() { shapes.elements(under) } else { shapes::NONE };
        let way = if object { shapes.object(under) } else { shapes::NONE };
        frames.push(Frame {
            close: close_of(bracket),
            site,
            value: at,
            set,
            top: sets.top(),
            elements,
            mark,
            captures,
            way: Way::new(way, names.open()),
            beneath,
            count: 0,
            all_scalars: true,
            on_path,
        });
        Ok(())
    }

    /// Whether some path ends or goes on at the value about to be read.
    #[inline]
    fn is_met(&self, set: Set) -> bool {
        !set.is_bare() || !self.work.sets.within.is_empty()
    }

    /// Closes the innermost container, whose bracket is at `at`, so many positions after the first.
    #[inline(never)]
    fn close(&mut self, at: usize, passed: usize) -> Result<(), Refusal> {
        let around = self.work.frames.len().saturating_sub(1);
        if self.work.shapes.stretches.is_drafting_inside(around) {
            self.end_drafts(around, passed, true);
        }
        let Some(frame) = self.work.frames.pop() else {
            return Err(malformed(at));
        };
        if frame.is_object() && frame.way.at == shapes::NONE {
            self.check_names(&frame, at)?;
        }
        let end = at + 1;
        if frame.mark != NO_MARK {
            let next = self.places.marks.len() as u32;
            let mark = &mut self.places.marks[frame.mark as usize];
            mark.end = end as u32;
            mark.count = frame.count;
            mark.next = next;
            mark.all_scalars = !frame.is_object() && frame.all_scalars && frame.count > 0;
        }
        end_captures(&mut self.places.captures[frame.captures], end);
        if let Some(parent) = self.work.frames.last_mut() {
            parent.all_scalars = false;
        }
        Ok(())
    }

    /// Checks that the names of an object differ which did not go a known way; next time it may be one.
    fn check_names(&mut self, frame: &Frame, at: usize) -> Result<(), Refusal> {
        let Run { walk, index, work: Work { names, sets, shapes, .. }, .. } = self;
        shapes.note(&frame.way, names);
        if names.close(walk.input, frame.way.names) {
            return Err(malformed(at));
        }
        shapes.learn(&frame.way, walk.input, |name, content| {
            let look = names.look_long(name);
            sets.within.clear();
            let set = step(sets, index, frame.set, look, name);
            let (nodes, persistent) = if set.is_bare() { (&[][..], 0) } else { sets.content(set) };
            let has_room = nodes.len() <= content.capacity() - content.len();
            let persistent = (look.is_plain && sets.within.is_empty() && has_room).then(|| {
                content.extend_from_slice(nodes);
                persistent
            });
            sets.truncate(frame.top);
            persistent
        });
        Ok(())
    }

    /// The document, or the next child of the innermost container that may be something to the plan; goes on to its value.
    /// Members before it whose names mean nothing and whose values are scalars are passed at once.
    #[inline(always)]
    fn child<'n>(&mut self, mut lead: usize, mut next: Next<'n>) -> Result<(Site, Set, Next<'n>, Under), Refusal>
    where
        Self: 'n,
    {
        let Run { walk, index, duplicates, work: Work { names, sets, shapes, frames, .. }, .. } = self;
        let Some(frame) = frames.last_mut() else {
            let start = next.at() as u32;
            let is_strict = *duplicates == Duplicates::Quarantine;
            let way = if is_strict { shapes.begin(index) } else { shapes::NONE };
            return Ok((Site { lead: start, start, ordinal: 0 }, sets.start(index), next, Under::Way(way)));
        };
        sets.within.clear();
        if !frame.is_object() {
            let ordinal = frame.count;
            frame.count += 1;
            let site = Site { lead: lead as u32, start: next.at() as u32, ordinal };
            let set = frame.elements.unwrap_or_else(|| sets.element(index, frame.set, Some(ordinal)));
            return Ok((site, set, next, Under::Way(frame.beneath)));
        }
        let counts = *duplicates == Duplicates::Quarantine || frame.on_path;
        loop {
            let start = next.at();
            let ordinal = frame.count;
            frame.count += 1;
            if frame.count as usize > walk.limits.members {
                return Err(Refusal { reason: Reason::LimitExceeded, at: start });
            }
            let name = walk.name(next);
            let known = name.map_or(shapes::NONE, |(start, close)| shapes.expected(frame.way.at, walk.input, start, close));
            let set = if known != shapes::NONE {
                frame.way.at = known;
                sets.recall(frame.set, shapes.set(known))
            } else {
                if frame.way.at != shapes::NONE {
                    shapes.leave(&mut frame.way, names);
                }
                let member = walk.member(next, names)?;
                let set = step(sets, index, frame.set, member.look, member.decoded(walk.input, names));
                names.add(&mut frame.way.names, member.entry(counts || !set.is_bare()));
                set
            };
            let value = next.behind(NAME_POSITIONS);
            if !(set.is_bare() && sets.within.is_empty() && walk.pass_scalar_and_comma(value)?) {
                let site = Site { lead: lead as u32, start: start as u32, ordinal };
                return Ok((site, set, value, Under::Member(known)));
            }
            lead = walk.last();
            next = walk.next();
        }
    }

    // ---- marks ----------------------------------------------------------------------------------------------

    /// Marks the value if a path ends at it, or goes on below where it is no object; and notes it for every slot whose path
    /// ends at it. The ends follow once they are known. Answers with the mark or [`NO_MARK`].
    fn meet(&mut self, kind: Kind, value: usize, site: Site, set: Set) -> Result<u32, Refusal> {
        let Places { hits, captures, .. } = &mut *self.places;
        let (first_hit, first_capture) = (hits.len(), captures.len());
        for place in self.work.sets.own(set) {
            let node = self.index.node(place.node);
            if let Some(path) = node.terminal {
                if !place.carried {
                    hits.push(Hit { target: Target::Path(path), exact: place.exact });
                    let at_value = |slot: &SlotId| Capture { slot: *slot, span: value..value };
                    captures.extend(self.index.slots(path).iter().map(at_value));
                } else if kind.is_scalar() && self.index.is_elementwise(path) {
                    hits.push(Hit { target: Target::Elementwise(path), exact: place.array_exact });
                }
            }
            if node.interior && kind != Kind::Object && !place.perhaps {
                let target = if place.carried { Target::Element(place.node) } else { Target::Interior(place.node) };
                hits.push(Hit { target, exact: place.exact });
            }
        }
        for path in self.work.sets.within.drain(..) {
            hits.push(Hit { target: Target::Within(path), exact: false });
            let unreadable = |slot: &SlotId| Capture { slot: *slot, span: Capture::UNREADABLE };
            captures.extend(self.index.slots(path).iter().map(unreadable));
        }
        let (hits, captures) = (hits.len() - first_hit, captures.len() - first_capture);
        if captures > 0 {
            self.touch(value)?;
        }
        if hits > 0 { self.mark(value, site, (first_hit as u32, hits as u32)) } else { Ok(NO_MARK) }
    }

    /// Marks the value, and the containers around it.
    fn mark(&mut self, value: usize, site: Site, (first_hit, hits): (u32, u32)) -> Result<u32, Refusal> {
        self.touch(value)?;
        let parent = self.mark_ancestors();
        let mark = self.places.marks.len() as u32;
        let Site { lead, start, ordinal } = site;
        let value = value as u32;
        self.places.marks.push(Mark { parent, lead, start, value, ordinal, first_hit, hits, next: mark + 1, ..Mark::default() });
        Ok(mark)
    }

    /// Gives every open container a mark, outermost first; answers with the innermost one's.
    fn mark_ancestors(&mut self) -> u32 {
        let frames = &mut self.work.frames;
        if let Some(frame) = frames.last().filter(|frame| frame.mark != NO_MARK) {
            return frame.mark;
        }
        let unmarked = frames.iter().rposition(|frame| frame.mark != NO_MARK).map_or(0, |position| position + 1);
        for position in unmarked..frames.len() {
            let parent = if position == 0 { NO_MARK } else { frames[position - 1].mark };
            let frame = &mut frames[position];
            frame.mark = self.places.marks.len() as u32;
            self.places.marks.push(Mark {
                parent,
                lead: frame.site.lead,
                start: frame.site.start,
                value: frame.value as u32,
                ordinal: frame.site.ordinal,
                ..Mark::default()
            });
        }
        frames.last().map_or(NO_MARK, |frame| frame.mark)
    }

    fn touch(&mut self, at: usize) -> Result<(), Refusal> {
        self.touched += 1;
        if self.touched > self.walk.limits.touched { Err(Refusal { reason: Reason::LimitExceeded, at }) } else { Ok(()) }
    }
}

/// Ends the spans of captures; what is unreadable has none.
fn end_captures(captures: &mut [Capture], end: usize) {
    for capture in captures {
        if capture.span != Capture::UNREADABLE {
            capture.span.end = end;
        }
    }
}

/// The set of a member: most names mean none of the policy's.
#[inline(always)]
fn step(sets: &mut Sets, index: &PathIndex, parent: Set, look: Look, decoded: &[u8]) -> Set {
    let start = look.start;
    if parent.is_empty() {
        parent
    } else if !look.is_plain {
        sets.member(index, parent, &Name { decoded, start, traits: Traits::of(decoded) })
    } else if index.has_wildcards() || index.names().may_mean(NameHash::of(start, decoded.len())) {
        sets.member(index, parent, &Name { decoded, start, traits: Traits::default() })
    } else {
        parent.bare()
    }
}

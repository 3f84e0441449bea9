//! The scan: one iterative pass that checks the whole document and marks the places of the plan's paths.

use super::names::{Entry, Names, Traits};
use super::skip::{Skip, Skipper};
use super::text;
use crate::decode::{Limits, Refusal};
use crate::event::json::Kind;
use crate::event::{Capture, Hit, Mark, NO_MARK, PathId, Places, SlotId, Target};
use crate::outcome::Reason;
use crate::plan::{Duplicates, NameId, NodeId, PathIndex, ROOT, fold};
use std::ops::Range;

/// A node of the automaton that is active at some place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Active {
    node: NodeId,
    /// Every step matched as spelled, without the dotted reading and without passing through an array.
    exact: bool,
    /// Carried from an array to its elements: arrays are transparent, but a path that ends at the array does not end
    /// again at each element.
    carried: bool,
    /// For carried nodes: whether the array itself was met exactly.
    array_exact: bool,
    /// A wildcard met this member, among all the others: the path may go on here, and if it cannot, that is no mismatch.
    perhaps: bool,
}

impl Active {
    /// A node to which a step led.
    fn at(node: NodeId, exact: bool) -> Active {
        Active { node, exact, carried: false, array_exact: false, perhaps: false }
    }
}

/// A stretch of the active nodes' stack; the persistent ones stand first.
#[derive(Clone, Copy, Default)]
struct Set {
    start: u32,
    persistent: u32,
    end: u32,
}

impl Set {
    /// Nothing but `..` nodes: no path ends or goes on here.
    fn is_bare(self) -> bool {
        self.start + self.persistent == self.end
    }

    fn bare(self) -> Set {
        Set { end: self.start + self.persistent, ..self }
    }

    /// All of it on the stack.
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Its `..` nodes.
    fn persistent(self) -> Range<usize> {
        self.start as usize..(self.start + self.persistent) as usize
    }

    /// The others.
    fn own(self) -> Range<usize> {
        (self.start + self.persistent) as usize..self.end as usize
    }
}

/// Where a value stands among its siblings.
#[derive(Clone, Copy, Default)]
struct Site {
    lead: u32,
    start: u32,
    ordinal: u32,
}

/// An open container.
struct Frame {
    object: bool,
    site: Site,
    value: usize,
    set: Set,
    /// Where the active nodes' stack ends while this container is innermost.
    top: usize,
    /// The set of every element, where no element has a step of its own.
    elements: Option<Set>,
    mark: u32,
    captures: (u32, u32),
    names: usize,
    /// Two of its names had the same hash.
    met: bool,
    count: u32,
    all_scalars: bool,
    on_path: bool,
}

/// The scanner with its buffers, reused from record to record.
pub struct Scanner {
    limits: Limits,
    names: Names,
    active: Vec<Active>,
    frames: Vec<Frame>,
    fresh: Vec<Active>,
    steps: [Vec<Active>; 2],
    /// The paths that end at something which the current member is a part of, by its dotted name.
    within: Vec<PathId>,
    compatible: String,
    work: String,
    skipper: Skipper,
}

impl Scanner {
    /// A scanner with empty buffers.
    pub fn new(limits: Limits) -> Scanner {
        Scanner {
            limits,
            names: Names::new(),
            active: Vec::new(),
            frames: Vec::new(),
            fresh: Vec::new(),
            steps: [Vec::new(), Vec::new()],
            within: Vec::new(),
            compatible: String::new(),
            work: String::new(),
            skipper: Skipper::default(),
        }
    }

    /// Checks that `input` is exactly one JSON document within the limits and marks the places of the index.
    /// `places` is cleared first; on a refusal its content means nothing.
    pub fn scan(&mut self, input: &[u8], index: &PathIndex, duplicates: Duplicates, places: &mut Places) -> Result<(), Refusal> {
        places.clear();
        self.names.clear();
        self.active.clear();
        self.frames.clear();
        self.within.clear();
        if input.len() > self.limits.record_bytes {
            return Err(Refusal { reason: Reason::LimitExceeded, at: self.limits.record_bytes });
        }
        if simdutf8::basic::from_utf8(input).is_err() {
            let at = std::str::from_utf8(input).err().map_or(0, |fault| fault.valid_up_to());
            return Err(malformed(at));
        }
        Run { input, index, duplicates, scanner: self, places, touched: 0 }.document()
    }
}

fn malformed(at: usize) -> Refusal {
    Refusal { reason: Reason::Malformed, at }
}

/// One scan.
struct Run<'a> {
    input: &'a [u8],
    index: &'a PathIndex,
    duplicates: Duplicates,
    scanner: &'a mut Scanner,
    places: &'a mut Places,
    touched: usize,
}

impl Run<'_> {
    fn document(mut self) -> Result<(), Refusal> {
        let mut at = text::skip_space(self.input, 0);
        let mut site = Site { lead: at as u32, start: at as u32, ordinal: 0 };
        let mut set = self.root_set();
        loop {
            at = match self.value(at, site, set)? {
                Some(end) => end,
                None => {
                    // A container was opened: its first member or element, or its end.
                    let frame = self.scanner.frames.len() - 1;
                    let inner = text::skip_space(self.input, self.scanner.frames[frame].value + 1);
                    if self.is_close(inner) {
                        self.close(inner)?
                    } else {
                        (at, site, set) = self.child(self.scanner.frames[frame].value + 1, inner)?;
                        continue;
                    }
                }
            };
            match self.after(at)? {
                Some(next) => (at, site, set) = next,
                None => return Ok(()),
            }
        }
    }

    /// The set of the whole document.
    fn root_set(&mut self) -> Set {
        let descend = self.index.node(ROOT).descend;
        if let Some(node) = descend {
            self.scanner.active.push(Active::at(node, true));
        }
        self.scanner.active.push(Active::at(ROOT, true));
        Set { start: 0, persistent: u32::from(descend.is_some()), end: self.scanner.active.len() as u32 }
    }

    /// Reads a scalar and answers with its end, or opens a container and answers with nothing.
    #[inline]
    fn value(&mut self, at: usize, site: Site, set: Set) -> Result<Option<usize>, Refusal> {
        let (kind, end) = match self.input.get(at) {
            Some(b'"') => (Kind::String, text::string(self.input, at).map(|read| read.end)),
            Some(b'{' | b'[') if set.start == set.end && self.scanner.within.is_empty() => return self.skip(at).map(Some),
            Some(b'{') => return self.open(at, site, set, true).map(|()| None),
            Some(b'[') => return self.open(at, site, set, false).map(|()| None),
            Some(b't') => (Kind::True, text::literal(self.input, at, b"true")),
            Some(b'f') => (Kind::False, text::literal(self.input, at, b"false")),
            Some(b'n') => (Kind::Null, text::literal(self.input, at, b"null")),
            _ => (Kind::Number, text::number(self.input, at)),
        };
        let end = end.map_err(malformed)?;
        if self.is_met(set) {
            let mark = self.mark_value(kind, at, site, set)?;
            if mark != NO_MARK {
                self.places.marks[mark as usize].end = end as u32;
                self.places.marks[mark as usize].next = mark + 1;
            }
            self.capture(at, set, Some(end))?;
        }
        Ok(Some(end))
    }

    /// Checks a container in which no path ends or goes on; answers with the byte behind it.
    fn skip(&mut self, at: usize) -> Result<usize, Refusal> {
        let Scanner { limits, names, frames, skipper, .. } = &mut *self.scanner;
        let depth = frames.len();
        let on_path = frames.last_mut().is_some_and(|parent| {
            parent.all_scalars = false;
            parent.on_path
        });
        let counts = self.duplicates == Duplicates::Quarantine || on_path;
        skipper.skip(names, &Skip { input: self.input, limits, depth, counts }, at)
    }

    fn open(&mut self, at: usize, site: Site, set: Set, object: bool) -> Result<(), Refusal> {
        if self.scanner.frames.len() >= self.scanner.limits.depth {
            return Err(Refusal { reason: Reason::LimitExceeded, at });
        }
        let kind = if object { Kind::Object } else { Kind::Array };
        let mut mark = NO_MARK;
        let mut captures = (0, 0);
        if self.is_met(set) {
            mark = self.mark_value(kind, at, site, set)?;
            captures = self.capture(at, set, None)?;
        }
        let top = self.scanner.active.len();
        let on_path =
            self.scanner.frames.last().is_some_and(|frame| frame.on_path) || (!set.is_bare() && !self.scanner.frames.is_empty());
        self.scanner.frames.push(Frame {
            object,
            site,
            value: at,
            set,
            top,
            elements: None,
            mark,
            captures,
            names: self.scanner.names.mark(),
            met: false,
            count: 0,
            all_scalars: true,
            on_path,
        });
        if !object {
            self.prepare_elements();
        }
        Ok(())
    }

    /// Whether some path ends or goes on at the value about to be read.
    #[inline]
    fn is_met(&self, set: Set) -> bool {
        !set.is_bare() || !self.scanner.within.is_empty()
    }

    #[inline]
    fn is_close(&self, at: usize) -> bool {
        let object = self.scanner.frames.last().is_some_and(|frame| frame.object);
        self.input.get(at) == Some(if object { &b'}' } else { &b']' })
    }

    /// Closes the innermost container, whose bracket is at `at`; answers with the byte behind it.
    fn close(&mut self, at: usize) -> Result<usize, Refusal> {
        let Some(frame) = self.scanner.frames.pop() else {
            return Err(malformed(at));
        };
        if frame.object && self.scanner.names.close(self.input, frame.names, frame.met) {
            return Err(malformed(at));
        }
        let end = at + 1;
        if frame.mark != NO_MARK {
            let next = self.places.marks.len() as u32;
            let mark = &mut self.places.marks[frame.mark as usize];
            mark.end = end as u32;
            mark.count = frame.count;
            mark.next = next;
            mark.all_scalars = !frame.object && frame.all_scalars && frame.count > 0;
        }
        let (first, count) = frame.captures;
        for capture in &mut self.places.captures[first as usize..(first + count) as usize] {
            capture.span.end = end;
        }
        if let Some(parent) = self.scanner.frames.last_mut() {
            parent.all_scalars = false;
        }
        Ok(end)
    }

    /// What follows a whole value that ended at `at`: the next value, or the document's end.
    #[allow(clippy::type_complexity, reason = "the triple is what `document` loops over")]
    #[inline]
    fn after(&mut self, mut at: usize) -> Result<Option<(usize, Site, Set)>, Refusal> {
        loop {
            at = text::skip_space(self.input, at);
            let Some(frame) = self.scanner.frames.last() else {
                return if at == self.input.len() { Ok(None) } else { Err(malformed(at)) };
            };
            let top = frame.top;
            self.scanner.active.truncate(top);
            if self.is_close(at) {
                at = self.close(at)?;
            } else if self.input.get(at) == Some(&b',') {
                let start = text::skip_space(self.input, at + 1);
                return self.child(at, start).map(Some);
            } else {
                return Err(malformed(at));
            }
        }
    }

    /// The next member or element of the innermost container, which begins at `start`: where its value begins.
    #[inline]
    fn child(&mut self, lead: usize, start: usize) -> Result<(usize, Site, Set), Refusal> {
        let Some(frame) = self.scanner.frames.last_mut() else {
            return Err(malformed(start));
        };
        let ordinal = frame.count;
        frame.count += 1;
        self.scanner.within.clear();
        let site = Site { lead: lead as u32, start: start as u32, ordinal };
        if !frame.object {
            return Ok((start, site, self.element_set(ordinal)));
        }
        if frame.count as usize > self.scanner.limits.members {
            return Err(Refusal { reason: Reason::LimitExceeded, at: start });
        }
        if self.input.get(start) != Some(&b'"') {
            return Err(malformed(start));
        }
        let (set, end) = match self.scanner.names.plain(self.input, start + 1) {
            Some((end, traits)) => (self.member_set((start + 1, end - start - 1), false, traits, start)?, end + 1),
            None => {
                let read = text::string(self.input, start).map_err(malformed)?;
                (self.odd_member_set(start + 1, read)?, read.end)
            }
        };
        let colon = text::skip_space(self.input, end);
        if self.input.get(colon) != Some(&b':') {
            return Err(malformed(colon));
        }
        Ok((text::skip_space(self.input, colon + 1), site, set))
    }

    // ---- sets -----------------------------------------------------------------------------------------------

    /// The set of a member whose name has escapes, or stands near the input's end.
    fn odd_member_set(&mut self, start: usize, read: text::StringEnd) -> Result<Set, Refusal> {
        let inner = &self.input[start..read.end - 1];
        if !read.escaped {
            let traits = self.scanner.names.traits(inner);
            return self.member_set((start, inner.len()), false, traits, start);
        }
        let place = self.scanner.names.unescape(inner);
        let traits = self.scanner.names.traits(self.scanner.names.unescaped(place));
        self.member_set(place, true, traits, start)
    }

    /// The set of the member whose decoded name stands at `place`, in the record or among the unescaped names; notes the
    /// name for the comparison at the object's end.
    #[inline]
    fn member_set(&mut self, place: (usize, usize), unescaped: bool, traits: Traits, start: usize) -> Result<Set, Refusal> {
        if place.1 > self.scanner.limits.name_bytes {
            return Err(Refusal { reason: Reason::LimitExceeded, at: start });
        }
        if traits.control || traits.beyond_ascii && self.scanner.names.has_c1_control(self.input, place, unescaped) {
            return Err(malformed(start));
        }
        let (parent, on_path) = match self.scanner.frames.last() {
            Some(frame) => (frame.set, frame.on_path),
            None => return Err(malformed(start)),
        };
        let set = self.step(parent, place, unescaped, traits);
        let counts = self.duplicates == Duplicates::Quarantine || on_path || !set.is_bare();
        let Scanner { names, frames, .. } = &mut *self.scanner;
        if let Some(frame) = frames.last_mut() {
            let (start, len) = (place.0 as u32, place.1 as u32);
            frame.met |= names.add(frame.names, Entry { hash: traits.hash, start, len, unescaped, counts });
        }
        Ok(set)
    }

    /// One step of the automaton by a member name.
    #[inline]
    fn step(&mut self, parent: Set, place: (usize, usize), unescaped: bool, traits: Traits) -> Set {
        if parent.start == parent.end {
            return parent;
        }
        let Run { input, index, scanner, .. } = self;
        let Scanner { names, active, fresh, steps, within, compatible, work, .. } = &mut **scanner;
        let name = if unescaped { names.unescaped(place) } else { &input[place.0..place.0 + place.1] };
        let is_plain = !traits.beyond_ascii && !traits.segmented;
        if is_plain && !index.has_wildcards() && index.names().find_ascii(name).is_empty() {
            return parent.bare();
        }
        fresh.clear();
        let from = &active[parent.range()];
        let mut spelled = name;
        if traits.beyond_ascii {
            step_confusable(index, from, name, compatible, work, fresh);
            if index.names().folds() {
                // What looks like a dot or a slash may be read as one.
                spelled = work.as_bytes();
            }
        } else {
            step_name(index, from, name, fresh);
        }
        if traits.segmented || (traits.beyond_ascii && (spelled.first() == Some(&b'/') || spelled.contains(&b'.'))) {
            compatible.clear();
            compatible.push_str(std::str::from_utf8(spelled).unwrap_or_default());
            let segmented = Segmented { index, from, name: compatible, beyond_ascii: traits.beyond_ascii };
            segmented.step(steps, work, within, fresh);
        }
        if fresh.is_empty() { parent.bare() } else { self.push_set(parent) }
    }

    /// Puts the fresh nodes on the stack as a set, behind the persistent nodes of the parent and their own.
    fn push_set(&mut self, parent: Set) -> Set {
        let Scanner { active, fresh, .. } = &mut *self.scanner;
        let start = active.len();
        active.extend_from_within(parent.persistent());
        for place in fresh.iter() {
            if let Some(node) = self.index.node(place.node).descend {
                let exact = place.exact;
                match active[start..].iter_mut().find(|known| known.node == node) {
                    Some(known) => known.exact |= exact,
                    None => active.push(Active::at(node, exact)),
                }
            }
        }
        let persistent = active.len() - start;
        active.extend_from_slice(fresh);
        Set { start: start as u32, persistent: persistent as u32, end: active.len() as u32 }
    }

    /// Builds the set that all elements of the innermost array share, where they do.
    fn prepare_elements(&mut self) {
        let Some(frame) = self.scanner.frames.last() else { return };
        let set = frame.set;
        if set.start == set.end {
            if let Some(frame) = self.scanner.frames.last_mut() {
                frame.elements = Some(set);
            }
            return;
        }
        let single = set.range().any(|position| self.index.node(self.scanner.active[position].node).has_elements());
        if !single {
            let elements = self.build_element_set(set, None);
            let top = self.scanner.active.len();
            if let Some(frame) = self.scanner.frames.last_mut() {
                frame.elements = Some(elements);
                frame.top = top;
            }
        }
    }

    #[inline]
    fn element_set(&mut self, ordinal: u32) -> Set {
        match self.scanner.frames.last() {
            Some(Frame { elements: Some(set), .. }) => *set,
            Some(frame) => self.build_element_set(frame.set, Some(ordinal)),
            None => Set::default(),
        }
    }

    /// The set of an element: what is active at the array, carried; and what `[*]` and `[n]` lead to.
    fn build_element_set(&mut self, set: Set, ordinal: Option<u32>) -> Set {
        let Scanner { active, fresh, .. } = &mut *self.scanner;
        fresh.clear();
        for (position, place) in active[set.range()].iter().enumerate() {
            let node = self.index.node(place.node);
            if position >= set.persistent as usize {
                let array_exact = if place.carried { place.array_exact } else { place.exact };
                add(fresh, Active { node: place.node, exact: false, carried: true, array_exact, perhaps: place.perhaps });
            }
            let stepped = [node.wildcard, ordinal.and_then(|ordinal| node.element(ordinal))];
            for next in stepped.into_iter().flatten() {
                // `..[*]` meets elements everywhere: like a wildcard among members, it expects nothing of each.
                add(fresh, Active { perhaps: node.persistent, ..Active::at(next, place.exact) });
            }
        }
        self.push_set(set)
    }

    // ---- marks ----------------------------------------------------------------------------------------------

    /// Marks the value if a path ends at it, or goes on below where it is no object. Answers with its mark, if any.
    fn mark_value(&mut self, kind: Kind, value: usize, site: Site, set: Set) -> Result<u32, Refusal> {
        let first_hit = self.places.hits.len();
        for place in &self.scanner.active[set.own()] {
            let node = self.index.node(place.node);
            if let Some(path) = node.terminal {
                if !place.carried {
                    self.places.hits.push(Hit { target: Target::Path(path), exact: place.exact });
                } else if kind.is_scalar() && self.index.is_elementwise(path) {
                    self.places.hits.push(Hit { target: Target::Path(path), exact: place.array_exact });
                }
            }
            if node.interior && kind != Kind::Object && !place.perhaps {
                let target = if place.carried { Target::Element(place.node) } else { Target::Interior(place.node) };
                self.places.hits.push(Hit { target, exact: place.exact });
            }
        }
        let within = self.scanner.within.iter().map(|path| Hit { target: Target::Within(*path), exact: false });
        self.places.hits.extend(within);
        let hits = self.places.hits.len() - first_hit;
        if hits == 0 {
            return Ok(NO_MARK);
        }
        self.touch(value)?;
        let parent = self.mark_ancestors();
        let mark = self.places.marks.len() as u32;
        self.places.marks.push(Mark {
            parent,
            lead: site.lead,
            start: site.start,
            value: value as u32,
            ordinal: site.ordinal,
            first_hit: first_hit as u32,
            hits: hits as u32,
            next: mark + 1,
            ..Mark::default()
        });
        Ok(mark)
    }

    /// Gives every open container a mark, outermost first; answers with the innermost one's.
    fn mark_ancestors(&mut self) -> u32 {
        let frames = &mut self.scanner.frames;
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

    /// Notes the value for every slot whose path ends at it. A container's end follows when it is closed.
    fn capture(&mut self, value: usize, set: Set, end: Option<usize>) -> Result<(u32, u32), Refusal> {
        let first = self.places.captures.len();
        for position in set.own() {
            let place = self.scanner.active[position];
            let Some(path) = self.index.node(place.node).terminal.filter(|_| !place.carried) else { continue };
            for slot in self.index.slots(path) {
                self.places.captures.push(Capture { slot: *slot, span: value..end.unwrap_or(value) });
            }
        }
        let count = self.places.captures.len() - first;
        for path in &self.scanner.within {
            let unreadable = |slot: &SlotId| Capture { slot: *slot, span: Capture::UNREADABLE };
            self.places.captures.extend(self.index.slots(*path).iter().map(unreadable));
        }
        self.scanner.within.clear();
        if self.places.captures.len() > first {
            self.touch(value)?;
        }
        Ok((first as u32, count as u32))
    }

    fn touch(&mut self, at: usize) -> Result<(), Refusal> {
        self.touched += 1;
        if self.touched > self.scanner.limits.touched { Err(Refusal { reason: Reason::LimitExceeded, at }) } else { Ok(()) }
    }
}

/// Adds a node to a set unless it is there; of two ways to one node the exact one counts.
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

/// Steps by an ASCII name as spelled.
fn step_name(index: &PathIndex, from: &[Active], name: &[u8], out: &mut Vec<Active>) {
    let found = if index.names().is_empty() { &[] } else { index.names().find_ascii(name) };
    for place in from {
        let node = index.node(place.node);
        for id in found {
            let Some(matched) = index.names().compare(*id, name) else { continue };
            if let Some(next) = node.member(*id) {
                add(out, Active::at(next, place.exact && matched.exact));
            }
        }
        if let Some(next) = node.wildcard {
            add(out, Active { perhaps: true, ..Active::at(next, place.exact) });
        }
    }
}

/// Steps by a name with letters beyond ASCII; leaves its compatible form in `compatible`.
fn step_confusable(
    index: &PathIndex,
    from: &[Active],
    name: &[u8],
    compatible: &mut String,
    work: &mut String,
    out: &mut Vec<Active>,
) {
    compatible.clear();
    fold::fold_compatible(std::str::from_utf8(name).unwrap_or_default(), compatible);
    let found = index.names().find_confusable(compatible, work);
    for place in from {
        let node = index.node(place.node);
        for id in found {
            let Some(matched) = index.names().compare(*id, name) else { continue };
            if let Some(next) = node.member(*id) {
                add(out, Active::at(next, place.exact && matched.exact));
            }
        }
        if let Some(next) = node.wildcard {
            add(out, Active { perhaps: true, ..Active::at(next, place.exact) });
        }
    }
}

/// A dotted name, or one that begins with a slash, which also counts as its parts.
struct Segmented<'a> {
    index: &'a PathIndex,
    from: &'a [Active],
    name: &'a str,
    beyond_ascii: bool,
}

impl Segmented<'_> {
    /// Steps by the parts; never exact. Paths that end before the last part are noted in `within`.
    fn step(&self, steps: &mut [Vec<Active>; 2], work: &mut String, within: &mut Vec<PathId>, out: &mut Vec<Active>) {
        let is_slashed = self.name.starts_with('/');
        if is_slashed {
            self.split(&['/'], steps, work, within, out);
        }
        if self.name.contains('.') {
            self.split(if is_slashed { &['/', '.'] } else { &['.'] }, steps, work, within, out);
        }
    }

    fn split(
        &self,
        separators: &[char],
        [current, next]: &mut [Vec<Active>; 2],
        work: &mut String,
        within: &mut Vec<PathId>,
        out: &mut Vec<Active>,
    ) {
        current.clear();
        current.extend_from_slice(self.from);
        let mut parts = self.name.split(separators).filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            next.clear();
            self.step_part(part, current, work, next);
            if parts.peek().is_some() {
                note_ends(self.index, next, within);
            }
            std::mem::swap(current, next);
        }
        // What only digits led to is the container itself, not something in it.
        let moved = |place: &&Active| !place.carried || self.from.iter().all(|origin| origin.node != place.node);
        for place in current.iter().filter(|place| !self.index.node(place.node).persistent).filter(moved) {
            add(out, Active { exact: false, ..*place });
        }
    }

    fn step_part(&self, part: &str, from: &[Active], work: &mut String, next: &mut Vec<Active>) {
        let index = self.index;
        let is_position = part.bytes().all(|byte| byte.is_ascii_digit());
        if self.beyond_ascii {
            step_found(index, from, part, index.names().find_confusable(part, work), next);
        } else if !index.names().is_empty() {
            step_found(index, from, part, index.names().find_ascii(part.as_bytes()), next);
        }
        for place in from {
            let node = index.node(place.node);
            if node.persistent {
                add(next, *place);
            } else if is_position {
                // Arrays are transparent.
                add(next, Active { exact: false, carried: true, ..*place });
            }
            if let Some(wildcard) = node.wildcard {
                add(next, Active { perhaps: true, ..Active::at(wildcard, false) });
            }
        }
        open_descents(index, next);
    }
}

/// Notes the paths that end at the places to which a part of a name led.
fn note_ends(index: &PathIndex, places: &[Active], within: &mut Vec<PathId>) {
    for place in places.iter().filter(|place| !place.carried) {
        if let Some(path) = index.node(place.node).terminal
            && !within.contains(&path)
        {
            within.push(path);
        }
    }
}

fn step_found(index: &PathIndex, from: &[Active], part: &str, found: &[NameId], out: &mut Vec<Active>) {
    let meant = |id: &&NameId| index.names().compare(**id, part.as_bytes()).is_some();
    for place in from {
        for next in found.iter().filter(meant).filter_map(|id| index.node(place.node).member(*id)) {
            add(out, Active::at(next, false));
        }
    }
}

/// Adds the `..` nodes that become active together with the nodes of the set.
fn open_descents(index: &PathIndex, set: &mut Vec<Active>) {
    for position in 0..set.len() {
        if let Some(node) = index.node(set[position].node).descend {
            add(set, Active::at(node, false));
        }
    }
}

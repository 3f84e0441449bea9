//! Containers in which no path of the plan ends or goes on: checked like everything else, and nothing more.

use super::names::Names;
use super::shapes::{self, Shapes, StepId, Under, Way};
use super::stretches::Walked;
use super::walk::{NAME_POSITIONS, Next, Walk, close_of, malformed};
use crate::decode::Refusal;
use crate::event::Places;
use crate::outcome::Reason;

/// An open container.
struct Open {
    /// The bracket that ends it.
    close: u8,
    /// The members of an object, and how many there are.
    way: Way,
    count: usize,
    /// Where the ways of objects in an array begin.
    beneath: StepId,
    /// A value was read: a comma stands before the next.
    begun: bool,
}

/// Checks containers; its stack is reused.
#[derive(Default)]
pub(super) struct Skipper {
    open: Vec<Open>,
}

impl Skipper {
    /// Checks the container that begins at the walk's next position, inside `depth` others. `counts` tells whether two equal
    /// names in one object make the record malformed.
    pub(super) fn skip(
        &mut self,
        names: &mut Names,
        shapes: &mut Shapes,
        walk: &mut Walk<'_>,
        depth: usize,
        counts: bool,
        under: Under,
    ) -> Result<(), Refusal> {
        self.open.clear();
        let mut current = self.enter(names, shapes, walk, (walk.next(), under), depth)?;
        let mut next = walk.next();
        loop {
            // Behind a value or an opening bracket: close what ends here.
            while next.byte() == current.close {
                if shapes.stretches.is_drafting_inside(depth + self.open.len()) {
                    self.end_drafts(shapes, walk, &current, depth, Some(walk.passed_before(next)));
                }
                if current.is_object() && current.way.at == shapes::NONE {
                    shapes.note(&current.way, names);
                    if names.close(walk.input, current.way.names) {
                        return Err(malformed(next.at()));
                    }
                    shapes.learn(&current.way, walk.input, |name, _| names.look_long(name).is_plain.then_some(0));
                }
                walk.pass(next.behind(1));
                match self.open.pop() {
                    Some(outer) => current = outer,
                    None => return Ok(()),
                }
                next = walk.next();
                current.begun = true;
            }
            if current.begun {
                if next.byte() != b',' {
                    return Err(malformed(next.at()));
                }
                walk.pass(next.behind(1));
                next = walk.next();
            }
            current.begun = true;
            if current.way.at != shapes::NONE && Self::follow(shapes, walk, &mut current, depth + self.open.len()) {
                next = walk.next();
                if next.is_between_objects() && !shapes.stretches.is_drafting_inside(depth + self.open.len()) {
                    // An object of an array ended whose way is known, and the next one begins: nothing is put away between them.
                    if let Some(array) = self.open.last().filter(|outer| current.is_object() && !outer.is_object()) {
                        walk.pass(next.behind(3));
                        (current.way, current.count, current.begun) = (Way::new(array.beneath, names.open()), 0, false);
                        next = walk.next();
                    }
                }
                continue;
            }
            let mut under = Under::Way(current.beneath);
            while current.is_object() {
                current.count += 1;
                if current.count > walk.limits.members {
                    return Err(Refusal { reason: Reason::LimitExceeded, at: next.at() });
                }
                let name = walk.name(next);
                let known = name.map_or(shapes::NONE, |(start, close)| shapes.expected(current.way.at, walk.input, start, close));
                if known != shapes::NONE {
                    current.way.at = known;
                } else {
                    if current.way.at != shapes::NONE {
                        shapes.leave(&mut current.way, names);
                    }
                    let member = walk.member(next, names)?;
                    names.add(&mut current.way.names, member.entry(counts));
                }
                under = Under::Member(known);
                next = next.behind(NAME_POSITIONS);
                if !walk.pass_scalar_and_comma(next)? {
                    break;
                }
                next = walk.next();
            }
            if matches!(next.byte(), b'{' | b'[') {
                if next.byte() == b'[' && shapes.stretches.is_drafting_inside(depth) {
                    self.end_drafts(shapes, walk, &current, depth, None);
                }
                self.open.push(current);
                current = self.enter(names, shapes, walk, (next, under), depth)?;
                next = walk.next();
            } else {
                next = next.behind(walk.scalar(next)?.positions);
            }
        }
    }

    /// Passes the members that are known together to come next in an object inside `depth` containers, if they do.
    #[inline(always)]
    fn follow(shapes: &mut Shapes, walk: &mut Walk<'_>, current: &mut Open, depth: usize) -> bool {
        let step = current.way.at;
        let Some(stretch) = shapes.stretch(step) else {
            if shapes.may_draft(step) {
                shapes.stretches.draft(step, depth + 1, walk, &Places::default());
            }
            return false;
        };
        let Some(end) = shapes.stretches.follow(stretch, walk) else { return false };
        current.way.at = end.step;
        current.count += end.members as usize;
        walk.pass_all(end.at);
        true
    }

    /// Takes the stretches that began in open containers, of which all but `depth` are the skipper's: in the innermost, before
    /// whose end so many positions stand, or, where none ends, in all.
    #[cold]
    fn end_drafts(&self, shapes: &mut Shapes, walk: &Walk<'_>, current: &Open, depth: usize, end: Option<usize>) {
        let (until, closes) = (end.unwrap_or(walk.passed()), end.is_some());
        let around = if closes { depth + self.open.len() } else { depth };
        while let Some(draft) = shapes.stretches.end_inside(around) {
            let open = self.open.get(draft.depth - depth - 1).unwrap_or(current);
            let (places, marked) = (&Places::default(), 0);
            shapes.take(draft, &open.way, &Walked { walk, places, marked, until, closes });
        }
    }

    /// Opens the container that comes next.
    fn enter(
        &self,
        names: &Names,
        shapes: &mut Shapes,
        walk: &mut Walk<'_>,
        (next, under): (Next<'_>, Under),
        depth: usize,
    ) -> Result<Open, Refusal> {
        // The innermost is not on the stack.
        if depth + self.open.len() >= walk.limits.depth {
            return Err(Refusal { reason: Reason::LimitExceeded, at: next.at() });
        }
        walk.pass(next.behind(1));
        let close = close_of(next.byte());
        let (way, beneath) = match close {
            b'}' => (shapes.object(under), shapes::NONE),
            _ => (shapes::NONE, shapes.elements(under)),
        };
        Ok(Open { close, way: Way::new(way, names.open()), count: 0, beneath, begun: false })
    }
}

impl Open {
    #[inline(always)]
    fn is_object(&self) -> bool {
        self.close == b'}'
    }
}

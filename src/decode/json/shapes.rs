//! The shapes of the objects that records had before: which name usually follows which, and what it means to the plan.
//!
//! Events of one stream repeat each other. Along a known shape a name is compared with the one that is expected, and
//! with that it is known to be plain, to differ from all before it, and where it leads. A shape is learned only from an
//! object that was checked whole, and only under [`Duplicates::Quarantine`](crate::plan::Duplicates): then all names of a
//! way differ, whatever follows. What the document says never depends on what is known here; it is only read faster.

use super::names::{Entry, Names, Siblings};
use super::sets::Active;
use super::stretches::{Draft, StretchId, Stretches, Walked};
use crate::plan::{NameStart, PathIndex, name_start};
use wide::u8x16;

/// A name in its place, or, for the first of a way, none.
pub(super) type StepId = u32;

/// Nothing is known.
pub(super) const NONE: StepId = 0;

/// How many steps are known at most, with how many bytes of names and how many active nodes: 3/4 of a megabyte, asked for
/// at once and used as it fills.
const STEPS: usize = 8192;
const TEXT: usize = 8 * STEPS;
const NODES: usize = 2 * STEPS;
/// Once so many lessons found no room, all is forgotten, so that what is usual now is learned;
const REFUSED: u32 = 64;
/// but not before so many records,
const FORGET_AFTER: u32 = 4096;
/// and in any case after so many.
const FORGET_ALWAYS: u32 = 1 << 20;
/// So many are learned from one record at most: names that never come again cost a record little more than others.
const LEARNED_AT_ONCE: usize = 64;
/// How many names are tried at one place.
const TRIED: usize = 8;
/// How often it is tried to take a stretch that begins at one place.
const TRIED_TO_TAKE: u8 = 3;
/// Longer names are not learned.
const LONGEST: usize = 48;
/// Nor those with more digits: a name that looks like a number, an address or a sentence may be somebody's.
const MOST_DIGITS: usize = 4;
/// How many indexes are known at once: streams, and text and elements inside their records.
const INDEXES: usize = 32;
/// So much is left for the nodes of one more name.
const ONE_SET: usize = 64;

/// A name that is compared with others.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    /// How it begins, and which of these bytes are its own.
    start: [u8; size_of::<NameStart>()],
    own_bytes: u16,
    length: u16,
    /// Where the whole of it stands in the text that goes with it.
    text: u32,
}

impl Known {
    /// A name of at most [`LONGEST`] bytes, which are added to the text.
    pub(super) fn new(name: &[u8], text: &mut Vec<u8>) -> Known {
        let (start, length) = (name_start(name).to_le_bytes(), name.len() as u16);
        let own_bytes = u16::MAX.checked_shr(16u32.saturating_sub(name.len() as u32)).unwrap_or(0);
        let at = text.len() as u32;
        text.extend_from_slice(name);
        Known { start, own_bytes, length, text: at }
    }

    fn name(self, text: &[u8]) -> &[u8] {
        &text[self.text as usize..][..usize::from(self.length)]
    }

    #[inline(always)]
    fn begins(&self, begins: u8x16) -> bool {
        let equal = begins.simd_eq(u8x16::new(self.start)).to_bitmask() as u16;
        equal & self.own_bytes == self.own_bytes
    }

    /// Whether what is behind its beginning stands there too.
    #[inline(always)]
    fn ends(&self, input: &[u8], start: usize, text: &[u8]) -> bool {
        let length = usize::from(self.length);
        length <= size_of::<NameStart>() || input.get(start..start + length) == Some(self.name(text))
    }
}

/// The first bytes from `start` on, those up to `close` at least.
#[inline(always)]
fn begins(input: &[u8], start: usize, close: usize) -> u8x16 {
    match input.get(start..start + size_of::<NameStart>()).and_then(|text| text.first_chunk()) {
        Some(bytes) => u8x16::new(*bytes),
        None => u8x16::new(name_start(&input[start..close]).to_le_bytes()),
    }
}

#[derive(Clone, Copy, Default)]
#[repr(align(64))] // a step is one look at memory
struct Step {
    known: Known,
    /// The first of the names that may follow.
    first: StepId,
    /// Another name in the place of this one.
    other: StepId,
    /// The step before it; [`NONE`] where a way begins.
    from: StepId,
    /// Where the way of an object begins that is the member's value.
    object: StepId,
    /// The same for the objects in an array that is the value, or that stands where a way begins.
    element: StepId,
    /// The nodes that become active: where they stand in [`Shapes::sets`], and how many are persistent, and others.
    set: u32,
    persistent: u16,
    own: u16,
    /// The members that usually follow.
    onward: Onward,
}

/// What is known of the members behind a step.
#[derive(Clone, Copy)]
enum Onward {
    /// So often it was tried to take a stretch from them, and there was none.
    Tried(u8),
    Stretch(StretchId),
}

impl Default for Onward {
    fn default() -> Onward {
        Onward::Tried(0)
    }
}

/// How an object goes along known shapes, with the names of its members once it does not.
#[derive(Clone, Copy, Default)]
pub(super) struct Way {
    /// The step that it has come to; [`NONE`] once it has left.
    pub(super) at: StepId,
    /// The step behind which it left; [`NONE`] if it still goes, or never did.
    left: StepId,
    /// How many members it had then.
    kept: u32,
    pub(super) names: Siblings,
}

impl Way {
    pub(super) fn new(at: StepId, names: Siblings) -> Way {
        Way { at, left: NONE, kept: 0, names }
    }
}

/// What a container stands under.
#[derive(Clone, Copy)]
pub(super) enum Under {
    /// A member of that step.
    Member(StepId),
    /// Nothing, or an array: the way of an object begins there.
    Way(StepId),
}

/// All that is known.
#[derive(Default)]
pub(super) struct Shapes {
    steps: Vec<Step>,
    text: Vec<u8>,
    sets: Vec<Active>,
    /// Where the documents of each index begin.
    documents: Vec<(u64, StepId)>,
    /// Names to be learned.
    fresh: Vec<Entry>,
    pub(super) stretches: Stretches,
    /// The steps of a draft, the last first.
    chain: Vec<StepId>,
    /// How many names may still be learned from this record.
    may_learn: usize,
    /// Lessons that found no room, and records, since all was forgotten.
    refused: u32,
    age: u32,
    is_off: bool,
}

impl Shapes {
    /// Learns nothing from now on; for comparisons.
    pub(super) fn turn_off(&mut self) {
        self.is_off = true;
    }

    /// A record begins, with all the documents in it.
    pub(super) fn begin_record(&mut self) {
        if self.is_off {
            return;
        }
        self.may_learn = LEARNED_AT_ONCE;
        self.stretches.begin_record();
        self.age = self.age.saturating_add(1);
        let is_spent = self.age > FORGET_AFTER && self.refused >= REFUSED;
        if self.steps.is_empty() || is_spent || self.age > FORGET_ALWAYS {
            let Shapes { steps, text, sets, documents, fresh, stretches, chain, .. } = self;
            steps.clear();
            text.clear();
            sets.clear();
            documents.clear();
            steps.reserve_exact(STEPS);
            text.reserve_exact(TEXT);
            sets.reserve_exact(NODES);
            documents.reserve_exact(INDEXES);
            fresh.reserve_exact(LEARNED_AT_ONCE);
            chain.reserve_exact(STEPS);
            stretches.forget();
            steps.push(Step::default());
            (self.refused, self.age) = (0, 0);
        }
    }

    /// A document of that index begins: where its way does.
    pub(super) fn begin(&mut self, index: &PathIndex) -> StepId {
        if self.steps.is_empty() {
            return NONE;
        }
        if let Some((_, step)) = self.documents.iter().find(|(id, _)| *id == index.id()) {
            return *step;
        }
        let step = if self.documents.len() < INDEXES { self.push(Step::default()) } else { self.refuse() };
        if step != NONE {
            self.documents.push((index.id(), step));
        }
        step
    }

    /// The step that a name leads to, if it was expected there: at the bytes from `start` to `close`.
    #[inline(always)]
    pub(super) fn expected(&self, at: StepId, input: &[u8], start: usize, close: usize) -> StepId {
        let Some(known) = self.steps.get(at as usize) else { return NONE };
        let mut next = known.first;
        if next == NONE {
            return NONE;
        }
        let (begins, length) = (begins(input, start, close), close - start);
        while let Some(step) = self.steps.get(next as usize).filter(|_| next != NONE) {
            if usize::from(step.known.length) == length && step.known.begins(begins) && step.known.ends(input, start, &self.text)
            {
                return next;
            }
            next = step.other;
        }
        NONE
    }

    fn name(&self, step: &Step) -> &[u8] {
        step.known.name(&self.text)
    }

    /// The nodes that a step makes active, and how many of them are persistent.
    #[inline(always)]
    pub(super) fn set(&self, step: StepId) -> (&[Active], usize) {
        let Step { set, persistent, own, .. } = self.steps[step as usize];
        let count = usize::from(persistent) + usize::from(own);
        if count == 0 { (&[], 0) } else { (&self.sets[set as usize..][..count], usize::from(persistent)) }
    }

    // ---- stretches ------------------------------------------------------------------------------------------

    /// The members that usually follow a step, if they are known together.
    #[inline(always)]
    pub(super) fn stretch(&self, step: StepId) -> Option<StretchId> {
        match self.steps[step as usize].onward {
            Onward::Stretch(stretch) => Some(stretch),
            Onward::Tried(_) => None,
        }
    }

    /// Whether it may be tried to know them together.
    pub(super) fn may_draft(&self, step: StepId) -> bool {
        matches!(self.steps[step as usize].onward, Onward::Tried(times) if times < TRIED_TO_TAKE)
    }

    /// Takes a stretch from what was walked of an object since a draft began in it.
    #[cold]
    pub(super) fn take(&mut self, draft: Draft, way: &Way, walked: &Walked<'_, '_>) {
        let last = if way.at == NONE { way.left } else { way.at };
        self.chain.clear();
        let mut at = last;
        while at != draft.step {
            match self.steps.get(at as usize) {
                Some(step) if step.from != NONE => self.chain.push(at),
                _ => return,
            }
            at = self.steps[at as usize].from;
        }
        self.stretches.count();
        let has_room = self.stretches.has_room();
        if !has_room {
            self.refuse();
        }
        let steps = self.chain.iter().rev().copied();
        let taken = if has_room { self.stretches.take(&draft, walked, steps) } else { None };
        let onward = &mut self.steps[draft.step as usize].onward;
        *onward = match (taken, *onward) {
            (Some(stretch), _) => Onward::Stretch(stretch),
            (None, Onward::Tried(times)) => Onward::Tried(times.saturating_add(1)),
            (None, known) => known,
        };
    }

    // ---- ways -----------------------------------------------------------------------------------------------

    /// Where the way of an object begins.
    pub(super) fn object(&mut self, under: Under) -> StepId {
        match under {
            Under::Way(step) | Under::Member(step @ NONE) => step,
            Under::Member(step) => match self.steps[step as usize].object {
                NONE => {
                    let begin = self.push(Step::default());
                    self.steps[step as usize].object = begin;
                    begin
                }
                known => known,
            },
        }
    }

    /// Where the ways of the objects in an array begin.
    pub(super) fn elements(&mut self, under: Under) -> StepId {
        let (Under::Way(step) | Under::Member(step)) = under;
        if step == NONE {
            return NONE;
        }
        match self.steps[step as usize].element {
            NONE => {
                let begin = self.push(Step::default());
                self.steps[step as usize].element = begin;
                begin
            }
            known => known,
        }
    }

    /// A name came that was not expected: from here on the names are compared with each other.
    #[cold]
    pub(super) fn leave(&self, way: &mut Way, names: &mut Names) {
        way.left = way.at;
        let mut at = std::mem::replace(&mut way.at, NONE);
        while let Some(step) = self.steps.get(at as usize).filter(|step| step.from != NONE) {
            names.add_known(&mut way.names, self.name(step));
            way.kept += 1;
            at = step.from;
        }
    }

    /// Before an object that left its way is checked: notes the names that came then, in their order.
    pub(super) fn note(&mut self, way: &Way, names: &Names) {
        self.fresh.clear();
        if way.left != NONE {
            let fresh = names.of(&way.names).iter().skip(way.kept as usize);
            self.fresh.extend(fresh.take(self.may_learn).copied());
        }
    }

    /// Learns the names that were noted, now that they are known to differ. `lead` adds the nodes that a name makes active,
    /// if there is room for them, and says how many are persistent; `None` ends the lesson.
    pub(super) fn learn(&mut self, way: &Way, input: &[u8], mut lead: impl FnMut(&[u8], &mut Vec<Active>) -> Option<usize>) {
        let mut at = way.left;
        for position in 0..self.fresh.len() {
            let Some(name) = self.fresh[position].in_text(input).filter(|name| is_common(name)) else { return };
            if self.text.len() + name.len() > TEXT || self.sets.len() + ONE_SET > NODES {
                self.refuse();
                return;
            }
            let set = self.sets.len();
            let Some(persistent) = lead(name, &mut self.sets) else { return };
            let count = self.sets.len() - set;
            let (Ok(persistent), Ok(own)) = (u16::try_from(persistent), u16::try_from(count - persistent)) else {
                self.sets.truncate(set);
                return;
            };
            let text = self.text.len();
            let step =
                Step { known: Known::new(name, &mut self.text), from: at, set: set as u32, persistent, own, ..Step::default() };
            let Some(next) = self.follow(at, step) else {
                self.sets.truncate(set);
                self.text.truncate(text);
                return;
            };
            self.may_learn -= 1;
            at = next;
        }
    }

    /// Adds a step behind another, unless too many names were met there already.
    fn follow(&mut self, at: StepId, step: Step) -> Option<StepId> {
        let mut last = self.steps.get(at as usize)?.first;
        let mut tried = usize::from(last != NONE);
        while last != NONE && self.steps[last as usize].other != NONE {
            last = self.steps[last as usize].other;
            tried += 1;
        }
        let next = if tried < TRIED { self.push(step) } else { self.refuse() };
        if next == NONE {
            return None;
        }
        if last == NONE {
            self.steps[at as usize].first = next;
        } else {
            self.steps[last as usize].other = next;
        }
        Some(next)
    }

    /// Notes that there was no room to learn something.
    fn refuse(&mut self) -> StepId {
        self.refused = self.refused.saturating_add(1);
        NONE
    }

    fn push(&mut self, step: Step) -> StepId {
        if self.steps.len() >= STEPS {
            return self.refuse();
        }
        self.steps.push(step);
        self.steps.len() as StepId - 1
    }
}

/// Whether a name looks like one that a programmer chose, rather than like data.
pub(super) fn is_common(name: &[u8]) -> bool {
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-$".contains(byte);
    (1..=LONGEST).contains(&name.len()) && digits <= MOST_DIGITS && name.iter().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::super::scan::Scanner;
    use super::*;
    use crate::decode::{Limits, Refusal};
    use crate::event::{Capture, Hit, Mark, Path, Places, SlotId};
    use crate::plan::Duplicates;

    type Found = Result<(Vec<Mark>, Vec<Hit>, Vec<Capture>), Refusal>;

    fn index(paths: &[&str]) -> PathIndex {
        let slots = |position: usize| vec![SlotId(position as u16)];
        let paths = paths.iter().enumerate().map(|(at, path)| (Path::parse(path).expect("a path"), slots(at)));
        PathIndex::build(paths.collect(), true)
    }

    fn scan(scanner: &mut Scanner, index: &PathIndex, text: &str) -> Found {
        let mut places = Places::default();
        scanner.begin_record();
        scanner.scan(text.as_bytes(), index, Duplicates::Quarantine, &mut places)?;
        Ok((places.marks, places.hits, places.captures))
    }

    /// One after another through one scanner, each as through a new one.
    fn same_as_fresh(scanner: &mut Scanner, index: &PathIndex, texts: &[&str]) {
        for text in texts {
            assert_eq!(scan(scanner, index, text), scan(&mut Scanner::new(Limits::default()), index, text), "{text}");
        }
    }

    const PATHS: &[&str] = &["$.user.email", "$..id", "$.items[*].sku", "$.other"];
    const USUAL: &str =
        r#"{"id":1,"user":{"email":"x","id":{"a":2}},"items":[{"sku":1,"n":"2"},{"sku":3}],"rest":{"b":{"c":[{"d":1}]}}}"#;

    #[test]
    fn what_departs_from_the_usual_is_seen() {
        let (index, mut scanner) = (index(PATHS), Scanner::new(Limits::default()));
        for _ in 0..6 {
            same_as_fresh(&mut scanner, &index, &[USUAL]);
        }
        let variants = [
            // The same name again, behind a known way, in it, with an escape, in an element, in what no path enters.
            r#"{"id":1,"user":{"email":"x","id":{"a":2}},"id":3}"#,
            r#"{"id":1,"id":2}"#,
            r#"{"id":1,"user":{"email":"x","id":{"a":2},"\u0065mail":"y"}}"#,
            r#"{"id":1,"user":{"email":"x","email":"y"}}"#,
            r#"{"id":1,"user":{"email":"x","id":{"a":2}},"items":[{"sku":1,"n":"2","sku":4}]}"#,
            r#"{"id":1,"rest":{"b":{"c":[{"d":1,"d":2}]}}}"#,
            r#"{"id":1,"user":{"email":"x","id":{"a":2}},"items":[],"rest":{"b":{"c":[{"d":1,"e":2,"d":3}]}}}"#,
            // Other spellings, orders, types and spacings.
            r#"{"ID":1,"User":{"EMAIL":"x"},"user.email":"y","/user/email":"z"}"#,
            r#"{"user":{"id":{"a":2},"email":"x"},"id":1,"rest":1,"items":{"sku":1}}"#,
            r#"{ "id" : 1 , "user" : { "email" : "x" , "id" : [ { "a" : 2 } ] } , "items" : [ [ { "sku" : 1 } ] ] }"#,
            r#"{"id":[{"id":{"id":1}}],"user":[{"email":"x","id":{"a":2}},{"email":"y"}],"other":{"other":1}}"#,
            r#"[{"id":1,"user":{"email":"x"}},{"id":1,"user":{"email":"x"}}]"#,
            r#"{"id":1,"user":{"email":"x","id":{"a":2}}"#,
            r#"{"id":1,"user":{"email" "x"}}"#,
            r#"{"id":1,"user":{"email":"x",}}"#,
            r#"{"id":1,"user":{"email":"x"}} 1"#,
            USUAL,
        ];
        for _ in 0..6 {
            same_as_fresh(&mut scanner, &index, &variants);
        }
    }

    #[test]
    fn each_index_has_shapes_of_its_own() {
        let mut scanner = Scanner::new(Limits::default());
        // More than are known at once, dropped in between, so that a later one stands where an earlier one stood.
        for round in 0..3 * INDEXES {
            let index = index(&[PATHS[round % 3], PATHS[3]]);
            for _ in 0..4 {
                same_as_fresh(&mut scanner, &index, &[USUAL]);
            }
        }
    }

    #[test]
    fn more_names_than_are_known_change_nothing() {
        let (index, mut scanner) = (index(PATHS), Scanner::new(Limits::default()));
        for round in 0..FORGET_AFTER + 1000 {
            let name = |number: u32| ["a", "b", "c", "d"][number as usize % 4].repeat(1 + number as usize % 12);
            let (a, b) = (name(round / 7), name(round / 48));
            let text = format!(r#"{{"{a}":{{"{b}":{{"id":1,"{a}x":2}},"user":3}},"{b}y":[{{"{a}":1}}],"id":5,"{a}":1}}"#);
            same_as_fresh(&mut scanner, &index, &[&text, USUAL]);
        }
    }

    /// How many names are known at the place where a document of the index begins.
    fn known_at_first(scanner: &Scanner, index: &PathIndex) -> Vec<String> {
        let shapes = scanner.shapes();
        let begin = shapes.documents.iter().find(|(id, _)| *id == index.id()).map_or(NONE, |(_, step)| *step);
        let mut known = Vec::new();
        let mut next = shapes.steps[begin as usize].first;
        while next != NONE {
            known.push(String::from_utf8_lossy(shapes.name(&shapes.steps[next as usize])).into_owned());
            next = shapes.steps[next as usize].other;
        }
        known
    }

    #[test]
    fn strange_names_hold_a_place_for_a_while_only() {
        let (index, mut scanner) = (index(PATHS), Scanner::new(Limits::default()));
        for letter in 'a'..='h' {
            let _ = scan(&mut scanner, &index, &format!(r#"{{"j{letter}":1}}"#));
        }
        assert_eq!(known_at_first(&scanner, &index).len(), TRIED);
        for _ in 0..=FORGET_AFTER {
            let _ = scan(&mut scanner, &index, USUAL);
        }
        assert_eq!(known_at_first(&scanner, &index), ["id"]);
    }

    #[test]
    fn what_one_record_teaches_is_bounded_whatever_is_in_it() {
        let (record, elements) = (index(PATHS), index(&["$.k"]));
        let mut scanner = Scanner::new(Limits::default());
        let mut places = Places::default();
        scanner.begin_record();
        for element in 0..200 {
            let members: Vec<String> = (0..50).map(|name| format!(r#""{}{}":1"#, "x".repeat(1 + name), element % 9)).collect();
            let text = format!("{{{}}}", members.join(","));
            for index in [&record, &elements] {
                scanner.scan(text.as_bytes(), index, Duplicates::Quarantine, &mut places).expect("it is JSON");
            }
        }
        assert!(scanner.shapes().steps.len() <= LEARNED_AT_ONCE + 3, "{}", scanner.shapes().steps.len());
    }

    #[test]
    fn more_indexes_than_are_known_do_not_keep_the_known_from_learning() {
        let indexes: Vec<PathIndex> = (0..INDEXES + 9).map(|_| index(PATHS)).collect();
        let mut scanner = Scanner::new(Limits::default());
        for index in &indexes {
            let _ = scan(&mut scanner, index, "1");
        }
        let _ = scan(&mut scanner, &indexes[0], USUAL);
        assert_eq!(known_at_first(&scanner, &indexes[0]), ["id"]);
    }

    #[test]
    fn a_name_that_looks_like_data_is_not_remembered() {
        for name in ["anna@example.net", "Anna O'Brien", "491701234567", "user-48151", "a.b", "", "né", &"a".repeat(49)] {
            assert!(!is_common(name.as_bytes()), "{name}");
        }
        for name in ["userId", "utm_source", "X-Forwarded-For", "$set", "address2", "md5", "sha256"] {
            assert!(is_common(name.as_bytes()), "{name}");
        }
    }
}

//! Stretches of members: what records had before, name after name, with all that it means to the plan.
//!
//! A step of a [shape](super::shapes) tells what one name means; a stretch holds many members at once, objects in them
//! included, so that a record that repeats it is compared and not walked: its structure sixteen positions at a time, each
//! name with one look, each word by reading it. What the members mean is then put down from memory. A stretch is taken from a
//! walk and says what that walk would say again, since the same names in the same structure behind the same step mean the
//! same; it ends before the first array, and is followed up to the first member that differs.

mod draft;

pub(super) use draft::{Draft, Walked};

use super::shapes::StepId;
use super::walk::Walk;
use crate::event::{Capture, Hit, Mark, NO_MARK, Places, SlotId};
use wide::u8x16;

/// Positions of the structure that are compared in one step.
const CHUNK: usize = 16;
/// Positions in one stretch at most: an event of two kilobytes has some three hundred.
const LONGEST: usize = 1024;
/// All stretches together have at most so many positions, and of names, words and the rest as many as documents usually
/// have with them: 3/4 of a megabyte, asked for at once and used as it fills.
const POSITIONS: usize = 1 << 15;
const PARTS: usize = POSITIONS / 4;
/// A shorter one saves nothing.
const SHORTEST: usize = 8;

/// A stretch, by its number.
pub(super) type StretchId = u32;

/// Bytes of the structure, and which of them count: of a number or a literal, only that it is one.
#[derive(Clone, Copy)]
struct Chunk {
    bytes: [u8; CHUNK],
    counts: [u8; CHUNK],
}

/// Up to sixteen bytes of a name with the quote behind it; a longer one has several. It has no quote and no backslash in it, so
/// that what is alike up to that quote is the name.
struct Name {
    /// The position of the quote before it, and how far behind that these bytes stand.
    at: u32,
    behind: u16,
    /// Which of the bytes are its own.
    own: u16,
    bytes: [u8; CHUNK],
}

impl Name {
    /// Whether it stands where it is expected, among these positions.
    #[inline(always)]
    fn stands(&self, input: &[u8], positions: &[u32]) -> bool {
        let Some(quote) = positions.get(self.at as usize) else { return false };
        let start = *quote as usize + usize::from(self.behind);
        match input.get(start..start + CHUNK).and_then(|bytes| bytes.first_chunk()) {
            Some(found) => {
                let same = u8x16::new(*found).simd_eq(u8x16::new(self.bytes)).to_bitmask() as u16;
                !same & self.own == 0
            }
            None => self.is_last(input, start),
        }
    }

    /// Whether it stands where the record ends before there is so much to look at.
    #[cold]
    fn is_last(&self, input: &[u8], start: usize) -> bool {
        input.get(start..).is_some_and(|rest| rest.starts_with(&self.bytes[..self.own.trailing_ones() as usize]))
    }
}

/// Where a stretch may end: behind a member that stands at its top, with how much it holds up to there.
#[derive(Clone, Copy)]
pub(super) struct End {
    /// How many positions that is, up to the one behind the member's value.
    pub(super) at: u32,
    /// The step to which the object's way has come then, and how many members that is.
    pub(super) step: StepId,
    pub(super) members: u32,
    /// How many places count towards the limit.
    pub(super) touched: u32,
    words: u32,
    strings: u32,
    marks: u32,
    hits: u32,
    captures: u32,
}

impl End {
    pub(super) fn has_marks(&self) -> bool {
        self.marks > 0
    }
}

/// Where a value ends that has no last position of its own: it is read again.
const WORD: u32 = u32::MAX;

/// A mark. Its positions count from the one before the stretch, its numbers from the stretch's first.
struct Place {
    /// The mark around it, or [`NO_MARK`] for the one of the object that the stretch is in.
    parent: u32,
    /// The comma in front, or the bracket, behind which 1 byte counts.
    lead: u32,
    behind: u32,
    start: u32,
    value: u32,
    /// Its last position, or [`WORD`].
    end: u32,
    ordinal: u32,
    count: u32,
    first_hit: u32,
    hits: u32,
    next: u32,
}

/// A control value, in positions that count likewise.
struct Captured {
    slot: SlotId,
    value: u32,
    end: u32,
}

/// How much there is of everything.
#[derive(Clone, Copy, Default)]
struct Sizes {
    chunks: u32,
    names: u32,
    words: u32,
    strings: u32,
    ends: u32,
    places: u32,
    hits: u32,
    captures: u32,
}

/// What lies between two sizes.
struct Stretch {
    /// How many positions it has.
    length: u32,
    from: Sizes,
    to: Sizes,
}

/// All stretches, with their parts side by side.
#[derive(Default)]
pub(super) struct Stretches {
    stretches: Vec<Stretch>,
    chunks: Vec<Chunk>,
    names: Vec<Name>,
    /// The positions of numbers and literals.
    words: Vec<u32>,
    /// The first positions of strings that are values.
    strings: Vec<u32>,
    ends: Vec<End>,
    places: Vec<Place>,
    hits: Vec<Hit>,
    captures: Vec<Captured>,
    drafts: Vec<Draft>,
    /// How many may still be taken from this record.
    may_take: usize,
}

impl Stretches {
    /// Forgets all.
    pub(super) fn forget(&mut self) {
        let Stretches { stretches, chunks, names, words, strings, ends, places, hits, captures, drafts, may_take: _ } = self;
        empty(stretches, PARTS / (2 * SHORTEST));
        empty(chunks, POSITIONS / CHUNK);
        empty(names, PARTS);
        empty(words, PARTS);
        empty(strings, PARTS);
        empty(ends, PARTS / 2);
        empty(places, PARTS / 2);
        empty(hits, PARTS / 2);
        empty(captures, PARTS / 8);
        empty(drafts, draft::AT_ONCE);
    }

    /// How far the record repeats a stretch from here on, if it does for a member at least. That much is sound.
    pub(super) fn follow(&self, id: StretchId, walk: &Walk<'_>) -> Option<&End> {
        let Stretch { length, from, to } = self.stretches.get(id as usize)?;
        let ends = part(&self.ends, from.ends, to.ends);
        let (bytes, positions) = walk.ahead();
        let alike = same_structure(part(&self.chunks, from.chunks, to.chunks), bytes).min(*length as usize);
        let positions = positions.get(..alike)?;
        let alike = same_names(part(&self.names, from.names, to.names), walk.input, positions).min(alike);
        let end = last_before(ends, alike)?;
        let words = &part(&self.words, from.words, to.words)[..end.words as usize];
        let mut wrong = words.iter().find(|at| !walk.has_word(**at as usize));
        if walk.has_backslash_before(end.at as usize) {
            let strings = &part(&self.strings, from.strings, to.strings)[..end.strings as usize];
            wrong = wrong.into_iter().chain(strings.iter().find(|at| walk.is_broken(**at as usize))).min();
        }
        match wrong {
            None => Some(end),
            Some(wrong) => last_before(ends, *wrong as usize),
        }
    }

    /// Puts down what the members up to `end` mean. `parent` is the mark of the object that they stand in.
    pub(super) fn put(&self, id: StretchId, end: &End, walk: &Walk<'_>, parent: u32, places: &mut Places) {
        let Stretch { from, to, .. } = &self.stretches[id as usize];
        let positions = walk.since_last();
        let at = |position: u32| positions[position as usize];
        let behind = |value: u32, end: u32| match end {
            WORD => end_of_word(walk, value),
            last => at(last) + 1,
        };
        let (marks, hits) = (places.marks.len() as u32, places.hits.len() as u32);
        let found = &part(&self.places, from.places, to.places)[..end.marks as usize];
        places.marks.extend(found.iter().map(|place| Mark {
            parent: if place.parent == NO_MARK { parent } else { marks + place.parent },
            lead: at(place.lead) + place.behind,
            start: at(place.start),
            value: at(place.value),
            end: behind(place.value, place.end),
            ordinal: place.ordinal,
            count: place.count,
            first_hit: if place.hits > 0 { hits + place.first_hit } else { 0 },
            hits: place.hits,
            next: marks + place.next,
            all_scalars: false,
        }));
        places.hits.extend_from_slice(&part(&self.hits, from.hits, to.hits)[..end.hits as usize]);
        let captures = &part(&self.captures, from.captures, to.captures)[..end.captures as usize];
        places.captures.extend(captures.iter().map(|Captured { slot, value, end }| Capture {
            slot: *slot,
            span: at(*value) as usize..behind(*value, *end) as usize,
        }));
    }
}

/// Where the word ends that a mark or a control value is; few are words.
#[cold]
fn end_of_word(walk: &Walk<'_>, value: u32) -> u32 {
    walk.end_of_word(value as usize - 1).unwrap_or_default() as u32
}

/// How many positions are as they were.
#[inline(always)]
fn same_structure(known: &[Chunk], found: &[u8]) -> usize {
    let mut alike = 0;
    for (Chunk { bytes, counts }, found) in known.iter().zip(found.as_chunks::<CHUNK>().0) {
        let differ = (u8x16::new(*found) ^ u8x16::new(*bytes)) & u8x16::new(*counts);
        let same = differ.simd_eq(u8x16::splat(0)).to_bitmask() as u16;
        if same != u16::MAX {
            return alike + same.trailing_ones() as usize;
        }
        alike += CHUNK;
    }
    alike
}

/// How many positions there are up to the first other name. Not inlined: it takes all registers.
#[inline(never)]
fn same_names(known: &[Name], input: &[u8], positions: &[u32]) -> usize {
    known.iter().find(|name| !name.stands(input, positions)).map_or(usize::MAX, |name| name.at as usize)
}

/// The last end within so many positions.
fn last_before(ends: &[End], positions: usize) -> Option<&End> {
    ends.iter().rfind(|end| end.at as usize <= positions)
}

fn part<T>(all: &[T], from: u32, to: u32) -> &[T] {
    &all[from as usize..to as usize]
}

/// Empties a list that will hold so much.
fn empty<T>(list: &mut Vec<T>, most: usize) {
    list.clear();
    list.reserve_exact(most);
}

#[cfg(test)]
mod tests {
    use super::super::scan::Scanner;
    use super::*;
    use crate::decode::{Limits, Refusal};
    use crate::event::Path;
    use crate::plan::{Duplicates, PathIndex};

    const PATHS: &[&str] = &["$.user.email", "$..id", "$.items[*].sku", "$.other", "$.deep.er.most"];
    const USUAL: &str = r#"{"id":1,"user":{"email":"x","id":{"a":-2.5e1},"ok":true},"plain":{"b":{"c":null}},"items":[{"sku":"1","n":"2","m":3},{"sku":"3","n":4,"m":5}],"after":"\n","name_of_sixteen_":{"id":2},"name_of_seventeen":3,"name_of_more_than_thirty_two_letters":4,"name_of_thirty_two_letters_and__":5,"other":1,"deep":{"er":{"most":"z","least":0}},"last":[{"d":1,"e":2,"f":{}},{"d":3,"e":4,"f":{}}]}"#;

    type Found = Result<(Vec<Mark>, Vec<Hit>, Vec<Capture>), Refusal>;

    fn index() -> PathIndex {
        let slots = |position: usize| vec![SlotId(position as u16)];
        let paths = PATHS.iter().enumerate().map(|(at, path)| (Path::parse(path).expect("a path"), slots(at)));
        PathIndex::build(paths.collect(), true)
    }

    fn scan(scanner: &mut Scanner, index: &PathIndex, text: &str) -> Found {
        let mut places = Places::default();
        scanner.begin_record();
        scanner.scan(text.as_bytes(), index, Duplicates::Quarantine, &mut places)?;
        Ok((places.marks, places.hits, places.captures))
    }

    fn fresh(index: &PathIndex, text: &str, limits: Limits) -> Found {
        scan(&mut Scanner::new(limits), index, text)
    }

    /// Has read the usual document so often that all of it is known.
    fn practised(index: &PathIndex, limits: Limits) -> Scanner {
        let mut scanner = Scanner::new(limits);
        (0..6).for_each(|_| drop(scan(&mut scanner, index, USUAL)));
        scanner
    }

    fn stretches(scanner: &Scanner) -> &[Stretch] {
        &scanner.shapes().stretches.stretches
    }

    /// Before the first array, in its elements, behind it, and the elements of one that no path enters.
    #[test]
    fn all_but_arrays_is_taken_together() {
        let index = index();
        let mut scanner = practised(&index, Limits::default());
        let names: u32 = stretches(&scanner).iter().map(|stretch| stretch.to.names - stretch.from.names).sum();
        let taken = stretches(&scanner).len();
        assert!(taken >= 4 && names >= 20, "{names} names in {taken}");
        (0..100).for_each(|_| drop(scan(&mut scanner, &index, USUAL)));
        assert_eq!(stretches(&scanner).len(), taken, "what is known is not taken again");
    }

    /// Each byte in turn becomes another one, goes, or comes twice.
    #[test]
    fn what_differs_by_a_byte_is_read_as_if_nothing_were_known() {
        let index = index();
        let mut scanner = practised(&index, Limits::default());
        for at in 0..USUAL.len() {
            let (before, rest) = USUAL.split_at(at);
            let (byte, behind) = rest.split_at(1);
            let mut others = vec![format!("{before}{behind}"), format!("{before}{byte}{byte}{behind}"), before.to_owned()];
            others.extend("\"{}[]:,\\ 0-.etfna\u{1}\u{1a}é".chars().map(|other| format!("{before}{other}{behind}")));
            for other in others {
                assert_eq!(scan(&mut scanner, &index, &other), fresh(&index, &other, Limits::default()), "{other}");
            }
            assert_eq!(scan(&mut scanner, &index, USUAL), fresh(&index, USUAL, Limits::default()));
        }
    }

    #[test]
    fn white_space_and_other_values_change_positions_only() {
        let index = index();
        let mut scanner = practised(&index, Limits::default());
        let spaced = USUAL.replace(':', " :\t").replace(',', "\n , ").replace('{', "{ ").replace('}', " }");
        let longer = USUAL.replace("\"x\"", &format!("\"{}\"", "y".repeat(300))).replace("null", "12345678901234567890.5");
        let kinds = USUAL.replace("-2.5e1", "\"text\"").replace("true", "{}").replace("\"z\"", "null");
        for text in [&spaced, &longer, &kinds] {
            assert_eq!(scan(&mut scanner, &index, text), fresh(&index, text, Limits::default()), "{text}");
        }
    }

    /// A record is refused for one place too many at the place at which a walk refuses it.
    #[test]
    fn known_places_count_towards_the_limit() {
        let index = index();
        for touched in 0..20 {
            let limits = Limits { touched, ..Limits::default() };
            let mut scanner = practised(&index, Limits::default());
            scanner.set_limits(limits);
            assert_eq!(scan(&mut scanner, &index, USUAL), fresh(&index, USUAL, limits), "{touched}");
        }
    }

    #[test]
    fn of_values_nothing_is_kept() {
        let (index, mut scanner) = (index(), Scanner::new(Limits::default()));
        let text = r#"{"ill":true,"age":73,"x":false,"y":-9,"z":"secret","n":null}"#;
        (0..6).for_each(|_| drop(scan(&mut scanner, &index, text)));
        let Stretches { stretches, chunks, names, .. } = &scanner.shapes().stretches;
        let names = names.iter().flat_map(|name| name.bytes);
        let kept: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.bytes).chain(names).collect();
        let kept = String::from_utf8_lossy(&kept).replace('\0', "");
        assert_eq!((stretches.len(), kept.as_str()), (1, r#""":,"":,"":,"":,"":"","":ill"age"x"y"z"n""#));
    }

    #[test]
    fn all_that_is_held_is_three_quarters_of_a_megabyte() {
        fn size<T>(list: &Vec<T>) -> usize {
            list.capacity() * size_of::<T>()
        }
        let scanner = practised(&index(), Limits::default());
        let Stretches { stretches, chunks, names, words, strings, ends, places, hits, captures, drafts, may_take: _ } =
            &scanner.shapes().stretches;
        let lists = size(stretches) + size(chunks) + size(names) + size(words) + size(strings) + size(ends);
        let all = lists + size(places) + size(hits) + size(captures) + size(drafts);
        assert!(all <= 3 << 18, "{all}");
    }

    /// Documents of ever other names fill what there is room for; then all is forgotten, and learned anew.
    #[test]
    fn what_is_known_is_bounded_and_forgotten() {
        let (index, mut scanner) = (index(), Scanner::new(Limits::default()));
        let letters = |number: u32| (0..6).map(|at| char::from(b'a' + (number >> (4 * at) & 15) as u8)).collect::<String>();
        let mut most = 0;
        for number in 0..12_000u32 {
            let members: Vec<String> =
                (0..8).map(|member| format!(r#""{}{member}":{{"id":1}}"#, letters(number / 3 % 3_000))).collect();
            let text = format!(r#"{{"k{}":{{{}}}}}"#, letters(number / 3 % 97), members.join(","));
            let found = scan(&mut scanner, &index, &text);
            if number % 64 == 0 {
                assert_eq!(found, fresh(&index, &text, Limits::default()), "{text}");
            }
            let Stretches { chunks, names, ends, .. } = &scanner.shapes().stretches;
            most = most.max(chunks.len());
            assert!(chunks.len() <= POSITIONS / CHUNK && names.len() <= PARTS && ends.len() <= PARTS / 2);
        }
        assert!(most > 0);
    }
}

//! Member names of one record: their decoded spelling, whether two in one object are equal, and what they may mean.

use super::text::special_bytes;
use crate::plan::short_word;
use std::hash::{BuildHasher, RandomState};

/// What one pass over a decoded name shows.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// A keyed hash of the exact spelling.
    pub(super) hash: u64,
    /// Holds letters beyond ASCII.
    pub(super) beyond_ascii: bool,
    /// Holds a dot, or begins with a slash: also counts as its segments.
    pub(super) segmented: bool,
    /// Holds a control character (C0 or DEL; C1 is looked for where `beyond_ascii`).
    pub(super) control: bool,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Spaces behind the last `length` bytes of a name, so that the filler does not look like control characters.
fn padding(length: usize) -> u64 {
    (ONES * 0x20) << (length * 8)
}

/// A look at a name, word by word; the high bits of each mask tell in which bytes something was seen.
struct Look {
    seeds: [u64; 2],
    hash: u64,
    beyond: u64,
    dots: u64,
    controls: u64,
}

impl Look {
    #[inline]
    fn new(seeds: [u64; 2]) -> Look {
        Look { seeds, hash: seeds[0], beyond: 0, dots: 0, controls: 0 }
    }

    /// Takes up to eight bytes; behind the name's end the word is zero and `padding` has spaces.
    #[inline]
    fn word(&mut self, word: u64, padding: u64) {
        self.beyond |= word;
        self.dots |= (word ^ (ONES * b'.' as u64)).wrapping_sub(ONES) & !word;
        let visible = word | padding;
        let delete = (visible ^ (ONES * 0x7F)).wrapping_sub(ONES);
        self.controls |= (visible.wrapping_sub(ONES * 0x20) | delete) & !visible;
        let product = u128::from(self.hash ^ word) * u128::from(self.seeds[1] | 1);
        self.hash = (product as u64) ^ ((product >> 64) as u64);
    }

    #[inline]
    fn finish(self, first: Option<u8>, length: usize) -> Traits {
        Traits {
            hash: self.hash.wrapping_add(length as u64),
            beyond_ascii: self.beyond & HIGHS != 0,
            segmented: self.dots & HIGHS != 0 || first == Some(b'/'),
            control: self.controls & HIGHS != 0,
        }
    }
}

/// Where a decoded name stands: in the record, or among the names that had escapes.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) hash: u64,
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) unescaped: bool,
    /// Whether a second member of this name makes the record malformed.
    pub(super) counts: bool,
}

/// Up to this many members are compared with each other; above, they are sorted by hash first.
const FEW: usize = 16;

/// The names of all open objects of one record.
pub(super) struct Names {
    seeds: [u64; 2],
    entries: Vec<Entry>,
    /// The hashes of `entries` again, side by side: the search through a small object reads nothing else.
    hashes: Vec<u64>,
    unescaped: Vec<u8>,
}

impl Names {
    pub(super) fn new() -> Names {
        let random = RandomState::new();
        Names {
            seeds: [random.hash_one(1u8), random.hash_one(2u8)],
            entries: Vec::new(),
            hashes: Vec::new(),
            unescaped: Vec::new(),
        }
    }

    /// Forgets the last record.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.hashes.clear();
        self.unescaped.clear();
    }

    /// Where the next object's names begin.
    pub(super) fn mark(&self) -> usize {
        self.entries.len()
    }

    /// Decodes a name that has escapes and keeps it until the record ends; answers with its place.
    pub(super) fn unescape(&mut self, inner: &[u8]) -> (usize, usize) {
        let start = self.unescaped.len();
        crate::event::json::unescape_into(inner, &mut self.unescaped);
        (start, self.unescaped.len() - start)
    }

    /// A name that [`Names::unescape`] kept.
    pub(super) fn unescaped(&self, place: (usize, usize)) -> &[u8] {
        &self.unescaped[place.0..place.0 + place.1]
    }

    /// Looks at a decoded name once. Keyed by random seeds, so that an event cannot choose names that collide.
    pub(super) fn traits(&self, name: &[u8]) -> Traits {
        let mut look = Look::new(self.seeds);
        let mut words = name.chunks_exact(8);
        for word in &mut words {
            look.word(u64::from_le_bytes(word.try_into().unwrap_or_default()), 0);
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            look.word(short_word(rest), padding(rest.len()));
        }
        look.finish(name.first().copied(), name.len())
    }

    /// Reads a name whose first byte is at `start` and looks at it in the same pass; answers with the place of its
    /// closing quote. Nothing for a name with escapes or faults, or close to the input's end: those are read the long way.
    #[inline]
    pub(super) fn plain(&self, text: &[u8], start: usize) -> Option<(usize, Traits)> {
        let mut look = Look::new(self.seeds);
        let mut at = start;
        loop {
            let word = u64::from_le_bytes(text.get(at..at + 8)?.try_into().ok()?);
            let special = special_bytes(word);
            if special == 0 {
                look.word(word, 0);
                at += 8;
                continue;
            }
            let length = (special.trailing_zeros() / 8) as usize;
            let end = at + length;
            if text.get(end) != Some(&b'"') {
                return None;
            }
            if length > 0 {
                look.word(word & !(u64::MAX << (length * 8)), padding(length));
            }
            return Some((end, look.finish(text.get(start).copied(), end - start)));
        }
    }

    /// Whether a name holds a C1 control character (U+0080–U+009F), in UTF-8 `C2 80`–`C2 9F`.
    pub(super) fn has_c1_control(&self, text: &[u8], place: (usize, usize), unescaped: bool) -> bool {
        let name = if unescaped { self.unescaped(place) } else { &text[place.0..place.0 + place.1] };
        name.windows(2).any(|pair| pair[0] == 0xC2 && (0x80..=0x9F).contains(&pair[1]))
    }

    /// Adds a name to the innermost open object, whose names begin at `first`: `start..start + len` of the record, or
    /// of the unescaped names. True if another of the object's first names has the same hash.
    #[inline]
    pub(super) fn add(&mut self, first: usize, name: Entry) -> bool {
        let siblings = &self.hashes[first..];
        let met = siblings.len() < FEW && siblings.contains(&name.hash);
        self.hashes.push(name.hash);
        self.entries.push(name);
        met
    }

    /// Forgets the names of the object that begin at `first`, which is closed; true if two of them are equal and one
    /// of the two counts. `met` tells whether [`Names::add`] saw a hash twice.
    #[inline]
    pub(super) fn close(&mut self, text: &[u8], first: usize, met: bool) -> bool {
        let twice = (met || self.entries.len() - first > FEW) && self.has_twice(text, first);
        self.entries.truncate(first);
        self.hashes.truncate(first);
        twice
    }

    fn has_twice(&mut self, text: &[u8], first: usize) -> bool {
        let unescaped = &self.unescaped;
        let names = &mut self.entries[first..];
        let same = |a: &Entry, b: &Entry| {
            a.hash == b.hash && (a.counts || b.counts) && a.bytes(text, unescaped) == b.bytes(text, unescaped)
        };
        if names.len() <= FEW {
            names.iter().enumerate().any(|(position, name)| names[..position].iter().any(|other| same(name, other)))
        } else {
            names.sort_unstable_by_key(|name| name.hash);
            // Equal names stand in one run of equal hashes; the seeds keep such runs from being made on purpose.
            names
                .chunk_by(|a, b| a.hash == b.hash)
                .any(|run| run.iter().enumerate().any(|(position, name)| run[..position].iter().any(|other| same(name, other))))
        }
    }
}

impl Entry {
    fn bytes<'a>(&self, text: &'a [u8], unescaped: &'a [u8]) -> &'a [u8] {
        let source = if self.unescaped { unescaped } else { text };
        &source[self.start as usize..(self.start + self.len) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(names: &[&str], counts: bool) -> bool {
        let mut table = Names::new();
        let text = names.concat();
        let first = table.mark();
        let (mut at, mut met) = (0, false);
        for name in names {
            let traits = table.traits(name.as_bytes());
            met |= table.add(first, Entry { hash: traits.hash, start: at, len: name.len() as u32, unescaped: false, counts });
            at += name.len() as u32;
        }
        table.close(text.as_bytes(), first, met)
    }

    #[test]
    fn equal_names_are_found_in_small_and_large_objects() {
        let many: Vec<String> = (0..1000).map(|number| format!("name{number}")).collect();
        let mut names: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(!twice(&names, true));
        assert!(!twice(&names[..9], true));
        names.push("name500");
        assert!(twice(&names, true));
        assert!(!twice(&names, false));
        assert!(twice(&["a", "b", "a"], true));
        assert!(!twice(&["a", "A", "aa"], true));
    }

    #[test]
    fn traits_are_seen_at_every_position() {
        let names = Names::new();
        for pad in 0..20 {
            let body = "x".repeat(pad);
            let plain = names.traits(format!("{body}y").as_bytes());
            assert!(!plain.beyond_ascii && !plain.segmented && !plain.control);
            assert!(names.traits(format!("{body}.y").as_bytes()).segmented);
            assert!(names.traits(format!("{body}é").as_bytes()).beyond_ascii);
            for control in ["\u{0}", "\u{1}", "\u{1f}", "\u{7f}"] {
                assert!(names.traits(format!("{body}{control}").as_bytes()).control, "{pad} {control:?}");
                assert!(names.traits(format!("{body}{control}y").as_bytes()).control);
            }
        }
        assert!(names.traits(b"/a/b").segmented);
    }
}

//! Member names of one record: their decoded spelling, whether two in one object are equal, and what they may mean.

use crate::plan::{NameStart, name_start};
use std::hash::{BuildHasher, RandomState};
use wide::u8x16;

/// What stepping by a decoded name must know of it.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// Holds letters beyond ASCII.
    pub(super) beyond_ascii: bool,
    /// Holds a dot, or begins with a slash: also counts as its segments.
    pub(super) segmented: bool,
}

impl Traits {
    /// Looks at every byte.
    pub(super) fn of(name: &[u8]) -> Traits {
        Traits { beyond_ascii: !name.is_ascii(), segmented: name.first() == Some(&b'/') || name.contains(&b'.') }
    }
}

/// Whether a decoded name holds a control character: C0, DEL, or C1 (U+0080–U+009F, in UTF-8 `C2 80`–`C2 9F`).
pub(super) fn has_control(name: &[u8]) -> bool {
    let is_c1 = |pair: &[u8]| pair[0] == 0xC2 && (0x80..=0x9F).contains(&pair[1]);
    name.iter().any(u8::is_ascii_control) || name.windows(2).any(is_c1)
}

/// Up to this many bytes of a name are looked at in one step.
const SHORT: usize = size_of::<NameStart>();

/// By length, what keeps the bytes of a name and clears those behind it.
const MASKS: [[u8; SHORT]; SHORT + 1] = {
    let mut masks = [[0; SHORT]; SHORT + 1];
    let mut length = 0;
    while length <= SHORT {
        let mut position = 0;
        while position < length {
            masks[length][position] = 0xFF;
            position += 1;
        }
        length += 1;
    }
    masks
};

/// Not zero if some byte is beyond ASCII, a dot or DEL.
#[inline(always)]
fn odd_bytes(bytes: u8x16) -> u32 {
    (bytes | bytes.simd_eq(u8x16::splat(b'.')) | bytes.simd_eq(u8x16::splat(0x7F))).to_bitmask()
}

/// A quick look at a decoded name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// A keyed hash of the exact spelling.
    pub(super) hash: u64,
    /// What the policy's names are found by.
    pub(super) start: NameStart,
    /// None of the [`Traits`] holds, C0 control characters aside: where they are, the quotes were not seen right.
    pub(super) is_plain: bool,
}

/// Where a decoded name stands: in the record, or among the names that had escapes.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    hash: u64,
    start: u32,
    /// The length, and in its highest bits what [`UNESCAPED`] and [`COUNTS`] say.
    length: u32,
}

/// The name had escapes: it stands among the unescaped ones.
const UNESCAPED: u32 = 1 << 31;
/// A second member of this name makes the record malformed.
const COUNTS: u32 = 1 << 30;

impl Entry {
    /// A name at (start, length), a length below 2³⁰.
    #[inline(always)]
    pub(super) fn new(hash: u64, place: (usize, usize), unescaped: bool, counts: bool) -> Entry {
        let flags = if unescaped { UNESCAPED } else { 0 } | if counts { COUNTS } else { 0 };
        Entry { hash, start: place.0 as u32, length: place.1 as u32 | flags }
    }

    /// The name, if it stands in the text as it is.
    pub(super) fn in_text<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        (self.length & UNESCAPED == 0).then(|| self.bytes(text, &[]))
    }

    fn counts(&self) -> bool {
        self.length & COUNTS != 0
    }

    fn bytes<'a>(&self, text: &'a [u8], unescaped: &'a [u8]) -> &'a [u8] {
        let source = if self.length & UNESCAPED != 0 { unescaped } else { text };
        let length = self.length & !(UNESCAPED | COUNTS);
        &source[self.start as usize..(self.start + length) as usize]
    }
}

/// Up to this many members are compared with each other; above, they are sorted by hash first.
const FEW: usize = 16;

/// The names of one open object.
#[derive(Clone, Copy, Default)]
pub(super) struct Siblings {
    /// Where they begin among the names of all open objects.
    first: usize,
    /// A bit for each hash that was seen.
    seen: u64,
    /// Two of the first names had the same hash.
    met: bool,
}

/// The names of all open objects of one record.
pub(super) struct Names {
    seeds: [u64; 2],
    entries: Vec<Entry>,
    unescaped: Vec<u8>,
}

impl Names {
    pub(super) fn new() -> Names {
        let random = RandomState::new();
        Names { seeds: [random.hash_one(1u8), random.hash_one(2u8)], entries: Vec::new(), unescaped: Vec::new() }
    }

    /// Forgets the last record.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.unescaped.clear();
    }

    /// Opens an object.
    pub(super) fn open(&self) -> Siblings {
        Siblings { first: self.entries.len(), seen: 0, met: false }
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

    /// Looks at a name that stands in the text from `start` to `end`. Keyed by random seeds, so that an event cannot
    /// choose names that collide.
    #[inline(always)]
    pub(super) fn look(&self, text: &[u8], start: usize, end: usize) -> Look {
        let bytes = text.get(start..).and_then(|text| text.first_chunk::<SHORT>());
        match (bytes, MASKS.get(end - start)) {
            (Some(bytes), Some(mask)) => self.short(u8x16::new(*bytes) & u8x16::new(*mask), end - start),
            _ => self.look_long(&text[start..end]),
        }
    }

    /// The same for any decoded name.
    pub(super) fn look_long(&self, name: &[u8]) -> Look {
        let mut look = self.short(u8x16::new(name_start(name).to_le_bytes()), name.len());
        let mut take = |bytes: &[u8; SHORT]| {
            let bytes = u8x16::new(*bytes);
            look.is_plain &= odd_bytes(bytes) == 0;
            look.hash = self.mix(bytes, look.hash);
        };
        if let Some(last) = name.last_chunk::<SHORT>().filter(|_| name.len() > SHORT) {
            name[SHORT..].as_chunks::<SHORT>().0.iter().for_each(&mut take);
            // The last bytes again, or for the first time.
            take(last);
        }
        look
    }

    /// Looks at the beginning of a name.
    #[inline(always)]
    fn short(&self, bytes: u8x16, length: usize) -> Look {
        let start = NameStart::from_le_bytes(bytes.to_array());
        Look { hash: self.mix(bytes, length as u64), start, is_plain: odd_bytes(bytes) == 0 && start as u8 != b'/' }
    }

    #[inline(always)]
    fn mix(&self, bytes: u8x16, hash: u64) -> u64 {
        let both = u128::from_le_bytes(bytes.to_array());
        let (low, high) = (both as u64, (both >> 64) as u64);
        let product = u128::from(low ^ hash ^ self.seeds[0]) * u128::from(high ^ self.seeds[1]);
        (product as u64) ^ ((product >> 64) as u64)
    }

    /// The names of the innermost open object.
    pub(super) fn of(&self, siblings: &Siblings) -> &[Entry] {
        &self.entries[siblings.first..]
    }

    /// Adds a name that is known to have stood in the innermost open object.
    pub(super) fn add_known(&mut self, siblings: &mut Siblings, name: &[u8]) {
        let start = self.unescaped.len();
        self.unescaped.extend_from_slice(name);
        let hash = self.look_long(name).hash;
        self.add(siblings, Entry::new(hash, (start, name.len()), true, true));
    }

    /// Adds a name to the innermost open object.
    #[inline(always)]
    pub(super) fn add(&mut self, siblings: &mut Siblings, name: Entry) {
        let bit = 1 << (name.hash >> 58);
        if siblings.seen & bit != 0 && !siblings.met {
            siblings.met = self.meets(siblings.first, name.hash);
        }
        siblings.seen |= bit;
        self.entries.push(name);
    }

    /// Whether one of the first names has the hash.
    fn meets(&self, first: usize, hash: u64) -> bool {
        let names = &self.entries[first..];
        names.len() < FEW && names.iter().any(|name| name.hash == hash)
    }

    /// Forgets the names of an object that is closed; true if two of them are equal and one of the two counts.
    #[inline]
    pub(super) fn close(&mut self, text: &[u8], siblings: Siblings) -> bool {
        let Siblings { first, seen: _, met } = siblings;
        let twice = (met || self.entries.len() - first > FEW) && self.has_twice(text, first);
        self.entries.truncate(first);
        twice
    }

    fn has_twice(&mut self, text: &[u8], first: usize) -> bool {
        let unescaped = &self.unescaped;
        let names = &mut self.entries[first..];
        let same = |a: &Entry, b: &Entry| {
            a.hash == b.hash && (a.counts() || b.counts()) && a.bytes(text, unescaped) == b.bytes(text, unescaped)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(names: &[&str], counts: bool) -> bool {
        let mut table = Names::new();
        let text = names.concat();
        let mut siblings = table.open();
        let mut at = 0;
        for name in names {
            let hash = table.look_long(name.as_bytes()).hash;
            table.add(&mut siblings, Entry::new(hash, (at, name.len()), false, counts));
            at += name.len();
        }
        table.close(text.as_bytes(), siblings)
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
    fn a_name_looks_the_same_wherever_it_stands() {
        let names = Names::new();
        for length in 0..40 {
            let name: String = ('a'..='z').cycle().take(length).collect();
            let alone = names.look_long(name.as_bytes());
            for (before, behind) in [("", ""), ("", "\": 1"), ("{\"", "\": 1, \"other\": true, \"third\": null}")] {
                let text = format!("{before}{name}{behind}");
                assert_eq!(names.look(text.as_bytes(), before.len(), before.len() + length), alone, "{length} bytes");
            }
            assert_ne!(names.look_long(format!("{name}\0").as_bytes()).hash, alone.hash);
            assert_ne!(names.look_long(format!("{name}a").as_bytes()).hash, alone.hash);
        }
    }

    #[test]
    fn what_is_odd_is_seen_at_every_position() {
        let names = Names::new();
        for before in 0..40 {
            for behind in 0..20 {
                let [before, behind] = [before, behind].map(|count| "x".repeat(count));
                let is_plain = |middle: &str| names.look_long(format!("{before}{middle}{behind}").as_bytes()).is_plain;
                assert!(is_plain("") && is_plain("/") != before.is_empty());
                for odd in [".", "é", "\u{7f}", "\u{85}"] {
                    assert!(!is_plain(odd), "{odd:?} behind {} bytes", before.len());
                }
            }
        }
    }

    #[test]
    fn traits_say_what_is_odd() {
        let none = Traits { beyond_ascii: false, segmented: false };
        for name in ["userId", "a/b", "", "\u{7f}"] {
            assert_eq!(Traits::of(name.as_bytes()), none);
        }
        assert_eq!(Traits::of(b"a.b"), Traits { segmented: true, ..none });
        assert_eq!(Traits::of(b"/a"), Traits { segmented: true, ..none });
        assert_eq!(Traits::of("é".as_bytes()), Traits { beyond_ascii: true, ..none });
        for control in ["\u{0}", "\u{1}", "\u{1f}", "\u{7f}", "\u{80}", "\u{9f}"] {
            assert!(has_control(format!("ab{control}c").as_bytes()), "{control:?}");
        }
        for fine in ["ab", "\u{a0}", "é", "\u{2028}"] {
            assert!(!has_control(fine.as_bytes()), "{fine:?}");
        }
    }
}

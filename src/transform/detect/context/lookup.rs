//! What a word says by itself: looked up among the words that are known.

use super::sorted::{Sorted, alike, heads, heads_of_said, lower_case};
use super::words::{self, INNER, NO_TAILS, STEMS, TAILS, WORDS};
use super::{LONGEST_WORD, Near};
use crate::transform::detect::script::{is_joined, is_unspaced};
use std::sync::LazyLock;

/// Lists of words that say nothing of a number by themselves.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    Owners,
    Hosts,
    Places,
    Sent,
    Towards,
}

impl List {
    pub(super) fn words(self) -> &'static Sorted {
        static OWNERS: Sorted = Sorted::of(words::OWNERS, &heads::<{ words::OWNERS.len() }>(words::OWNERS));
        static HOSTS: Sorted = Sorted::of(words::HOSTS, &heads::<{ words::HOSTS.len() }>(words::HOSTS));
        static PLACES: Sorted = Sorted::of(words::PLACES, &heads::<{ words::PLACES.len() }>(words::PLACES));
        static SENT: Sorted = Sorted::of(words::SENT, &heads::<{ words::SENT.len() }>(words::SENT));
        static TOWARDS: Sorted = Sorted::of(words::TOWARDS, &heads::<{ words::TOWARDS.len() }>(words::TOWARDS));
        match self {
            List::Owners => &OWNERS,
            List::Hosts => &HOSTS,
            List::Places => &PLACES,
            List::Sent => &SENT,
            List::Towards => &TOWARDS,
        }
    }
}

/// Names of programs.
pub(super) static PROGRAMS: Sorted = Sorted::of(words::PROGRAMS, &heads::<{ words::PROGRAMS.len() }>(words::PROGRAMS));

static WORD_HEADS: [u64; WORDS.len()] = heads_of_said(WORDS);
static STEM_HEADS: [u64; STEMS.len()] = heads_of_said(STEMS);

/// What one word says, those for a number of anything told apart.
pub(super) fn find(word: &str) -> Near {
    let first = word.chars().next().unwrap_or(' ');
    let joined = is_joined(first);
    // Scripts without spaces have no whole words, but for Korean.
    if is_unspaced(first) && !matches!(first, '\u{AC00}'..='\u{D7FF}') {
        return inner(word);
    }
    let mut lower = [0u8; LONGEST_WORD];
    let Some(word) = lower_case(word, &mut lower) else { return if joined { inner(word) } else { Near::Nothing } };
    if let Some((_, near)) = WORDS[alike(&WORD_HEADS, word)].iter().find(|(known, _)| *known == word) {
        return *near;
    }
    if joined {
        return inner(word);
    }
    match stem(word) {
        Some(near) => near,
        None if word.len() >= 8 && is_joined_telephone(word) => Near::Phone,
        None => Near::Nothing,
    }
}

/// What the stem says that a word begins with.
fn stem(word: &str) -> Option<Near> {
    // The stems are sorted, and none begins another: what a word begins with stands right before where it would.
    let alike = alike(&STEM_HEADS, word);
    let behind = alike.start + STEMS[alike].partition_point(|(stem, _)| *stem <= word);
    let (stem, near) = STEMS[behind.checked_sub(1)?];
    word.starts_with(stem).then_some(near)
}

fn is_joined_telephone(word: &str) -> bool {
    let rests = || word.bytes().enumerate().filter(|(_, byte)| BEGIN_TAILS.contains(byte)).map(|(at, _)| &word.as_bytes()[at..]);
    let has_tail = rests().any(|rest| TAILS.iter().any(|tail| rest.starts_with(tail.as_bytes())));
    has_tail && !NO_TAILS.iter().any(|other| word.contains(other))
}

/// The letters that begin tails.
const BEGIN_TAILS: &[u8] = b"thpm";

/// The parts of words by the last bits of the letter that they begin with, so that few stand together; the longer of two that begin
/// alike behind.
struct Parts {
    starts: [u16; 257],
    parts: Vec<(&'static str, Near)>,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let mut parts = INNER.to_vec();
    parts.sort_unstable_by_key(|(part, _)| (part.chars().next().map_or(0, last_bits), *part));
    let start = |bits: usize| parts.partition_point(|(part, _)| part.chars().next().map_or(0, last_bits) < bits) as u16;
    Parts { starts: std::array::from_fn(start), parts }
});

impl Parts {
    fn beginning_with(&self, letter: char) -> &[(&'static str, Near)] {
        let bits = last_bits(letter);
        &self.parts[usize::from(self.starts[bits])..usize::from(self.starts[bits + 1])]
    }
}

fn last_bits(letter: char) -> usize {
    letter as usize & 0xFF
}

/// The last telling part of a word.
fn inner(text: &str) -> Near {
    let parts = &*PARTS;
    let longest_at = |(start, letter): (usize, char)| {
        parts.beginning_with(letter).iter().rev().find(|(part, _)| text[start..].starts_with(part)).map(|(_, near)| *near)
    };
    text.char_indices().rev().find_map(longest_at).unwrap_or(Near::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(WORDS.is_sorted_by_key(|(word, _)| *word), "words");
        assert!(STEMS.is_sorted_by_key(|(stem, _)| *stem), "stems");
        assert!(INNER.is_sorted_by_key(|(part, _)| *part), "parts");
        for list in [List::Owners, List::Hosts, List::Places, List::Sent, List::Towards] {
            assert!(list.words().is_sorted(), "{list:?}");
        }
        assert!(PROGRAMS.is_sorted(), "programs");
        for pair in STEMS.windows(2) {
            assert!(!pair[1].0.starts_with(pair[0].0), "{} begins {}", pair[0].0, pair[1].0);
        }
    }

    /// What is looked at before a table is asked passes every word of it.
    #[test]
    fn no_word_is_passed_by() {
        assert!(TAILS.iter().all(|tail| BEGIN_TAILS.contains(&tail.as_bytes()[0])));
        for part in INNER {
            assert!(PARTS.beginning_with(part.0.chars().next().unwrap_or(' ')).contains(part), "{part:?}");
        }
        for (word, near) in WORDS.iter().filter(|(word, _)| word.len() <= LONGEST_WORD) {
            assert_eq!(find(word), *near, "{word}");
        }
        for (stem, near) in STEMS {
            assert_eq!(super::stem(&format!("{stem}z")), Some(*near), "{stem}");
        }
    }
}

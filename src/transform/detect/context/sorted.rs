//! Sorted lists of words, looked up by their first eight bytes as one number: most words are told apart without reading them.

use super::super::script::is_lowered;
use super::{LONGEST_WORD, Near};
use std::ops::Range;

/// A sorted list of words.
pub(super) struct Sorted {
    words: &'static [&'static str],
    heads: &'static [u64],
}

impl Sorted {
    /// A list and the `heads` of its words.
    pub(super) const fn of(words: &'static [&'static str], heads: &'static [u64]) -> Sorted {
        assert!(words.len() == heads.len());
        Sorted { words, heads }
    }

    /// Whether a word is one of them, whatever its case.
    pub(super) fn has(&self, word: &str) -> bool {
        let mut lower = [0u8; LONGEST_WORD];
        lower_case(word, &mut lower).is_some_and(|word| self.words[alike(self.heads, word)].binary_search(&word).is_ok())
    }

    #[cfg(test)]
    pub(super) fn is_sorted(&self) -> bool {
        self.words.is_sorted()
    }
}

/// Those of a sorted list, by its heads, that begin with the same eight bytes as a word.
pub(super) fn alike(heads: &[u64], word: &str) -> Range<usize> {
    let head = head(word.as_bytes());
    let start = heads.partition_point(|known| *known < head);
    start..start + heads[start..].iter().take_while(|known| **known == head).count()
}

/// The heads of a list of words.
pub(super) const fn heads<const COUNT: usize>(words: &[&str]) -> [u64; COUNT] {
    let mut heads = [0; COUNT];
    let mut at = 0;
    while at < COUNT {
        heads[at] = head(words[at].as_bytes());
        at += 1;
    }
    heads
}

/// The heads of a list of words and what they say.
pub(super) const fn heads_of_said<const COUNT: usize>(words: &[(&str, Near)]) -> [u64; COUNT] {
    let mut heads = [0; COUNT];
    let mut at = 0;
    while at < COUNT {
        heads[at] = head(words[at].0.as_bytes());
        at += 1;
    }
    heads
}

/// The first eight bytes, so that numbers stand in the order of the words.
const fn head(word: &[u8]) -> u64 {
    let mut head = 0;
    let mut at = 0;
    while at < 8 {
        head = head << 8 | if at < word.len() { word[at] as u64 } else { 0 };
        at += 1;
    }
    head
}

/// The word in lower case; `None` where it is longer than any that tells something.
pub(super) fn lower_case<'a>(word: &str, lower: &'a mut [u8; LONGEST_WORD]) -> Option<&'a str> {
    if word.is_ascii() {
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        return std::str::from_utf8(lower).ok();
    }
    let mut length = 0;
    let mut push = |letter: char| {
        letter.encode_utf8(lower.get_mut(length..length + letter.len_utf8())?);
        length += letter.len_utf8();
        Some(())
    };
    for letter in word.chars() {
        if is_lowered(letter) {
            letter.to_lowercase().try_for_each(&mut push)?;
        } else {
            push(letter)?;
        }
    }
    std::str::from_utf8(&lower[..length]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_and_nothing_else() {
        static WORDS: &[&str] = &["a", "adressen", "adresseninhaber", "adressenliste", "b", "ü"];
        static LIST: Sorted = Sorted::of(WORDS, &heads::<{ WORDS.len() }>(WORDS));
        assert!(LIST.is_sorted());
        for word in WORDS {
            assert!(LIST.has(word) && LIST.has(&word.to_uppercase()), "{word}");
        }
        for word in ["", "adresse", "adressenl", "adresseni", "ab", "z", "ö", "a\0", &"a".repeat(LONGEST_WORD + 1)] {
            assert!(!LIST.has(word), "{word}");
        }
    }
}

//! The words of a text as they are read backwards. Candidates stand close together and look at the same words: each word is read
//! and looked up once, and kept while a candidate may still ask for it.

use super::lookup::{self, List};
use super::{LONGEST_WORD, Near};
use crate::transform::detect::script::{is_letter, is_unspaced};
use std::cell::{Cell, OnceCell};

/// So many places are kept. What a candidate reads lies mostly in fewer bytes than these.
const KEPT: usize = 64;

/// The words of one text.
pub(in super::super) struct Words<'a> {
    text: &'a str,
    kept: OnceCell<Kept>,
    /// The last bytes that were read and hold no letter, from and to: a text may hold none at all.
    silent: Cell<(usize, usize)>,
}

/// What was read: by where the reading began, and by where a word begins.
struct Kept {
    places: [Cell<Place>; KEPT],
    meanings: [Cell<Meaning>; KEPT],
}

/// The last word before a place.
#[derive(Clone, Copy)]
struct Place {
    /// The place, counted from one; zero where nothing is kept.
    at: usize,
    /// How far before it the word ends and begins.
    end: u8,
    start: u8,
}

/// What a word says.
#[derive(Clone, Copy)]
struct Meaning {
    start: usize,
    length: u8,
    near: Option<Near>,
    /// By list: whether it was looked for, and whether it is there.
    asked: u8,
    listed: u8,
}

impl Kept {
    fn new() -> Kept {
        let nothing = Meaning { start: 0, length: 0, near: None, asked: 0, listed: 0 };
        Kept {
            places: [const { Cell::new(Place { at: 0, end: 0, start: 0 }) }; KEPT],
            meanings: std::array::from_fn(|_| Cell::new(nothing)),
        }
    }
}

impl<'a> Words<'a> {
    /// Of a text of which nothing was read yet.
    pub(in super::super) fn of(text: &'a str) -> Words<'a> {
        Words { text, kept: OnceCell::new(), silent: Cell::new((0, 0)) }
    }

    fn kept(&self) -> &Kept {
        self.kept.get_or_init(Kept::new)
    }

    /// Where a part of the text stands in it.
    fn place_of(&self, part: &str) -> usize {
        let at = super::offset_of(self.text, part);
        debug_assert!(at + part.len() <= self.text.len(), "a part of the text");
        at
    }

    /// The last word of a part of the text and what is before it. `phoneNumber` and `phone_number` are two words.
    pub(super) fn last<'p>(&self, part: &'p str) -> Option<(&'p str, &'p str)> {
        let least = self.place_of(part);
        let (start, end) = match self.known(least, part.len()) {
            Some(known) => known,
            None => self.read(least, part)?,
        };
        // In JSON text inside the text, the letter of `\n` is no part of the word behind.
        let escape = part[..start].ends_with('\\') && part[start..].starts_with(['n', 'r', 't']);
        Some((&part[..start], &part[start + usize::from(escape)..end]))
    }

    /// Where the last word of the `length` bytes behind `least` begins and ends among them, if that is kept. What a shorter part
    /// may cut off is read anew.
    fn known(&self, least: usize, length: usize) -> Option<(usize, usize)> {
        let at = least + length;
        let place = self.kept().places[at % KEPT].get();
        let start = length.checked_sub(usize::from(place.start)).filter(|start| *start > 0 && place.at == at + 1)?;
        Some((start, length - usize::from(place.end)))
    }

    /// Reads the last word of a part.
    fn read(&self, least: usize, part: &str) -> Option<(usize, usize)> {
        let end = self.end_of_letters(least, part)?;
        let start = match if end < part.len() { self.known(least, end) } else { None } {
            Some((start, _)) => start,
            None => start_of_word(&part[..end]),
        };
        if start > 0 {
            self.keep(least + end, 0, end - start);
            self.keep(least + part.len(), part.len() - end, part.len() - start);
        }
        Some((start, end))
    }

    /// Where the last letter of a part ends.
    fn end_of_letters(&self, least: usize, part: &str) -> Option<usize> {
        let (from, to) = self.silent.get();
        let mut end = part.len();
        let found = loop {
            if (from + 1..=to).contains(&(least + end)) {
                end = from.saturating_sub(least);
            }
            let stop = if from < to && to < least + end { to.saturating_sub(least) } else { 0 };
            // Most of what parts words is ASCII.
            let is_sign = |byte: &&u8| byte.is_ascii() && !byte.is_ascii_alphabetic();
            end -= part.as_bytes()[stop..end].iter().rev().take_while(is_sign).count();
            if stop > 0 && end == stop {
                continue;
            }
            match part[..end].chars().next_back() {
                None => break None,
                Some(letter) if is_letter(letter) => break Some(end),
                Some(sign) => end -= sign.len_utf8(),
            }
        };
        if least + part.len() >= to {
            let joins = (from..=to).contains(&(least + end));
            self.silent.set((if joins { from } else { least + end }, least + part.len()));
        }
        found
    }

    fn keep(&self, at: usize, end: usize, start: usize) {
        if let (Ok(end), Ok(start)) = (u8::try_from(end), u8::try_from(start)) {
            self.kept().places[at % KEPT].set(Place { at: at + 1, end, start });
        }
    }

    /// What a word of the text says by itself, those for a number of anything told apart.
    pub(super) fn find(&self, word: &str) -> Near {
        self.meaning(word, |meaning| meaning.near, |meaning| meaning.near = Some(lookup::find(word))).unwrap_or(Near::Nothing)
    }

    /// What a word of the text says by itself.
    pub(super) fn lookup(&self, word: &str) -> Near {
        match self.find(word) {
            Near::Number => Near::Nothing,
            near => near,
        }
    }

    /// Whether a word of the text is one of a list.
    pub(super) fn is_in(&self, word: &str, list: List) -> bool {
        let bit = 1 << list as u8;
        let listed = self.meaning(
            word,
            |meaning| (meaning.asked & bit != 0).then_some(meaning.listed & bit != 0),
            |meaning| {
                meaning.asked |= bit;
                meaning.listed |= if list.words().has(word) { bit } else { 0 };
            },
        );
        listed.unwrap_or(false)
    }

    /// What is kept of a word; where that does not tell, it is found out first.
    fn meaning<T>(&self, word: &str, told: impl Fn(&Meaning) -> Option<T>, find_out: impl FnOnce(&mut Meaning)) -> Option<T> {
        let start = self.place_of(word);
        let Ok(length) = u8::try_from(word.len()) else {
            let mut meaning = Meaning { start, length: 0, near: None, asked: 0, listed: 0 };
            find_out(&mut meaning);
            return told(&meaning);
        };
        let slot = &self.kept().meanings[start % KEPT];
        let mut meaning = slot.get();
        if meaning.start != start || meaning.length != length {
            meaning = Meaning { start, length, near: None, asked: 0, listed: 0 };
        }
        told(&meaning).or_else(|| {
            find_out(&mut meaning);
            slot.set(meaning);
            told(&meaning)
        })
    }
}

/// Where the word begins that ends a text.
fn start_of_word(text: &str) -> usize {
    let end = text.len();
    let Some(mut next) = text.chars().next_back() else { return end };
    let wide = is_unspaced(next);
    let mut start = end;
    for (at, letter) in text.char_indices().rev() {
        if !is_letter(letter) || is_unspaced(letter) != wide || end - at > 2 * LONGEST_WORD {
            break;
        }
        if start < end && letter.is_lowercase() && next.is_uppercase() {
            break;
        }
        next = letter;
        start = at;
    }
    start
}

//! The words in front of a number: they tell a telephone from an order, and an address from a version.

mod around;
mod key;
mod lookup;
mod names;
mod read;
mod sorted;
mod table;
mod words;

use super::scan::Scan;
use super::script::{is_alphanumeric, is_letter};
use key::{Named, named};
use lookup::{List, PROGRAMS};
use names::{answered, classify_key, is_any, of_parent, unquoted_name};
pub(super) use read::Words;
pub(super) use table::Table;
use words::LONGEST_TOWARDS;

/// What the nearest telling word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Near {
    /// Nothing telling is near.
    Nothing,
    /// A telephone.
    Phone,
    /// Somebody is called, written to or reached.
    Reach,
    /// A number of whatever else is said: `my number`.
    Number,
    /// A letter as people sign: `T: 030 …`, `M: 0171 …`.
    Signed,
    /// `tfn`: a telephone in Sweden, a tax file number in Australia.
    PhoneOrTax,
    /// A mobile device's number.
    Device,
    /// A social security number.
    SocialSecurity,
    /// A hardware address.
    Mac,
    /// A national identifier.
    National,
    /// A version, or a section of a text.
    Version,
    /// Something that versions or sections are often said of: an update, a plug-in, a clause.
    Release,
    /// Something else that has a number: an order, a price, a card.
    Other,
}

impl Near {
    /// This, or what is said elsewhere if this says nothing.
    fn or_else(self, elsewhere: impl FnOnce() -> Near) -> Near {
        if self == Near::Nothing { elsewhere() } else { self }
    }
}

/// The words before one place, looked up when they are first asked for.
pub(super) struct Context {
    start: usize,
    near: Option<Near>,
}

/// How far back words are looked for, in bytes and in words.
const REACH_BYTES: usize = 96;
const REACH_WORDS: usize = 5;
/// Longer words tell nothing.
const LONGEST_WORD: usize = 32;

impl Context {
    /// For a candidate that begins at `start`.
    pub(super) fn new(start: usize) -> Context {
        Context { start, near: None }
    }

    /// What the nearest telling word says.
    pub(super) fn near(&mut self, scan: &Scan<'_>) -> Near {
        *self.near.get_or_insert_with(|| look_back(scan, self.start))
    }
}

fn look_back(scan: &Scan<'_>, start: usize) -> Near {
    let mut least = start.saturating_sub(REACH_BYTES);
    let mut inherited = Near::Nothing;
    if let Some(last) = scan.last()
        && last.end > least
    {
        least = last.end;
        inherited = inherit(last.what, &scan.text[least..start]);
    }
    while !scan.text.is_char_boundary(least) {
        least += 1;
    }
    let before = &scan.text[least..start];
    let words = &scan.words;
    match named(words, before) {
        Named::Key(key) => of_name(scan, start, before, key),
        Named::Near(near) => near,
        Named::Prose(prose) => scan.table.column(words, scan.text, start).or_else(|| match around::question(words, prose) {
            Some(question) => in_prose(words, question),
            None => in_prose(words, prose)
                .or_else(|| inherited)
                .or_else(|| unquoted_name(words, prose))
                .or_else(|| around::look(words, scan.text, prose, start)),
        }),
    }
}

/// What the name of a value says, and where it says nothing, what stands in front of it, around it and beside it.
fn of_name(scan: &Scan<'_>, start: usize, before: &str, key: &str) -> Near {
    let words = &scan.words;
    let in_front = || in_prose(words, answered(&before[..offset_of(before, key)]));
    match classify_key(words, key) {
        Some(Near::Nothing) => of_parent(words, before, key),
        // `"v"` is a version's, or the value of what stands beside it: `{"k":"tel","v":"…"}`.
        Some(Near::Version) if key.len() == 1 => match in_front() {
            near if matches!(near, Near::Phone | Near::Device) => near,
            _ => Near::Version,
        },
        Some(near) => near,
        None => in_front().or_else(|| of_parent(words, before, key)).or_else(|| around::sibling(words, &scan.text[start..])),
    }
}

/// Where a part of a text stands in it.
fn offset_of(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

/// A list: what holds for the find before holds for what only punctuation or a joining word parts from it.
fn inherit(what: super::What, between: &str) -> Near {
    // A quote that ends one value and begins the next parts two of a list; one that only ends parts two columns.
    // The end of an attribute begins the text of its element.
    let ends_tag = matches!(between, "\">" | "'>");
    let quoted = between.starts_with(['"', '\'']) && between.chars().next() != between.chars().next_back() && !ends_tag;
    let words = between.trim_matches(|letter: char| !is_alphanumeric(letter));
    let joins = matches!(
        words,
        "" | "to"
            | "auf"
            | "à"
            | "a"
            | "al"
            | "til"
            | "till"
            | "naar"
            | "на"
            | "plus"
            | "sowie"
            | "or"
            | "and"
            | "und"
            | "oder"
            | "y"
            | "o"
            | "e"
            | "et"
            | "ou"
            | "og"
            | "och"
            | "en"
            | "of"
            | "i"
            | "lub"
    );
    if joins && !quoted { of_label(what) } else { Near::Nothing }
}

/// What a find says about its neighbour in a list.
fn of_label(what: super::What) -> Near {
    use crate::plan::Label;
    match what {
        super::What::Label(Label::Phone) => Near::Phone,
        super::What::Label(Label::Imei) => Near::Device,
        super::What::Label(Label::UsSsn) => Near::SocialSecurity,
        super::What::Label(_) | super::What::Pattern(_) => Near::Nothing,
    }
}

/// What the nearest telling word says.
fn in_prose(words: &Words<'_>, before: &str) -> Near {
    if before.trim_end_matches([' ', ':', '\u{A0}', '\u{FE0F}']).ends_with(SIGNS) {
        return Near::Phone;
    }
    let mut rest = before;
    for distance in 0..REACH_WORDS {
        let Some((front, word)) = words.last(rest) else { return Near::Nothing };
        if Gap::of(&rest[offset_of(rest, word) + word.len()..]).ends_sentence(distance, word) {
            return Near::Nothing;
        }
        let near = in_turn(words, distance, front, word);
        let reaches = match near {
            Near::Nothing | Near::Number => false,
            Near::Version | Near::Release => distance < 3,
            // A step of a path calls nobody: `/reach 404`.
            Near::Reach => !front.ends_with('/'),
            Near::Phone
            | Near::Signed
            | Near::PhoneOrTax
            | Near::Device
            | Near::SocialSecurity
            | Near::Mac
            | Near::National
            | Near::Other => true,
        };
        if reaches {
            return near;
        }
        rest = front;
    }
    Near::Nothing
}

/// What a word says with what stands in front of it, so many words before the number.
fn in_turn(words: &Words<'_>, distance: usize, front: &str, word: &str) -> Near {
    if word.eq_ignore_ascii_case("id") {
        // An id of something: of a person where the word before says so, else of whatever it is.
        let near = words.last(front).map_or(Near::Other, |(_, owner)| of_owner(words, owner));
        return near.or_else(|| Near::Other);
    }
    match words.find(word) {
        // `my number`: what somebody calls theirs without saying of what is their telephone's.
        Near::Number if words.last(front).is_some_and(|(_, owner)| words.is_in(owner, List::Owners)) => Near::Reach,
        Near::Number => Near::Nothing,
        Near::Nothing if distance == 0 && is_sent_towards(words, word, front) => Near::Reach,
        near => near,
    }
}

/// What stands between a word and the next, or the number.
#[derive(Default)]
struct Gap {
    /// A sign that ends whatever was said.
    ends: bool,
    comma: bool,
    /// A full stop and a blank.
    stop: bool,
}

impl Gap {
    fn of(text: &str) -> Gap {
        let mut gap = Gap::default();
        for (at, byte) in text.bytes().enumerate() {
            let rest = &text.as_bytes()[at + 1..];
            match byte {
                b'\n' | b';' | b'|' | b'}' | b'{' | b'!' | b'?' | b'&' => gap.ends = true,
                b',' => gap.comma = true,
                b'.' => gap.stop |= rest.starts_with(b" "),
                // `。` and `•`.
                0xE3 => gap.ends |= rest.starts_with(&[0x80, 0x82]),
                0xE2 => gap.ends |= rest.starts_with(&[0x80, 0xA2]),
                _ => {}
            }
        }
        gap
    }

    /// Whether the word in front, so many words before the number, says nothing of it. Over the end of a sentence only an
    /// abbreviation reaches: `Tel. 030 …`.
    fn ends_sentence(&self, distance: usize, word: &str) -> bool {
        let is_abbreviation = || distance < 2 && word.chars().count() <= if distance == 0 { 5 } else { 4 };
        self.ends || (self.comma && distance > 0) || (self.stop && !is_abbreviation())
    }
}

/// Signs for telephones.
const SIGNS: &[char] = &['☎', '☏', '✆', '📞', '📱', '📲', '📟', '📠', '℡', '🤙'];

/// `a code was sent to`.
fn is_sent_towards(words: &Words<'_>, word: &str, front: &str) -> bool {
    word.len() <= LONGEST_TOWARDS
        && words.is_in(word, List::Towards)
        && words.last(front).is_some_and(|(_, verb)| words.is_in(verb, List::Sent))
}

/// What an id is of: that of a device is its IMEI.
fn of_owner(words: &Words<'_>, owner: &str) -> Near {
    let is_device = ["device", "handset", "terminal", "equipment"].iter().any(|name| owner.eq_ignore_ascii_case(name));
    match words.lookup(owner) {
        _ if is_device => Near::Device,
        Near::Phone | Near::Reach if !is_any(owner, &["caller", "called", "calling"]) => Near::Other,
        near => near,
    }
}

/// Whether the last word is one for telephones.
pub(super) fn names_phone(words: &Words<'_>, text: &str) -> bool {
    words.last(text).is_some_and(|(front, word)| text.len() - front.len() == word.len() && words.lookup(word) == Near::Phone)
}

/// Whether the last word names a program, which its version follows.
pub(super) fn is_program(text: &str) -> bool {
    let word = text.rsplit(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
    let is_library = word.len() > 4 && word.starts_with("lib") && word.bytes().all(|byte| byte.is_ascii_lowercase());
    is_library || PROGRAMS.has(word)
}

/// Whether the last word says that an address follows.
pub(super) fn is_host(words: &Words<'_>, text: &str) -> bool {
    words.last(text).is_some_and(|(_, word)| words.is_in(word, List::Hosts))
}

/// Whether one of the last words, at most so many, says that an address follows, or the last one is a name in capitals, as
/// errors of the network have.
pub(super) fn is_address_near(words: &Words<'_>, text: &str, most: usize) -> bool {
    let mut rest = text;
    for distance in 0..most {
        let Some((front, word)) = words.last(rest) else { return distance == 0 };
        let is_error = distance == 0 && word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_error || words.is_in(word, List::Places) {
            return true;
        }
        rest = front;
    }
    false
}

/// Whether the first word says that a version stands before it.
pub(super) fn is_version_word(words: &Words<'_>, text: &str) -> bool {
    let end = text.find(|letter: char| !is_letter(letter)).unwrap_or(text.len());
    matches!(words.lookup(&text[..end]), Near::Version | Near::Release)
}

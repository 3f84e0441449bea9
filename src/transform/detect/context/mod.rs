//! The words in front of a number: they tell a telephone from an order, and an address from a version.

mod around;
mod key;
mod table;
mod words;

use super::email::is_unspaced;
use super::scan::Scan;
use key::{Named, named};
pub(super) use table::Table;
use words::{HOSTS, INNER, LONGEST_TOWARDS, NO_TAILS, OWNERS, PLACES, PROGRAMS, SENT, STEMS, TAILS, TOWARDS, WORDS};

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

/// The words before one place, looked up when they are first asked for.
pub(super) struct Context {
    start: usize,
    near: Option<Near>,
}

/// How far back words are looked for, in bytes and in words.
const REACH_BYTES: usize = 96;
const REACH_WORDS: usize = 5;
/// So many objects are looked out of for the name of a value.
const MOST_PARENTS: usize = 3;
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
    match named(before) {
        Named::Key(key) => match classify_key(key) {
            Some(Near::Nothing) => of_parent(before, key),
            // `"v"` is a version's, or the value of what stands beside it: `{"k":"tel","v":"…"}`.
            Some(Near::Version) if key.len() == 1 => match in_prose(answered(&before[..offset_of(before, key)])) {
                near if matches!(near, Near::Phone | Near::Device) => near,
                _ => Near::Version,
            },
            Some(near) => near,
            None => match in_prose(answered(&before[..offset_of(before, key)])) {
                Near::Nothing => match of_parent(before, key) {
                    Near::Nothing => around::sibling(&scan.text[start..]),
                    near => near,
                },
                near => near,
            },
        },
        Named::Near(near) => near,
        Named::Prose(prose) => {
            let column = scan.table.column(scan.text, start);
            if column == Near::Nothing
                && let Some(question) = around::question(prose)
            {
                return in_prose(question);
            }
            [column, in_prose(prose), inherited].into_iter().find(|near| *near != Near::Nothing).unwrap_or_else(|| {
                match unquoted_name(prose) {
                    Near::Nothing => around::look(scan.text, prose, start),
                    near => near,
                }
            })
        }
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
    let words = between.trim_matches(|letter: char| !letter.is_alphanumeric());
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

/// The same for a name without quotes: `phone { value: 030 … }`.
fn unquoted_name(prose: &str) -> Near {
    let Some(named) = prose.trim_end().strip_suffix(':') else { return Near::Nothing };
    match last_word(named) {
        Some((front, word)) if is_holder(word) && named.ends_with(word) && front.contains(['{', '(']) => of_parent(named, word),
        _ => Near::Nothing,
    }
}

/// The name around a value whose own name says nothing: `"phone":{"home":"…"}`, `variable "cell" { default = "…"`.
fn of_parent(before: &str, key: &str) -> Near {
    if last_word(key).is_some_and(|(_, word)| is_any(word, NOT_VALUES)) {
        return Near::Nothing;
    }
    let mut inner = &before[..offset_of(before, key)];
    // A parent that itself only holds, `{"string_value":"…"}`, hands the question on.
    for _ in 0..MOST_PARENTS {
        let Some(opener) = opener(inner) else { break };
        let front = inner[..opener].trim_end_matches(['"', '\'', '\\', ' ', '\n', '\t', '[', '{', ':', '=', '>']);
        let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
        let start =
            front.char_indices().rev().take_while(|(_, letter)| is_name(*letter)).last().map_or(front.len(), |(at, _)| at);
        if let Some(near) = classify_key(&front[start..]) {
            return near;
        }
        inner = &front[..start];
        match in_prose(answered(inner)) {
            Near::Nothing => {}
            near => return near,
        }
    }
    Near::Nothing
}

/// The bracket that opens what the end of a text stands in.
fn opener(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.bytes().rposition(|byte| {
        match byte {
            b'}' | b')' => depth += 1,
            b'{' | b'(' => depth -= 1,
            _ => {}
        }
        depth < 0
    })
}

/// The text in front of a name that holds anything; the mark of a question may end it: `"question":"Phone?","answer":`.
fn answered(before: &str) -> &str {
    before.trim_end_matches(['"', '\'', '\\', ',', ' ', '?', '？', '؟'])
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

/// What a name says; `None` where it only says that there is a value.
fn classify_key(key: &str) -> Option<Near> {
    let mut rest = key;
    let mut any = false;
    while let Some((before, word)) = last_word(rest) {
        rest = before;
        match lookup(word) {
            Near::Nothing => any |= !is_holder(word),
            near => return Some(without_ids(key, near)),
        }
    }
    any.then_some(Near::Nothing)
}

/// What a name says whose last word says that it holds no number of anybody's: `contact_id`, `phone_verified_at`. The id of
/// a device, of a citizen and of a caller is one.
fn without_ids(key: &str, near: Near) -> Near {
    let is_id = last_word(key).is_some_and(|(front, word)| {
        is_any(word, NOT_VALUES) && last_word(front).is_some_and(|(_, owner)| !is_any(owner, &["caller", "called", "calling"]))
    });
    if is_id && matches!(near, Near::Phone | Near::Reach) { Near::Other } else { near }
}

/// Names that hold anything: what the value is, is said around them.
fn is_holder(word: &str) -> bool {
    const HOLDERS: &[&str] = &[
        "value",
        "val",
        "values",
        "number",
        "num",
        "no",
        "nr",
        "to",
        "from",
        "text",
        "data",
        "input",
        "content",
        "msg",
        "message",
        "for",
        "recipient",
        "target",
        "default",
        "string",
        "literal",
        "raw",
        "s",
        "v",
        "t",
        "body",
        "answer",
        "reply",
        "response",
        "current",
        "old",
        "new",
        "before",
        "after",
        "formatted",
        "display",
        "eq",
        "like",
        "contains",
        "is",
        "add",
        "set",
        "update",
    ];
    is_any(word, HOLDERS)
}

/// Names that stand beside a value and do not hold it: what is around them says nothing of theirs.
const NOT_VALUES: &[&str] = &[
    "id",
    "ids",
    "uuid",
    "guid",
    "ts",
    "time",
    "timestamp",
    "date",
    "at",
    "hash",
    "count",
    "version",
    "sid",
    "duration",
    "status",
    "ms",
    "seconds",
    "session",
    "total",
];

fn is_any(word: &str, list: &[&str]) -> bool {
    list.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// What the nearest telling word says.
pub(super) fn in_prose(before: &str) -> Near {
    if before.trim_end_matches([' ', ':', '\u{A0}', '\u{FE0F}']).ends_with(SIGNS) {
        return Near::Phone;
    }
    let mut rest = before;
    for distance in 0..REACH_WORDS {
        let Some((front, word)) = last_word(rest) else { return Near::Nothing };
        let gap = &rest[offset_of(rest, word) + word.len()..];
        let mut near = match find(word) {
            // `my number`: what somebody calls theirs without saying of what is their telephone's.
            Near::Number if last_word(front).is_some_and(|(_, owner)| is_one_of(owner, OWNERS)) => Near::Reach,
            Near::Number => Near::Nothing,
            Near::Nothing if distance == 0 && is_sent_towards(word, front) => Near::Reach,
            near => near,
        };
        if word.eq_ignore_ascii_case("id") {
            // An id of something: of a person where the word before says so, else of whatever it is.
            near = last_word(front).map_or(Near::Other, |(_, owner)| of_owner(owner));
            near = if near == Near::Nothing { Near::Other } else { near };
        }
        // Over the end of a sentence only an abbreviation reaches: `Tel. 030 …`.
        if gap.contains(['\n', ';', '|', '}', '{', '。', '!', '?', '•', '&']) || (gap.contains(',') && distance > 0) {
            return Near::Nothing;
        }
        if gap.contains(". ") && !(distance < 2 && word.chars().count() <= if distance == 0 { 5 } else { 4 }) {
            return Near::Nothing;
        }
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

/// Signs for telephones.
const SIGNS: &[char] = &['☎', '☏', '✆', '📞', '📱', '📲', '📟', '📠', '℡', '🤙'];

/// `a code was sent to`.
fn is_sent_towards(word: &str, front: &str) -> bool {
    word.len() <= LONGEST_TOWARDS && is_one_of(word, TOWARDS) && last_word(front).is_some_and(|(_, verb)| is_one_of(verb, SENT))
}

/// What an id is of: that of a device is its IMEI.
fn of_owner(owner: &str) -> Near {
    let is_device = ["device", "handset", "terminal", "equipment"].iter().any(|name| owner.eq_ignore_ascii_case(name));
    match lookup(owner) {
        _ if is_device => Near::Device,
        Near::Phone | Near::Reach if !is_any(owner, &["caller", "called", "calling"]) => Near::Other,
        near => near,
    }
}

/// The last word of a text and what is before it. `phoneNumber` and `phone_number` are two words.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let end = text.trim_end_matches(|letter: char| !is_letter(letter)).len();
    let text = &text[..end];
    let last = text.chars().next_back()?;
    let wide = is_unspaced(last);
    let mut start = end;
    for (at, letter) in text.char_indices().rev() {
        if !is_letter(letter) || is_unspaced(letter) != wide || end - at > 2 * LONGEST_WORD {
            break;
        }
        let next = text[start..].chars().next();
        if start < end && letter.is_lowercase() && next.is_some_and(char::is_uppercase) {
            break;
        }
        start = at;
    }
    // In JSON text inside the text, the letter of `\n` is no part of the word behind.
    let escape = text[..start].ends_with('\\') && text[start..].starts_with(['n', 'r', 't']);
    Some((&text[..start], &text[start + usize::from(escape)..]))
}

fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() || matches!(letter, '\u{0300}'..='\u{036F}' | '\u{0900}'..='\u{0DFF}' | '\u{0E30}'..='\u{0E4E}')
}

/// Whether the last word is one for telephones.
pub(super) fn names_phone(text: &str) -> bool {
    last_word(text).is_some_and(|(front, word)| text.len() - front.len() == word.len() && lookup(word) == Near::Phone)
}

/// Whether the last word names a program, which its version follows.
pub(super) fn is_program(text: &str) -> bool {
    let word = text.rsplit(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
    let is_library = word.len() > 4 && word.starts_with("lib") && word.bytes().all(|byte| byte.is_ascii_lowercase());
    is_library || is_one_of(word, PROGRAMS)
}

/// Whether the last word says that an address follows.
pub(super) fn is_host(text: &str) -> bool {
    last_word(text).is_some_and(|(_, word)| is_one_of(word, HOSTS))
}

/// Whether one of the last words, at most so many, says that an address follows, or the last one is a name in capitals, as
/// errors of the network have.
pub(super) fn is_address_near(text: &str, most: usize) -> bool {
    let mut rest = text;
    for distance in 0..most {
        let Some((front, word)) = last_word(rest) else { return distance == 0 };
        let is_error = distance == 0 && word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_error || is_one_of(word, PLACES) {
            return true;
        }
        rest = front;
    }
    false
}

/// Whether the first word says that a version stands before it.
pub(super) fn is_version_word(text: &str) -> bool {
    let end = text.find(|letter: char| !is_letter(letter)).unwrap_or(text.len());
    matches!(lookup(&text[..end]), Near::Version | Near::Release)
}

/// What one word says by itself.
pub(super) fn lookup(word: &str) -> Near {
    match find(word) {
        Near::Number => Near::Nothing,
        near => near,
    }
}

/// What one word says, those for a number of anything told apart.
fn find(word: &str) -> Near {
    let first = word.chars().next().unwrap_or(' ');
    let joined = is_joined(first);
    // Scripts without spaces have no whole words, but for Korean.
    if is_unspaced(first) && !matches!(first, '\u{AC00}'..='\u{D7FF}') {
        return inner(word);
    }
    let mut lower = [0u8; LONGEST_WORD];
    let Some(word) = lower_case(word, &mut lower) else { return if joined { inner(word) } else { Near::Nothing } };
    // The words are sorted: a word that begins like one of ours stands right behind it.
    if let Ok(at) = WORDS.binary_search_by(|(known, _)| (*known).cmp(word)) {
        return WORDS[at].1;
    }
    if joined {
        return inner(word);
    }
    let known = STEMS.partition_point(|(stem, _)| *stem <= word);
    match known.checked_sub(1).map(|at| STEMS[at]) {
        Some((stem, near)) if word.starts_with(stem) => near,
        _ if word.len() >= 8 && is_joined_telephone(word) => Near::Phone,
        _ => Near::Nothing,
    }
}

fn is_joined_telephone(word: &str) -> bool {
    TAILS.iter().any(|tail| word.contains(tail)) && !NO_TAILS.iter().any(|other| word.contains(other))
}

/// Whether a word is one of a sorted list, whatever its case.
pub(super) fn is_one_of(word: &str, list: &[&str]) -> bool {
    let mut lower = [0u8; LONGEST_WORD];
    lower_case(word, &mut lower).is_some_and(|word| list.binary_search(&word).is_ok())
}

/// The word in lower case; `None` where it is longer than any that tells something.
fn lower_case<'a>(word: &str, lower: &'a mut [u8; LONGEST_WORD]) -> Option<&'a str> {
    if word.is_ascii() {
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        return std::str::from_utf8(lower).ok();
    }
    let mut length = 0;
    for letter in word.chars().flat_map(char::to_lowercase) {
        letter.encode_utf8(lower.get_mut(length..length + letter.len_utf8())?);
        length += letter.len_utf8();
    }
    std::str::from_utf8(&lower[..length]).ok()
}

/// Letters of scripts without spaces, and of scripts that join articles and endings to a word.
fn is_joined(letter: char) -> bool {
    is_unspaced(letter) || matches!(letter, '\u{0530}'..='\u{0DFF}' | '\u{10A0}'..='\u{10FF}')
}

/// The last telling part of a word.
fn inner(text: &str) -> Near {
    text.char_indices().rev().find_map(|(start, _)| begins_inner(&text[start..])).unwrap_or(Near::Nothing)
}

/// What the longest part that begins a text says.
fn begins_inner(text: &str) -> Option<Near> {
    let first = text.chars().next()?;
    let before = INNER.partition_point(|(part, _)| *part <= text);
    let near = INNER[..before].iter().rev().take_while(|(part, _)| part.starts_with(first));
    near.into_iter().find(|(part, _)| text.starts_with(part)).map(|(_, near)| *near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(WORDS.is_sorted_by_key(|(word, _)| *word), "words");
        assert!(STEMS.is_sorted_by_key(|(stem, _)| *stem), "stems");
        assert!(INNER.is_sorted_by_key(|(part, _)| *part), "parts");
        assert!(PROGRAMS.is_sorted() && HOSTS.is_sorted() && PLACES.is_sorted(), "programs and hosts");
        assert!(OWNERS.is_sorted(), "owners");
        assert!(SENT.is_sorted() && TOWARDS.is_sorted(), "sent and towards");
        for pair in STEMS.windows(2) {
            assert!(!pair[1].0.starts_with(pair[0].0), "{} begins {}", pair[0].0, pair[1].0);
        }
    }
}

//! Which parameters a rule names, whatever the spelling (`scrub.md`, rule 7).
//!
//! A rule that removes meets every reading: encoded up to three times, folded, look-alike, `name[…]`, `a.name`, and
//! inside a value that is a query or URL of its own. A rule that releases meets the decoded name in any case of
//! its letters, and nothing else.

use crate::plan::{UrlParam, UrlParams, fold};
use wide::u8x16;

/// How often a text is percent-decoded before it is taken for final.
const MAX_DECODINGS: usize = 3;

/// Where a name is written as it is read; cleared before each use.
#[derive(Default)]
pub(in super::super) struct Space {
    /// Percent-decoded.
    decoded: Vec<u8>,
    folded: Folded,
}

/// A name with letters beyond ASCII, folded in two steps.
#[derive(Default)]
struct Folded {
    plain: String,
    shape: String,
}

/// The names of one rule, with the space to read into.
pub(super) struct Names<'a> {
    params: &'a UrlParams,
    space: &'a mut Space,
    /// All names of the rule are ASCII, so that no other letter of a name of ASCII looks like one of theirs.
    is_ascii: bool,
}

impl<'a> Names<'a> {
    pub(super) fn new(params: &'a UrlParams, space: &'a mut Space) -> Names<'a> {
        let is_ascii = match params {
            UrlParams::Drop(names) => names.iter().all(|listed| listed.name.is_ascii()),
            UrlParams::Keep(names) => names.iter().all(|name| name.is_ascii()),
        };
        Names { params, space, is_ascii }
    }

    /// Whether the parameter `name[=value]` may stay.
    pub(super) fn release(&mut self, piece: &str) -> bool {
        match (self.params, single_name(piece.as_bytes())) {
            (UrlParams::Keep(names), Some(name)) => names.iter().any(|kept| equals_by_case(name, kept)),
            (UrlParams::Drop(names), Some(name)) => !names_one(name, names, &mut self.space.folded),
            (_, None) => self.release_in_any_reading(piece),
        }
    }

    /// The same where the name is found already, and nothing in it is decoded or ends it; `is_single` if that is true of the
    /// whole parameter, but for the one `=`. An empty name is looked for again.
    #[inline]
    pub(super) fn release_named(&mut self, name: &[u8], piece: &[u8], is_single: bool) -> bool {
        let is_simple = |name: &[u8]| !name.is_empty() && name.iter().all(|byte| IS_SIMPLE[usize::from(*byte)]);
        let lists = |listed: &UrlParam| name.eq_ignore_ascii_case(listed.name.as_bytes());
        let long_way = |names: &mut Self| std::str::from_utf8(piece).is_ok_and(|piece| names.release(piece));
        match self.params {
            UrlParams::Drop(names) if self.is_ascii && is_simple(name) => {
                !names.iter().any(lists) && (is_single || long_way(self))
            }
            UrlParams::Drop(_) | UrlParams::Keep(_) => long_way(self),
        }
    }

    /// The same for a piece that may be read in several ways.
    fn release_in_any_reading(&mut self, piece: &str) -> bool {
        match self.params {
            UrlParams::Keep(names) => self.is_kept(piece, names),
            UrlParams::Drop(names) => {
                !(is_unreadable(piece, &mut self.space.decoded) || is_named(piece, false, names, self.space))
            }
        }
    }

    /// Whether the text, which is no parameter itself, holds one (`name=`) that the rule removes.
    pub(super) fn hide_in(&mut self, text: &str) -> bool {
        match self.params {
            UrlParams::Keep(_) => false,
            UrlParams::Drop(names) => {
                memchr::memchr2(b'=', b'%', text.as_bytes()).is_some() && is_named(text, true, names, self.space)
            }
        }
    }

    fn is_kept(&mut self, piece: &str, names: &[Box<str>]) -> bool {
        !is_unreadable(piece, &mut self.space.decoded) && {
            // The check above leaves the decoded name behind.
            let name = self.space.decoded.as_slice();
            names.iter().any(|kept| equals_by_case(name, kept))
        }
    }
}

/// The name of a parameter that can be read in one way only, as most can: visible ASCII, with nothing in it that is decoded
/// or ends a name but one `=`.
fn single_name(piece: &[u8]) -> Option<&[u8]> {
    let (blocks, rest) = piece.as_chunks();
    let mut last = [b'a'; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let mut end = None;
    for (position, block) in blocks.iter().chain([&last]).enumerate() {
        let bytes = u8x16::new(*block);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let visible = bytes - u8x16::splat(b'!');
        let is_visible = visible.simd_eq(visible.min(u8x16::splat(b'~' - b'!')));
        let is_special = is(b'%') | is(b'?') | is(b'&') | is(b';') | is(b'#') | is(b'/');
        let equals = is(b'=').to_bitmask();
        if (is_visible & !is_special).to_bitmask() != u32::from(u16::MAX) || equals.count_ones() > u32::from(end.is_none()) {
            return None;
        }
        if equals != 0 {
            end = Some(position * BLOCK + equals.trailing_zeros() as usize);
        }
    }
    Some(&piece[..end.unwrap_or(piece.len())])
}

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// Decodes the name of a parameter into `work`; true if it cannot be told what the name is: no UTF-8, control
/// characters, or a `%` still left.
fn is_unreadable(piece: &str, work: &mut Vec<u8>) -> bool {
    let name = memchr::memchr(b'=', piece.as_bytes()).map_or(piece, |end| &piece[..end]);
    work.clear();
    work.extend_from_slice(name.as_bytes());
    if name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return false;
    }
    for _ in 0..MAX_DECODINGS {
        if !decode_in_place(work) {
            break;
        }
    }
    work.contains(&b'%') || std::str::from_utf8(work).map_or(true, |name| name.chars().any(char::is_control))
}

/// Whether any reading of the text has a name of the list. The text's own name counts also without `=`, unless
/// `needs_value`; one further in needs its `=`.
fn is_named(text: &str, needs_value: bool, names: &[UrlParam], space: &mut Space) -> bool {
    let Space { decoded, folded } = space;
    if reads_named(text.as_bytes(), needs_value, names, folded) {
        return true;
    }
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return false;
    }
    decoded.clear();
    decoded.extend_from_slice(text.as_bytes());
    for _ in 0..MAX_DECODINGS {
        if !decode_in_place(decoded) {
            return false;
        }
        if reads_named(decoded, needs_value, names, folded) {
            return true;
        }
    }
    false
}

/// By byte, what a name may be made of that has no parts and nothing around it.
const IS_SIMPLE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte == b'_' as usize || byte == b'-' as usize;
        byte += 1;
    }
    table
};

/// By byte, what ends a name.
const IS_DELIMITER: [bool; 256] = {
    let mut table = [false; 256];
    let mut position = 0;
    while position < DELIMITERS.len() {
        table[DELIMITERS[position] as usize] = true;
        position += 1;
    }
    table
};
const DELIMITERS: &[u8] = b"?&;#/=";

/// The same for one reading: each run between delimiters with an `=` behind it is a name.
fn reads_named(text: &[u8], needs_value: bool, names: &[UrlParam], folded: &mut Folded) -> bool {
    let mut start = 0;
    loop {
        let end = text[start..].iter().position(|byte| IS_DELIMITER[usize::from(*byte)]).map_or(text.len(), |at| start + at);
        let has_value = text.get(end) == Some(&b'=');
        let is_own = start == 0 && !needs_value;
        if (has_value || is_own) && names_one(&text[start..end], names, folded) {
            return true;
        }
        if end >= text.len() {
            return false;
        }
        start = end + 1;
    }
}

/// Whether a name, or a part of it between dots and brackets, is one of the list.
fn names_one(name: &[u8], names: &[UrlParam], folded: &mut Folded) -> bool {
    if name.is_ascii() {
        let name = trim(name);
        let lists = |name: &[u8]| names.iter().any(|listed| name.eq_ignore_ascii_case(listed.name.as_bytes()));
        let has_parts = memchr::memchr3(b'[', b']', b'.', name).is_some();
        return lists(name)
            || has_parts && name.split(|byte| b"[].".contains(byte)).map(trim).any(lists)
            || (names.iter().any(|listed| !listed.name.is_ascii()) && looks_like_one(name, names, folded));
    }
    looks_like_one(name, names, folded)
}

/// The slow path, for letters beyond ASCII on either side: everything folded (`scrub.md`, rule 3) before it is
/// compared, delimiters too.
fn looks_like_one(name: &[u8], names: &[UrlParam], Folded { plain, shape }: &mut Folded) -> bool {
    plain.clear();
    for chunk in name.utf8_chunks() {
        fold::fold_compatible(chunk.valid(), plain);
    }
    let mut readings = plain.split(['?', '&', ';', '#', '/', '=', '[', ']', '.']).chain([plain.as_str()]);
    readings.any(|reading| {
        shape.clear();
        fold::fold_skeleton(reading.trim(), shape);
        names.iter().any(|listed| *shape == *listed.shape)
    })
}

/// Equal but for the case of letters.
fn equals_by_case(name: &[u8], kept: &str) -> bool {
    if name.is_ascii() {
        return name.eq_ignore_ascii_case(kept.as_bytes());
    }
    std::str::from_utf8(name).is_ok_and(|name| fold::equal_by_case(name, kept))
}

/// Without the spaces, plus signs and control characters around a name.
fn trim(name: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| *byte <= b' ' || *byte == b'+' || *byte == 0x7F;
    let start = name.iter().position(|byte| !is_blank(byte)).unwrap_or(name.len());
    let end = name.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    &name[start..end]
}

/// Replaces each `%XX` by its byte, once; false if there was none.
fn decode_in_place(text: &mut Vec<u8>) -> bool {
    let Some(first) = memchr::memchr(b'%', text) else { return false };
    let (mut read, mut write, mut found) = (first, first, false);
    while read < text.len() {
        let byte = match text[read..] {
            [b'%', high, low, ..] => hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        text[write] = byte.unwrap_or(text[read]);
        read += if byte.is_some() { 3 } else { 1 };
        write += 1;
        found |= byte.is_some();
    }
    text.truncate(write);
    found
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text of up to four of these pieces, at the beginning of a block and across its end.
    #[test]
    fn one_reading_says_what_any_reading_says() {
        const PIECES: &[&str] =
            &["id", "email", "=", "%65", "&", ";", "?", "#", "/", ".", "[", "+", " ", "\u{7f}", "é", "\u{0435}mail"];
        let drop = UrlParams::Drop(["id", "email"].map(UrlParam::new).into());
        let keep = UrlParams::Keep(["id", "email"].map(Box::from).into());
        let mut space = Space::default();
        let mut single = 0;
        for number in 0..PIECES.len().pow(4) {
            let piece = |digit: u32| PIECES[number / PIECES.len().pow(digit) % PIECES.len()];
            for before in ["", "abcdefghijklm", "abcdefghijklm="] {
                let text = format!("{before}{}{}{}{}", piece(0), piece(1), piece(2), piece(3));
                single += usize::from(single_name(text.as_bytes()).is_some());
                for params in [&drop, &keep] {
                    let mut names = Names::new(params, &mut space);
                    assert_eq!(names.release(&text), names.release_in_any_reading(&text), "{text}");
                }
            }
        }
        assert!(single > 1_000, "{single} of them can be read in one way");
    }
}

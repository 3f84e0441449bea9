//! The one pass: skips what can begin nothing, and asks the validators about the rest.

use super::context::{Context, Table, Words};
use super::groups::{self, Group};
use super::{Find, What};
use crate::plan::{DetectRule, Label};
use std::ops::Range;

/// A text being searched.
pub(super) struct Scan<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) rule: &'a DetectRule,
    /// Nothing begins before this byte: the end of the last find, or of an escape.
    pub(super) floor: usize,
    /// The end of a run of hexadecimal digits and colons that was looked at.
    pub(super) colons_until: usize,
    /// The end of the last thing that was written like an address and is a version.
    pub(super) version_until: usize,
    /// The last word whose end was looked for, from where it was.
    word: Range<usize>,
    /// The words that candidates looked back at.
    pub(super) words: Words<'a>,
    /// The headings of a table, if the text is one.
    pub(super) table: Table,
    finds: &'a mut Vec<Find>,
}

/// What may begin, or be, at a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    Nothing,
    Digit,
    /// `@`
    At,
    /// `%`: an escape.
    Percent,
    /// `:`: an address, or `://`.
    Colon,
    /// `J`: the third letter of a token's header, `eyJ`.
    Token,
    /// `b`: the first letter of `bearer`.
    Bearer,
    /// The first byte of a full-width `@` or digit.
    FullWidth,
    /// `&` or a backslash: an entity or escape of `@`.
    Entity,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Nothing; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        classes[digit as usize] = Class::Digit;
        digit += 1;
    }
    classes[b'@' as usize] = Class::At;
    classes[b'%' as usize] = Class::Percent;
    classes[b':' as usize] = Class::Colon;
    classes[b'J' as usize] = Class::Token;
    classes[b'b' as usize] = Class::Bearer;
    classes[b'B' as usize] = Class::Bearer;
    classes[0xEF] = Class::FullWidth;
    classes[b'&' as usize] = Class::Entity;
    classes[b'\\' as usize] = Class::Entity;
    classes
};

/// Searches the whole text.
pub(super) fn run(text: &str, rule: &DetectRule, finds: &mut Vec<Find>, groups: &mut Vec<Group>) {
    let mut scan = Scan {
        text,
        bytes: text.as_bytes(),
        rule,
        floor: 0,
        colons_until: 0,
        version_until: 0,
        word: 0..0,
        words: Words::of(text),
        table: Table::default(),
        finds,
    };
    let mut at = 0;
    while let Some(next) = next_candidate(scan.bytes, at) {
        at = scan.candidate(next, groups).max(next + 1);
    }
}

/// The first byte from `at` on that may begin something.
fn next_candidate(bytes: &[u8], mut at: usize) -> Option<usize> {
    // Eight at a time: most of a text begins nothing.
    while let Some(block) = bytes.get(at..at + 8) {
        if block.iter().fold(0, |any, byte| any | CLASSES[usize::from(*byte)] as u8) != 0 {
            break;
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|byte| CLASSES[usize::from(*byte)] != Class::Nothing).map(|offset| at + offset)
}

impl Scan<'_> {
    /// Looks at one candidate and says where to go on.
    fn candidate(&mut self, at: usize, groups: &mut Vec<Group>) -> usize {
        match CLASSES[usize::from(self.bytes[at])] {
            Class::Nothing => at + 1,
            Class::Digit => self.digits(at, groups),
            Class::At => self.email(at, at + 1),
            Class::Percent => self.escape(at, groups),
            Class::Colon => self.colon(at),
            Class::Token => self.web_token(at),
            Class::Bearer => self.bearer(at),
            Class::Entity => self.entity(at),
            Class::FullWidth => self.full_width(at),
        }
    }

    /// The full-width or small form of an `@`, or of a digit.
    fn full_width(&mut self, at: usize) -> usize {
        match &self.bytes[at..] {
            [_, 0xBC, 0xA0, ..] | [_, 0xB9, 0xAB, ..] => self.email(at, at + 3),
            [_, 0xBC, 0x90..=0x99, ..] => self.wide_digits(at),
            _ => at + 3,
        }
    }

    /// `%40` is an `@`, `%2B` a plus; any other escape is a border.
    fn escape(&mut self, at: usize, groups: &mut Vec<Group>) -> usize {
        let rest = &self.bytes[at..];
        if rest.starts_with(b"%40") {
            return self.email(at, at + 3);
        }
        if rest.starts_with(b"%2540") {
            return self.email(at, at + 5);
        }
        if rest.starts_with(b"%2B") || rest.starts_with(b"%2b") {
            self.floor = self.floor.max(at + 3);
            return if rest.get(3).is_some_and(u8::is_ascii_digit) { self.digits(at + 3, groups) } else { at + 3 };
        }
        if let Some(end) = self.escaped_colon(at) {
            return end;
        }
        if is_escape(rest) {
            self.floor = self.floor.max(at + 3);
            return at + 3;
        }
        at + 1
    }

    /// A digit: the word that it stands in, or the groups of digits that it begins.
    fn digits(&mut self, at: usize, groups: &mut Vec<Group>) -> usize {
        let start = self.behind_backslash(self.word_start(at), at);
        if start > at && !self.bytes.get(start).is_some_and(u8::is_ascii_digit) {
            return start;
        }
        let at = at.max(start);
        if start < at {
            match self.named_word(start, at) {
                Some(next) => return next,
                // `file_4111111111111111`: the underscore parts a name from a number.
                None => debug_assert!(self.bytes[at - 1] == b'_'),
            }
        }
        groups.clear();
        let end = groups::read(self.bytes, at, groups);
        let mut context = Context::new(start);
        let mut next = 0;
        while next < groups.len() {
            let begins = groups[next].start;
            match self.number(groups, next, &mut context) {
                Some(found) if found > end => return found,
                Some(found) => {
                    next += groups[next..].iter().take_while(|group| group.start < found).count().max(1);
                    context = Context::new(groups.get(next).map_or(end, |group| group.start));
                }
                None => next += 1,
            }
            debug_assert!(groups.get(next).is_none_or(|group| group.start > begins));
        }
        self.word_end(end)
    }

    /// A word that begins with letters, a digit in it at `at`. `None` where a number of its own begins there.
    fn named_word(&mut self, start: usize, at: usize) -> Option<usize> {
        let end = at + self.bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if let Some(found) = self.word(start, end) {
            return Some(found);
        }
        if let Some(name) = memchr::memrchr(b'_', &self.bytes[start..at]) {
            let start = start + name + 1;
            if start == at {
                return None;
            }
            if let Some(found) = self.word(start, end) {
                return Some(found);
            }
        }
        // What an underscore parts from here is looked at on its own.
        if self.bytes.get(end) == Some(&b'_') {
            self.floor = self.floor.max(end + 1);
        }
        Some(end)
    }

    /// In JSON text inside the text, `\n` and `\u003e` end before a word begins.
    fn behind_backslash(&mut self, start: usize, at: usize) -> usize {
        if start == at || start == 0 || self.bytes[start - 1] != b'\\' {
            return start;
        }
        let behind = match &self.bytes[start..] {
            [b'u', code @ ..] if code.iter().take(4).filter(|byte| byte.is_ascii_hexdigit()).count() == 4 => start + 5,
            [b'n' | b'r' | b't' | b'b' | b'f', ..] => start + 1,
            _ => start,
        };
        self.floor = self.floor.max(behind);
        behind
    }

    /// The first byte of the word in which `at` stands, not before the floor.
    pub(super) fn word_start(&self, at: usize) -> usize {
        let before = self.bytes[self.floor.min(at)..at].iter().rev();
        at - before.take_while(|byte| is_word(**byte)).count()
    }

    /// The byte behind the word in which `at` stands. A word of many numbers, `1_1_1…`, is read once for all of them.
    pub(super) fn word_end(&mut self, at: usize) -> usize {
        if !self.word.contains(&at) {
            self.word = at..at + self.bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
        }
        self.word.end
    }

    /// Whether a letter or digit of the same word stands before `start`; the last one of an escape is none.
    pub(super) fn touches(&self, start: usize) -> bool {
        start > self.floor && is_word(self.bytes[start - 1])
    }

    /// Whether it is asked for.
    pub(super) fn wants(&self, label: Label) -> bool {
        self.rule.find.has(label)
    }

    /// Notes a find; the search goes on behind it.
    pub(super) fn found(&mut self, start: usize, end: usize, label: Label) -> usize {
        debug_assert!(start >= self.finds.last().map_or(0, |last| last.end) && start < end);
        debug_assert!(self.text.is_char_boundary(start) && self.text.is_char_boundary(end));
        self.finds.push(Find { start, end, what: What::Label(label) });
        self.floor = end;
        end
    }

    /// The find that ends last, if any.
    pub(super) fn last(&self) -> Option<&Find> {
        self.finds.last()
    }
}

/// The first bytes of a text, at most so many, up to the border of a character.
pub(super) fn prefix(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// The last bytes of a text, at most so many, from the border of a character.
pub(super) fn suffix(text: &str, most: usize) -> &str {
    let start = (text.len().saturating_sub(most)..=text.len()).find(|start| text.is_char_boundary(*start));
    &text[start.unwrap_or(text.len())..]
}

/// A letter, digit or underscore: what makes one word with a digit beside it.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// `%` and two hexadecimal digits.
pub(super) fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

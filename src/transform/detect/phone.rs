//! Telephone numbers: international ones by their calling code and length, national ones by the words in front of them.

use super::context::{self, Context, Near};
use super::groups::{BLANK, BRACKET, DOT, Digits, Gap, Group, PLUS, SLASH, UNDERSCORE};
use super::scan::{Scan, is_word};
use super::script::is_alphanumeric;
use crate::plan::Label;

/// E.164 numbers have at most 15 digits; a national prefix may come on top.
const MOST: usize = 16;
/// Without a prefix they are shorter; a card has fifteen and more.
const MOST_BARE: usize = 14;
/// Numbers of fewer digits reach services, not people.
const LEAST: usize = 7;
/// In three groups and more, one digit less.
const LEAST_IN_GROUPS: usize = LEAST - 1;
/// Numbers are written in at most so many groups.
const MOST_GROUPS: usize = 9;
/// Words in front of an extension, the longer of two that begin alike first.
#[rustfmt::skip]
const EXTENSIONS: &[&str] = &[
    "extension", "extensión", "extensão", "extensie", "extn", "ext", "x", "durchwahl", "nebenstelle", "dw", "klappe", "poste", "anexo",
    "ramal", "interno", "interne", "int", "toestel", "tst", "anknytning", "ankn", "lokal", "lokalnr", "wewnętrzny", "wewn", "wew", "linka", "klapka",
    "mellék", "dahili", "alaliittymä", "sisetelefon", "vidinis", "εσωτ", "εσωτερικό", "добавочный", "доб", "внутр", "вн", "дод", "вътр", "内線", "内线",
    "分机", "分機", "轉", "转", "내선", "máy lẻ", "ต่อ", "شماره داخلی", "داخلی", "تحويلة", "שלוחה", "एक्सटेंशन",
];
/// Extensions have at most so many digits.
const LONGEST_EXTENSION: usize = 7;

impl Scan<'_> {
    /// A telephone number that begins with the group at `at`.
    pub(super) fn phone(&mut self, groups: &[Group], at: usize, context: &mut Context) -> Option<usize> {
        let group = groups[at];
        let (start, plus) = self.beginning(group.start);
        if let Some(plus) = plus {
            return match self.international(&groups[at..], 0) {
                Some(end) => Some(self.found(plus, self.extension_end(end), Label::Phone)),
                None => self.national(groups, at, plus, context),
            };
        }
        let follows = at > 0 && !group.gap.has(PLUS) && group.gap.length <= 1;
        if self.bytes[group.start..group.end].starts_with(b"00")
            && !follows
            && group.len() >= 3
            && let Some(end) = self.international(&groups[at..], 2)
        {
            let many = end > group.end;
            let near = context.near(self);
            if matches!(near, Near::Phone | Near::PhoneOrTax | Near::Signed | Near::Reach) || (many && near != Near::Other) {
                return Some(self.found(start, self.extension_end(end), Label::Phone));
            }
        }
        if let Some(end) = self.american(&groups[at..], start)
            && context.near(self) != Near::Other
        {
            return Some(self.found(start, self.extension_end(end), Label::Phone));
        }
        self.national(groups, at, start, context)
    }

    /// Where the number really begins: an opening bracket and a plus, also `%2B`, belong to it.
    fn beginning(&self, digit: usize) -> (usize, Option<usize>) {
        let least = self.last().map_or(0, |last| last.end).min(digit);
        let before = &self.bytes[least..digit];
        let bracket = usize::from(before.last() == Some(&b'('));
        let outer = &before[..before.len() - bracket];
        let blank = usize::from(bracket == 0 && outer.last() == Some(&b' ') && outer.ends_with(b"+ "));
        let outer = &outer[..outer.len() - blank];
        let start = digit - bracket;
        let plus = match outer {
            [.., b'%', b'2', b'B' | b'b'] => Some(start - blank - 3),
            [.., front, b'+'] if front.is_ascii_alphanumeric() => None,
            [.., b'+'] => Some(start - blank - 1),
            _ if self.text[least..start].ends_with('＋') => Some(start - 3),
            _ => None,
        };
        (start, plus)
    }

    /// The end of the longest number with a calling code, behind `skip` digits of an international prefix.
    fn international(&self, groups: &[Group], skip: usize) -> Option<usize> {
        let mut digits = Digits::of(self.bytes, &groups[..0])?;
        let mut best = None;
        let mut shape = Shape::default();
        for (position, group) in groups.iter().take(MOST_GROUPS).enumerate() {
            if position > 0 && (!joins(group.gap) || (best.is_some() && shape.ends_before(group))) {
                break;
            }
            // The national prefix that is left out from abroad: +44 (0)20 …
            let text = &self.bytes[group.start..group.end];
            let is_trunk = text == b"0" && group.gap.has(BRACKET);
            if !is_trunk && digits.push(&text[if position == 0 { skip } else { 0 }..]).is_none() {
                break;
            }
            shape.add(group, position);
            if group.clean && digits.as_slice().len() >= 7 && self.rule.dialling.is_possible(digits.as_slice()) {
                best = Some(group.end);
            }
        }
        best
    }

    /// `(415) 555-2671`: nothing else looks like it.
    fn american(&self, groups: &[Group], start: usize) -> Option<usize> {
        let [area, exchange, line, ..] = groups else { return None };
        let bracketed = self.bytes[start] == b'(' && exchange.gap.has(BRACKET) && exchange.gap.length <= 2;
        let sized = (area.len(), exchange.len(), line.len()) == (3, 3, 4) && line.gap.length == 1 && line.clean;
        let given = matches!(self.bytes[area.start], b'2'..=b'9') && matches!(self.bytes[exchange.start], b'2'..=b'9');
        (bracketed && sized && given).then_some(line.end)
    }

    /// A number without a calling code, or one that no plan has, where the words in front say that it is one.
    fn national(&mut self, groups: &[Group], at: usize, start: usize, context: &mut Context) -> Option<usize> {
        let group = groups[at];
        if at > 0 && (groups[at - 1].clean && joins(group.gap) && group.gap.length == 1) {
            return None;
        }
        let (end, count, total) = self.national_end(&groups[at..])?;
        let is_short = total < LEAST && (count < 3 || total < LEAST_IN_GROUPS);
        if is_short || self.is_date(&groups[at..at + count]) || self.goes_on(end) {
            return None;
        }
        let near = context.near(self);
        let is_one = match near {
            Near::Phone | Near::PhoneOrTax => true,
            Near::Signed => total >= LEAST && (count > 1 || self.bytes[group.start] == b'0'),
            Near::Reach => total >= LEAST && (total >= 9 || count > 1 || self.bytes[group.start] == b'0'),
            Near::Nothing
            | Near::Number
            | Near::Device
            | Near::SocialSecurity
            | Near::Mac
            | Near::National
            | Near::Version
            | Near::Release
            | Near::Other => false,
        };
        if !is_one || self.is_glued(start, near) {
            return None;
        }
        Some(self.found(start, self.extension_end(end), Label::Phone))
    }

    /// The end of the groups that are one number, how many they are, and their digits.
    fn national_end(&self, groups: &[Group]) -> Option<(usize, usize, usize)> {
        let mut shape = Shape::default();
        let mut best = None;
        let mut total = 0;
        for (position, group) in groups.iter().take(MOST_GROUPS).enumerate() {
            if position > 0 && (!joins(group.gap) || shape.ends_before(group)) {
                break;
            }
            total += group.len();
            let most = if self.bytes[groups[0].start] == b'0' { MOST } else { MOST_BARE };
            if total > most {
                // What goes on in the same setting is one longer number: a card, an account.
                let goes_on = position == 0 || position == 1 || group.gap == groups[position - 1].gap;
                return best.filter(|_| !goes_on);
            }
            shape.add(group, position);
            if group.clean {
                best = Some((group.end, position + 1, total));
            }
        }
        best
    }

    /// Whether a letter, a sign of money or a digit stands at once before the number: `ORD-7454`, `#930`, `$117`.
    fn is_glued(&self, start: usize, near: Near) -> bool {
        let before = &self.text[self.floor.min(start)..start];
        if before.is_empty() && start > 0 && self.floor == start {
            return false;
        }
        match before.chars().next_back() {
            // `cell #415…`, where the sign stands for the word number.
            Some('#') if near == Near::Phone => !context::names_phone(&self.words, before.trim_end_matches(['#', ' '])),
            Some('#' | '_' | '$' | '€' | '£' | '¥' | '₹' | '@' | '*' | '~') => true,
            Some('-' | '/' | '.') => {
                let name = before[..before.len() - 1].chars().next_back();
                let known = near == Near::Phone && !before.ends_with('-') && !before.ends_with('/');
                name.is_some_and(is_alphanumeric) && !known && !before.ends_with("wa.me/")
            }
            _ => false,
        }
    }

    /// Whether what follows makes it something else: `5,000.00`, `12%`, `10:30`.
    fn goes_on(&self, end: usize) -> bool {
        match self.bytes.get(end..).unwrap_or_default() {
            [b':', next, ..] => next.is_ascii_digit(),
            [b'%', next, other, ..] => !(next.is_ascii_hexdigit() && other.is_ascii_hexdigit()),
            [b'%', ..] => true,
            _ => false,
        }
    }

    /// `2020-01-14`, `12/05/2022`, `20200114`, `20200114093055`.
    fn is_date(&self, parts: &[Group]) -> bool {
        let value =
            |group: &Group| self.bytes[group.start..group.end].iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let is_year = |year: u64| (1900..2100).contains(&year);
        match parts {
            [whole] if matches!(whole.len(), 8 | 14) => {
                let day = value(whole) / if whole.len() == 14 { 1_000_000 } else { 1 };
                is_year(day / 10_000) && (1..=12).contains(&(day / 100 % 100)) && (1..=31).contains(&(day % 100))
            }
            [a, b, c, rest @ ..] if rest.len() < 2 && b.gap.kinds == c.gap.kinds => {
                let (first, second, third) = (value(a), value(b), value(c));
                let is_day = |one: u64, other: u64| one.min(other) <= 12 && one.max(other) <= 31 && one.min(other) > 0;
                (a.len() == 4 && is_year(first) && is_day(second, third) && b.len() <= 2 && c.len() <= 2)
                    || (c.len() == 4 && is_year(third) && is_day(first, second) && a.len() <= 2 && b.len() <= 2)
            }
            _ => false,
        }
    }

    /// Where the extension behind a number ends, if it has one: `x123`, `ext. 12`, `extension 3888`.
    fn extension_end(&self, end: usize) -> usize {
        let rest = &self.text[end..];
        let word =
            rest.strip_prefix("%20").unwrap_or(rest).trim_start_matches([' ', ',', ';', '-', '/', '\u{A0}', '\u{202F}', '(']);
        if rest.len() - word.len() > 4 {
            return end;
        }
        // Capitals of Greek and Cyrillic begin with the byte of their small letters: one comparison leaves few words.
        let first = word.bytes().next().map(|byte| byte.to_ascii_lowercase());
        let mut like = EXTENSIONS.iter().filter(|known| known.bytes().next() == first);
        let known = like.find(|known| word.get(..known.len()).is_some_and(|start| start.to_lowercase_eq(known)));
        let Some(known) = known else { return end };
        let number = word[known.len()..].strip_prefix("%20").unwrap_or(&word[known.len()..]);
        let number = number.trim_start_matches(['.', ':', ' ', '=', '#', '\u{A0}', '\u{202F}']);
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let gap = word.len() - known.len() - number.len();
        let close = end + (rest.len() - number.len()) + digits;
        let alone = !self.bytes.get(close).is_some_and(|next| is_word(*next));
        if (1..=LONGEST_EXTENSION).contains(&digits) && gap <= 3 && alone { close } else { end }
    }
}

/// Compares without regard to case, and without allocating.
trait LowerEq {
    fn to_lowercase_eq(&self, lower: &str) -> bool;
}

impl LowerEq for str {
    fn to_lowercase_eq(&self, lower: &str) -> bool {
        self.chars().flat_map(char::to_lowercase).eq(lower.chars())
    }
}

/// How the groups of a number are set so far.
#[derive(Default)]
struct Shape {
    kinds: u8,
    total: usize,
    count: usize,
}

impl Shape {
    fn add(&mut self, group: &Group, position: usize) {
        if position > 0 {
            self.kinds |= group.gap.kinds;
        }
        self.total += group.len();
        self.count += 1;
    }

    /// Whether a number that is long enough ends where its separators change: `0701240056 20`, `555-123-4567 2`.
    fn ends_before(&self, group: &Group) -> bool {
        let changes = group.gap.kinds & !BRACKET & !self.kinds != 0;
        (self.total >= 9 && changes && (self.count > 2 || self.count == 1))
            || (self.total >= 10 && group.gap.length > 1 && !group.gap.has(BRACKET))
    }
}

/// What may stand inside a number.
fn joins(gap: Gap) -> bool {
    let bracketed = gap.has(BRACKET) && gap.length <= 3 && gap.kinds & !(BRACKET | BLANK | super::groups::DASH | DOT) == 0;
    !gap.has(PLUS | UNDERSCORE) && (bracketed || gap.length == 1 || (gap.length == 3 && gap.kinds == BLANK | SLASH))
}

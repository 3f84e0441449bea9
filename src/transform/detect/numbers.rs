//! Numbers told by their check digits and by their makers: payment cards, devices, social security.

use super::context::{Context, Near};
use super::groups::{BLANK, DASH, DOT, Digits, Gap, Group, PLUS, SLASH, UNDERSCORE};
use super::national;
use super::scan::{Scan, is_word};
use crate::plan::Label;

/// Cards have 12 to 19 digits.
const CARD: std::ops::RangeInclusive<usize> = 12..=19;
/// Cards are printed in at most five groups, and some people type six.
const CARD_GROUPS: usize = 6;

impl Scan<'_> {
    /// A number that begins with the group at `at`. `Some` says where to go on.
    pub(super) fn number(&mut self, groups: &[Group], at: usize, context: &mut Context) -> Option<usize> {
        let group = groups[at];
        let word_end = self.word_end(group.start);
        if let Some(end) = self.address(group.start, word_end, context) {
            return Some(end);
        }
        let begins = at == 0 || !groups[at].gap.is(DOT) || groups[at - 1].len() < 3;
        if self.wants(Label::CreditCard)
            && begins
            && let Some(end) = self.card(&groups[at..])
        {
            return Some(self.found(group.start, end, Label::CreditCard));
        }
        if let Some(end) = self.social_security(groups, at, context).or_else(|| self.device(groups, at, context)) {
            return Some(end);
        }
        if let Some(end) = self.insurance(group.start) {
            return Some(end);
        }
        if self.wants(Label::NationalId)
            && let Some(end) = national::find(self, groups, at, word_end, context)
        {
            return Some(self.found(group.start, end, Label::NationalId));
        }
        if self.wants(Label::Phone) { self.phone(groups, at, context) } else { None }
    }

    /// The longest run of groups that is a card.
    fn card(&self, groups: &[Group]) -> Option<usize> {
        let first = groups[0];
        let (b'2'..=b'9', 4..) = (self.bytes[first.start], first.len()) else { return None };
        let mut best = None;
        let mut digits = Digits::of(self.bytes, &groups[..0])?;
        let mut gap = None;
        let mut is_printed = first.len() == 4;
        for (position, group) in groups.iter().take(CARD_GROUPS).enumerate() {
            if position > 0 {
                is_printed &= matches!((position, group.len()), (_, 4) | (1, 6) | (2, 5) | (4, 1..=3));
                if !joins_card(group.gap, is_printed) || *gap.get_or_insert(group.gap.kinds) != group.gap.kinds || group.len() > 6
                {
                    break;
                }
            }
            if digits.push(&self.bytes[group.start..group.end]).is_none() {
                break;
            }
            let number = digits.as_slice();
            if group.clean && CARD.contains(&number.len()) && is_card(number) && is_luhn(number) {
                best = Some(group.end);
            }
        }
        best
    }

    /// Three, two and four digits; nine in one only where the words in front say so.
    fn social_security(&mut self, groups: &[Group], at: usize, context: &mut Context) -> Option<usize> {
        if !self.wants(Label::UsSsn) {
            return None;
        }
        let end = match &groups[at..] {
            [area, group, serial, rest @ ..] if (area.len(), group.len(), serial.len()) == (3, 2, 4) => {
                let gap = group.gap;
                let joined = (gap.is(DASH) || gap.is(BLANK)) && serial.gap == gap && serial.clean;
                let alone = rest.first().is_none_or(|next| next.gap != gap) && (at == 0 || area.gap != gap);
                (joined && alone).then_some(serial.end)?
            }
            [whole, ..] if whole.len() == 9 && whole.clean && context.near(self) == Near::SocialSecurity => whole.end,
            _ => return None,
        };
        let start = groups[at].start;
        let glued = start.checked_sub(1).is_some_and(|before| matches!(self.bytes[before], b'-' | b'.'));
        let count = groups[at..].iter().take_while(|group| group.end <= end).count();
        let digits = Digits::of(self.bytes, &groups[at..at + count])?;
        (!glued && is_social_security(digits.as_slice())).then(|| self.found(start, end, Label::UsSsn))
    }

    /// Fifteen digits of an IMEI (3GPP TS 23.003), grouped 2-6-6-1, or where the words in front say so.
    fn device(&mut self, groups: &[Group], at: usize, context: &mut Context) -> Option<usize> {
        if !self.wants(Label::Imei) {
            return None;
        }
        let group = groups[at];
        let grouped = match &groups[at..] {
            [a, b, c, d, ..] if matches!((a.len(), b.len(), c.len(), d.len()), (2, 6, 6, 1) | (6, 2, 6, 1)) => 4,
            [a, b, c, ..] if (a.len(), b.len(), c.len()) == (8, 6, 1) => 3,
            [a, ..] if matches!(a.len(), 15 | 16) && self.calls_device(*a, context) => 1,
            _ => return None,
        };
        let parts = &groups[at..at + grouped];
        let last = parts[grouped - 1];
        let joined = parts[1..].iter().all(|part| part.gap.length == 1 && part.gap.kinds & (BLANK | DASH | SLASH | PLUS) != 0);
        let digits = Digits::of(self.bytes, parts)?;
        // Sixteen digits carry the version of the software in place of the check digit.
        let checked = digits.as_slice().len() == 16 || is_luhn(digits.as_slice());
        (joined && last.clean && checked).then(|| self.found(group.start, last.end, Label::Imei))
    }

    /// Whether fifteen or sixteen digits in one are a device's: a word says so, or the body that gave them out does and
    /// no word says that they are something else. One such number in ten has the check digit by chance.
    fn calls_device(&self, group: Group, context: &mut Context) -> bool {
        let near = context.near(self);
        let body = &self.bytes[group.start..group.start + 2];
        let is_given = group.len() == 15 && matches!(body, b"01" | b"35" | b"45" | b"86" | b"91" | b"98" | b"99");
        near == Near::Device || (is_given && near != Near::Other)
    }

    /// The letters of a national insurance number stand before its digits, a separator between.
    fn insurance(&mut self, start: usize) -> Option<usize> {
        let before = &self.bytes[self.floor.min(start)..start];
        let length = (1..=3).find(|length| {
            let at = before.len().checked_sub(*length);
            at.is_some_and(|at| super::groups::separator(&before[at..]).is_some_and(|(_, found)| found == *length))
        })?;
        let letters = start - length;
        let [first, second] = self.bytes.get(letters.checked_sub(2)?..letters)? else { return None };
        let is_begun = first.is_ascii_alphabetic() && second.is_ascii_alphabetic() && letters - 2 >= self.floor;
        let alone = !letters.checked_sub(3).is_some_and(|at| is_word(self.bytes[at]));
        if is_begun && alone { self.nino(letters - 2) } else { None }
    }
}

/// What may stand between the groups of a card. What people rarely write is taken between groups as cards print them.
fn joins_card(gap: Gap, is_printed: bool) -> bool {
    const USUAL: u8 = BLANK | DASH | DOT | PLUS;
    let is_usual = gap.length == 1 && gap.kinds & USUAL != 0;
    let is_rare = gap.length <= 3 && gap.kinds & !(USUAL | UNDERSCORE | SLASH) == 0;
    is_usual || (is_printed && is_rare)
}

/// Issuer ranges (ISO/IEC 7812) with the lengths that each network gives out.
pub(super) fn is_card(number: &[u8]) -> bool {
    let head = |length: usize| number[..length].iter().fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let (two, three, four, six) = (head(2), head(3), head(4), head(6));
    let length = number.len();
    match two {
        // Visa.
        40..=49 => matches!(length, 13 | 16 | 19),
        // Mastercard, since 2017 also the series 2221 to 2720; Mir.
        51..=55 => length == 16,
        22..=27 if (2221..=2720).contains(&four) => length == 16,
        22 if (2200..=2204).contains(&four) => matches!(length, 16..=19),
        // American Express.
        34 | 37 => length == 15,
        // Diners Club.
        30 if matches!(three, 300..=305 | 309) => matches!(length, 14 | 16..=19),
        36 => matches!(length, 14..=19),
        38 | 39 => matches!(length, 14 | 16..=19),
        // JCB.
        35 if (3528..=3589).contains(&four) => matches!(length, 16..=19),
        // Discover, RuPay.
        60 if four == 6011 || three == 608 || three == 607 || three == 606 => matches!(length, 16..=19),
        64 if (644..=649).contains(&three) => matches!(length, 16..=19),
        65 | 81 | 82 => matches!(length, 16..=19),
        // UnionPay.
        62 => matches!(length, 16..=19),
        // Maestro and its debit cards; Verve.
        50 if matches!(four, 5018 | 5020 | 5038) => matches!(length, 12..=19),
        50 if (506_099..=506_198).contains(&six) || three == 508 => matches!(length, 16 | 18 | 19),
        58 if four == 5893 => matches!(length, 12..=19),
        63 if four == 6304 => matches!(length, 12..=19),
        67 if matches!(four, 6759 | 6761..=6763) => matches!(length, 12..=19),
        // Troy; Uzcard, Humo.
        97 if four == 9792 => length == 16,
        86 | 98 if matches!(four, 8600 | 9860) => length == 16,
        _ => false,
    }
}

/// ISO/IEC 7812-1, annex B.
pub(super) fn is_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let value = u32::from(digit - b'0') << (at % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// What the Social Security Administration never gives out: areas 000, 666 and from 900, group 00, serial 0000.
pub(super) fn is_social_security(digits: &[u8]) -> bool {
    let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
    area != b"000" && area != b"666" && area[0] != b'9' && group != b"00" && serial != b"0000"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that the networks publish for tests.
    #[test]
    fn knows_the_networks() {
        for card in [
            "4111111111111111",
            "4222222222222",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
            "6759649826438453",
            "36227206271667",
            "2200770239097761",
        ] {
            assert!(is_card(card.as_bytes()) && is_luhn(card.as_bytes()), "{card}");
        }
        for card in ["4111111111111112", "1234567812345670", "55555555555544440", "9999999999999995", "2721000000000004"] {
            assert!(!(is_card(card.as_bytes()) && is_luhn(card.as_bytes())), "{card}");
        }
    }

    #[test]
    fn social_security_numbers_that_nobody_has() {
        assert!(is_social_security(b"078051120") && is_social_security(b"899999999"));
        for never in [b"000123456", b"666123456", b"900123456", b"123006789", b"123450000"] {
            assert!(!is_social_security(never));
        }
    }
}

//! Numbers that begin with letters: bank accounts, national insurance, tax codes. And the check of accounts.

use super::context::Context;
use super::groups::separator;
use super::national;
use super::scan::{Scan, is_word};
use crate::plan::Label;

/// Length of the account number by country, from the SWIFT registry of ISO 13616.
const IBAN_LENGTHS: &[(&[u8; 2], u8)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

impl Scan<'_> {
    /// A word with letters before its first digit. `Some` says where to go on behind a find.
    pub(super) fn word(&mut self, start: usize, end: usize) -> Option<usize> {
        let word = &self.bytes[start..end];
        let mut context = Context::new(start);
        if let Some(found) = self.iban(start).or_else(|| self.nino(start)) {
            return Some(found);
        }
        if word.len() <= 12 && word.iter().all(u8::is_ascii_hexdigit) {
            return self.address(start, end, &mut context);
        }
        if self.wants(Label::NationalId) && national::is_lettered(word) {
            return Some(self.found(start, end, Label::NationalId));
        }
        None
    }

    /// Two letters of a country, two check digits, and as many letters and digits as that country has, by fours or not.
    fn iban(&mut self, start: usize) -> Option<usize> {
        let head = self.bytes.get(start..start + 4)?;
        if !self.wants(Label::Iban) || !head[2..].iter().all(u8::is_ascii_digit) {
            return None;
        }
        let country = [head[0].to_ascii_uppercase(), head[1].to_ascii_uppercase()];
        let at = IBAN_LENGTHS.binary_search_by(|(known, _)| (*known).cmp(&country)).ok()?;
        let length = usize::from(IBAN_LENGTHS[at].1);
        let mut account = [0u8; 34];
        let mut end = start;
        for slot in &mut account[..length] {
            if !self.bytes.get(end)?.is_ascii_alphanumeric() {
                end += separator(&self.bytes[end..])?.1;
                end += separator(&self.bytes[end..]).map_or(0, |(_, length)| length);
            }
            *slot = *self.bytes.get(end).filter(|byte| byte.is_ascii_alphanumeric())?;
            end += 1;
        }
        let goes_on = self.bytes.get(end).is_some_and(|next| is_word(*next));
        (!goes_on && is_iban(&account[..length])).then(|| self.found(start, end, Label::Iban))
    }

    /// `QQ 12 34 56 C`: the letters that HMRC gives out.
    pub(super) fn nino(&mut self, start: usize) -> Option<usize> {
        let [first, second] = *self.bytes.get(start..start + 2)? else { return None };
        let prefix = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
        if !self.wants(Label::UkNino) || !is_nino_prefix(prefix) || self.touches(start) {
            return None;
        }
        let mut end = start + 2;
        for _ in 0..3 {
            end += separator(&self.bytes[end..]).map_or(0, |(_, length)| length);
            let pair = self.bytes.get(end..end + 2)?;
            if !pair.iter().all(u8::is_ascii_digit) {
                return None;
            }
            end += 2;
        }
        end += separator(&self.bytes[end..]).map_or(0, |(_, length)| length);
        let suffix = self.bytes.get(end)?;
        let goes_on = self.bytes.get(end + 1).is_some_and(|next| is_word(*next));
        (matches!(suffix.to_ascii_uppercase(), b'A'..=b'D') && !goes_on).then(|| self.found(start, end + 1, Label::UkNino))
    }
}

fn is_nino_prefix(prefix: [u8; 2]) -> bool {
    let [first, second] = prefix;
    let is_letter = first.is_ascii_uppercase() && second.is_ascii_uppercase();
    let is_given = !matches!(first, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V')
        && !matches!(second, b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V');
    is_letter && is_given && !matches!(&prefix, b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ")
}

/// ISO 7064, MOD 97-10, the first four characters moved to the end and letters counted from ten.
fn is_iban(account: &[u8]) -> bool {
    let (head, rest) = account.split_at(4);
    let remainder = rest.iter().chain(head).fold(0u32, |sum, byte| match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => (sum * 10 + u32::from(digit - b'0')) % 97,
        letter => (sum * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_countries_are_in_order() {
        assert!(IBAN_LENGTHS.is_sorted_by_key(|(country, _)| *country));
    }

    /// Examples of the SWIFT registry.
    #[test]
    fn checks_accounts() {
        for account in ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NO9386011117947"] {
            assert!(is_iban(account.as_bytes()), "{account}");
        }
        for account in ["DE88370400440532013000", "GB29NWBK60161331926818"] {
            assert!(!is_iban(account.as_bytes()), "{account}");
        }
    }
}

//! Telephone numbers in one spelling: E.164, `+442079460958`.

use super::Country;
use std::io::Write;

/// Longer texts are no telephone numbers.
const LONGEST: usize = 40;

/// Appends a valid number in E.164. One without its calling code is read as people in `country` write it; `None` where it
/// cannot be read for certain. The grammar and the ranges are those of Google's libphonenumber, whose reader allocates.
pub fn e164(text: &str, country: Option<Country>, out: &mut Vec<u8>) -> Option<()> {
    let text = text.trim();
    let is_plain = |letter: char| letter.is_ascii_digit() || "+-.()/ \u{A0}\u{2010}\u{2011}".contains(letter);
    let begins = text.trim_start_matches('(').starts_with(|first: char| first == '+' || first.is_ascii_digit());
    let pluses = text.matches('+').count();
    if text.len() > LONGEST || !begins || !text.chars().all(is_plain) || pluses > usize::from(text.starts_with('+')) {
        return None;
    }
    let region = country.and_then(|country| country.as_str().parse().ok());
    if region.is_none() && pluses == 0 {
        return None;
    }
    let number = phonenumber::parse(region, text).ok()?;
    if !number.is_valid() {
        return None;
    }
    // A vector takes every write.
    let _ = write!(out, "{}", number.format().mode(phonenumber::Mode::E164));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(text: &str, country: &str) -> Option<String> {
        let mut out = Vec::new();
        e164(text, Country::parse(country), &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    /// ITU-T E.164, with national prefixes as each country dials them.
    #[test]
    fn one_number_has_one_spelling() {
        for (text, country, expected) in [
            ("+44 20 7946 0958", "", "+442079460958"),
            ("020 7946 0958", "GB", "+442079460958"),
            ("+44 (0)20 7946 0958", "", "+442079460958"),
            ("(415) 555-2671", "US", "+14155552671"),
            ("1-415-555-2671", "US", "+14155552671"),
            ("0151 12345678", "DE", "+4915112345678"),
            ("0049 151 12345678", "DE", "+4915112345678"),
            ("06 12 34 56 78", "FR", "+33612345678"),
            (" +49.151.12345678 ", "FR", "+4915112345678"),
        ] {
            assert_eq!(normalized(text, country).as_deref(), Some(expected), "{text} in {country}");
        }
    }

    #[test]
    fn what_cannot_be_read_for_certain_is_refused() {
        for (text, country) in [
            ("020 7946 0958", ""),
            ("", "GB"),
            ("call 020 7946 0958", "GB"),
            ("020 7946 0958 x12", "GB"),
            ("12", "GB"),
            ("+999 123456789", "GB"),
            ("+", "GB"),
            ("++442079460958", "GB"),
            ("020 7946 0958, 020 7946 0959", "GB"),
        ] {
            assert_eq!(normalized(text, country), None, "{text} in {country}");
        }
    }
}

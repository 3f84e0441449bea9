//! The letters of Google's `gcd` parameter. Google publishes no description: what is known is what the community found
//! (Simo Ahava, M. Baersch), so it is advisory, and a letter that is not known here counts as denied.

use super::{Broken, MAX_INPUT};

/// What a `gcd` says of the four types of Consent Mode 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcd {
    /// `ad_storage`, `analytics_storage`, `ad_user_data`, `ad_personalization`.
    pub types: [Setting; 4],
}

impl Gcd {
    /// The types, in the order of the letters.
    pub const TYPES: [&str; 4] = ["ad_storage", "analytics_storage", "ad_user_data", "ad_personalization"];

    /// Reads `1`, then digit and letter four times or more, then a digit: `13l3l3l3l1`. Only the first four letters have a
    /// known place; what follows them is passed over.
    pub fn read(text: &[u8]) -> Result<Self, Broken> {
        if text.len() > MAX_INPUT {
            return Err(Broken::TooLong);
        }
        let [b'1', pairs @ .., closing] = text else { return Err(Broken::Shape) };
        let (pairs, rest) = pairs.as_chunks::<2>();
        let shaped = pairs.iter().all(|[digit, letter]| digit.is_ascii_digit() && letter.is_ascii_lowercase());
        let [first, second, third, fourth, ..] = pairs else { return Err(Broken::Shape) };
        if !shaped || !rest.is_empty() || !closing.is_ascii_digit() {
            return Err(Broken::Shape);
        }
        if !matches!(first[0], b'1' | b'3') {
            return Err(Broken::Version);
        }
        Ok(Self { types: [first, second, third, fourth].map(|[_, letter]| Setting::of(*letter)) })
    }
}

/// What one letter says: the default that a site set, and the update that the person made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The letter.
    pub letter: u8,
    /// Whether the letter is one of the known nine.
    pub known: bool,
    /// The default: granted or denied, where one was set.
    pub default: Option<bool>,
    /// The update, where there was one: only this is a choice.
    pub update: Option<bool>,
}

impl Setting {
    fn of(letter: u8) -> Self {
        let (known, default, update) = match letter {
            b'l' => (true, None, None),
            b'm' => (true, None, Some(false)),
            b'n' => (true, None, Some(true)),
            b'p' => (true, Some(false), None),
            b'q' => (true, Some(false), Some(false)),
            b'r' => (true, Some(false), Some(true)),
            b't' => (true, Some(true), None),
            b'u' => (true, Some(true), Some(false)),
            b'v' => (true, Some(true), Some(true)),
            _ => (false, None, None),
        };
        Self { letter, known, default, update }
    }

    /// What holds: granted or denied; `None` where nothing was set, which is no consent and no consent mode either.
    pub fn effective(&self) -> Option<bool> {
        if self.known { self.update.or(self.default) } else { Some(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_in_their_order() {
        let gcd = Gcd::read(b"13r3v3p3q5").expect("a gcd");
        assert_eq!(gcd.types.map(|one| one.effective()), [Some(true), Some(true), Some(false), Some(false)]);
        assert_eq!(gcd.types.map(|one| one.update), [Some(true), Some(true), None, Some(false)]);
        let gcd = Gcd::read(b"13l3l3l3l1l1").expect("a gcd of a newer hit");
        assert_eq!(gcd.types.map(|one| one.effective()), [None; 4], "no consent mode is not consent");
        let gcd = Gcd::read(b"11t1u1m1n5").expect("a gcd");
        assert_eq!(gcd.types.map(|one| one.effective()), [Some(true), Some(false), Some(false), Some(true)]);
    }

    #[test]
    fn a_letter_nobody_knows_is_denied() {
        let gcd = Gcd::read(b"13a3t3t3t5").expect("a gcd");
        assert!(!gcd.types[0].known);
        assert_eq!(gcd.types[0].effective(), Some(false));
    }

    #[test]
    fn anything_else_is_broken() {
        for text in [
            "",
            "1",
            "13",
            "13l3l3l1",
            "13l3l3l3l",
            "13l3l3l3l11",
            "G111",
            "13L3L3L3L1",
            "03l3l3l3l1",
            "13l3l3l3l1 ",
            "13\u{f1}3l3l3l1",
        ] {
            assert_eq!(Gcd::read(text.as_bytes()), Err(Broken::Shape), "{text}");
        }
        assert_eq!(Gcd::read(b"15l3l3l3l1"), Err(Broken::Version));
        assert_eq!(Gcd::read(&[b'1'; MAX_INPUT + 1]), Err(Broken::TooLong));
    }
}

//! Letters of all scripts, told by looking into tables: the standard library decodes its own at each question.

use std::sync::LazyLock;

/// A bit for each character of Unicode's first plane: 8 KiB.
struct Plane(Box<[u64; 1024]>);

impl Plane {
    fn of(is_one: fn(char) -> bool) -> Plane {
        let mut bits = Box::new([0; 1024]);
        for letter in ('\0'..='\u{FFFF}').filter(|letter| is_one(*letter)) {
            bits[letter as usize / 64] |= 1 << (letter as u32 % 64);
        }
        Plane(bits)
    }

    /// Whether it is set; `None` for the planes behind, of which nothing is kept.
    fn has(&self, letter: char) -> Option<bool> {
        self.0.get(letter as usize / 64).map(|bits| bits & 1 << (letter as u32 % 64) != 0)
    }
}

static LETTERS: LazyLock<Plane> = LazyLock::new(|| Plane::of(may_be_in_word));
static ALPHANUMERIC: LazyLock<Plane> = LazyLock::new(|| Plane::of(char::is_alphanumeric));
static ALPHABETIC: LazyLock<Plane> = LazyLock::new(|| Plane::of(char::is_alphabetic));
static LOWERED: LazyLock<Plane> = LazyLock::new(|| Plane::of(changes_in_lower_case));

/// Whether a word may hold it.
pub(super) fn is_letter(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_alphabetic();
    }
    LETTERS.has(letter).unwrap_or_else(|| may_be_in_word(letter))
}

/// `char::is_alphanumeric`.
pub(super) fn is_alphanumeric(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_alphanumeric();
    }
    ALPHANUMERIC.has(letter).unwrap_or_else(|| letter.is_alphanumeric())
}

/// `char::is_alphabetic`.
pub(super) fn is_alphabetic(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_alphabetic();
    }
    ALPHABETIC.has(letter).unwrap_or_else(|| letter.is_alphabetic())
}

/// Whether `char::to_lowercase` gives anything but the letter itself.
pub(super) fn is_lowered(letter: char) -> bool {
    LOWERED.has(letter).unwrap_or_else(|| changes_in_lower_case(letter))
}

fn changes_in_lower_case(letter: char) -> bool {
    letter.to_lowercase().ne([letter])
}

/// Letters, and signs that belong to the letter before.
fn may_be_in_word(letter: char) -> bool {
    letter.is_alphabetic() || matches!(letter, '\u{0300}'..='\u{036F}' | '\u{0900}'..='\u{0DFF}' | '\u{0E30}'..='\u{0E4E}')
}

/// Letters of scripts that are written without spaces.
pub(super) fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{2E80}'..='\u{2FFF}'
        | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FFDC}' | '\u{20000}'..='\u{3FFFF}')
}

/// Letters of scripts without spaces, and of scripts that join articles and endings to a word.
pub(super) fn is_joined(letter: char) -> bool {
    is_unspaced(letter) || matches!(letter, '\u{0530}'..='\u{0DFF}' | '\u{10A0}'..='\u{10FF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_what_the_standard_library_says() {
        for letter in '\0'..=char::MAX {
            assert_eq!(is_letter(letter), may_be_in_word(letter), "{letter:?}");
            assert_eq!(is_alphanumeric(letter), letter.is_alphanumeric(), "{letter:?}");
            assert_eq!(is_alphabetic(letter), letter.is_alphabetic(), "{letter:?}");
            assert_eq!(is_lowered(letter), changes_in_lower_case(letter), "{letter:?}");
        }
    }
}

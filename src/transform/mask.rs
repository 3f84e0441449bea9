//! `mask`: a star for every letter and digit but the last few, separators as they are.

use super::output::Output;

/// At least half of the letters and digits are masked, rounded up, however many may be kept.
pub(super) fn write(text: &str, keep_last: usize, out: &mut Output<'_>) -> Option<()> {
    let total = text.chars().filter(|letter| !is_separator(*letter)).count();
    let mut masked = total - keep_last.min(total / 2);
    out.quote();
    // Runs between masked characters are written in one go.
    let mut clean = 0;
    for (at, letter) in text.char_indices() {
        if masked > 0 && !is_separator(letter) {
            out.text(&text[clean..at]);
            out.text("*");
            clean = at + letter.len_utf8();
            masked -= 1;
        }
    }
    out.text(&text[clean..]);
    out.quote();
    Some(())
}

/// What stays: white space, ASCII punctuation, and the spaces, dashes and points of General Punctuation. All else
/// counts as a letter, marks, symbols and unassigned characters too: an unknown script is not a separator.
fn is_separator(letter: char) -> bool {
    letter.is_ascii_punctuation() || letter.is_whitespace() || matches!(letter, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(text: &str, keep_last: usize) -> String {
        let mut buffer = Vec::new();
        write(text, keep_last, &mut Output::bare(&mut buffer)).unwrap();
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn keeps_the_last_digits_and_all_separators() {
        assert_eq!(mask("4716 0464 5555 1788", 4), "**** **** **** 1788");
        assert_eq!(mask("+49 (30) 901-820", 3), "+** (**) ***-820");
        assert_eq!(mask("DE89370400440532013000", 4), "******************3000");
    }

    #[test]
    fn masks_at_least_half() {
        assert_eq!(mask("12345", 4), "***45");
        assert_eq!(mask("1234", 100), "**34");
        assert_eq!(mask("1", 1), "*");
        assert_eq!(mask("a-b", 9), "*-b");
        assert_eq!(mask("", 4), "");
    }

    #[test]
    fn letters_of_every_script_are_masked() {
        assert_eq!(mask("Größe Ω٣", 0), "***** **");
        assert_eq!(mask("नमस्ते", 0), "******");
        assert_eq!(mask("山田–太郎", 0), "**–**");
    }
}

//! How member names are made comparable (`scrub.md`, rule 3): simple case folding for all, and for names with
//! letters beyond ASCII also compatibility forms, invisible characters and look-alikes.

use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Appends the plain fold of a name: Unicode simple case folding, with both Turkish i folded to `i`.
pub fn fold_case(name: &str, out: &mut String) {
    out.extend(name.chars().map(fold_char));
}

/// Appends the fold under which names with letters beyond ASCII are compared, on both sides: case folded, NFKC,
/// default-ignorable characters removed, then the confusable skeleton of UTS #39.
pub fn fold_confusable(name: &str, out: &mut String) {
    let mut plain = String::with_capacity(name.len());
    fold_compatible(name, &mut plain);
    fold_skeleton(&plain, out);
}

/// The first half of [`fold_confusable`]: everything but the skeleton. Dotted names are split between the halves.
pub fn fold_compatible(name: &str, out: &mut String) {
    let folded = name.chars().filter(|letter| !is_ignorable(*letter)).map(fold_char).nfkc();
    let visible = folded.filter(|letter| !is_ignorable(*letter) && *letter != DOT_ABOVE);
    out.extend(visible.map(fold_char));
}

/// The second half of [`fold_confusable`].
pub fn fold_skeleton(plain: &str, out: &mut String) {
    out.extend(unicode_security::skeleton(plain).map(fold_char));
}

/// A combining dot above: what lower-casing `İ` leaves behind in many languages.
const DOT_ABOVE: char = '\u{307}';

fn fold_char(letter: char) -> char {
    match letter {
        'A'..='Z' => letter.to_ascii_lowercase(),
        '\0'..='\u{7F}' => letter,
        '\u{130}' | '\u{131}' => 'i',
        _ => unicode_case_mapping::case_folded(letter).and_then(|code| char::from_u32(code.get())).unwrap_or(letter),
    }
}

/// Whether the character has the Unicode property Default_Ignorable_Code_Point.
fn is_ignorable(letter: char) -> bool {
    !letter.is_ascii() && IGNORABLE.binary_search_by(|(first, last)| compare_range(*first, *last, letter)).is_ok()
}

fn compare_range(first: char, last: char, letter: char) -> std::cmp::Ordering {
    if last < letter {
        std::cmp::Ordering::Less
    } else if first > letter {
        std::cmp::Ordering::Greater
    } else {
        std::cmp::Ordering::Equal
    }
}

/// The property's ranges, in order, from the Unicode tables of `regex-syntax`.
static IGNORABLE: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let class = regex_syntax::parse(r"\p{Default_Ignorable_Code_Point}").expect("the property is in the crate's tables");
    match class.kind() {
        regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(ranges)) => {
            ranges.iter().map(|range| (range.start(), range.end())).collect()
        }
        _ => unreachable!("a property is a class of code points"),
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    fn confusable(name: &str) -> String {
        let mut out = String::new();
        fold_confusable(name, &mut out);
        out
    }

    #[test]
    fn look_alikes_of_email_meet_email() {
        let email = confusable("email");
        // Cyrillic, full width, zero width, mathematical, both Turkish i, long forms with a combining dot.
        for alike in
            ["\u{435}mail", "ｅｍａｉｌ", "e\u{200B}mail", "𝐞𝐦𝐚𝐢𝐥", "ema\u{131}l", "EMA\u{130}L", "emai\u{307}l", "E\u{AD}MAIL"]
        {
            assert_eq!(confusable(alike), email);
        }
        assert_ne!(confusable("émail"), email);
        assert_ne!(confusable("mail"), email);
    }

    #[test]
    fn composed_and_decomposed_letters_are_one() {
        assert_eq!(confusable("größe"), confusable("GRO\u{308}ßE"));
        assert_eq!(confusable("addre\u{17F}s"), confusable("address"));
        assert_eq!(confusable("\u{212A}ey"), confusable("key"));
    }
}

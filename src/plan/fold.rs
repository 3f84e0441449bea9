//! How member names are made comparable (`scrub.md`, rule 3): simple case folding for all, and for names with
//! letters beyond ASCII also compatibility forms, invisible characters and look-alikes.

use std::sync::{LazyLock, OnceLock};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Appends the plain fold of a name: Unicode simple case folding, with both Turkish i folded to `i`.
pub fn fold_case(name: &str, out: &mut String) {
    out.extend(name.chars().map(fold_char));
}

/// Whether two names have one plain fold.
pub fn equal_by_case(name: &str, other: &str) -> bool {
    name.chars().map(fold_char).eq(other.chars().map(fold_char))
}

/// Appends the fold under which names with letters beyond ASCII are compared, on both sides: case folded, NFKC,
/// default-ignorable characters removed, then the confusable skeleton of UTS #39.
pub fn fold_confusable(name: &str, out: &mut String) {
    let start = out.len();
    // Without marks, whose order is the name's, each letter becomes by itself what it becomes.
    if CONFUSABLE.append_each(name, out) {
        out.truncate(start);
        fold_in_two_steps(name, out);
    }
}

/// Answers whether there was a combining mark after either step.
fn fold_in_two_steps(name: &str, out: &mut String) -> bool {
    let start = out.len();
    let mut marks = COMPATIBLE.append_all(name, out);
    let end = out.len();
    let mut at = start;
    let mut ends_marked = false;
    while let Some(plain) = out[at..end].chars().next() {
        ends_marked |= SKELETON.append(plain, out);
        at += plain.len_utf8();
    }
    out.drain(start..end);
    if ends_marked {
        order_marks(out, start);
    }
    marks |= ends_marked;
    marks
}

/// The first half of [`fold_confusable`]: everything but the skeleton. Names in URLs are trimmed between the halves.
pub fn fold_compatible(name: &str, out: &mut String) {
    let _ = COMPATIBLE.append_all(name, out);
}

/// The second half of [`fold_confusable`].
pub fn fold_skeleton(plain: &str, out: &mut String) {
    let _ = SKELETON.append_all(plain, out);
}

/// A combining dot above: what lower-casing `İ` leaves behind in many languages, and no difference between names.
const DOT_ABOVE: char = '\u{307}';

/// What a letter is before its shape is looked at: decomposed, so that letters can be taken one by one.
static COMPATIBLE: Letters = Letters::new(|letter, out| {
    let start = out.len();
    if !is_ignorable(letter) {
        let plain = std::iter::once(fold_unless_mark(letter)).nfkd();
        out.extend(plain.filter(|plain| !is_ignorable(*plain)).map(fold_unless_mark));
    }
    has_marks(&out[start..])
});

/// What a letter looks like.
static SKELETON: Letters = Letters::new(|letter, out| {
    let start = out.len();
    let shape = unicode_security::skeleton(fold_char(letter).encode_utf8(&mut [0; 4])).map(fold_char).collect::<String>();
    out.extend(shape.chars().filter(|letter| *letter != DOT_ABOVE));
    has_marks(&out[start..])
});

/// Both in one step.
static CONFUSABLE: Letters = Letters::new(|letter, out| fold_in_two_steps(letter.encode_utf8(&mut [0; 4]), out));

fn has_marks(text: &str) -> bool {
    text.chars().any(|letter| canonical_combining_class(letter) != 0)
}

/// The iota below a Greek letter is a mark that folds to a letter: it is put into order with the other marks first.
fn fold_unless_mark(letter: char) -> char {
    if canonical_combining_class(letter) == 0 { fold_char(letter) } else { letter }
}

/// Letters of a page: their number's last byte tells them apart.
const PAGE: usize = 256;

/// What each letter becomes, worked out for a page of letters when the first of them is met: an event may be full of
/// letters that become eighteen, and working that out each time would cost a hundred times the reading.
struct Letters {
    pages: [OnceLock<Box<Page>>; 0x11_0000 / PAGE],
    /// Appends it, and answers whether a combining mark is in it.
    make: fn(char, &mut String) -> bool,
}

struct Page {
    /// By letter.
    places: [Place; PAGE],
    text: String,
}

/// What one letter becomes.
#[derive(Clone, Copy)]
struct Place {
    /// Where it begins and ends in the page's text.
    start: u16,
    end: u16,
    /// A combining mark is in it, or was before it became this.
    marks: bool,
    /// It is this letter alone.
    only: Option<char>,
}

impl Letters {
    const fn new(make: fn(char, &mut String) -> bool) -> Letters {
        Letters { pages: [const { OnceLock::new() }; 0x11_0000 / PAGE], make }
    }

    /// Appends what a letter becomes; true if a combining mark is in it.
    #[inline]
    fn append(&self, letter: char, out: &mut String) -> bool {
        self.page_of(letter).append(letter, out)
    }

    fn page_of(&self, letter: char) -> &Page {
        let number = letter as usize / PAGE;
        self.pages[number].get_or_init(|| self.page(number))
    }

    /// Appends what letters become, marks in canonical order; true if there is one.
    fn append_all(&self, letters: &str, out: &mut String) -> bool {
        let start = out.len();
        let marks = self.append_each(letters, out);
        if marks {
            order_marks(out, start);
        }
        marks
    }

    /// The same with marks as they come. Most letters are of the page of the one before.
    fn append_each(&self, letters: &str, out: &mut String) -> bool {
        let (mut page, mut number, mut marks) = (self.page_of('a'), 0, false);
        for letter in letters.chars() {
            if letter as usize / PAGE != number {
                (page, number) = (self.page_of(letter), letter as usize / PAGE);
            }
            marks |= page.append(letter, out);
        }
        marks
    }

    fn page(&self, number: usize) -> Box<Page> {
        let nothing = Place { start: 0, end: 0, marks: false, only: None };
        let mut page = Box::new(Page { places: [nothing; PAGE], text: String::new() });
        for place in 0..PAGE {
            let start = page.text.len();
            let letter = char::from_u32((number * PAGE + place) as u32);
            let marks = letter.is_some_and(|letter| (self.make)(letter, &mut page.text));
            // The longest page of Unicode has a fifth of what two bytes count.
            let mut letters = page.text[start..].chars();
            let only = letters.next().filter(|_| letters.next().is_none());
            page.places[place] = Place { start: start as u16, end: page.text.len() as u16, marks, only };
        }
        page
    }
}

impl Page {
    #[inline]
    fn append(&self, letter: char, out: &mut String) -> bool {
        let Place { start, end, marks, only } = self.places[letter as usize % PAGE];
        match only {
            Some(letter) => out.push(letter),
            None => out.push_str(&self.text[usize::from(start)..usize::from(end)]),
        }
        marks
    }
}

/// Puts runs of combining marks into canonical order, behind `start` (UAX #15): one letter is one text.
fn order_marks(text: &mut String, start: usize) {
    let unordered = |text: &str| {
        let mut classes = text.chars().map(canonical_combining_class);
        let mut last = classes.next().unwrap_or(0);
        classes.any(|class| std::mem::replace(&mut last, class) > class && class != 0)
    };
    if !unordered(&text[start..]) {
        return;
    }
    let mut letters: Vec<(u8, char)> = text[start..].chars().map(|letter| (canonical_combining_class(letter), letter)).collect();
    for run in letters.chunk_by_mut(|(before, _), (after, _)| *before != 0 && *after != 0) {
        run.sort_by_key(|(class, _)| *class);
    }
    text.truncate(start);
    text.extend(letters.into_iter().map(|(_, letter)| letter));
}

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
    fn marks_in_any_order_are_one() {
        for (one, other) in [
            ("\u{3B1}\u{323}\u{345}", "\u{1FB3}\u{323}"),
            ("e\u{302}\u{323}", "\u{1EC7}"),
            ("e\u{323}\u{302}x", "e\u{302}\u{323}x"),
            ("\u{117}", "e\u{307}"),
        ] {
            assert_eq!(confusable(one), confusable(other));
        }
        assert_ne!(confusable("e\u{302}e\u{323}"), confusable("e\u{323}e\u{302}"));
    }

    /// The fold of the standards in one go, for a text whose letters may influence each other.
    fn in_one_go(name: &str) -> String {
        let folded = name.chars().filter(|letter| !is_ignorable(*letter)).map(fold_char).nfkc();
        let plain: String = folded.filter(|letter| !is_ignorable(*letter)).map(fold_char).collect();
        unicode_security::skeleton(&plain).map(fold_char).filter(|letter| *letter != DOT_ABOVE).collect()
    }

    #[test]
    fn letter_by_letter_is_as_good_as_in_one_go() {
        for code in (0..0x3_0000u32).chain(0xE_0000..0xE_1000) {
            let Some(letter) = char::from_u32(code) else { continue };
            if std::iter::once(letter).nfkd().any(|mark| mark == '\u{345}') {
                continue; // see `fold_unless_mark`; in one go its place depends on the spelling
            }
            for text in [format!("{letter}"), format!("a{letter}x"), format!("e{letter}\u{323}"), format!("i\u{302}{letter}")] {
                assert_eq!(confusable(&text), in_one_go(&text), "U+{code:04X} in {text:?}");
            }
        }
    }

    #[test]
    fn composed_and_decomposed_letters_are_one() {
        assert_eq!(confusable("größe"), confusable("GRO\u{308}ßE"));
        assert_eq!(confusable("addre\u{17F}s"), confusable("address"));
        assert_eq!(confusable("\u{212A}ey"), confusable("key"));
    }
}

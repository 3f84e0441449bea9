//! What stands around a number whose own line says nothing before it: the cell beside it, the line above, a word behind.

use super::super::scan::prefix;
use super::super::script::{is_alphanumeric, is_joined, is_letter};
use super::read::Words;
use super::sorted::{Sorted, heads};
use super::{LONGEST_WORD, Near, classify_key, in_prose};

/// How far a number is followed to see what stands behind it, in bytes.
const LONGEST_NUMBER: usize = 40;
/// A line that begins with so few words may answer the one above.
const MOST_WORDS: usize = 2;

/// So many words are looked at behind the one that joins, the name among them: `is my new work phone`.
const MOST_BETWEEN: usize = 4;

/// Words that join a number to the name behind it: `… is my mobile`, `… numaralı telefon`, `… ist meine Handynummer`; sorted.
#[rustfmt::skip]
const LINKS: &[&str] = &[
    "adalah", "ang", "are", "ay", "az", "benim", "c'est", "dan", "dein", "deine", "den", "din", "ditt", "er", "era", "es",
    "est", "este", "ez", "her", "his", "ialah", "ihr", "ihre", "ir", "is", "isn't", "ist", "itu", "je", "jest", "jūsų",
    "là", "mana", "mano", "mans", "mein", "meine", "meu", "mi", "mijn", "min", "minu", "minun", "mio", "mit", "mitt", "moj",
    "moja", "moje", "mon", "my", "mój", "můj", "ni", "no'lu", "nolu", "notre", "nuestro", "numaradan", "numaralı",
    "numarasından", "numarasını", "numărul", "on", "onun", "our", "seine", "senin", "seu", "sinu", "son", "su", "suo",
    "számú", "tan", "tavo", "tavs", "teie", "ten", "their", "to", "ton", "tu", "tuo", "twój", "unser", "unsere", "uw",
    "votre", "váš", "war", "was", "your", "yra", "är", "è", "é", "était", "është", "είναι", "μου", "ваш", "е", "мой", "моя",
    "моят", "мої", "мојот", "мій", "це", "это", "नंबर",
];

static JOINING: Sorted = Sorted::of(LINKS, &heads::<{ LINKS.len() }>(LINKS));

/// What the surroundings of the number at `start` say; `before` is the text in front of it.
pub(super) fn look(words: &Words<'_>, text: &str, before: &str, start: usize) -> Near {
    in_cell_before(words, before)
        .or_else(|| in_card(before))
        .or_else(|| in_line_above(words, before))
        .or_else(|| signed(before))
        .or_else(|| behind(words, &text[start..]))
}

/// What parts the cells of a row; `^`, `~` and `*` in HL7 and EDI.
const MARKS: &[char] = &[';', '|', '\t', '^', '~', '*', '│', '¦'];

/// A line of a card (RFC 6350): `TEL;TYPE=work,voice:+49 …`.
fn in_card(before: &str) -> Near {
    let line = before[line_break(before).map_or(0, |at| at + 1)..].trim_start();
    let end = memchr::memchr2(b';', b':', line.as_bytes()).unwrap_or(line.len());
    let name = &line[..end];
    let is_telephone = name.rsplit('.').next().is_some_and(|name| name.eq_ignore_ascii_case("tel"));
    if is_telephone && line.len() > name.len() { Near::Phone } else { Near::Nothing }
}

/// A name in the cell before: `17;IMEI;490154203237518;Ostrava`.
fn in_cell_before(words: &Words<'_>, before: &str) -> Near {
    let Some(row) = before.trim_end().strip_suffix(MARKS) else { return Near::Nothing };
    let start = row.rfind(|letter| letter == '\n' || MARKS.contains(&letter)).map_or(0, |at| at + 1);
    let cell = row[start..].trim_matches([' ', '"', '\'', '*', '`']);
    if cell.len() > LONGEST_WORD || cell.bytes().filter(u8::is_ascii_digit).count() > 4 {
        return Near::Nothing;
    }
    classify_key(words, cell).unwrap_or(Near::Nothing)
}

/// A question and its answer, a label and its field: the end of the last line that is not empty.
fn in_line_above(words: &Words<'_>, before: &str) -> Near {
    let Some(end) = line_break(before) else { return Near::Nothing };
    let mut rest = &before[end + 1..];
    for _ in 0..=MOST_WORDS {
        match words.last(rest) {
            Some((front, _)) => rest = front,
            None => {
                let above = before[..end].trim_end_matches(|letter: char| !is_alphanumeric(letter));
                return in_prose(words, above);
            }
        }
    }
    Near::Nothing
}

/// What the line above asks, where this one is no more than who answers: `Bot: your mobile?`, `User: 0412 345 678`.
pub(super) fn question<'b>(words: &Words<'_>, before: &'b str) -> Option<&'b str> {
    let end = line_break(before)?;
    let (above, answer) = (before[..end].trim_end(), &before[end + 1..]);
    let mark = answer.find([':', '>', '»'])?;
    let is_short = words.last(&answer[mark..]).is_none_or(|(front, _)| words.last(front).is_none());
    let (front, who) = words.last(&answer[..mark])?;
    (above.ends_with(['?', '？', '؟']) && is_short && words.last(front).is_none() && who.len() < LONGEST_WORD)
        .then(|| above.trim_end_matches(['?', '？', '؟', ' ']))
}

/// Where the last line begins, before its first byte.
fn line_break(text: &str) -> Option<usize> {
    memchr::memrchr(b'\n', text.as_bytes())
}

/// What stands behind the number: in brackets, or behind a word that joins the two.
fn behind(words: &Words<'_>, text: &str) -> Near {
    let text = prefix(text, 2 * LONGEST_NUMBER);
    let is_number = |letter: char| {
        letter.is_ascii_digit()
            || matches!(letter, ' ' | '-' | '.' | '\u{2009}' | '(' | ')' | '/' | '\u{A0}' | '\u{202F}' | '\u{2010}' | '\u{2011}')
    };
    let rest = text.trim_start_matches(is_number);
    if text.len() - rest.len() > LONGEST_NUMBER || rest.is_empty() || rest.starts_with('\n') {
        return Near::Nothing;
    }
    let opened = rest.trim_start_matches(['"', '“', '’', '‘', '」', '\'', '`', '»', '«', '”', ' ', ']', '(', '#', '[']);
    let number = text[..text.len() - rest.len()].trim_end();
    let (word, behind) = first_word(opened);
    if number.ends_with('(') || rest[..rest.len() - opened.len()].contains(['(', '[', '#']) {
        let is_name = |letter: char| is_letter(letter) || matches!(letter, '_' | '-' | ' ');
        let closed = opened.find(|letter: char| !is_name(letter)).filter(|end| opened[*end..].starts_with([')', ']']));
        return closed.and_then(|end| classify_key(words, &opened[..end])).unwrap_or(Near::Nothing);
    }
    let parted = &rest[..rest.len() - opened.len()];
    let tail = &text[number.trim_end_matches(['-', '/', ' ']).len()..text.len() - rest.len()];
    let named = if tail.contains(['-', '/']) { cell(words, rest) } else { joined(words, parted, opened, word, behind) };
    match named {
        near @ (Near::Phone | Near::Reach | Near::Device) => near,
        Near::Nothing
        | Near::Number
        | Near::Signed
        | Near::PhoneOrTax
        | Near::SocialSecurity
        | Near::Mac
        | Near::National
        | Near::Version
        | Near::Release
        | Near::Other => Near::Nothing,
    }
}

/// What the cell that begins a text says.
fn cell(words: &Words<'_>, text: &str) -> Near {
    let end = text.find(['\n', ',', ';', '.', '|', ')', '·']).unwrap_or(text.len());
    classify_key(words, prefix(&text[..end], LONGEST_WORD)).unwrap_or(Near::Nothing)
}

/// What the text behind a number calls it: over a dash or a quote at once, over a word that joins after some words more,
/// in scripts without spaces in the word that the number runs into.
fn joined(words: &Words<'_>, parted: &str, opened: &str, word: &str, behind: &str) -> Near {
    if let Some(named) = opened.strip_prefix(['–', '—', '-', '|', '·', '→', '=', ':']) {
        return if parted.is_empty() { Near::Nothing } else { cell(words, named) };
    }
    if let Some(near) = column(words, word, behind) {
        return near;
    }
    if parted.contains(['"', '\'', '`']) && words.lookup(word) != Near::Nothing {
        return words.lookup(word);
    }
    // Languages of these scripts put the verb last: `010-1234-5678로 전화주세요`.
    let (word, behind, is_late) = match opened.strip_prefix(", ").map(first_word) {
        Some((word, behind)) => (word, behind, false),
        None => (word, behind, word.chars().next().is_some_and(is_joined)),
    };
    if !is_late && !JOINING.has(word) {
        return Near::Nothing;
    }
    let mut rest = if is_late { opened } else { behind };
    for _ in 0..MOST_BETWEEN {
        let (word, behind) = first_word(rest.trim_start_matches(' '));
        if word.is_empty() {
            break;
        }
        match words.lookup(word) {
            Near::Nothing => rest = behind,
            near => return near,
        }
    }
    Near::Nothing
}

/// `… for key 'users.phone'`, `… in column "mobile"`, as databases and validators complain.
fn column(words: &Words<'_>, word: &str, behind: &str) -> Option<Near> {
    const WORDS: &[&str] = &["attribute", "column", "constraint", "field", "index", "key", "param", "parameter", "property"];
    static COLUMNS: Sorted = Sorted::of(WORDS, &heads::<{ WORDS.len() }>(WORDS));
    let is_told = matches!(word, "for" | "in" | "on" | "at" | "of" | "für" | "pour" | "para" | "per");
    let (kind, named) = first_word(behind.trim_start());
    if !is_told || !COLUMNS.has(kind) {
        return None;
    }
    let name = named.trim_start_matches([' ', ':', '"', '\'', '`']);
    let end = name.find(|letter: char| !is_letter(letter) && !matches!(letter, '_' | '-' | '.')).unwrap_or(name.len());
    classify_key(words, &name[..end])
}

/// What stands beside a value in the same object: `"value":"030 …","type":"phone"`, `value="030 …" type="phone"`.
pub(super) fn sibling(words: &Words<'_>, text: &str) -> Near {
    const WORDS: &[&str] = &["channel", "field", "kind", "label", "medium", "method", "name", "system", "type", "use"];
    static NAMES: Sorted = Sorted::of(WORDS, &heads::<{ WORDS.len() }>(WORDS));
    let text = prefix(text, 2 * LONGEST_NUMBER);
    let Some(end) = text.find(['"', '\'']) else { return Near::Nothing };
    let rest = text[end + 1..].trim_start_matches(['\\', ',', ' ', '"', '\'', '\n']);
    let (name, behind) = first_word(rest);
    if !NAMES.has(name) {
        return Near::Nothing;
    }
    let value = behind.trim_start_matches(['\\', '"', '\'', ':', '=', ' ']);
    let end = value.find(['"', '\'', '\\', ',', '}', '>']).unwrap_or(value.len());
    classify_key(words, &value[..end]).unwrap_or(Near::Nothing)
}

/// `T: 030 …`, `M. 0171 …`: a letter as people put it in front of their numbers below a letter.
fn signed(before: &str) -> Near {
    let trimmed = before.trim_end_matches([' ', '\u{A0}']);
    let Some(label) = trimmed.strip_suffix([':', '.']) else { return Near::Nothing };
    let is_letter = if trimmed.ends_with(':') {
        label.ends_with(['T', 'M', 'P', 'F', 'C', 't', 'm', 'p', 'f', 'c', 'Т', 'М', 'Τ', 'Κ'])
    } else {
        label.ends_with(['T', 'M', 'Т', 'Τ', 'Κ'])
    };
    let front = label.chars().rev().nth(1);
    if is_letter && front.is_none_or(|front| !is_alphanumeric(front) && !matches!(front, '_' | '-' | '.')) {
        Near::Signed
    } else {
        Near::Nothing
    }
}

/// The first word of a text and what is behind it.
fn first_word(text: &str) -> (&str, &str) {
    let end = text.char_indices().take(LONGEST_WORD).find(|(_, letter)| !is_letter(*letter) && *letter != '\'').map(|(at, _)| at);
    text.split_at(end.unwrap_or_else(|| text.char_indices().nth(LONGEST_WORD).map_or(text.len(), |(at, _)| at)))
}

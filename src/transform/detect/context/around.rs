//! What stands around a number whose own line says nothing before it: the cell beside it, the line above, a word behind.

use super::super::scan::prefix;
use super::{LONGEST_WORD, Near, classify_key, in_prose, is_letter, last_word, lookup};

/// How far a number is followed to see what stands behind it, in bytes.
const LONGEST_NUMBER: usize = 40;
/// A line that begins with so few words may answer the one above.
const MOST_WORDS: usize = 2;

/// Words between a number and what it is, in languages that put them behind it: `… numaralı telefon`.
const LINKS: &[&str] = &["numaralı", "nolu", "no'lu", "számú", "नंबर"];

/// What the surroundings of the number at `start` say; `before` is the text in front of it.
pub(super) fn look(text: &str, before: &str, start: usize) -> Near {
    let cell = in_cell_before(before);
    if cell != Near::Nothing {
        return cell;
    }
    match in_line_above(before) {
        Near::Nothing => behind(&text[start..]),
        near => near,
    }
}

/// A name in the cell before: `17;IMEI;490154203237518;Ostrava`.
fn in_cell_before(before: &str) -> Near {
    let Some(row) = before.trim_end().strip_suffix([';', '|', '\t']) else { return Near::Nothing };
    let start = row.rfind([';', '|', '\t', '\n']).map_or(0, |at| at + 1);
    let cell = row[start..].trim_matches([' ', '"', '\'', '*', '`']);
    if cell.len() > LONGEST_WORD || cell.bytes().any(|byte| byte.is_ascii_digit()) {
        return Near::Nothing;
    }
    classify_key(cell).unwrap_or(Near::Nothing)
}

/// A question and its answer, a label and its field: the end of the last line that is not empty.
fn in_line_above(before: &str) -> Near {
    let Some(end) = before.rfind('\n') else { return Near::Nothing };
    let mut rest = &before[end + 1..];
    for _ in 0..=MOST_WORDS {
        match last_word(rest) {
            Some((front, _)) => rest = front,
            None => {
                let above = before[..end].trim_end_matches(|letter: char| !letter.is_alphanumeric());
                return in_prose(above);
            }
        }
    }
    Near::Nothing
}

/// What the line above asks, where this one is no more than who answers: `Bot: your mobile?`, `User: 0412 345 678`.
pub(super) fn question(before: &str) -> Option<&str> {
    let (above, answer) = before.rsplit_once('\n')?;
    let above = above.trim_end();
    let mark = answer.find([':', '>', '»'])?;
    let is_short = last_word(&answer[mark..]).is_none_or(|(front, _)| last_word(front).is_none());
    let (front, who) = last_word(&answer[..mark])?;
    (above.ends_with(['?', '？', '؟']) && is_short && last_word(front).is_none() && who.len() < LONGEST_WORD)
        .then(|| above.trim_end_matches(['?', '？', '؟', ' ']))
}

/// What stands behind the number: in brackets, or behind a word that joins the two.
fn behind(text: &str) -> Near {
    let text = prefix(text, 2 * LONGEST_NUMBER);
    let is_number = |letter: char| {
        letter.is_ascii_digit()
            || matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{A0}' | '\u{202F}' | '\u{2010}' | '\u{2011}')
    };
    let rest = text.trim_start_matches(is_number);
    if text.len() - rest.len() > LONGEST_NUMBER {
        return Near::Nothing;
    }
    let opened = rest.trim_start_matches(['"', '\'', '`', '»', '«', '”', ' ', ']', '(', '#', '[']);
    let number = text[..text.len() - rest.len()].trim_end();
    let (word, behind) = first_word(opened);
    if number.ends_with('(') || rest[..rest.len() - opened.len()].contains(['(', '[', '#']) {
        let is_name = |letter: char| is_letter(letter) || matches!(letter, '_' | '-' | ' ');
        let closed = opened.find(|letter: char| !is_name(letter)).filter(|end| opened[*end..].starts_with([')', ']']));
        return closed.and_then(|end| classify_key(&opened[..end])).unwrap_or(Near::Nothing);
    }
    if LINKS.contains(&word) { lookup(first_word(behind.trim_start()).0) } else { Near::Nothing }
}

/// The first word of a text and what is behind it.
fn first_word(text: &str) -> (&str, &str) {
    let end = text.char_indices().take(LONGEST_WORD).find(|(_, letter)| !is_letter(*letter) && *letter != '\'').map(|(at, _)| at);
    text.split_at(end.unwrap_or_else(|| text.char_indices().nth(LONGEST_WORD).map_or(text.len(), |(at, _)| at)))
}

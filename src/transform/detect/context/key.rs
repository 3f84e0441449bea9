//! The name in front of a value, where the text is written for machines: `name=`, `"name":"`, `<name>`.

use super::super::script::is_alphanumeric;
use super::read::Words;
use super::{LONGEST_WORD, Near};

/// What stands in front of a value.
pub(super) enum Named<'a> {
    /// Its name.
    Key(&'a str),
    /// An element whose name or attributes tell.
    Near(Near),
    /// No name: words, without the quotes and elements that open the value.
    Prose(&'a str),
}

/// So many elements are looked through: a cell, its row, what makes it bold.
const MOST_ELEMENTS: usize = 4;

/// The name in front of a value.
pub(super) fn named<'b>(words: &Words<'_>, before: &'b str) -> Named<'b> {
    let mut value = opened(before);
    for _ in 0..MOST_ELEMENTS {
        let Some((front, element)) = last_element(value) else { break };
        match in_element(words, element) {
            Near::Nothing if is_layout(element) => value = opened(front),
            Near::Nothing => return Named::Near(Near::Nothing),
            near => return Named::Near(near),
        }
    }
    // `user> 030 …`: behind a blank the sign is a prompt.
    let is_prompt = value.ends_with('>') && before[value.len()..].starts_with(' ');
    match assigned(value).filter(|_| !is_prompt) {
        Some(key) => Named::Key(key),
        None => Named::Prose(value),
    }
}

/// The text without what opens a value: quotes, brackets, escapes of both.
fn opened(before: &str) -> &str {
    const MARKS: &[&str] = &["%2B", "%22", "%20", "%5B", "&quot;", "&#34;", "&#39;", "&nbsp;", "<![CDATA"];
    let mut value = before;
    loop {
        let trimmed = value.trim_end_matches(['+', '(', '\'', '"', '\\', '[', ' ', '%', '`', '“', '„', '«', '「', '\u{A0}']);
        let trimmed = MARKS.iter().find_map(|mark| trimmed.strip_suffix(mark)).unwrap_or(trimmed);
        if trimmed.len() == value.len() {
            return value;
        }
        value = trimmed;
    }
}

/// The name before `=`, before `:` behind a quote, or before a `>` that nothing opens.
fn assigned(value: &str) -> Option<&str> {
    let equals = ["=", "%3D", "%3d"].iter().find_map(|mark| value.strip_suffix(mark));
    let colon = [":", "%3A", "%3a"].iter().find_map(|mark| value.strip_suffix(mark));
    let name = if let Some(name) = equals {
        name.trim_end_matches([']', ' ', ')'])
    } else if let Some(name) = colon {
        let name = name.trim_end();
        name.strip_suffix(['"', '\'']).or_else(|| name.strip_suffix("%22")).or_else(|| name.strip_suffix("&quot;"))?
    } else {
        value.strip_suffix('>')?
    };
    let name = name.strip_suffix("%22").unwrap_or(name).trim_end_matches(['"', '\'', '\\']);
    let is_name = |letter: char| is_alphanumeric(letter) || matches!(letter, '_' | '-' | '.');
    let start = name.char_indices().rev().take_while(|(_, letter)| is_name(*letter)).last()?.0;
    Some(&name[start..])
}

/// The element that ends the text, and what is before it: `<td class="phone">`, also as `&lt;td&gt;`.
fn last_element(value: &str) -> Option<(&str, &str)> {
    const BRACKETS: &[(&str, &str)] = &[("<", ">"), ("&lt;", "&gt;"), ("%3C", "%3E")];
    BRACKETS.iter().find_map(|(open, close)| {
        let inner = value.strip_suffix(close)?;
        let start = inner.rfind(open)?;
        Some((&value[..start], &inner[start + open.len()..]))
    })
}

/// What the words of an element say, the last that tells first; the attributes stand behind the name.
fn in_element(words: &Words<'_>, element: &str) -> Near {
    if element.starts_with('/') {
        return Near::Nothing;
    }
    let mut rest = element;
    while let Some((front, word)) = words.last(rest) {
        rest = front;
        match words.lookup(word) {
            Near::Nothing => {}
            near => return near,
        }
    }
    Near::Nothing
}

/// Elements that set a text and name nothing; what ends an element before, too.
fn is_layout(element: &str) -> bool {
    const LAYOUT: &[&str] = &[
        "cell", "code", "column", "data", "div", "entry", "field", "font", "integer", "item", "label", "mark", "number", "param",
        "pre", "property", "small", "span", "string", "strong", "text", "val", "value",
    ];
    let name = element.split([' ', '/', '\n']).find(|part| !part.is_empty()).unwrap_or_default();
    let name = name.rsplit(':').next().unwrap_or(name);
    element.starts_with('/')
        || name.len() <= 2
        || (name.len() < LONGEST_WORD && LAYOUT.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

//! What the name of a value says, word by word, and the names of what it stands in.

use super::super::script::is_alphanumeric;
use super::read::Words;
use super::{Near, in_prose, offset_of};

/// So many objects are looked out of for the name of a value.
const MOST_PARENTS: usize = 3;

/// What a name says; `None` where it only says that there is a value.
pub(super) fn classify_key(words: &Words<'_>, key: &str) -> Option<Near> {
    let mut rest = key;
    let mut any = false;
    while let Some((before, word)) = words.last(rest) {
        rest = before;
        match words.lookup(word) {
            Near::Nothing => any |= !is_holder(word),
            near => return Some(without_ids(words, key, near)),
        }
    }
    any.then_some(Near::Nothing)
}

/// What a name says whose last word says that it holds no number of anybody's: `contact_id`, `phone_verified_at`. The id of
/// a device, of a citizen and of a caller is one.
fn without_ids(words: &Words<'_>, key: &str, near: Near) -> Near {
    let is_id = words.last(key).is_some_and(|(front, word)| {
        is_any(word, NOT_VALUES) && words.last(front).is_some_and(|(_, owner)| !is_any(owner, &["caller", "called", "calling"]))
    });
    if is_id && matches!(near, Near::Phone | Near::Reach) { Near::Other } else { near }
}

/// Names that hold anything: what the value is, is said around them.
fn is_holder(word: &str) -> bool {
    const HOLDERS: &[&str] = &[
        "value",
        "val",
        "values",
        "number",
        "num",
        "no",
        "nr",
        "to",
        "from",
        "text",
        "data",
        "input",
        "content",
        "msg",
        "message",
        "for",
        "recipient",
        "target",
        "default",
        "string",
        "literal",
        "raw",
        "s",
        "v",
        "t",
        "body",
        "answer",
        "reply",
        "response",
        "current",
        "old",
        "new",
        "before",
        "after",
        "formatted",
        "display",
        "eq",
        "like",
        "contains",
        "is",
        "add",
        "set",
        "update",
    ];
    is_any(word, HOLDERS)
}

/// Names that stand beside a value and do not hold it: what is around them says nothing of theirs.
const NOT_VALUES: &[&str] = &[
    "id",
    "ids",
    "uuid",
    "guid",
    "ts",
    "time",
    "timestamp",
    "date",
    "at",
    "hash",
    "count",
    "version",
    "sid",
    "duration",
    "status",
    "ms",
    "seconds",
    "session",
    "total",
];

pub(super) fn is_any(word: &str, list: &[&str]) -> bool {
    list.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// What the name around a value says whose own name, without quotes, says nothing: `phone { value: 030 … }`.
pub(super) fn unquoted_name(words: &Words<'_>, prose: &str) -> Near {
    let Some(named) = prose.trim_end().strip_suffix(':') else { return Near::Nothing };
    match words.last(named) {
        Some((front, word)) if is_holder(word) && named.ends_with(word) && front.contains(['{', '(']) => {
            of_parent(words, named, word)
        }
        _ => Near::Nothing,
    }
}

/// The same for a name in quotes or before an equals sign: `"phone":{"home":"…"}`, `variable "cell" { default = "…"`.
pub(super) fn of_parent(words: &Words<'_>, before: &str, key: &str) -> Near {
    if words.last(key).is_some_and(|(_, word)| is_any(word, NOT_VALUES)) {
        return Near::Nothing;
    }
    let mut inner = &before[..offset_of(before, key)];
    // A parent that itself only holds, `{"string_value":"…"}`, hands the question on.
    for _ in 0..MOST_PARENTS {
        let Some(opener) = opener(inner) else { break };
        let front = inner[..opener].trim_end_matches(['"', '\'', '\\', ' ', '\n', '\t', '[', '{', ':', '=', '>']);
        let is_name = |letter: char| is_alphanumeric(letter) || matches!(letter, '_' | '-' | '.');
        let start =
            front.char_indices().rev().take_while(|(_, letter)| is_name(*letter)).last().map_or(front.len(), |(at, _)| at);
        if let Some(near) = classify_key(words, &front[start..]) {
            return near;
        }
        inner = &front[..start];
        match in_prose(words, answered(inner)) {
            Near::Nothing => {}
            near => return near,
        }
    }
    Near::Nothing
}

/// The bracket that opens what the end of a text stands in.
fn opener(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.bytes().rposition(|byte| {
        match byte {
            b'}' | b')' => depth += 1,
            b'{' | b'(' => depth -= 1,
            _ => {}
        }
        depth < 0
    })
}

/// The text in front of a name that holds anything; the mark of a question may end it: `"question":"Phone?","answer":`.
pub(super) fn answered(before: &str) -> &str {
    before.trim_end_matches(['"', '\'', '\\', ',', ' ', '?', '？', '؟'])
}

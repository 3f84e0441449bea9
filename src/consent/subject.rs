//! Who an event is about: every identity present, and whether they contradict each other.

use super::source::{Event, Value};
use crate::event::json::Kind;
use crate::plan::{Normalize, SubjectRule};
use std::ops::Range;

/// The distinct identities of one event, normalised, in one buffer.
#[derive(Default)]
pub(super) struct Identities {
    text: Vec<u8>,
    /// Rule index and span.
    found: Vec<(usize, Range<usize>)>,
    buffer: Vec<u8>,
}

impl Identities {
    /// Every identity in the order of the rules: which rule it is of, and its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        // What is no text was found unusable, and its event ambiguous.
        self.found.iter().map(|(rule, span)| (*rule, std::str::from_utf8(&self.text[span.clone()]).unwrap_or_default()))
    }

    /// Forgets everyone.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.found.clear();
        self.buffer.clear();
    }
}

/// Reads all identities: (whether there is one, whether they are ambiguous). Null and empty are absent;
/// strings and integers count, `1` and `"1"` being the same; anything else is ambiguous, and so are two
/// different values for one kind. An identity of several kinds is compared with no other identity, yet two
/// different values at its own place are ambiguous all the same.
pub(super) fn identify(event: &Event<'_>, rules: &[SubjectRule], seen: &mut Identities) -> (bool, bool) {
    seen.clear();
    let mut ambiguous = false;
    for (index, rule) in rules.iter().enumerate() {
        for value in event.values(&rule.source) {
            let start = seen.text.len();
            match append(value, rule.normalize, &mut seen.buffer, &mut seen.text) {
                Read::Absent => continue,
                Read::Unusable => ambiguous = true,
                Read::Identity => {}
            }
            let (before, this) = seen.text.split_at(start);
            let mut peers = seen.found.iter().filter(|(other, _)| compared(rules, *other, index)).peekable();
            if peers.peek().is_none() {
                seen.found.push((index, start..seen.text.len()));
            } else {
                ambiguous |= peers.any(|(_, span)| before.get(span.clone()) != Some(this));
                seen.text.truncate(start);
            }
        }
    }
    (!seen.found.is_empty(), ambiguous)
}

/// Whether values of two rules must be equal.
fn compared(rules: &[SubjectRule], one: usize, other: usize) -> bool {
    one == other
        || match (&*rules[one].kinds, &*rules[other].kinds) {
            ([kind], [other]) => kind == other,
            _ => false,
        }
}

enum Read {
    Absent,
    Unusable,
    Identity,
}

/// Appends the normalised identity to `out`.
fn append(value: Value<'_>, normalize: Normalize, buffer: &mut Vec<u8>, out: &mut Vec<u8>) -> Read {
    let start = out.len();
    match value {
        Value::Silent => return Read::Absent,
        // It needs the place, which is not known yet; the language does not offer it here.
        _ if normalize == Normalize::PhoneE164 => return Read::Unusable,
        Value::Json(text) if text.kind() == Kind::Number => match text.as_number() {
            Some(number) if !number.contains(['.', 'e', 'E']) => out.extend_from_slice(number.as_bytes()),
            _ => return Read::Unusable,
        },
        // As it stands: text that was read strictly, or that of a header or key, is text.
        Value::Json(_) | Value::Raw(_) if normalize == Normalize::None => match value.bytes(buffer) {
            Some(text) => out.extend_from_slice(text),
            None => return Read::Unusable,
        },
        Value::Json(_) | Value::Raw(_) | Value::Broken => match value.text(buffer) {
            Some(text) => normalized(text, normalize, out),
            None => return Read::Unusable,
        },
    }
    if out.len() == start { Read::Absent } else { Read::Identity }
}

fn normalized(text: &str, normalize: Normalize, out: &mut Vec<u8>) {
    match normalize {
        Normalize::None => out.extend_from_slice(text.as_bytes()),
        Normalize::Email => lower(text.trim(), out),
        Normalize::Lower => lower(text, out),
        Normalize::PhoneE164 => {}
    }
}

fn lower(text: &str, out: &mut Vec<u8>) {
    for letter in text.chars().flat_map(char::to_lowercase) {
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Case, subject};
    use crate::plan::{Normalize, Source};

    /// (identified, ambiguous)
    #[track_caller]
    fn check(case: &Case, expected: (bool, bool)) {
        let facts = case.facts();
        assert_eq!((facts.identified, facts.ambiguous), expected);
    }

    const NOBODY: (bool, bool) = (false, false);
    const SOMEBODY: (bool, bool) = (true, false);

    #[test]
    fn null_and_empty_are_absent() {
        let case = Case::new().subject(subject(&["user_id"], Source::Slot(crate::event::SlotId(0))));
        check(&case, NOBODY);
        check(&case.clone().capture(0, "null").capture(0, "\"\""), NOBODY);
        check(&case.clone().capture(0, "\"u1\"").capture(0, "null"), SOMEBODY);
    }

    #[test]
    fn strings_and_integers_count_and_are_the_same() {
        let case = Case::new().subject(subject(&["user_id"], Source::Slot(crate::event::SlotId(0))));
        check(&case.clone().capture(0, "1").capture(0, "\"1\"").capture(0, r#""\u0031""#), SOMEBODY);
        check(&case.clone().capture(0, "12345678901234567890123"), SOMEBODY);
        for odd in ["1.0", "1e3", "true", "false", "[\"u1\"]", "{}", "[]"] {
            assert!(case.clone().capture(0, odd).facts().ambiguous, "{odd}");
        }
    }

    #[test]
    fn two_values_for_one_kind_are_ambiguous() {
        let slot = Source::Slot(crate::event::SlotId(0));
        let case = Case::new().subject(subject(&["user_id"], slot)).subject(subject(&["user_id"], Source::Key));
        check(&case.clone().capture(0, "\"u1\"").key(b"u1"), SOMEBODY);
        check(&case.clone().capture(0, "\"u1\"").key(b""), SOMEBODY);
        check(&case.clone().capture(0, "7").key(b"7"), SOMEBODY);
        assert!(case.clone().capture(0, "\"u1\"").key(b"u2").facts().ambiguous, "key against body");
        assert!(case.clone().capture(0, "\"u1\"").capture(0, "\"u2\"").facts().ambiguous, "several matches");
        assert!(case.clone().capture(0, "\"U1\"").key(b"u1").facts().ambiguous, "case counts unless normalised");
        assert!(case.clone().key(b"\xff").facts().ambiguous, "a key that is no text");
    }

    #[test]
    fn headers_are_compared_too() {
        let header = Source::Header("X-User".into());
        let case = Case::new().subject(subject(&["user_id"], header)).subject(subject(&["user_id"], Source::Key));
        check(&case.clone().header("x-user", b"u1").header("X-User", b"u1").key(b"u1"), SOMEBODY);
        assert!(case.clone().header("x-user", b"u1").header("x-user", b"u2").facts().ambiguous);
        assert!(case.clone().header("x-user", b"u1").key(b"u2").facts().ambiguous);
    }

    #[test]
    fn different_kinds_and_several_kinds_are_not_compared() {
        let slot = |index| Source::Slot(crate::event::SlotId(index));
        let case = Case::new()
            .subject(subject(&["user_id"], slot(0)))
            .subject(subject(&["anonymous_id"], slot(1)))
            .subject(subject(&["user_id", "anonymous_id"], slot(2)));
        check(&case.clone().capture(0, "\"u1\"").capture(1, "\"a1\"").capture(2, "\"x\""), SOMEBODY);
        check(&case.clone().capture(2, "\"x\""), SOMEBODY);
        assert!(case.clone().capture(2, "\"x\"").capture(2, "\"y\"").facts().ambiguous);
    }

    #[test]
    fn values_are_compared_as_normalised() {
        let rule = |source, normalize| crate::plan::SubjectRule { normalize, ..subject(&["email"], source) };
        let slot = Source::Slot(crate::event::SlotId(0));
        let case = Case::new().subject(rule(slot, Normalize::Email)).subject(rule(Source::Key, Normalize::Lower));
        check(&case.clone().capture(0, "\" Ada@X.io \"").key("ADA@x.io".as_bytes()), SOMEBODY);
        check(&case.clone().capture(0, "\"  \""), NOBODY);
        assert!(case.clone().capture(0, "\"ada@x.io\"").key(b" ada@x.io").facts().ambiguous);
    }
}

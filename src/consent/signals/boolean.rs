//! One yes or no of one's own making, for every purpose it is mapped to, or an object of such values by name.
//!
//! Looks at one value or header. With `true_means: granted`, true grants and false denies; with `true_means:
//! opted_out`, true opts out and false is silence, for not having opted out is no consent. Null, an empty text,
//! a missing place and an entry that an object does not name are silence. The texts `true`, `false`, `1`, `0` count
//! only if `lenient` (a header, which is text by nature, may say `true` and `false` anyway); numbers, arrays and
//! whatever else are broken.

use super::{Answer, Answers, Statement, Value, add, document, entry, mapped};
use crate::event::PurposeId;
use crate::event::json::{Kind, Text};
use crate::plan::Categories;

/// The options of the signal.
#[derive(Clone, Copy)]
pub(super) struct Options {
    pub(super) true_grants: bool,
    pub(super) lenient: bool,
}

pub(super) fn read(
    options: Options,
    purposes: &[(PurposeId, Categories)],
    value: Value<'_>,
    buffer: &mut Vec<u8>,
    out: &mut Statement,
) {
    let answer = match value {
        Value::Silent => return,
        Value::Broken => Answer::Broken,
        Value::Raw("true") => Answer::Yes,
        Value::Raw("false") => Answer::No,
        Value::Raw(text) if text.starts_with('{') => match document(value) {
            Some(container) => return entries(options, purposes, container, buffer, out),
            None => Answer::Broken,
        },
        Value::Raw(text) => word(options, text.as_bytes()),
        Value::Json(json) if json.kind() == Kind::Object => return entries(options, purposes, json, buffer, out),
        Value::Json(json) => match value.text(buffer) {
            Some(text) => word(options, text.as_bytes()),
            None => scalar(json),
        },
    };
    match answer {
        Answer::Silent => {}
        Answer::Broken => add(&mut out.invalid, mapped(purposes)),
        Answer::Yes if options.true_grants => add(&mut out.granted, mapped(purposes)),
        Answer::Yes => add(&mut out.opted_out, mapped(purposes)),
        Answer::No if options.true_grants => add(&mut out.denied, mapped(purposes)),
        Answer::No => {}
    }
}

/// An object by name. Where true means opted out, one opt-out among a purpose's entries is enough, under `any` too.
fn entries(
    options: Options,
    purposes: &[(PurposeId, Categories)],
    container: Text<'_>,
    buffer: &mut Vec<u8>,
    out: &mut Statement,
) {
    let read = |value: Text<'_>, buffer: &mut Vec<u8>| member(options, value, buffer);
    for (purpose, categories) in purposes {
        let answers: Answers = categories
            .names
            .iter()
            .map(|name| entry(container, name, Answer::Silent, options.true_grants, read, buffer))
            .collect();
        // An object for a purpose of which no entry is named cannot be understood.
        let answer = if categories.names.is_empty() { Answer::Broken } else { answers.settle(categories.any) };
        match answer {
            Answer::Broken => out.invalid.insert(*purpose),
            Answer::Silent | Answer::Yes | Answer::No if !options.true_grants => {
                if answers.yes {
                    out.opted_out.insert(*purpose);
                }
            }
            Answer::Yes => out.granted.insert(*purpose),
            Answer::No => out.denied.insert(*purpose),
            Answer::Silent => {}
        }
    }
}

/// One entry of an object.
fn member(options: Options, value: Text<'_>, buffer: &mut Vec<u8>) -> Answer {
    buffer.clear();
    match value.raw() {
        b"null" | b"\"\"" => Answer::Silent,
        _ if value.decode_into(buffer) => word(options, buffer),
        _ => scalar(value),
    }
}

fn scalar(value: Text<'_>) -> Answer {
    match value.kind() {
        Kind::True => Answer::Yes,
        Kind::False => Answer::No,
        Kind::Null | Kind::Number | Kind::String | Kind::Array | Kind::Object => Answer::Broken,
    }
}

fn word(options: Options, text: &[u8]) -> Answer {
    match text {
        b"true" | b"1" if options.lenient => Answer::Yes,
        b"false" | b"0" if options.lenient => Answer::No,
        _ => Answer::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, categories};
    use crate::event::{PurposeId, SlotId};
    use crate::plan::{SignalKind, Source};

    #[track_caller]
    fn check(kind: (bool, bool), names: &[(&[&str], bool)], values: &[&str], expected: &[&str]) {
        let (true_grants, lenient) = kind;
        let purposes = names.iter().enumerate().map(|(index, names)| (PurposeId(index as u8), categories(names.0, names.1)));
        let kind = SignalKind::Boolean { true_grants, lenient, purposes: purposes.collect() };
        let case = Case::new().signal(Source::Slot(SlotId(0)), kind);
        let case = values.iter().fold(case, |case, value| case.capture(0, value));
        assert_eq!(case.said(names.len()), expected, "{values:?}");
    }

    const GRANTS: (bool, bool) = (true, false);
    const OPTS_OUT: (bool, bool) = (false, false);
    const TWO: [(&[&str], bool); 2] = [(&[], false), (&[], false)];

    #[test]
    fn one_value_speaks_for_every_purpose() {
        check(GRANTS, &TWO, &["true"], &["granted", "granted"]);
        check(GRANTS, &TWO, &["false"], &["denied", "denied"]);
        check(OPTS_OUT, &TWO, &["true"], &["opted_out", "opted_out"]);
        check(OPTS_OUT, &TWO, &["false"], &["", ""]);
        for silent in ["null", "\"\""] {
            check(GRANTS, &TWO, &[silent], &["", ""]);
            check((false, true), &TWO, &[silent], &["", ""]);
        }
        check(GRANTS, &TWO, &[], &["", ""]);
    }

    #[test]
    fn text_counts_only_if_lenient_and_other_types_never() {
        for (text, grants, opts_out) in [
            ("\"true\"", "granted", "opted_out"),
            ("\"1\"", "granted", "opted_out"),
            ("\"false\"", "denied", ""),
            ("\"0\"", "denied", ""),
            (r#""\u0074rue""#, "granted", "opted_out"),
        ] {
            check((true, true), &TWO[..1], &[text], &[grants]);
            check((false, true), &TWO[..1], &[text], &[opts_out]);
            check(GRANTS, &TWO[..1], &[text], &["invalid"]);
            check(OPTS_OUT, &TWO[..1], &[text], &["invalid"]);
        }
        for odd in ["1", "0", "1.5", "[true]", "\"yes\"", "\"TRUE\"", "\" true\"", "[]"] {
            check((true, true), &TWO[..1], &[odd], &["invalid"]);
            check((false, true), &TWO[..1], &[odd], &["invalid"]);
        }
    }

    #[test]
    fn of_several_values_any_denial_stands() {
        check(GRANTS, &TWO[..1], &["true", "false", "true"], &["granted denied"]);
        check(OPTS_OUT, &TWO[..1], &["false", "true"], &["opted_out"]);
        check(GRANTS, &TWO[..1], &["true", "7"], &["granted invalid"]);
    }

    #[test]
    fn an_object_is_read_by_name_and_an_unnamed_entry_is_silence() {
        let names: [(&[&str], bool); 4] =
            [(&["ads"], false), (&["stats", "more"], false), (&["stats", "more"], true), (&[], false)];
        check(GRANTS, &names, &[r#"{"ads":true,"stats":true}"#], &["granted", "", "granted", "invalid"]);
        check(GRANTS, &names, &[r#"{"ads":false,"stats":false}"#], &["denied", "denied", "denied", "invalid"]);
        check(GRANTS, &names[..3], &[r#"{"stats":true,"more":false}"#], &["", "denied", "granted"]);
        check(GRANTS, &names[..3], &[r#"{"stats":true,"more":true,"ads":null}"#], &["", "granted", "granted"]);
        check(GRANTS, &names[..3], &[r#"{"ads":1,"stats":true,"more":"true"}"#], &["invalid", "invalid", "invalid"]);
        check(GRANTS, &names[..3], &["{}"], &["", "", ""]);
        check(GRANTS, &names[..1], &[r#"{"ads":true,"ads":false}"#], &["denied"]);
        check((true, true), &names[..1], &[r#"{"ads":"1"}"#], &["granted"]);
        check((true, true), &names[..1], &[r#"{"ads":"\u0074rue"}"#], &["granted"]);
        check((true, true), &names[..1], &[r#"{"\u0061ds":"\u0066alse"}"#], &["denied"]);
        check((false, true), &names[..1], &[r#"{"ads":"\u0031"}"#], &["opted_out"]);
        check(GRANTS, &names[..1], &[r#"{"ads":"\u0074rue"}"#], &["invalid"]);
        check(OPTS_OUT, &names[..3], &[r#"{"ads":false,"stats":true,"more":false}"#], &["", "opted_out", "opted_out"]);
        check(OPTS_OUT, &names[..3], &[r#"{"ads":false,"stats":0}"#], &["", "invalid", "invalid"]);
    }

    #[test]
    fn headers_say_true_and_false() {
        let header = |value: &'static [u8], lenient| {
            let purposes = vec![(PurposeId(0), categories(&["ads"], false))];
            let kind = SignalKind::Boolean { true_grants: true, lenient, purposes };
            Case::new().signal(Source::Header("x-consent".into()), kind).header("X-Consent", value).said(1).remove(0)
        };
        for (value, lenient, expected) in [
            (b"true".as_slice(), false, "granted"),
            (b"false", false, "denied"),
            (b"1", true, "granted"),
            (b"0", true, "denied"),
            (b"1", false, "invalid"),
            (b"", false, ""),
            (b"\xff", true, "invalid"),
            (br#"{"ads": true}"#, false, "granted"),
            (br#"{"ads": true"#, false, "invalid"),
        ] {
            assert_eq!(header(value, lenient), expected, "{}", value.escape_ascii());
        }
    }
}

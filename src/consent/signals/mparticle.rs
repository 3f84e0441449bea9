//! mParticle's `consent_state`: `gdpr` by purpose, and `ccpa.data_sale_opt_out`.
//!
//! Looks at one object. Under `gdpr`, `consented: true` grants and `false` denies; under `ccpa` it is the other way round:
//! `consented: true` means **opted out** of sale, and `false` is silence. Each entry carries its own time
//! (`timestamp_unixtime_ms`). A missing object, null and an entry that is not named are silence. An entry without a readable
//! `consented`, or with a time that cannot be read, is broken; so is anything but an object.

use super::{Answer, Answers, Buffers, Said, Spelling, Value, add, document, is_empty, mapped, members, settle, spelling};
use crate::consent::time::decimal;
use crate::event::json::{Kind, Text};
use crate::event::{PurposeId, PurposeSet, Timestamp};
use crate::plan::Categories;

pub(super) fn read(
    purposes: &[(PurposeId, Categories)],
    sale: PurposeSet,
    value: Value<'_>,
    buffers: &mut Buffers,
    said: &mut Said<'_>,
) {
    if matches!(value, Value::Silent) {
        return;
    }
    let Some(state) = document(value).filter(|state| state.kind() == Kind::Object) else {
        add(&mut said.plain().invalid, mapped(purposes).chain(sale.iter()));
        return;
    };
    let Buffers { names, text, more } = buffers;
    for (member, law) in state.members().filter(|(_, law)| !is_empty(*law)) {
        let grants = match spelling(member.0, "gdpr", names) {
            Spelling::Exact => true,
            Spelling::Folded => false,
            Spelling::Other => continue,
        };
        if law.kind() == Kind::Object {
            gdpr(purposes, (law, grants), [text, more], said);
        } else {
            add(&mut said.plain().invalid, mapped(purposes));
        }
    }
    for law in members(state, "ccpa", names).filter(|law| !is_empty(*law)) {
        ccpa(sale, law, [text, more], said);
    }
}

/// One entry: its answer, and its time.
type Entry = (Answer, Option<Timestamp>);

/// The entries of a law, and whether it stands under its exact name: only then does it grant.
fn gdpr(purposes: &[(PurposeId, Categories)], (law, grants): (Text<'_>, bool), buffers: [&mut Vec<u8>; 2], said: &mut Said<'_>) {
    let [names, inner] = buffers;
    for (purpose, categories) in purposes {
        let mut answers = Answers::default();
        // A grant of several entries is as old as the oldest; a denial as young as the youngest.
        let (mut oldest, mut youngest): (Option<Timestamp>, Option<Timestamp>) = (None, None);
        for name in &categories.names {
            let (answer, at) = named((law, grants), name, [names, inner]);
            match answer {
                Answer::Yes => oldest = oldest.map_or(at, |oldest| at.map(|at| at.min(oldest))).or(oldest),
                Answer::No => youngest = youngest.max(at),
                Answer::Silent | Answer::Broken => {}
            }
            answers.note(answer);
        }
        let at = match answers.settle(categories.any) {
            Answer::Yes => oldest,
            Answer::No => youngest,
            Answer::Silent | Answer::Broken => None,
        };
        settle(answers, categories, *purpose, said.at(at, None));
    }
}

/// The strictest of the entries of that name; a name that is the same only when folded never grants.
fn named((law, may_grant): (Text<'_>, bool), name: &str, [names, inner]: [&mut Vec<u8>; 2]) -> Entry {
    let mut strictest: Entry = (Answer::Silent, None);
    for (member, value) in law.members() {
        let grants = match spelling(member.0, name, names) {
            Spelling::Exact => may_grant,
            Spelling::Folded => false,
            Spelling::Other => continue,
        };
        let (answer, at) = entry(value, inner);
        if (grants || answer != Answer::Yes) && answer >= strictest.0 {
            strictest = (answer, at);
        }
    }
    strictest
}

fn ccpa(sale: PurposeSet, law: Text<'_>, [names, inner]: [&mut Vec<u8>; 2], said: &mut Said<'_>) {
    if law.kind() != Kind::Object {
        return add(&mut said.plain().invalid, sale.iter());
    }
    for value in members(law, "data_sale_opt_out", names) {
        match entry(value, inner) {
            (Answer::Yes, at) => add(&mut said.at(at, None).opted_out, sale.iter()),
            (Answer::Broken, _) => add(&mut said.plain().invalid, sale.iter()),
            // Not having opted out is no consent.
            (Answer::No | Answer::Silent, _) => {}
        }
    }
}

fn entry(value: Text<'_>, names: &mut Vec<u8>) -> Entry {
    const BROKEN: Entry = (Answer::Broken, None);
    match value.kind() {
        Kind::Null => return (Answer::Silent, None),
        Kind::Object => {}
        Kind::True | Kind::False | Kind::Number | Kind::String | Kind::Array => return BROKEN,
    }
    let (mut answer, mut folded, mut at) = (None, None, None);
    for (member, value) in value.members() {
        let spelled = spelling(member.0, "consented", names);
        if !matches!(spelled, Spelling::Other) {
            let this = match value.kind() {
                Kind::True => Answer::Yes,
                Kind::False => Answer::No,
                Kind::Null | Kind::Number | Kind::String | Kind::Array | Kind::Object => Answer::Broken,
            };
            // Said twice, it says nothing that could be relied on.
            let answer = if matches!(spelled, Spelling::Exact) { &mut answer } else { &mut folded };
            *answer = Some(if answer.is_some_and(|before| before != this) { Answer::Broken } else { this });
        } else if is(member.0, "timestamp_unixtime_ms", names) && !is_empty(value) {
            match value.as_number().and_then(|number| decimal(number, 1_000_000)) {
                Some(time) => at = Some(time),
                None => return BROKEN,
            }
        }
    }
    match (answer, folded) {
        (Some(answer), None) => (answer, at),
        (Some(answer), Some(folded)) if answer == folded => (answer, at),
        (Some(_), Some(_)) | (None, _) => BROKEN,
    }
}

/// Whether a member has exactly this name.
fn is(member: &[u8], name: &str, names: &mut Vec<u8>) -> bool {
    matches!(spelling(member, name, names), Spelling::Exact)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, at, categories};
    use crate::event::{PurposeId, PurposeSet, SlotId};
    use crate::plan::{SignalKind, Source};

    /// Purposes: `analytics`; all of `ads` and `sharing`; any of them; one that nothing maps and that a sale forbids.
    fn case() -> Case {
        let lists =
            [categories(&["analytics"], false), categories(&["ads", "sharing"], false), categories(&["ads", "sharing"], true)];
        let purposes = lists.into_iter().enumerate().map(|(index, names)| (PurposeId(index as u8), names)).collect();
        let sale: PurposeSet = [PurposeId(1), PurposeId(3)].into_iter().collect();
        Case::new().signal(Source::Slot(SlotId(0)), SignalKind::MParticle { purposes, sale })
    }

    #[track_caller]
    fn check(states: &[&str], expected: [&str; 4]) {
        let case = states.iter().fold(case(), |case, state| case.capture(0, state));
        assert_eq!(case.said(4), expected, "{states:?}");
    }

    #[test]
    fn consented_means_yes_under_gdpr_and_opted_out_under_ccpa() {
        check(&[r#"{"gdpr":{"analytics":{"consented":true}}}"#], ["granted", "", "", ""]);
        check(&[r#"{"gdpr":{"analytics":{"consented":false}}}"#], ["denied", "", "", ""]);
        check(&[r#"{"ccpa":{"data_sale_opt_out":{"consented":true}}}"#], ["", "opted_out", "", "opted_out"]);
        check(&[r#"{"ccpa":{"data_sale_opt_out":{"consented":false}}}"#], ["", "", "", ""]);
    }

    #[test]
    fn an_entry_that_is_not_named_is_silence() {
        for silent in ["{}", "null", "\"\"", r#"{"gdpr":null,"ccpa":null}"#, r#"{"gdpr":{},"ccpa":{}}"#] {
            check(&[silent], ["", "", "", ""]);
        }
        check(&[], ["", "", "", ""]);
        check(&[r#"{"gdpr":{"analytics":null}}"#], ["", "", "", ""]);
        check(&[r#"{"gdpr":{"ads":{"consented":true}}}"#], ["", "", "granted", ""]);
        check(&[r#"{"gdpr":{"ads":{"consented":true},"sharing":{"consented":false}}}"#], ["", "denied", "granted", ""]);
    }

    #[test]
    fn what_cannot_be_read_is_broken() {
        for odd in ["1", "\"yes\"", "[]", "true"] {
            check(&[odd], ["invalid", "invalid", "invalid", "invalid"]);
            check(&[&format!(r#"{{"gdpr":{odd}}}"#)], ["invalid", "invalid", "invalid", ""]);
            check(&[&format!(r#"{{"ccpa":{odd}}}"#)], ["", "invalid", "", "invalid"]);
            check(&[&format!(r#"{{"gdpr":{{"analytics":{odd}}}}}"#)], ["invalid", "", "", ""]);
        }
        for odd in [r#"{}"#, r#"{"consented":1}"#, r#"{"consented":"true"}"#, r#"{"consented":null}"#] {
            check(&[&format!(r#"{{"gdpr":{{"analytics":{odd}}}}}"#)], ["invalid", "", "", ""]);
            check(&[&format!(r#"{{"ccpa":{{"data_sale_opt_out":{odd}}}}}"#)], ["", "invalid", "", "invalid"]);
        }
        let time = r#"{"gdpr":{"analytics":{"consented":true,"timestamp_unixtime_ms":"yesterday"}}}"#;
        check(&[time], ["invalid", "", "", ""]);
    }

    #[test]
    fn names_and_words_are_read_decoded_and_any_denial_stands() {
        check(&[r#"{"g\u0064pr":{"\u0061nalytics":{"\u0063onsented":true}}}"#], ["granted", "", "", ""]);
        check(&[r#"{"GDPR":{"Analytics":{"consented":false}}}"#], ["denied", "", "", ""]);
        check(&[r#"{"gdpr":{"Analytics":{"consented":true}}}"#], ["", "", "", ""]);
        check(&[r#"{"gdpr":{"analytics":{"consented":true},"analytics":{"consented":false}}}"#], ["denied", "", "", ""]);
        let (yes, no) = (r#"{"gdpr":{"analytics":{"consented":true}}}"#, r#"{"gdpr":{"analytics":{"consented":false}}}"#);
        check(&[yes, no], ["granted denied", "", "", ""]);
    }

    #[test]
    fn entries_carry_their_own_times() {
        let state = r#"{"gdpr":{"analytics":{"consented":true,"timestamp_unixtime_ms":1763000000000},
            "ads":{"consented":true,"timestamp_unixtime_ms":1763000001000},
            "sharing":{"consented":true,"timestamp_unixtime_ms":1763000002500}},
            "ccpa":{"data_sale_opt_out":{"consented":true,"timestamp_unixtime_ms":1763000000000,"location":null}}}"#;
        let facts = case().capture(0, state).facts();
        let said: Vec<_> = facts.statements.iter().map(|said| (said.at, said.granted.0, said.opted_out.0)).collect();
        let (first, second) = (Some(at("2025-11-13T02:13:20Z")), Some(at("2025-11-13T02:13:21Z")));
        assert_eq!(said, [(first, 0b001, 0b1010), (second, 0b110, 0)], "of several entries the oldest counts");
    }
}

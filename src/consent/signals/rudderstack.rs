//! RudderStack's `context.consentManagement`: consent ids that are allowed and ids that are denied.
//!
//! Looks at one object. A denied id among those of a purpose denies it (with Ketch only if all of them are denied); it is
//! granted if all of its ids are allowed, or with `any` one. An id in both lists is denied; an id in neither, a missing list,
//! a missing object and null are silence. A list is an array of ids, or an object whose names are ids; a list of another kind
//! breaks every purpose. Where the policy names the provider, ids of another one that no source of the stream reads cannot be
//! understood: broken.

use super::{Answer, Answers, Spelling, Statement, Value, add, document, is_empty, mapped, members, scalar_text, spelling};
use crate::event::PurposeId;
use crate::event::json::{Kind, Text};
use crate::plan::Categories;

/// What the policy says about the ids.
#[derive(Clone, Copy)]
pub(super) struct Names<'p> {
    pub(super) purposes: &'p [(PurposeId, Categories)],
    /// The platform whose ids they are.
    pub(super) provider: Option<&'p str>,
    /// Platforms that other sources of the stream read.
    pub(super) elsewhere: &'p [Box<str>],
}

pub(super) fn read(names: Names<'_>, value: Value<'_>, buffer: &mut Vec<u8>, out: &mut Statement) {
    if matches!(value, Value::Silent) {
        return;
    }
    let Some(container) = document(value).filter(|container| container.kind() == Kind::Object) else {
        return add(&mut out.invalid, mapped(names.purposes));
    };
    let provider = provider(names, container, buffer);
    if provider == Provider::Elsewhere {
        return;
    }
    // Of two lists of one name nobody knows which holds.
    let sound = ["allowedConsentIds", "deniedConsentIds"].iter().all(|list| {
        let mut count = 0;
        members(container, list, buffer).all(|list| {
            count += 1;
            is_empty(list) || count == 1 && is_list(list)
        })
    });
    if provider == Provider::Unknown || !sound {
        return add(&mut out.invalid, mapped(names.purposes));
    }
    for (purpose, categories) in names.purposes {
        let answers: Answers = categories.names.iter().map(|name| id(container, name, buffer)).collect();
        // Ketch denies a purpose only where all of its ids are denied.
        let denies = answers.no && !(provider == Provider::Ketch && (answers.yes || answers.silent));
        if answers.broken {
            out.invalid.insert(*purpose);
        } else if denies {
            out.denied.insert(*purpose);
        } else if answers.yes && (categories.any || !answers.silent && !answers.no) {
            out.granted.insert(*purpose);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Provider {
    /// Its ids are read as the policy says.
    Ours,
    /// The same, and its denials count together.
    Ketch,
    /// Another source of the stream reads its ids.
    Elsewhere,
    /// Nothing in the policy says what its ids mean.
    Unknown,
}

/// The platform that the event names. Said twice differently, or in another type, it is unknown.
fn provider(names: Names<'_>, container: Text<'_>, buffer: &mut Vec<u8>) -> Provider {
    let mut found: Option<Provider> = None;
    for (member, value) in container.members() {
        if !matches!(spelling(member.0, "provider", buffer), Spelling::Exact) || is_empty(value) {
            continue;
        }
        let this = match scalar_text(value, buffer).and_then(|text| std::str::from_utf8(text).ok()) {
            None => Provider::Unknown,
            Some(named) if names.provider.is_none_or(|ours| ours.eq_ignore_ascii_case(named)) => {
                if named.eq_ignore_ascii_case("ketch") { Provider::Ketch } else { Provider::Ours }
            }
            Some(named) if names.elsewhere.iter().any(|other| other.eq_ignore_ascii_case(named)) => Provider::Elsewhere,
            Some(_) => Provider::Unknown,
        };
        found = Some(found.map_or(this, |before| if before == this { this } else { Provider::Unknown }));
    }
    // An event that names none is taken at the policy's word, and read by the stricter rule.
    found.unwrap_or(Provider::Ours)
}

fn is_list(list: Text<'_>) -> bool {
    match list.kind() {
        Kind::Object => true,
        Kind::Array => list.elements().all(|id| matches!(id.kind(), Kind::String | Kind::Number)),
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::String => false,
    }
}

/// What the two lists say about one id. Ids count as spelled; one that is the same only when folded can only be denied.
fn id(container: Text<'_>, name: &str, buffer: &mut Vec<u8>) -> Answer {
    let mut answer = Answer::Silent;
    for (member, list) in container.members() {
        let exact = |spelling: Spelling| matches!(spelling, Spelling::Exact);
        if exact(spelling(member.0, "allowedConsentIds", buffer)) {
            answer = answer.max(listed(list, name, buffer, Answer::Yes));
        } else if !matches!(spelling(member.0, "deniedConsentIds", buffer), Spelling::Other) {
            answer = answer.max(listed(list, name, buffer, Answer::No));
        }
    }
    answer
}

/// What a list says about an id that it holds: `means`, or nothing.
fn listed(list: Text<'_>, name: &str, buffer: &mut Vec<u8>, means: Answer) -> Answer {
    let counts = |spelling: Spelling| match spelling {
        Spelling::Exact => true,
        Spelling::Folded => means == Answer::No,
        Spelling::Other => false,
    };
    let mut answer = Answer::Silent;
    for element in list.elements() {
        let raw = element.raw();
        let text = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
        if counts(spelling(text, name, buffer)) {
            answer = means;
        }
    }
    for (member, value) in list.members() {
        if counts(spelling(member.0, name, buffer)) {
            answer = answer.max(if means == Answer::No { means } else { held(value, buffer) });
        }
    }
    answer
}

/// Whether an object of allowed ids holds one, by what stands there: its name for people, or a flag. One that says of an id that
/// it is not in it does not hold it.
fn held(value: Text<'_>, buffer: &mut Vec<u8>) -> Answer {
    match value.kind() {
        Kind::True => Answer::Yes,
        Kind::False | Kind::Null => Answer::No,
        Kind::Number => match value.raw() {
            b"1" => Answer::Yes,
            b"0" => Answer::No,
            _ => Answer::Broken,
        },
        Kind::String => match scalar_text(value, buffer) {
            Some(text) if !says_no(text.trim_ascii()) => Answer::Yes,
            Some(_) | None => Answer::No,
        },
        Kind::Array | Kind::Object => Answer::Broken,
    }
}

/// Whether text in place of an id's name is a flag that says no.
fn says_no(text: &[u8]) -> bool {
    let words: [&[u8]; 9] = [b"", b"0", b"false", b"no", b"off", b"denied", b"deny", b"null", b"undefined"];
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, categories};
    use crate::event::{PurposeId, SlotId};
    use crate::plan::{SignalKind, Source};

    /// Purposes: `C2`; all of `C3` and `C4`; any of `C3` and `C4`.
    fn case(provider: Option<&str>, elsewhere: &[&str]) -> Case {
        let lists = [categories(&["C2"], false), categories(&["C3", "C4"], false), categories(&["C3", "C4"], true)];
        let purposes = lists.into_iter().enumerate().map(|(index, names)| (PurposeId(index as u8), names)).collect();
        let elsewhere = elsewhere.iter().map(|name| (*name).into()).collect();
        let kind = SignalKind::RudderStack { purposes, provider: provider.map(Into::into), elsewhere };
        Case::new().signal(Source::Slot(SlotId(0)), kind)
    }

    #[track_caller]
    fn check(container: &str, expected: [&str; 3]) {
        assert_eq!(case(None, &[]).capture(0, container).said(3), expected, "{container}");
    }

    #[test]
    fn allowed_grants_denied_denies_and_neither_is_silence() {
        check(r#"{"allowedConsentIds":["C2","C3"],"deniedConsentIds":["C4"]}"#, ["granted", "denied", "denied"]);
        check(r#"{"allowedConsentIds":["C2","C3"],"deniedConsentIds":[]}"#, ["granted", "", "granted"]);
        check(r#"{"allowedConsentIds":["C3","C4"]}"#, ["", "granted", "granted"]);
        check(r#"{"deniedConsentIds":["C2"]}"#, ["denied", "", ""]);
        check(r#"{"allowedConsentIds":["C2"],"deniedConsentIds":["C2"]}"#, ["denied", "", ""]);
        for silent in ["{}", "null", "\"\"", r#"{"allowedConsentIds":null}"#, r#"{"allowedConsentIds":[],"deniedConsentIds":{}}"#]
        {
            check(silent, ["", "", ""]);
        }
    }

    #[test]
    fn with_ketch_a_purpose_is_denied_only_if_all_of_its_ids_are() {
        let lists = r#""allowedConsentIds":["C3"],"deniedConsentIds":["C4","C2"]}"#;
        check(&format!(r#"{{"provider":"ketch",{lists}"#), ["denied", "", "granted"]);
        check(&format!(r#"{{"provider":"oneTrust",{lists}"#), ["denied", "denied", "denied"]);
        check(&format!(r#"{{"provider":"iubenda",{lists}"#), ["denied", "denied", "denied"]);
        check(&format!("{{{lists}"), ["denied", "denied", "denied"]);
        check(r#"{"provider":"ketch","deniedConsentIds":["C3","C4"]}"#, ["", "denied", "denied"]);
        check(r#"{"provider":"ketch","deniedConsentIds":["C3"]}"#, ["", "", ""]);
        check(r#"{"provider":["ketch"],"allowedConsentIds":["C2"]}"#, ["invalid", "invalid", "invalid"]);
    }

    #[test]
    fn a_list_may_be_an_object_by_id() {
        check(
            r#"{"allowedConsentIds":{"C2":"Statistics","C3":true},"deniedConsentIds":{"C4":"Ads"}}"#,
            ["granted", "denied", "denied"],
        );
        check(r#"{"allowedConsentIds":{"C2":false}}"#, ["denied", "", ""]);
        for flag in ["False", "no", " ", "OFF", "denied"] {
            check(&format!(r#"{{"allowedConsentIds":{{"C2":"{flag}"}}}}"#), ["denied", "", ""]);
        }
        check(r#"{"deniedConsentIds":{"C2":false}}"#, ["denied", "", ""]);
    }

    #[test]
    fn ids_count_as_spelled_and_denials_in_any_case() {
        check(r#"{"allowedConsentIds":["c2"]}"#, ["", "", ""]);
        check(r#"{"deniedConsentIds":["c2"]}"#, ["denied", "", ""]);
        check(r#"{"allowedConsentIds":["C2"],"DeniedConsentIds":["C2"]}"#, ["denied", "", ""]);
        check(r#"{"allowedConsentIds":["C2"],"allowedConsentIds":[]}"#, ["invalid", "invalid", "invalid"]);
        check(r#"{"AllowedConsentIds":["C2"]}"#, ["", "", ""]);
        check(r#"{"allowedConsentIds":["\u00432"]}"#, ["granted", "", ""]);
    }

    #[test]
    fn a_list_of_another_kind_is_broken() {
        for odd in ["\"C2\"", "1", "true", "[[\"C2\"]]", "[null]", "[{}]"] {
            check(&format!(r#"{{"allowedConsentIds":{odd}}}"#), ["invalid", "invalid", "invalid"]);
            check(&format!(r#"{{"allowedConsentIds":["C2"],"deniedConsentIds":{odd}}}"#), ["invalid", "invalid", "invalid"]);
        }
        for odd in ["[]", "1", "\"C2\"", "true"] {
            check(odd, ["invalid", "invalid", "invalid"]);
        }
    }

    #[test]
    fn only_the_platform_of_the_policy_is_read() {
        let event = |provider: &str| format!(r#"{{"provider":{provider},"allowedConsentIds":["C2"]}}"#);
        let said = |provider| case(Some("oneTrust"), &["ketch"]).capture(0, &event(provider)).said(3);
        assert_eq!(said("\"oneTrust\""), ["granted", "", ""]);
        assert_eq!(said("\"ketch\""), ["", "", ""], "another source reads it");
        assert_eq!(said("\"iubenda\""), ["invalid", "invalid", "invalid"], "nobody reads it");
        assert_eq!(said("7"), ["invalid", "invalid", "invalid"]);
    }
}

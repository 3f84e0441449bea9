//! Tealium's `consent_categories`, with `policy` and `do_not_sell` beside it.
//!
//! Looks at the object that holds them (`$` where they stand at the top of the event), or at the list of categories alone.
//! A category that is listed is granted; one that is not is denied, in an empty object too. `do_not_sell` opts out of sale where
//! it is true and is silence where it is false. Under `policy: ccpa` no categories are asked for: not having opted out is
//! silence. A missing object, null and an empty text are silence; a list, flag or policy that cannot be read is broken.

use super::{
    Answer, Answers, Buffers, Spelling, Statement, Value, add, document, flag, is_empty, mapped, members, scalar_text, spelling,
};
use crate::event::json::{Kind, Text};
use crate::event::{PurposeId, PurposeSet};
use crate::plan::Categories;

/// The members that hold the list: of both, as the tag writes it and as the connector does.
const LISTS: [&str; 2] = ["consent_categories", "consent_categories_granted"];

pub(super) fn read(
    purposes: &[(PurposeId, Categories)],
    sale: PurposeSet,
    value: Value<'_>,
    buffers: &mut Buffers,
    out: &mut Statement,
) {
    if matches!(value, Value::Silent) {
        return;
    }
    let container = document(value);
    match container.map(Text::kind) {
        Some(Kind::Array) => categories(purposes, container, None, buffers, out),
        Some(Kind::Object) => object(purposes, sale, container, buffers, out),
        Some(Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::String) | None => {
            add(&mut out.invalid, mapped(purposes).chain(sale.iter()));
        }
    }
}

fn object(
    purposes: &[(PurposeId, Categories)],
    sale: PurposeSet,
    container: Option<Text<'_>>,
    buffers: &mut Buffers,
    out: &mut Statement,
) {
    let Some(object) = container else { return };
    let Buffers { names, text, more: _ } = buffers;
    for value in members(object, "do_not_sell", names).filter(|value| !is_empty(*value)) {
        match flag(value, text) {
            Some(true) => add(&mut out.opted_out, sale.iter()),
            Some(false) => {}
            None => add(&mut out.invalid, sale.iter()),
        }
    }
    let (mut ccpa, mut gdpr) = (false, false);
    for value in members(object, "policy", names).filter(|value| !is_empty(*value)) {
        match scalar_text(value, text) {
            Some(policy) if policy.eq_ignore_ascii_case(b"ccpa") => ccpa = true,
            Some(policy) if policy.eq_ignore_ascii_case(b"gdpr") => gdpr = true,
            Some(_) | None => return add(&mut out.invalid, mapped(purposes)),
        }
    }
    if gdpr || !ccpa {
        let [first, second] = LISTS.map(|name| list(object, name, names));
        let (Ok(first), Ok(second)) = (first, second) else { return add(&mut out.invalid, mapped(purposes)) };
        categories(purposes, first, second, buffers, out);
    }
}

/// The list of that name. Of two nobody knows which holds.
fn list<'t>(object: Text<'t>, name: &str, names: &mut Vec<u8>) -> Result<Option<Text<'t>>, ()> {
    let (mut exact, mut others) = (None, 0);
    for (member, value) in object.members().filter(|(_, value)| !is_empty(*value)) {
        match spelling(member.0, name, names) {
            Spelling::Exact if exact.is_none() => exact = Some(value),
            Spelling::Exact | Spelling::Folded => others += 1,
            Spelling::Other => {}
        }
    }
    if exact.is_some() && others > 0 { Err(()) } else { Ok(exact) }
}

/// Settles each purpose by what the lists hold. Two lists must both hold a category.
fn categories(
    purposes: &[(PurposeId, Categories)],
    first: Option<Text<'_>>,
    second: Option<Text<'_>>,
    buffers: &mut Buffers,
    out: &mut Statement,
) {
    let Buffers { names, text, .. } = buffers;
    let lists = [first, second];
    if lists.into_iter().flatten().any(|list| !is_list(list)) {
        return add(&mut out.invalid, mapped(purposes));
    }
    for (purpose, categories) in purposes {
        let mut answer = |name: &str| {
            let mut present = lists.into_iter().flatten().peekable();
            let some = present.peek().is_some();
            if some && present.all(|list| holds(list, name, names, text)) { Answer::Yes } else { Answer::No }
        };
        match categories.names.iter().map(|name| answer(name)).collect::<Answers>().settle(categories.any) {
            Answer::Yes => out.granted.insert(*purpose),
            Answer::No | Answer::Silent | Answer::Broken => out.denied.insert(*purpose),
        }
    }
}

fn is_list(list: Text<'_>) -> bool {
    match list.kind() {
        Kind::Array => list.elements().all(|category| category.kind() == Kind::String),
        Kind::String => true,
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Object => false,
    }
}

/// Whether a list holds a category: an array of names, or their text with commas between.
fn holds(list: Text<'_>, name: &str, names: &mut Vec<u8>, text: &mut Vec<u8>) -> bool {
    if list.kind() == Kind::String {
        text.clear();
        list.decode_into(text);
        return text.split(|letter| *letter == b',').any(|category| category.trim_ascii() == name.as_bytes());
    }
    list.elements().any(|category| {
        let raw = category.raw();
        let inner = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
        matches!(spelling(inner, name, names), Spelling::Exact)
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, categories};
    use crate::event::{PurposeId, PurposeSet, SlotId};
    use crate::plan::{SignalKind, Source};

    /// Purposes: `analytics`; all of `display_ads` and `social`; any of them; one that a sale forbids and nothing maps.
    fn case(source: Source) -> Case {
        let lists = [
            categories(&["analytics"], false),
            categories(&["display_ads", "social"], false),
            categories(&["display_ads", "social"], true),
        ];
        let purposes = lists.into_iter().enumerate().map(|(index, names)| (PurposeId(index as u8), names)).collect();
        let sale: PurposeSet = [PurposeId(1), PurposeId(3)].into_iter().collect();
        Case::new().signal(source, SignalKind::Tealium { purposes, sale })
    }

    #[track_caller]
    fn check(value: &str, expected: [&str; 4]) {
        assert_eq!(case(Source::Slot(SlotId(0))).capture(0, value).said(4), expected, "{value}");
    }

    #[test]
    fn a_category_that_is_not_listed_is_denied() {
        check(r#"{"policy":"gdpr","consent_categories":["analytics","social"]}"#, ["granted", "denied", "granted", ""]);
        check(r#"["analytics","display_ads","social"]"#, ["granted", "granted", "granted", ""]);
        check(r#"{"consent_categories":"analytics, social"}"#, ["granted", "denied", "granted", ""]);
        for none in ["{}", "[]", r#"{"consent_categories":[]}"#, r#"{"consent_categories":null}"#, r#"{"policy":"gdpr"}"#] {
            check(none, ["denied", "denied", "denied", ""]);
        }
        check(r#"{"consent_categories":["Analytics"]}"#, ["denied", "denied", "denied", ""]);
        check(r#"{"consent_categories":["\u0061nalytics"]}"#, ["granted", "denied", "denied", ""]);
        check(
            r#"{"consent_categories":["analytics","social"],"consent_categories_granted":["social"]}"#,
            ["denied", "denied", "granted", ""],
        );
    }

    #[test]
    fn do_not_sell_is_an_opt_out_and_its_absence_no_grant() {
        check(r#"{"policy":"ccpa","do_not_sell":true}"#, ["", "opted_out", "", "opted_out"]);
        check(r#"{"policy":"ccpa","do_not_sell":"true"}"#, ["", "opted_out", "", "opted_out"]);
        check(r#"{"policy":"ccpa","do_not_sell":false}"#, ["", "", "", ""]);
        check(r#"{"policy":"ccpa"}"#, ["", "", "", ""]);
        check(r#"{"policy":"ccpa","consent_categories":["analytics"]}"#, ["", "", "", ""]);
        check(
            r#"{"policy":"gdpr","do_not_sell":1,"consent_categories":["analytics","display_ads","social"]}"#,
            ["granted", "granted opted_out", "granted", "opted_out"],
        );
        check(r#"{"policy":"ccpa","Do_Not_Sell":true}"#, ["", "opted_out", "", "opted_out"]);
    }

    #[test]
    fn silence_and_what_is_broken() {
        assert_eq!(case(Source::Slot(SlotId(0))).said(4), ["", "", "", ""]);
        check("null", ["", "", "", ""]);
        check("\"\"", ["", "", "", ""]);
        for odd in ["1", "true", "\"analytics\""] {
            check(odd, ["invalid", "invalid", "invalid", "invalid"]);
        }
        for odd in ["{}", "1", "true", "[1]", "[[\"analytics\"]]"] {
            check(&format!(r#"{{"consent_categories":{odd}}}"#), ["invalid", "invalid", "invalid", ""]);
        }
        let twice = r#"{"consent_categories":["analytics"],"consent_categories":["email"]}"#;
        check(twice, ["invalid", "invalid", "invalid", ""]);
        check(r#"{"policy":"lgpd","consent_categories":["analytics"]}"#, ["invalid", "invalid", "invalid", ""]);
        check(r#"{"policy":"ccpa","do_not_sell":"maybe"}"#, ["", "invalid", "", "invalid"]);
        check(r#"{"policy":"ccpa","do_not_sell":[true]}"#, ["", "invalid", "", "invalid"]);
    }
}

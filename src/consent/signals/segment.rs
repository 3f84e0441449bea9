//! Segment's `context.consent.categoryPreferences`: an object of category → true or false.
//!
//! Looks at one container. A missing container, null and an empty text are silence. A container that is present
//! answers for every purpose that is mapped, even an empty one: a category that it does not name, or names with null,
//! is denied. All categories of a purpose must be true, or one of them under `any`. A category that is neither true
//! nor false breaks the purposes it is mapped to; a container that is no object breaks all of them.

use super::{Answer, Answers, Statement, Value, add, document, entry, mapped};
use crate::event::PurposeId;
use crate::event::json::{Kind, Text};
use crate::plan::Categories;

pub(super) fn read(purposes: &[(PurposeId, Categories)], value: Value<'_>, buffer: &mut Vec<u8>, out: &mut Statement) {
    if matches!(value, Value::Silent) {
        return;
    }
    match document(value) {
        Some(container) if container.kind() == Kind::Object => preferences(purposes, container, buffer, out),
        Some(_) | None => add(&mut out.invalid, mapped(purposes)),
    }
}

fn preferences(purposes: &[(PurposeId, Categories)], container: Text<'_>, buffer: &mut Vec<u8>, out: &mut Statement) {
    for (purpose, categories) in purposes {
        let answers: Answers =
            categories.names.iter().map(|name| entry(container, name, Answer::No, true, category, buffer)).collect();
        match answers.settle(categories.any) {
            Answer::Yes => out.granted.insert(*purpose),
            Answer::Broken => out.invalid.insert(*purpose),
            // Silence is left only to a purpose without categories, which nothing here can grant.
            Answer::No | Answer::Silent => out.denied.insert(*purpose),
        }
    }
}

fn category(value: Text<'_>, _: &mut Vec<u8>) -> Answer {
    match value.kind() {
        Kind::True => Answer::Yes,
        Kind::False | Kind::Null => Answer::No,
        Kind::Number | Kind::String | Kind::Array | Kind::Object => Answer::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, categories};
    use crate::event::{PurposeId, SlotId};
    use crate::plan::{SignalKind, Source};

    /// Purposes: `Analytics`; all of `Ads` and `Sharing`; any of `Ads` and `Sharing`.
    fn case(source: Source) -> Case {
        let lists =
            [categories(&["Analytics"], false), categories(&["Ads", "Sharing"], false), categories(&["Ads", "Sharing"], true)];
        let purposes = lists.into_iter().enumerate().map(|(index, names)| (PurposeId(index as u8), names)).collect();
        Case::new().signal(source, SignalKind::Segment { purposes })
    }

    #[track_caller]
    fn check(containers: &[&str], expected: [&str; 3]) {
        let case = containers.iter().fold(case(Source::Slot(SlotId(0))), |case, text| case.capture(0, text));
        assert_eq!(case.said(3), expected, "{containers:?}");
    }

    #[test]
    fn silence_is_a_container_that_is_not_there() {
        check(&[], ["", "", ""]);
        check(&["null"], ["", "", ""]);
        check(&["\"\""], ["", "", ""]);
    }

    #[test]
    fn a_container_answers_for_every_purpose() {
        check(&["{}"], ["denied", "denied", "denied"]);
        check(&[r#"{"Other":true}"#], ["denied", "denied", "denied"]);
        check(&[r#"{"Analytics":true}"#], ["granted", "denied", "denied"]);
        check(&[r#"{"analytics":true}"#], ["denied", "denied", "denied"]);
        check(&[r#"{"Analytics":null,"Ads":true,"Sharing":null}"#], ["denied", "denied", "granted"]);
    }

    #[test]
    fn all_means_every_category_and_any_means_one() {
        check(&[r#"{"Analytics":true,"Ads":true,"Sharing":true}"#], ["granted", "granted", "granted"]);
        check(&[r#"{ "Analytics" : false, "Ads" : true, "Sharing" : false }"#], ["denied", "denied", "granted"]);
        check(&[r#"{"Analytics":true,"\u0041ds":true,"Sharing":true}"#], ["granted", "granted", "granted"]);
        check(&[r#"{"Ads":false,"Sharing":false}"#], ["denied", "denied", "denied"]);
    }

    #[test]
    fn what_is_neither_true_nor_false_is_broken() {
        for odd in ["1", "0", "\"true\"", "\"\"", "[]", "{}", "[true]"] {
            let container = format!(r#"{{"Analytics":true,"Ads":{odd},"Sharing":true}}"#);
            check(&[&container], ["granted", "invalid", "invalid"]);
        }
        for odd in ["true", "false", "1", "\"Analytics\"", "[]", "[{\"Analytics\":true}]"] {
            check(&[odd], ["invalid", "invalid", "invalid"]);
        }
    }

    #[test]
    fn of_several_containers_and_of_equal_names_any_denial_stands() {
        let yes = r#"{"Analytics":true,"Ads":true,"Sharing":true}"#;
        check(&[yes, r#"{"Analytics":true,"Ads":true}"#], ["granted", "granted denied", "granted"]);
        check(&[yes, "5"], ["granted invalid", "granted invalid", "granted invalid"]);
        check(&[yes, "null"], ["granted", "granted", "granted"]);
        check(&[r#"{"Analytics":true,"Analytics":false}"#], ["denied", "denied", "denied"]);
        check(&[r#"{"Analytics":false,"Analytics":true}"#], ["denied", "denied", "denied"]);
    }

    #[test]
    fn a_header_holds_the_container_as_text() {
        let header = |value: &'static [u8]| case(Source::Header("consent".into())).header("consent", value).said(3);
        assert_eq!(header(br#" {"Analytics": true} "#), ["granted", "denied", "denied"]);
        assert_eq!(header(b""), ["", "", ""]);
        for odd in [b"{\"Analytics\": true".as_slice(), b"true", b"{\"Analytics\": tru}", b"\xff", b"{}{}"] {
            assert_eq!(header(odd), ["invalid"; 3], "{}", odd.escape_ascii());
        }
        let long = format!("{{{}}}", " ".repeat(64 << 10)).into_bytes().leak();
        assert_eq!(header(long), ["invalid"; 3], "input is bounded");
    }
}

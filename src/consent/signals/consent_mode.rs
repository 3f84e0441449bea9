//! Google Consent Mode: `gcs`, or the object with `ad_storage` and its like. It speaks through each purpose's types.
//!
//! Looks at one value or header. `gcs` is `G1`, then one character for ad storage and one for analytics storage: `1` is
//! granted, `0` denied, `-` nothing; the other types it does not name. The object holds `granted` or `denied` by type. With `gcd:
//! advisory` the letters of a `gcd` count too, and deny only: what is known of them was found out, not published. Null, an
//! empty text, a missing place and a type that is not named are silence; every type of a purpose must be granted. Any other
//! text or word is broken.

use super::{Answer, Answers, Statement, Value, document, entry};
use crate::consent::strings::gcd::Gcd;
use crate::event::PurposeId;
use crate::event::json::{Kind, Text};
use crate::plan::{ConsentTypes, Plan};

/// The types that `gcs` names, in its order.
const IN_GCS: [&str; 2] = ["ad_storage", "analytics_storage"];

pub(super) fn read(plan: &Plan, advisory: bool, value: Value<'_>, buffer: &mut Vec<u8>, out: &mut Statement) {
    let is_text = match value {
        Value::Silent => return,
        Value::Broken => false,
        Value::Json(json) => json.kind() == Kind::String,
        Value::Raw(text) => !text.starts_with('{'),
    };
    if is_text {
        let text = value.text(buffer).map(str::as_bytes);
        if let Some(letters) = text.filter(|text| advisory && text.starts_with(b"1")) {
            let said = Gcd::read(letters).ok();
            return by_type(plan, out, |bit| said.map_or(Answer::Broken, |said| letter_of(said, bit)));
        }
        let said = text.and_then(gcs);
        return by_type(plan, out, |bit| said.map_or(Answer::Broken, |said| said_of(said, bit)));
    }
    match document(value).filter(|json| json.kind() == Kind::Object) {
        Some(object) => {
            by_type(plan, out, |bit| entry(object, ConsentTypes::NAMES[bit], Answer::Silent, true, word, buffer));
        }
        None => by_type(plan, out, |_| Answer::Broken),
    }
}

/// Settles each purpose by its types, all of which must be granted.
fn by_type(plan: &Plan, out: &mut Statement, mut answer: impl FnMut(usize) -> Answer) {
    for (index, purpose) in plan.purposes.iter().enumerate().filter(|(_, purpose)| !purpose.consent_mode.is_empty()) {
        let answers: Answers = purpose.consent_mode.iter().map(&mut answer).collect();
        let purpose = PurposeId(index as u8);
        match answers.settle(false) {
            Answer::Yes => out.granted.insert(purpose),
            Answer::No => out.denied.insert(purpose),
            Answer::Broken => out.invalid.insert(purpose),
            Answer::Silent => {}
        }
    }
}

fn gcs(text: &[u8]) -> Option<[Answer; 2]> {
    let [b'G', b'1', ads, analytics] = text else { return None };
    let letter = |letter: &u8| match letter {
        b'1' => Some(Answer::Yes),
        b'0' => Some(Answer::No),
        b'-' => Some(Answer::Silent),
        _ => None,
    };
    Some([letter(ads)?, letter(analytics)?])
}

fn said_of(gcs: [Answer; 2], bit: usize) -> Answer {
    IN_GCS.iter().position(|name| *name == ConsentTypes::NAMES[bit]).map_or(Answer::Silent, |position| gcs[position])
}

/// A denial, whether set by default or made by the person, or nothing. A letter that is not known denies.
fn letter_of(gcd: Gcd, bit: usize) -> Answer {
    let Some(position) = Gcd::TYPES.iter().position(|name| *name == ConsentTypes::NAMES[bit]) else { return Answer::Silent };
    if gcd.types[position].effective() == Some(false) { Answer::No } else { Answer::Silent }
}

fn word(value: Text<'_>, buffer: &mut Vec<u8>) -> Answer {
    if super::is_empty(value) {
        return Answer::Silent;
    }
    buffer.clear();
    if !value.decode_into(buffer) {
        return Answer::Broken;
    }
    // The Measurement Protocol writes capitals.
    if buffer.eq_ignore_ascii_case(b"granted") {
        Answer::Yes
    } else if buffer.eq_ignore_ascii_case(b"denied") {
        Answer::No
    } else {
        Answer::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, purpose};
    use crate::event::SlotId;
    use crate::plan::{ConsentTypes, LegalBasis, Purpose, SignalKind, Source};

    /// Purposes: analytics storage; ad storage and ad user data; ad storage; none.
    fn case(source: Source) -> Case {
        case_with(source, false)
    }

    fn case_with(source: Source, source_says_gcd: bool) -> Case {
        let types = |names: &[&str]| {
            names.iter().map(|name| ConsentTypes::named(name).expect("a type")).fold(ConsentTypes::default(), ConsentTypes::union)
        };
        let lists = [types(&["analytics_storage"]), types(&["ad_storage", "ad_user_data"]), types(&["ad_storage"]), types(&[])];
        let purposes = lists.map(|consent_mode| Purpose { consent_mode, ..purpose(LegalBasis::Consent) });
        Case::new().purposes(purposes.into()).signal(source, SignalKind::ConsentMode { gcd: source_says_gcd })
    }

    #[track_caller]
    fn check(values: &[&str], expected: [&str; 3]) {
        let case = values.iter().fold(case(Source::Slot(SlotId(0))), |case, value| case.capture(0, value));
        let [first, second, third] = expected;
        assert_eq!(case.said(4), [first, second, third, ""], "{values:?}");
    }

    #[test]
    fn gcs_names_two_types_and_its_first_digit_is_for_ads() {
        check(&["\"G111\""], ["granted", "", "granted"]);
        check(&["\"G101\""], ["granted", "denied", "denied"]);
        check(&["\"G110\""], ["denied", "", "granted"]);
        check(&["\"G100\""], ["denied", "denied", "denied"]);
        check(&["\"G1--\""], ["", "", ""]);
        check(&["\"G1-1\""], ["granted", "", ""]);
        check(&[r#""\u00471\u003111""#], ["invalid", "invalid", "invalid"]);
        check(&[r#""\u0047111""#], ["granted", "", "granted"]);
    }

    #[test]
    fn the_object_is_read_by_type() {
        check(&[r#"{"analytics_storage":"granted"}"#], ["granted", "", ""]);
        check(&[r#"{"ad_storage":"granted","ad_user_data":"granted"}"#], ["", "granted", "granted"]);
        check(&[r#"{"ad_storage":"granted","ad_user_data":"denied"}"#], ["", "denied", "granted"]);
        check(&[r#"{"ad_storage":"GRANTED","ad_user_data":"DENIED"}"#], ["", "denied", "granted"]);
        check(&[r#"{"ad_storage":null,"analytics_storage":""}"#], ["", "", ""]);
        check(&["{}"], ["", "", ""]);
        check(&[r#"{"Ad_Storage":"granted"}"#], ["", "", ""]);
        check(&[r#"{"Ad_Storage":"denied"}"#], ["", "denied", "denied"]);
        check(&[r#"{"ad_storage":"granted","ad_storage":"denied"}"#], ["", "denied", "denied"]);
    }

    #[test]
    fn silence_and_what_is_broken() {
        check(&[], ["", "", ""]);
        check(&["null"], ["", "", ""]);
        check(&["\"\""], ["", "", ""]);
        for odd in
            ["\"G11\"", "\"G1111\"", "\"G211\"", "\"g111\"", "\"G1x1\"", "\"granted\"", "1", "true", "[]", "\"13r3v3p3q5\""]
        {
            check(&[odd], ["invalid", "invalid", "invalid"]);
        }
        check(&[r#"{"ad_storage":true,"analytics_storage":"granted"}"#], ["granted", "invalid", "invalid"]);
        check(&[r#"{"ad_storage":"unset","analytics_storage":"granted"}"#], ["granted", "invalid", "invalid"]);
        check(&["\"G111\"", "\"G110\""], ["granted denied", "", "granted"]);
    }

    #[test]
    fn the_letters_of_gcd_deny_and_never_grant() {
        let said = |value: &str| {
            let case = case_with(Source::Slot(SlotId(0)), true).capture(0, value);
            case.said(3).join(",")
        };
        // ad_storage, analytics_storage, ad_user_data, ad_personalization.
        assert_eq!(said("\"13r3v3p3q5\""), ",denied,");
        assert_eq!(said("\"13r3p3r3r5\""), "denied,,");
        assert_eq!(said("\"13l3l3l3l1l1\""), ",,", "no consent mode is no consent");
        assert_eq!(said("\"11t1t1t1t5\""), ",,", "defaults grant nothing");
        assert_eq!(said("\"13u3m3r3r5\""), "denied,denied,denied");
        assert_eq!(said("\"13z3v3v3v5\""), ",denied,denied", "a letter that is not known");
        assert_eq!(said("\"13rr\""), "invalid,invalid,invalid");
        assert_eq!(said("\"G110\""), "denied,,granted", "gcs is read as before");
    }

    #[test]
    fn a_header_holds_either_form() {
        let header = |value: &'static [u8]| case(Source::Header("x-gcs".into())).header("X-GCS", value).said(3);
        assert_eq!(header(b"G111"), ["granted", "", "granted"]);
        assert_eq!(header(br#"{"ad_storage":"denied"}"#), ["", "denied", "denied"]);
        assert_eq!(header(b"\xff"), ["invalid", "invalid", "invalid"]);
    }
}

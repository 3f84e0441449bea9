//! The transforms as the encoder calls them: kinds, escapes, what is taken back, what cannot happen.

use super::*;
use crate::keys::KeySet;
use crate::plan::{KeyedPseudonym, Normalize, TimeUnit, UrlParam, UrlParams, UrlPart, UrlRule};
use proptest::prelude::*;
use std::sync::Arc;

fn context() -> Context {
    Context { event_time: Timestamp::UNIX_EPOCH, now: Timestamp::UNIX_EPOCH, country: None }
}

fn pseudonym(normalize: Normalize) -> Action {
    let key = KeySet::demonstration().pseudonym_key("ads", Some("ads"), "user.contact.email");
    Action::Pseudonym(KeyedPseudonym { key: Arc::new(key), normalize, overlap: None })
}

fn url() -> Action {
    let params = UrlParams::Drop(vec![UrlParam::new("email")]);
    Action::Url(Arc::new(UrlRule { params, keep_fragment: true, part: UrlPart::Auto, schemes: vec![] }))
}

/// Every action that reads its input.
fn reading() -> Vec<Action> {
    vec![
        Action::Mask { keep_last: 4 },
        pseudonym(Normalize::None),
        Action::TruncateIp { v4: 24, v6: 48 },
        url(),
        Action::EmailDomain,
        Action::CoarsenGeo { decimals: 2 },
        Action::CoarsenTime(TimeUnit::Day),
    ]
}

fn run(action: &Action, input: &str) -> Option<String> {
    let mut scratch = Scratch { decoded: b"left ".to_vec(), work: b"over ".to_vec(), ..Scratch::default() };
    let mut out = b"before".to_vec();
    let fate = apply(action, Text::new(input.as_bytes()), &context(), &mut scratch, &mut out);
    let appended = String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned();
    match fate {
        Fate::Written => Some(appended),
        Fate::Dropped => {
            assert_eq!(appended, "", "a dropped value leaves nothing behind");
            None
        }
    }
}

fn run_key(action: &Action, key: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let fate = apply_key(action, key, &context(), &mut Scratch::default(), &mut out);
    (fate == Fate::Written).then_some(out)
}

#[test]
fn constants_replace_any_value() {
    for input in ["1", "null", "\"c@x.io\"", "{\"a\":1}", "[]"] {
        assert_eq!(run(&Action::Null, input).as_deref(), Some("null"));
        assert_eq!(run(&Action::Redact((*b"\"[gone]\"").into()), input).as_deref(), Some("\"[gone]\""));
        assert_eq!(run(&Action::Keep, input).as_deref(), Some(input));
        assert_eq!(run(&Action::Drop, input), None);
    }
}

#[test]
fn what_is_not_read_is_dropped() {
    for action in reading() {
        for input in ["null", "true", "false", "{}", "[]", "{\"a\":\"c@x.io\"}", "[\"c@x.io\"]"] {
            assert_eq!(run(&action, input), None, "{input}");
        }
    }
    for action in [Action::Mask { keep_last: 4 }, Action::TruncateIp { v4: 24, v6: 48 }, url(), Action::EmailDomain] {
        assert_eq!(run(&action, "4716046455551788"), None, "a number where text is expected");
    }
}

/// The expected pseudonyms were made with Python's `hmac` from the demonstration root (RFC 5869, RFC 2104).
#[test]
fn pseudonyms_are_those_of_an_independent_derivation() {
    let plain = pseudonym(Normalize::None);
    assert_eq!(run(&plain, "\"c@x.io\"").as_deref(), Some("\"p1.demo.UmtWMB7pdlp4yVrpOgUNbrf0\""));
    assert_eq!(run(&plain, "\"c\\u0040x.io\"").as_deref(), Some("\"p1.demo.UmtWMB7pdlp4yVrpOgUNbrf0\""));
    assert_eq!(run(&plain, "42").as_deref(), Some("\"p1.demo.oz9dUHtFN43mqUGVUsoHBWz2\""));
    assert_eq!(run(&plain, "\"42\""), run(&plain, "42"));
    assert_eq!(run_key(&plain, b"42").as_deref(), Some(b"p1.demo.oz9dUHtFN43mqUGVUsoHBWz2".as_slice()));

    let key = KeySet::demonstration().pseudonym_key("crm", None, "user.unique_id");
    let shared = Action::Pseudonym(KeyedPseudonym { key: Arc::new(key), normalize: Normalize::None, overlap: None });
    assert_eq!(run(&shared, "\"u1\"").as_deref(), Some("\"p1.demo._Ac6uAwDswzaupgfM7Qkr8J9\""));
}

#[test]
fn pseudonyms_normalize_and_refuse_what_is_no_identity() {
    let email = pseudonym(Normalize::Email);
    assert_eq!(run(&email, "\" C@X.io\\n\"").as_deref(), Some("\"p1.demo.UmtWMB7pdlp4yVrpOgUNbrf0\""));
    let lower = pseudonym(Normalize::Lower);
    assert_eq!(run(&lower, "\"C@X.IO\"").as_deref(), Some("\"p1.demo.UmtWMB7pdlp4yVrpOgUNbrf0\""));
    assert_ne!(run(&lower, "\" c@x.io\""), run(&lower, "\"c@x.io\""));
    let plain = pseudonym(Normalize::None);
    assert_ne!(run(&plain, "\"C@x.io\""), run(&plain, "\"c@x.io\""));
    assert_eq!(run(&plain, "-0"), run(&plain, "0"));
    for input in ["\"\"", "1.0", "1e3", "-1.5"] {
        assert_eq!(run(&plain, input), None, "{input}");
    }
    assert_eq!(run(&email, "\" \\t\""), None);
    assert_eq!(run_key(&plain, b""), None);
}

#[test]
fn escapes_are_read_and_written() {
    assert_eq!(run(&Action::Mask { keep_last: 2 }, r#""a\"b\\\u00e9\ud83d\ude00cd""#).as_deref(), Some(r#""*\"*\\**cd""#));
    assert_eq!(run(&url(), r#""https:\/\/h.example\/?q=\"&\u0065mail=c""#).as_deref(), Some(r#""https://h.example/?q=\"""#));
    assert_eq!(run(&Action::TruncateIp { v4: 24, v6: 48 }, r#""203.0.113\u002e77""#).as_deref(), Some("\"203.0.113.0\""));
    assert_eq!(run(&Action::CoarsenGeo { decimals: 1 }, "52.5208").as_deref(), Some("52.5"));
}

#[test]
fn keys_are_bare_text() {
    assert_eq!(run_key(&Action::Keep, b"\xFF\x00").as_deref(), Some(b"\xFF\x00".as_slice()));
    assert_eq!(run_key(&Action::Redact((*b"\"a\\\"b\"").into()), b"u1").as_deref(), Some(b"a\"b".as_slice()));
    assert_eq!(run_key(&Action::Mask { keep_last: 2 }, b"u\"1234").as_deref(), Some(b"*\"**34".as_slice()));
    assert_eq!(run_key(&Action::CoarsenTime(TimeUnit::Day), b"1795343745").as_deref(), Some(b"1795305600".as_slice()));
    assert_eq!(run_key(&Action::CoarsenGeo { decimals: 1 }, b"52.5208").as_deref(), Some(b"52.5".as_slice()));
    for action in [Action::Null, Action::Drop] {
        assert_eq!(run_key(&action, b"u1"), None);
    }
    for action in reading() {
        assert_eq!(run_key(&action, b"u1\xFF"), None, "no text, no key");
    }
}

#[test]
fn one_value_does_not_bleed_into_the_next() {
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    for action in reading() {
        for long in [r#""https://h.example/secret\u0041?a=%41secret""#, r#""SECRET\u0041@Example.ORG""#] {
            apply(&action, Text::new(long.as_bytes()), &context(), &mut scratch, &mut out);
        }
        out.clear();
        for input in [r#""b\u0041""#, r#""b\u0041@x.io""#, r#""/?%61=1""#, "1"] {
            let fate = apply(&action, Text::new(input.as_bytes()), &context(), &mut scratch, &mut out);
            let reused = (fate == Fate::Written).then(|| String::from_utf8(std::mem::take(&mut out)).unwrap());
            assert_eq!(reused, run(&action, input), "{input}");
        }
    }
}

/// Text that looks like what events hold, and text that does not.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "http://",
        "https:",
        "//",
        "/",
        "?",
        "#",
        "&",
        ";",
        "=",
        "email",
        "%65mail",
        "&amp;",
        "%",
        "%25",
        "%3D",
        "@",
        ":",
        "a",
        "x.io",
        "[",
        "]",
        ".",
        "\\",
        " ",
        "é",
        "\u{435}",
        "1",
        "2026-11-22T10:35:45Z",
        "203.0.113.7",
        "::1",
        "-",
        "e",
        "\u{0}",
        "😀",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())]
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn value_of(json: &str) -> String {
    match serde_json::from_str(json).unwrap() {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn any_text_gives_one_valid_value_or_nothing(text in any_text()) {
        for action in reading() {
            if let Some(output) = run(&action, &quoted(&text)) {
                serde_json::from_str::<String>(&output).unwrap();
            }
            let key = run_key(&action, text.as_bytes());
            prop_assert!(key.is_none_or(|key| std::str::from_utf8(&key).is_ok()));
        }
    }

    #[test]
    fn any_number_gives_one_valid_value_or_nothing(number in any::<f64>().prop_filter("JSON has no others", |number| number.is_finite())) {
        for action in reading() {
            for input in [format!("{number}"), format!("{number:e}"), format!("{number:?}")] {
                if let Some(output) = run(&action, &input) {
                    serde_json::from_str::<serde_json::Value>(&output).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_mask_shows_at_most_half(text in "[\\PC\\n]{8,40}", keep in 0u16..60) {
        let output = value_of(&run(&Action::Mask { keep_last: keep }, &quoted(&text)).unwrap());
        let letters = text.chars().filter(|letter| letter.is_alphanumeric()).count();
        let shown = output.chars().filter(|letter| letter.is_alphanumeric()).count();
        prop_assert_eq!(output.chars().count(), text.chars().count());
        prop_assert!(shown <= usize::from(keep));
        prop_assert!(letters == 0 || !output.contains(&text));
        prop_assert!(2 * shown <= text.chars().filter(|letter| !letter.is_whitespace() && !letter.is_ascii_punctuation()).count());
    }

    #[test]
    fn a_pseudonym_never_holds_its_input(text in "[!-~]{4,40}") {
        let output = run(&pseudonym(Normalize::None), &quoted(&text)).unwrap();
        prop_assert_eq!(output.len(), "\"p1.demo.\"".len() + 24);
        prop_assert!(!output[9..].contains(&text));
    }

    #[test]
    fn truncated_addresses_lose_their_host_bits(bits in any::<u128>(), v4 in 0u8..=31, v6 in 0u8..=127) {
        let action = Action::TruncateIp { v4, v6 };
        let v4_text = std::net::Ipv4Addr::from_bits(bits as u32).to_string();
        let output = value_of(&run(&action, &quoted(&v4_text)).unwrap());
        let kept: std::net::Ipv4Addr = output.parse().unwrap();
        prop_assert_eq!(kept.to_bits(), (u64::from(bits as u32) >> (32 - v4) << (32 - v4)) as u32);
        prop_assert_eq!(value_of(&run(&action, &quoted(&output)).unwrap()), output);

        let address = std::net::Ipv6Addr::from_bits(bits | 1 << 127);
        let output = value_of(&run(&action, &quoted(&address.to_string())).unwrap());
        let kept: std::net::Ipv6Addr = output.parse().unwrap();
        let host = 128 - u32::from(v6);
        prop_assert_eq!(kept.to_bits(), address.to_bits().checked_shr(host).unwrap_or(0).checked_shl(host).unwrap_or(0));
    }

    #[test]
    fn a_cleaned_url_is_clean(text in any_text()) {
        if let Some(output) = run(&url(), &quoted(&text)) {
            // A second pass may drop the whole, where the first left a space at the end; it finds no part to remove.
            prop_assert!(run(&url(), &output).is_none_or(|again| again == output));
        }
    }

    #[test]
    fn coarsened_values_are_coarse(degrees in -180.0f64..180.0, decimals in 0u8..6, seconds in 100_000_000i64..99_999_999_999) {
        let geo = Action::CoarsenGeo { decimals };
        let output = run(&geo, &format!("{degrees}")).unwrap();
        let off = (output.parse::<f64>().unwrap() - degrees).abs();
        prop_assert!(off <= 0.5 * 10f64.powi(-i32::from(decimals)) + 1e-9);
        prop_assert!(output.split_once('.').is_none_or(|(_, fraction)| fraction.len() <= usize::from(decimals)));
        prop_assert_eq!(run(&geo, &output), Some(output));

        for (unit, most) in [(TimeUnit::Hour, 3_600), (TimeUnit::Day, 86_400), (TimeUnit::Week, 7 * 86_400), (TimeUnit::Month, 31 * 86_400)] {
            let time = Action::CoarsenTime(unit);
            let output = run(&time, &seconds.to_string()).unwrap_or_default();
            // The start of a period may lie just below the smallest instant that is taken for seconds.
            if let Ok(start) = output.parse::<i64>() {
                prop_assert!((0..most).contains(&(seconds - start)));
                prop_assert_eq!(start % 3_600, 0);
            } else {
                prop_assert!(false, "no output for {}", seconds);
            }
        }
    }
}

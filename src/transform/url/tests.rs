//! URLs by rule 7 of `scrub.md`; inputs of the shared bypass cases among them.

use super::super::output::Output;
use super::*;
use crate::plan::{UrlParam, UrlParams};

fn rule(params: UrlParams, keep_fragment: bool, part: UrlPart) -> UrlRule {
    UrlRule { params, keep_fragment, part, schemes: vec!["app".into()] }
}

fn names(list: &[&str]) -> Vec<Box<str>> {
    list.iter().map(|name| (*name).into()).collect()
}

fn gone(list: &[&str]) -> Vec<UrlParam> {
    list.iter().map(|name| UrlParam::new(*name)).collect()
}

fn run(rule: &UrlRule, text: &str) -> Option<String> {
    let mut buffer = Vec::new();
    let mut space = Space::default();
    // What an earlier value left behind changes nothing.
    write("https://x/?left%20\u{435}ver=1", rule, &mut space, &mut Output::bare(&mut Vec::new()));
    write(text, rule, &mut space, &mut Output::bare(&mut buffer))?;
    Some(String::from_utf8(buffer).unwrap())
}

/// Drops `email` and `token`, keeps fragments.
fn dropping(text: &str) -> Option<String> {
    run(&rule(UrlParams::Drop(gone(&["email", "token"])), true, UrlPart::Auto), text)
}

/// Keeps `utm_source` and `id`, keeps fragments.
fn keeping(text: &str) -> Option<String> {
    run(&rule(UrlParams::Keep(names(&["utm_source", "id"])), true, UrlPart::Auto), text)
}

#[track_caller]
fn check(found: Option<String>, expected: &str) {
    assert_eq!(found.as_deref(), Some(expected));
}

#[test]
fn named_parameters_go_and_all_else_stays_byte_for_byte() {
    for (text, expected) in [
        ("https://shop.example.com/p?a=1&email=c%40x.io&b=2", "https://shop.example.com/p?a=1&b=2"),
        ("https://shop.example.com/p?email=c%40x.io", "https://shop.example.com/p"),
        ("https://shop.example.com/p?email=c%40x.io#f", "https://shop.example.com/p#f"),
        ("https://shop.example.com/p?q=x+y&email=c@x.io", "https://shop.example.com/p?q=x+y"),
        ("https://shop.example.com/p?email=1&z=%20&email=c@x.io", "https://shop.example.com/p?z=%20"),
        ("https://shop.example.com/p?a=1&email=c%2540x.io", "https://shop.example.com/p?a=1"),
        ("HTTP://Shop.example.com:8080/a%2Fb/?q=%C3%A4%E9&&x#top", "HTTP://Shop.example.com:8080/a%2Fb/?q=%C3%A4%E9&&x#top"),
        ("https://[2001:db8::1]:8443/?a=1", "https://[2001:db8::1]:8443/?a=1"),
        ("/p/email/x?emails=1&my_email=2&e-mail=3", "/p/email/x?emails=1&my_email=2&e-mail=3"),
        ("https://bücher.example/ä?ö=ü", "https://bücher.example/ä?ö=ü"),
        ("app://open/p?email=c&x=1", "app://open/p?x=1"),
        ("https://h.example/p?", "https://h.example/p?"),
        ("https://h.example", "https://h.example"),
        (r"https://h.example/p?a=\&email=c&b=\", r"https://h.example/p?a=\&b=\"),
        ("", ""),
    ] {
        check(dropping(text), expected);
    }
}

#[test]
fn one_bare_word_is_no_address_of_a_page() {
    assert_eq!(dropping("shop"), None);
    for text in ["shop.html", "/shop", "shop/", "shop?a=b", "shop#top", ""] {
        check(dropping(text), text);
    }
}

#[test]
fn a_name_is_met_in_every_spelling() {
    for name in [
        "email",
        "Email",
        "EMAIL",
        "%65mail",
        "%65%6d%61%69%6C",
        "%2565mail",
        "%252565mail",
        "+email",
        "email%20",
        "%00email",
        "email[]",
        "email%5B0%5D",
        "email.0",
        "user[email]",
        "user.email",
        "\u{435}mail",
        "%D0%B5mail",
        "ｅｍａｉｌ",
        "e%E2%80%8Bmail",
        "EMA\u{130}L",
        "a%3Fb%26email",
    ] {
        check(dropping(&format!("https://h.example/p?a=1&{name}=c%40x.io&b=2")), "https://h.example/p?a=1&b=2");
        check(dropping(&format!("https://h.example/p?a=1;{name}=c%40x.io;b=2")), "https://h.example/p?a=1;b=2");
        check(dropping(&format!("https://h.example/p?a=1&amp;{name}=c%40x.io&amp;b=2")), "https://h.example/p?a=1&amp;b=2");
        check(dropping(&format!("https://h.example/p#a=1&{name}=c%40x.io")), "https://h.example/p#a=1");
        check(dropping(&format!("https://h.example/p;{name}=c%40x.io/x?a=1")), "https://h.example/p/x?a=1");
    }
    check(dropping("https://h.example/p?email&b=2"), "https://h.example/p?b=2");
}

#[test]
fn a_name_that_cannot_be_read_goes() {
    for name in ["%C1%A5mail", "%FF", "%u0065mail", "100%", "%25252565mail", "em%0Aail", "em%C2%85ail"] {
        check(dropping(&format!("?a=1&{name}=x&b=%FF%u0065")), "?a=1&b=%FF%u0065");
        check(keeping(&format!("?id=1&{name}=x")), "?id=1");
    }
}

#[test]
fn matrix_parameters_and_forgotten_question_marks() {
    check(dropping("https://h.example/p;email=c%40x.io/x?a=1"), "https://h.example/p/x?a=1");
    check(dropping("https://h.example/p;v=1;email=c;w=2/x"), "https://h.example/p;v=1;w=2/x");
    check(dropping("https://h.example/p&email=c&b=2"), "https://h.example/p&b=2");
    check(dropping("/AT&T/r&d;jsessionid=1"), "/AT&T/r&d;jsessionid=1");
    check(keeping("/AT&T/p;jsessionid=1;id=2/x&y=1?id=3&y=4"), "/AT&T/p;id=2/x?id=3");
    // In the path itself, or where two slashes would come together.
    for text in ["https://h.example/email=c/x", "https://h.example/a%3Femail%3Dc", "/;email=c/host.example/", ";email=c//u@host/"]
    {
        assert_eq!(dropping(text), None, "{text}");
    }
}

#[test]
fn fragments_follow_the_same_rule_or_go() {
    check(dropping("https://h.example/p?a=1#email=c%40x.io"), "https://h.example/p?a=1");
    check(dropping("https://h.example/p#/r?email=c%40x.io&x=1"), "https://h.example/p#/r?x=1");
    check(dropping("https://h.example/p#/r?email=c"), "https://h.example/p#/r");
    check(dropping("https://h.example/p#?email=c"), "https://h.example/p");
    check(dropping("https://h.example/p#email=c?x=1"), "https://h.example/p#?x=1");
    check(dropping("https://h.example/p#email%3Dc"), "https://h.example/p");
    check(dropping("https://h.example/p#"), "https://h.example/p#");
    check(dropping("#email=c&b=2"), "#b=2");
    check(dropping("#email=c"), "");
    let no_fragment = rule(UrlParams::Drop(gone(&["email"])), false, UrlPart::Auto);
    check(run(&no_fragment, "https://h.example/p?a=1#top"), "https://h.example/p?a=1");
    check(run(&no_fragment, "?a=1#email=c"), "?a=1");
}

#[test]
fn userinfo_never_stays() {
    check(dropping("https://c%40x.io@host.example/p?a=1"), "https://host.example/p?a=1");
    check(dropping("https://c%2540x.io:pw@host.example/"), "https://host.example/");
    check(dropping("https://a@b@host.example/"), "https://host.example/");
    check(dropping("//c@host.example/?email=c%40x.io"), "//host.example/");
    check(keeping("app://u:p@open/x"), "app://open/x");
    // An @ behind the authority is none of its business.
    check(dropping("https://host.example/@ann?x=a@b"), "https://host.example/@ann?x=a@b");
}

#[test]
fn whatever_programs_read_differently_is_dropped() {
    for text in [
        " https://h.example/",
        "https://h.example/ ",
        "\u{A0}https://h.example/",
        "https://h.example/\u{0}",
        "https://h.exa\tmple/",
        "https://h.example/\u{85}",
        "https:\\\\u@h.example/",
        "https://good.example\\@h.example/",
        "/\\h.example",
        "https://h.example/a\\b?x=1",
        "https:/h.example/",
        "https:u@h.example",
        "https:///u@h.example/",
        "https://",
        "https://:80/",
        "https://u@/",
        "https://h.example;email=c/",
        "https://h.example&email=c",
        "https://u%40h.example/",
        "https://h example/",
        "https://u＠h.example/",
        "https://h.example／x/",
        "c@x.io",
        "c@host.example/path",
        "1a:b",
        "%6Aavascript:x",
        "javascript:alert(1)",
        "data:text/plain,c@x.io",
        "mailto:c@x.io",
        "ftp://h.example/",
        "blob:https://h.example/x",
        "h.example:8080/p",
    ] {
        assert_eq!(dropping(text), None, "{text}");
        assert_eq!(keeping(text), None, "{text}");
    }
}

#[test]
fn keep_lists_release_the_named_and_nothing_else() {
    check(keeping("https://h.example/p?utm_source=ads&email=c&id=7"), "https://h.example/p?utm_source=ads&id=7");
    check(keeping("https://h.example/p?UTM_Source=ads&%69d=7&x"), "https://h.example/p?UTM_Source=ads&%69d=7");
    check(keeping("https://h.example/p?id[email]=c&id.x=1&\u{456}d=2&id%00=3"), "https://h.example/p");
    check(keeping("https://h.example/p?x=1&amp;id=2#top"), "https://h.example/p?id=2#top");
    check(keeping("https://h.example/p#id=1&x=2"), "https://h.example/p#id=1");
    check(keeping("?&&"), "");
    let none = rule(UrlParams::Keep(vec![]), false, UrlPart::Auto);
    check(run(&none, "https://h.example/p?a=1&b=2#x"), "https://h.example/p");
}

#[test]
fn bare_copies_of_a_part() {
    let query = rule(UrlParams::Drop(gone(&["email"])), true, UrlPart::Query);
    check(run(&query, "?a=1&email=c"), "?a=1");
    check(run(&query, "a=1&email=c"), "a=1");
    check(run(&query, "email=c&a=1"), "a=1");
    check(run(&query, "email=c"), "");
    check(run(&query, "https://h.example/?email=c"), "");
    check(run(&query, "a=1#email=c"), "a=1");
    let fragment = rule(UrlParams::Drop(gone(&["email"])), false, UrlPart::Fragment);
    check(run(&fragment, "#/r?email=c&x=1"), "#/r?x=1");
    check(run(&fragment, "a=1&email=c"), "a=1");
    check(dropping("?email=c%40x.io"), "");
    check(dropping("email=c&b=2"), "b=2");
    assert_eq!(dropping("email=c&//u@host.example/"), None, "what is left would be a URL");
}

#[test]
fn a_value_that_holds_a_named_parameter_goes_with_it() {
    check(dropping("https://y.example/?next=https%3A%2F%2Fx.example%2F%3Femail%3Dc%2540x.io&a=1"), "https://y.example/?a=1");
    check(dropping("https://y.example/?next=/p?email=c&a=1"), "https://y.example/?a=1");
    check(
        dropping("https://y.example/?next=https%3A%2F%2Fx.example%2F%3Fid%3D1"),
        "https://y.example/?next=https%3A%2F%2Fx.example%2F%3Fid%3D1",
    );
    check(dropping("https://y.example/?q=email&r=100%25"), "https://y.example/?q=email&r=100%25");
}

/// By the grammar alone.
fn run_any(rule: &UrlRule, text: &str) -> Option<String> {
    let mut buffer = Vec::new();
    write_any(text, rule, &mut Space::default(), &mut Output::bare(&mut buffer))?;
    Some(String::from_utf8(buffer).unwrap())
}

const NAMES: &[&str] =
    &["email", "Token", "id", "utm_source", "x", "e-mail", "a.email", "email[]", "email+", "%65mail", "", "email\u{e9}"];
const MARKS: &[&str] =
    &["/", "?", "&", "=", ";", "#", "%40", "%26", "%", "@", ":", "$", "<", "\\", "&amp;", "+", "//", "\"", "\u{e9}", " ", ".."];
const BEGINNINGS: &[&str] = &[
    "https://shop.example/p?",
    "http://h/",
    "https://h",
    "https://",
    "https://h?",
    "https://h/a/b?x=1&",
    "HTTPS://h/",
    "ftp://h/",
    "",
];

/// What is written of a usual URL is what the grammar says of it.
#[test]
fn usual_urls_are_written_as_all_others() {
    use proptest::prelude::*;
    let piece = prop_oneof![
        6 => (proptest::sample::select(NAMES), "[a-z0-9.]{0,5}").prop_map(|(name, value)| format!("{name}={value}&")),
        3 => proptest::sample::select(NAMES).prop_map(str::to_owned),
        3 => proptest::sample::select(MARKS).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9.-]{1,20}",
    ];
    let begin = proptest::sample::select(BEGINNINGS);
    let urls = (begin, proptest::collection::vec(piece, 0..9)).prop_map(|(begin, pieces)| format!("{begin}{}", pieces.concat()));
    let drop = || UrlParams::Drop(gone(&["email", "token"]));
    let rules = [
        rule(drop(), true, UrlPart::Auto),
        rule(drop(), false, UrlPart::Auto),
        rule(UrlParams::Keep(names(&["utm_source", "id"])), true, UrlPart::Auto),
        rule(UrlParams::Drop(gone(&["email", "t\u{f6}ken"])), true, UrlPart::Auto),
        rule(drop(), true, UrlPart::Query),
    ];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 4_000, ..ProptestConfig::default() });
    let usual = std::cell::Cell::new(0);
    runner
        .run(&urls, |text| {
            for rule in &rules {
                prop_assert_eq!(run(rule, &text), run_any(rule, &text));
                let (mut space, mut buffer) = (Space::default(), Vec::new());
                let found =
                    usual::write(text.as_bytes(), &mut Names::new(&rule.params, &mut space), &mut Output::bare(&mut buffer));
                prop_assert!(found.is_some() || buffer.is_empty());
                usual.set(usual.get() + usize::from(found.is_some()));
            }
            Ok(())
        })
        .unwrap();
    assert!(usual.get() > 1_000, "{} were usual", usual.get());
}

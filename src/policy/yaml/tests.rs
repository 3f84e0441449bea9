//! Reading YAML: scalars from the specification, places, limits, faults.

use super::*;

#[track_caller]
fn read(text: &str) -> Node {
    let mut diagnostics = Diagnostics::default();
    let node = parse(text, OwnKeys::Ignored, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
    node.expect("a document")
}

#[track_caller]
fn faults(text: &str) -> Vec<(Code, &str)> {
    let mut diagnostics = Diagnostics::default();
    let _ = parse(text, OwnKeys::Ignored, &mut diagnostics);
    diagnostics.sorted().iter().map(|one| (one.code, &text[one.span.clone()])).collect()
}

/// The value in a form easy to compare.
fn show(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => format!("int {value}"),
        Value::Float(value) => format!("float {value}"),
        Value::Text(text) => format!("{text:?}"),
        Value::List(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let members: Vec<String> = map.iter().map(|(key, node)| format!("{}: {}", key.value, show(node))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// YAML 1.2.2, sections 10.2.1 and 10.3.2.
#[test]
fn plain_scalars_follow_the_core_schema() {
    for (text, expected) in [
        ("NO", "\"NO\""),
        ("yes", "\"yes\""),
        ("on", "\"on\""),
        ("n", "\"n\""),
        ("true", "true"),
        ("FALSE", "false"),
        ("~", "null"),
        ("Null", "null"),
        ("nULL", "\"nULL\""),
        ("0o14", "int 12"),
        ("0x1F", "int 31"),
        ("014", "int 14"),
        ("-7", "int -7"),
        ("+12", "int 12"),
        ("1_000", "\"1_000\""),
        ("1.5", "float 1.5"),
        (".5", "float 0.5"),
        ("1.", "float 1"),
        ("1e3", "float 1000"),
        (".inf", "float inf"),
        ("-.INF", "float -inf"),
        (".", "\".\""),
        ("1:30", "\"1:30\""),
        ("2026-01-15", "\"2026-01-15\""),
        ("203.0.113.77", "\"203.0.113.77\""),
        ("e3", "\"e3\""),
        ("'1'", "\"1\""),
        ("\"true\"", "\"true\""),
        ("!!str 1", "\"1\""),
        ("! 1", "\"1\""),
        ("!!int 1", "int 1"),
        ("99999999999999999999", "float 100000000000000000000"),
        ("-0x1", "\"-0x1\""),
        ("inf", "\"inf\""),
        ("nan", "\"nan\""),
    ] {
        assert_eq!(show(&read(&format!("a: {text}"))), format!("{{a: {expected}}}"), "{text}");
    }
}

#[test]
fn places_are_bytes_also_after_letters_of_several() {
    let text = "é: ü\n\u{1F600}: [ä, {ö: 'ß'}]\nlast: |\n  blöck\n";
    let node = read(text);
    let map = node.map().expect("a mapping");
    let at = |span: &Span| &text[span.clone()];
    assert_eq!((at(&map[0].0.span), at(&map[0].1.span)), ("é", "ü"));
    assert_eq!(at(&map[1].0.span), "\u{1F600}");
    assert_eq!(at(&map[1].1.span), "[ä, {ö: 'ß'}]");
    let inner = &map[1].1.list().expect("a list")[1];
    assert_eq!(at(&inner.get("ö").expect("a member").span), "'ß'");
    assert!(at(&map[2].1.span).ends_with("blöck"));
    let text = "a: 'it''s'  # x\nb: \"q\\\"\"   # y\nc: []   # z\nd:\n  - e  # w\nf: &g {h: 1}  # v\n";
    let node = read(text);
    let spans: Vec<&str> = node.map().expect("a mapping").iter().map(|(_, node)| &text[node.span.clone()]).collect();
    assert_eq!(spans[..3], ["'it''s'", "\"q\\\"\"", "[]"]);
    assert!(spans[3].starts_with("- e") && spans[4].ends_with("{h: 1}"), "{spans:?}");
}

#[test]
fn what_a_policy_may_not_hold_is_reported_all_at_once() {
    let text = "a: 1\nb: {c: 1, c: 2}\na: 3\n1: x\n<<: {d: 1}\n? [k]\n: v\ne: !foo bar\nf: !!binary aGk=\n";
    assert_eq!(
        faults(text),
        [
            (Code::DuplicateKey, "c"),
            (Code::DuplicateKey, "a"),
            (Code::KeyNotString, "1"),
            (Code::MergeKey, "<<"),
            (Code::KeyNotString, "[k]"),
            (Code::UnknownTag, "!foo bar"),
            (Code::UnknownTag, "!!binary aGk="),
        ]
    );
}

#[test]
fn one_document() {
    assert_eq!(faults("---\na: 1\n---\nb: 2\n"), [(Code::SeveralDocuments, "---")]);
    assert_eq!(faults(""), [(Code::Empty, "")]);
    assert_eq!(faults("# only a comment\n"), [(Code::Empty, "")]);
    assert_eq!(show(&read("---\na: 1\n...\n")), "{a: int 1}");
    assert_eq!(show(&read("\u{feff}a: 1\n")), "{a: int 1}");
}

#[test]
fn keys_of_the_authors_own_are_ignored_at_every_level() {
    assert_eq!(show(&read("x-a: &a {b: 1, x-c: 2}\nd: *a\nx-e: [{}]\n")), "{d: {b: int 1}}");
}

#[test]
fn aliases_are_copies_and_bounded() {
    assert_eq!(show(&read("a: &a [1, {b: x}]\nc: *a\n")), "{a: [int 1, {b: \"x\"}], c: [int 1, {b: \"x\"}]}");
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let previous = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    assert_eq!(faults(&bomb).iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::AliasLimit]);
    let many = format!("a: &a x\nb: [{}]\n", "*a, ".repeat(MAX_ALIASES + 1));
    assert_eq!(faults(&many), [(Code::AliasLimit, "*a")]);
    assert_eq!(faults("a: &a [*a]\n"), [(Code::NotYaml, "*a")]);
}

#[test]
fn depth_is_bounded_in_every_style() {
    let flow = format!("a: {}{}", "[".repeat(MAX_DEPTH + 2), "]".repeat(MAX_DEPTH + 2));
    let block: String = (0..MAX_DEPTH + 2).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let mut aliases = String::from("a0: &a0 [x]\n");
    for level in 1..MAX_DEPTH + 2 {
        aliases.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    for text in [flow, block, aliases] {
        assert_eq!(faults(&text).iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::TooDeep], "{text}");
    }
    assert_eq!(faults(&"[".repeat(100_000)).len(), 1);
    assert_eq!(faults(&"- ".repeat(100_000)).len(), 1);
}

#[test]
fn size_is_bounded() {
    let codes = |text: &str| faults(text).iter().map(|(code, _)| *code).collect::<Vec<_>>();
    assert_eq!(codes(&format!("a: [{}]", "1,".repeat(MAX_NODES))), [Code::TooLarge]);
    assert_eq!(codes(&" ".repeat(MAX_BYTES + 1)), [Code::TooLarge]);
}

#[test]
fn syntax_errors_have_a_place() {
    assert_eq!(faults("a: [1, 2\nb: 3\n").len(), 1);
    assert_eq!(faults("a: [$.b[0]]\n"), [(Code::NotYaml, "[")]);
    assert_eq!(faults("a: 'x\n").len(), 1);
    assert_eq!(faults("a: *nobody\n").len(), 1);
    assert_eq!(faults("a:\n\tb: 1\n").len(), 1);
}

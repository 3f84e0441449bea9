//! The complete example reads; table, readers and JSON Schema agree about every mutation of it.

use super::super::ast::{Categories, Denied, SinkPurposes, Source, Test, Topics, Transform, When};
use super::super::diagnostic::{Code, Diagnostics, SourceMap};
use super::super::grammar::{Object, Options, Shape};
use super::super::yaml::{self, Node, Value};
use super::super::{form, language, schema};
use super::{Document, read};
use serde_json::json;
use std::collections::BTreeSet;

const COMPLETE: &str = include_str!("../../../tests/complete/policy.yaml");

#[track_caller]
fn complete() -> Document {
    let source = SourceMap::new("complete.yaml", COMPLETE);
    let mut diagnostics = Diagnostics::default();
    let document = read(&source, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(&source, false));
    document.expect("a document")
}

/// The codes of a policy, with the text that each stands at.
#[track_caller]
fn codes(text: &str) -> Vec<(Code, String)> {
    let source = SourceMap::new("p.yaml", text);
    let mut diagnostics = Diagnostics::default();
    let _ = read(&source, &mut diagnostics);
    diagnostics.sorted().iter().map(|one| (one.code, text[one.span.clone()].to_owned())).collect()
}

#[test]
fn the_complete_example_reads_whole() {
    let policy = complete().policy;
    assert!(policy.unread.is_empty());
    assert_eq!((policy.purposes.len(), policy.vendors.len(), policy.streams.len(), policy.sinks.len()), (7, 3, 4, 3));
    assert!(policy.keys[1].1.shared && !policy.keys[0].1.shared);
    let web = &policy.streams[0].1;
    assert_eq!((web.subject.len(), web.consent.len(), web.classes.len()), (5, 14, 9));
    assert_eq!(web.subject[2].value.kinds.len(), 2);
    assert!(matches!(web.subject[4].value.source, Source::Key(_)));
    let mapped = &web.consent[1].value.purposes.as_ref().expect("a map").value;
    assert!(matches!(&mapped[0].1, Categories::All(names) if names.len() == 2));
    assert!(matches!(&mapped[1].1, Categories::Any(names) if names.len() == 2));
    assert!(matches!(&mapped[2].1, Categories::None(_)));
    assert_eq!(web.consent[2].value.lenient, Some(true));
    let app = &policy.streams[1].1;
    assert!(matches!(&app.topics.value, Topics::Match(pattern) if pattern.value == "^collector\\..+"));
    assert_eq!(app.format.value, "json", "the default");
    let ads = &policy.sinks[0].1;
    let Some(When::All(parts)) = ads.when.as_ref().map(|when| &when.value) else { panic!("a condition") };
    let When::Any(tests) = &parts[1].value else { panic!("alternatives") };
    assert!(matches!(&tests[0].value, When::Test { test, each: Some(_), .. } if matches!(test.value, Test::Gt(10.5))));
    assert!(matches!(&ads.fields[0].1.value, Transform::Pseudonym { normalize: Some(_), .. }));
    let warehouse = &policy.sinks[2].1;
    assert!(matches!(&warehouse.purposes.as_ref().expect("purposes").value, SinkPurposes::Any(any) if any.len() == 2));
    assert!(matches!(&warehouse.denied.as_ref().expect("denied").value, Denied::Degrade { on, .. } if on.len() == 2));
    assert_eq!(warehouse.fields.len(), 21);
    let nulls = warehouse.fields.iter().filter(|(_, rule)| matches!(rule.value, Transform::Null)).count();
    assert_eq!(nulls, 2, "`null` counts quoted and plain");
}

/// Walks the example along the grammar and notes (object, key) and (kind, word) met on the way.
fn note(node: &Node, shape: &'static Shape, met: &mut BTreeSet<(String, String)>) {
    let members = |object: &'static Object, met: &mut BTreeSet<(String, String)>| {
        for (name, value) in node.map().unwrap_or_default() {
            if let Some(key) = object.key(&name.value) {
                met.insert((object.name.into(), key.name.into()));
                note(value, key.shape, met);
            }
        }
    };
    match shape {
        Shape::Word(_) => {
            met.extend(node.text().map(|word| (format!("{shape:p}"), word.to_owned())));
        }
        Shape::List { of, .. } => node.list().unwrap_or_default().iter().for_each(|element| note(element, of, met)),
        Shape::Named { of, .. } => node.map().unwrap_or_default().iter().for_each(|(_, value)| note(value, of, met)),
        Shape::Map(object) => members(object, met),
        Shape::Either(shapes) => shapes.iter().filter(|shape| form::takes(shape, node)).for_each(|shape| note(node, shape, met)),
        Shape::Chosen(choice) => choice.branches.iter().for_each(|(key, object)| {
            if node.get(key).is_some() {
                members(object, met);
            }
        }),
        Shape::Tagged(tagged) => tagged.branches.iter().for_each(|(word, object)| {
            if let (Some(true), Some(object)) = (node.get(tagged.key).map(|tag| tag.text() == Some(word)), object) {
                met.insert((tagged.name.into(), (*word).into()));
                members(object, met);
            }
        }),
        Shape::Variant(variant) => variant.cases.iter().for_each(|case| {
            let alone = node.text() == Some(case.word);
            if alone || node.get(case.word).is_some() {
                met.insert((variant.name.into(), case.word.into()));
            }
            if let (Options::Some(object), Some(options)) = (&case.options, node.get(case.word)) {
                for (name, value) in options.map().unwrap_or_default() {
                    met.insert((object.name.into(), name.value.clone()));
                    note(value, object.key(&name.value).expect("checked").shape, met);
                }
            }
        }),
        Shape::Version
        | Shape::Any
        | Shape::Text(_)
        | Shape::Bool
        | Shape::True
        | Shape::Int { .. }
        | Shape::Number
        | Shape::Scalar => {}
    }
}

/// Everything that the grammar offers, in the form in which `note` notes it.
fn offered(shape: &'static Shape, all: &mut BTreeSet<(String, String)>) {
    let members = |object: &'static Object, all: &mut BTreeSet<(String, String)>| {
        for key in object.usable() {
            if all.insert((object.name.into(), key.name.into())) {
                offered(key.shape, all);
            }
        }
    };
    match shape {
        Shape::Word(words) => words.iter().filter(|word| !word.later).for_each(|word| {
            all.insert((format!("{shape:p}"), word.word.into()));
        }),
        Shape::List { of, .. } | Shape::Named { of, .. } => offered(of, all),
        Shape::Map(object) => members(object, all),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| offered(shape, all)),
        Shape::Chosen(choice) => choice.branches.iter().for_each(|(_, object)| members(object, all)),
        Shape::Tagged(tagged) => tagged.branches.iter().for_each(|(word, object)| {
            if let Some(object) = object {
                all.insert((tagged.name.into(), (*word).into()));
                members(object, all);
            }
        }),
        Shape::Variant(variant) => variant.cases.iter().for_each(|case| match &case.options {
            Options::None => {
                all.insert((variant.name.into(), case.word.into()));
            }
            Options::Some(object) => {
                all.insert((variant.name.into(), case.word.into()));
                members(object, all);
            }
        }),
        Shape::Version
        | Shape::Any
        | Shape::Text(_)
        | Shape::Bool
        | Shape::True
        | Shape::Int { .. }
        | Shape::Number
        | Shape::Scalar => {}
    }
}

#[test]
fn the_complete_example_uses_everything() {
    static ROOT: Shape = Shape::Map(&language::POLICY);
    let (mut met, mut all) = (BTreeSet::new(), BTreeSet::new());
    note(&complete().root, &ROOT, &mut met);
    offered(&ROOT, &mut all);
    let words = |missing: &(String, String)| !missing.0.starts_with("0x");
    let missing: Vec<_> = all.difference(&met).filter(|one| words(one)).collect();
    assert!(missing.is_empty(), "keys that the complete example does not show: {missing:?}");
    let unshown: BTreeSet<&str> = all.difference(&met).map(|(_, word)| &**word).collect();
    let shown: BTreeSet<&str> = met.iter().map(|(_, word)| &**word).collect();
    let missing: Vec<_> = unshown.difference(&shown).collect();
    assert!(missing.is_empty(), "words that the complete example does not show: {missing:?}");
}

fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => json!(null),
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::List(list) => list.iter().map(to_json).collect(),
        Value::Map(map) => {
            map.iter().map(|(name, node)| (name.value.clone(), to_json(node))).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

/// How many nodes a tree has.
fn count(node: &serde_json::Value) -> usize {
    1 + match node {
        serde_json::Value::Array(list) => list.iter().map(count).sum(),
        serde_json::Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The `nth` node of a tree, in the order of `count`.
fn nth<'v>(node: &'v mut serde_json::Value, nth_left: &mut usize) -> Option<&'v mut serde_json::Value> {
    if *nth_left == 0 {
        return Some(node);
    }
    *nth_left -= 1;
    match node {
        serde_json::Value::Array(list) => list.iter_mut().find_map(|one| nth(one, nth_left)),
        serde_json::Value::Object(map) => map.values_mut().find_map(|one| nth(one, nth_left)),
        _ => None,
    }
}

/// JSON is YAML: the mutated tree goes through the same reader.
fn accepted(tree: &serde_json::Value) -> bool {
    let text = tree.to_string();
    let source = SourceMap::new("mutant", &text);
    let mut diagnostics = Diagnostics::default();
    let _ = read(&source, &mut diagnostics);
    assert!(!diagnostics.sorted().iter().any(|one| one.code == Code::Unread), "not understood: {text}");
    !diagnostics.has_errors()
}

#[test]
fn schema_and_reader_agree_on_every_mutation_of_the_complete_example() {
    let validator = jsonschema::draft202012::new(&schema()).expect("a schema");
    let tree = to_json(&complete().root);
    assert!(validator.is_valid(&tree), "{:?}", validator.iter_errors(&tree).map(|e| e.to_string()).collect::<Vec<_>>());
    let values = [
        json!(null),
        json!(true),
        json!(1),
        json!(300),
        json!(-1),
        json!("zz z"),
        json!("none"),
        json!([]),
        json!({}),
        json!({"zzz": 1}),
    ];
    let (mut both, mut neither) = (0, 0);
    for position in 0..count(&tree) {
        let mut mutants = Vec::new();
        // Three of the values at each place: the places are many enough for each kind to meet each value.
        for value in values.iter().cycle().skip(position * 3).take(3) {
            let mut mutant = tree.clone();
            *nth(&mut mutant, &mut position.clone()).expect("a node") = value.clone();
            mutants.push(mutant);
        }
        let keys: Vec<String> = match nth(&mut tree.clone(), &mut position.clone()) {
            Some(serde_json::Value::Object(map)) => map.keys().cloned().collect(),
            _ => Vec::new(),
        };
        for key in &keys {
            for renamed in [None, Some("zzz"), Some("x-zzz")] {
                let mut mutant = tree.clone();
                let map = nth(&mut mutant, &mut position.clone()).and_then(|node| node.as_object_mut()).expect("an object");
                let value = map.shift_remove(key).expect("a member");
                renamed.and_then(|name| map.insert(name.into(), value));
                mutants.push(mutant);
            }
        }
        for mutant in mutants {
            let (reader, schema) = (accepted(&mutant), validator.is_valid(&mutant));
            assert_eq!(reader, schema, "reader: {reader}, schema: {schema}: {mutant}");
            if reader { both += 1 } else { neither += 1 }
        }
    }
    assert!(both > 100 && neither > 500, "the mutations are not telling: {both} accepted, {neither} refused");
}

#[test]
fn everything_wrong_is_said_at_once() {
    let text = "\
privet: 1
controler: {name: A, country: DE}
purposes:
  a: {legal_basis: consnt, tcf: [0, 3], max_age: 13 months}
  b: {because: x}
regimes: [{in: ['*'], silence: no}]
vendors: {v: {role: processor, country: US, countries: [US], reviewed: 2026-02-30}}
streams:
  web:
    topics: events
    format: avro
    consent: [{signal: ledger}, {signal: gcp, path: $.gpc}, {path: $.x}]
    classes: {c: [$.ok, '$.a[-1]', '$.b.[0]'], .d: [$.x]}
    when: {path: $.a, equals: 1, in: [1]}
sinks:
  s: {topic: 7, purposes: [a], fields: {c: {mask: {keep_last: 70000}}, $.x: kep, $.y: {encrypt: {kee: k}}, $.z: {keep: {}}}}
templates: {t: {topic: x}}
patterns: {p: 7}
";
    let expected = [
        (Code::UnknownKey, "controler"),
        (Code::UnknownWord, "consnt"),
        (Code::OutOfRange, "0"),
        (Code::BadDate, "13 months"),
        (Code::MissingKey, "b"),
        (Code::UnknownWord, "no"),
        (Code::Exclusive, "countries"),
        (Code::BadDate, "2026-02-30"),
        (Code::WrongType, "events"),
        (Code::NotYet, "avro"),
        (Code::UnknownWord, "gcp"),
        (Code::MissingKey, "path"),
        (Code::BadPath, "-"),
        (Code::BadPath, "["),
        (Code::BadText, ".d"),
        (Code::Exclusive, "in"),
        (Code::WrongType, "7"),
        (Code::OutOfRange, "70000"),
        (Code::UnknownWord, "kep"),
        (Code::MissingKey, "encrypt"),
        (Code::UnknownKey, "kee"),
        (Code::WrongType, "keep"),
        (Code::NotHere, "topic"),
        (Code::WrongType, "7"),
    ];
    let found = codes(text);
    let found: Vec<(Code, &str)> = found.iter().map(|(code, text)| (*code, text.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_has_a_fault_is_left_out_and_the_rest_is_read() {
    let text = "\
privet: 1
purposes: {a: {legal_basis: consnt}, b: {legal_basis: consent, because: 7}}
regimes: [{in: ['*'], silence: deny}]
streams: {web: {topics: [t], classes: {c: [$.a, $b]}}}
sinks: {s: {topic: t, purposes: [a, 7, b], fields: {c: kep}}}
";
    let source = SourceMap::new("p.yaml", text);
    let policy = read(&source, &mut Diagnostics::default()).expect("a document").policy;
    assert_eq!(policy.unread, [(super::Section::Purposes, "a".to_owned())]);
    assert_eq!(policy.purposes.len(), 1);
    assert!(policy.purposes[0].1.because.is_some(), "a reason of the wrong type is not taken for none");
    assert_eq!(policy.streams[0].1.classes[0].1.len(), 1);
    let sink = &policy.sinks[0].1;
    assert!(matches!(&sink.purposes.as_ref().expect("purposes").value, SinkPurposes::All(all) if all.len() == 2));
    assert_eq!(sink.fields.len(), 1);
}

#[test]
fn a_version_must_be_there_and_be_ours() {
    let rest = "purposes: {a: {legal_basis: consent}}\nregimes: [{in: ['*'], silence: deny}]\n\
        streams: {w: {topics: [t]}}\nsinks: {s: {topic: t, purposes: [a]}}\n";
    assert_eq!(codes(&format!("privet: 1\n{rest}")), []);
    assert_eq!(codes(rest), [(Code::BadVersion, String::new())]);
    for (version, at) in [("2", "2"), ("'1'", "'1'"), ("1.5", "1.5"), ("", "privet")] {
        assert_eq!(codes(&format!("privet: {version}\n{rest}")), [(Code::BadVersion, at.to_owned())], "{version}");
    }
}

#[test]
fn reading_never_panics() {
    // Prefixes of the example, cut at places of every kind, and every line taken out.
    for end in (0..COMPLETE.len()).step_by(13).filter(|end| COMPLETE.is_char_boundary(*end)) {
        let _ = yaml::parse(&COMPLETE[..end], yaml::OwnKeys::Ignored, &mut Diagnostics::default());
    }
    let lines: Vec<&str> = COMPLETE.lines().collect();
    for gone in 0..lines.len() {
        let text: Vec<&str> = lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| *line).collect();
        let source = SourceMap::new("p.yaml", &text.join("\n"));
        let mut diagnostics = Diagnostics::default();
        let _ = read(&source, &mut diagnostics);
        let _ = diagnostics.render(&source, false);
    }
}

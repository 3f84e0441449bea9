//! One record for several sinks: rules that do the same are applied once, and who changes nothing gets the input itself.

use privet::event::{Position, Record, SinkId, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::pipeline::{Engine, Limits};
use privet::plan::Plan;
use std::collections::BTreeMap;

const HEAD: &str = r#"privet: 1
controller: {name: E, country: DE}
purposes:
  ops: {legal_basis: contract, because: tests}
  ads: {legal_basis: consent, opt_outs: none, max_age: P1Y}
regimes: [{in: ["*"], silence: deny}]
keys: {own: {}, common: {shared: true}}
streams:
  web:
    topics: [raw]
    format: json
    subject: [{kind: user_id, path: $.id}]
    jurisdiction: {otherwise: DE}
    consent: [{signal: boolean, path: $.ok, true_means: granted, purposes: {ads: ok}}]
    classes: {user.contact.email: ["$..email"], user.name: [$.name]}
profiles:
  coarse: {fields: {$.n: keep, $.user: {redact: {with: "-"}}}}
sinks:
"#;

const SHARED: &str = "unlisted: keep, consent_signal: keep, fields: {user.contact.email: {pseudonym: {key: common}}, \
     user.name: drop, $.p: {json: {fields: {$.x: {mask: {keep_last: 1}}}}}}";
const OWN: &str = "unlisted: keep, consent_signal: keep, fields: {user.contact.email: {pseudonym: {key: own}}, user.name: drop}";
const ALL: &str = "unlisted: keep, consent_signal: keep, fields: {user: keep}";

const EVENT: &str = r#"{"n":1,"name":"Joe","user":{"email":"a@x.io"},"p":"{\"x\":\"abcdef\",\"email\":\"b@x.io\"}"}"#;

fn plan(sinks: &[(&str, &str)]) -> Plan {
    let lines: String =
        sinks.iter().map(|(name, keys)| format!("  {name}: {{topic: t.{name}, purposes: [ops], {keys}}}\n")).collect();
    compile(&format!("{HEAD}{lines}"))
}

fn compile(text: &str) -> Plan {
    let compiled = privet::policy::compile(text, "policy.yaml", &KeySet::demonstration());
    let faults = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{faults}"))
}

fn record(value: &[u8]) -> Record<'_> {
    Record { position: Position::default(), timestamp: None, key: None, value: Some(value), headers: &[] }
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

/// By sink: where its bytes stand, and what they are.
fn run(plan: &Plan, engine: &mut Engine, value: &[u8]) -> BTreeMap<String, (usize, String)> {
    let mut found = BTreeMap::new();
    engine.evaluate(plan, StreamId(0), &record(value), now(), &mut |sink, verdict| {
        if let Some(bytes) = verdict.value {
            let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            found.insert(plan.sink(sink).name.to_string(), (bytes.as_ptr() as usize, text));
        }
    });
    found
}

#[test]
fn sinks_with_the_same_rules_get_the_same_bytes_made_once() {
    let sinks = [("a", SHARED), ("b", OWN), ("c", SHARED), ("d", OWN), ("e", SHARED)];
    let plan = plan(&sinks);
    let mut engine = Engine::new(Limits::default());
    for event in [EVENT, r#"{"email":"other@x.io","name":1}"#, EVENT] {
        let found = run(&plan, &mut engine, event.as_bytes());
        assert_eq!(found["a"], found["c"]);
        assert_eq!(found["a"], found["e"]);
        // Keys of the sinks' own: other pseudonyms, other bytes.
        assert_ne!(found["a"].0, found["b"].0);
        assert_ne!(found["b"].1, found["d"].1);
        for (name, keys) in sinks {
            let alone = run(&self::plan(&[(name, keys)]), &mut Engine::new(Limits::default()), event.as_bytes());
            assert_eq!(alone[name].1, found[name].1, "{name} does not depend on the others");
        }
    }
}

#[test]
fn a_sink_that_changes_nothing_gets_the_input_itself() {
    let plan = plan(&[("a", ALL), ("b", OWN), ("c", ALL), ("d", SHARED)]);
    let mut engine = Engine::new(Limits::default());
    let untouched = br#" {"n" : 1.50, "p":"{\"y\":1}"} "#;
    let found = run(&plan, &mut engine, untouched);
    assert_eq!(found.len(), 4);
    for (place, text) in found.values() {
        assert_eq!((*place, text.as_bytes()), (untouched.as_ptr() as usize, &untouched[..]));
    }
    let touched = run(&plan, &mut engine, EVENT.as_bytes());
    for (name, is_input) in [("a", true), ("b", false), ("c", true), ("d", false)] {
        assert_eq!(touched[name].0 == EVENT.as_ptr() as usize, is_input, "{name}");
    }
}

/// What is counted and explained of shared bytes is each sink's own rule.
#[test]
fn shared_bytes_are_counted_and_explained_for_each_sink() {
    let plan = plan(&[("a", SHARED), ("b", OWN), ("c", SHARED)]);
    let mut engine = Engine::new(Limits::default());
    let mut explained: BTreeMap<SinkId, Vec<(SinkId, String, bool)>> = BTreeMap::new();
    for _ in 0..2 {
        explained.clear();
        engine.explain(&plan, StreamId(0), &record(EVENT.as_bytes()), now(), &mut |sink, judgement| {
            let rules = judgement.touched.iter().map(|touched| {
                let rule = plan.rule(touched.rule.expect("a rule"));
                (rule.sink, format!("{} {}", rule.subject, rule.transform), touched.removed)
            });
            explained.insert(sink, rules.collect());
        });
    }
    let mut counts: BTreeMap<(SinkId, String), u32> = BTreeMap::new();
    engine.drain_field_counts(|rule, count| {
        let rule = plan.rule(rule);
        *counts.entry((rule.sink, rule.subject.to_string())).or_default() += count;
    });
    for sink in [SinkId(0), SinkId(2)] {
        let words: Vec<(&str, bool)> = explained[&sink].iter().map(|(_, word, removed)| (word.as_str(), *removed)).collect();
        let expected = [
            ("user.name drop", true),
            ("user.contact.email pseudonym", false),
            ("$.p json $.x mask", false),
            ("user.contact.email pseudonym", false),
            ("$.p json", false),
        ];
        assert_eq!(words, expected);
        assert!(explained[&sink].iter().all(|(owner, _, _)| *owner == sink), "a sink's own rules");
        for (subject, count) in [("user.name", 2), ("user.contact.email", 4), ("$.p json $.x", 2), ("$.p", 2)] {
            assert_eq!(counts[&(sink, subject.to_owned())], count, "{subject}");
        }
    }
}

/// Profiles are rules as well: two sinks that degrade to one get one output, whatever else they take.
#[test]
fn sinks_that_degrade_to_one_profile_share_it() {
    let denied = "denied: {degrade: coarse, purposes: [ops], on: [no_consent]}";
    let sink = |name: &str, fields: &str| {
        format!("  {name}: {{topic: t.{name}, purposes: [ads], unlisted: keep, fields: {fields}, {denied}}}\n")
    };
    let plan = compile(&format!("{HEAD}{}{}", sink("a", "{user: drop}"), sink("b", "{user: drop, $.n: drop}")));
    let event = EVENT.replacen('{', r#"{"id":"u1","#, 1);
    let found = run(&plan, &mut Engine::new(Limits::default()), event.as_bytes());
    assert_eq!(found["a"], found["b"]);
    assert_eq!(found["a"].1, r#"{"n":1,"user":"-"}"#);
}

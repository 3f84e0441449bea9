//! What sinks can and cannot join: a million people, in two sinks with keys of their own and two that share one.

use privet::decode::Limits;
use privet::event::{Position, Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::pipeline::Engine;
use privet::plan::Plan;
use privet::policy;
use std::collections::HashSet;
use std::path::Path;

const POLICY: &str = "
privet: 1
controller: {name: Example Ltd, country: DE}
purposes: {ops: {legal_basis: contract, because: the service itself}}
regimes: [{in: ['*'], silence: deny}]
keys: {own: {}, common: {shared: true}}
streams:
  web: {topics: [in], format: json, jurisdiction: {otherwise: DE}, classes: {user.contact.email: [$.ids]}}
sinks:
  a: {topic: a, purposes: [ops], fields: {user.contact.email: {pseudonym: {key: own}}}}
  b: {topic: b, purposes: [ops], fields: {user.contact.email: {pseudonym: {key: own}}}}
  c: {topic: c, purposes: [ops], fields: {user.contact.email: {pseudonym: {key: common}}}}
  d: {topic: d, purposes: [ops], fields: {user.contact.email: {pseudonym: {key: common}}}}
";

/// So many people an event: elements of an array are treated one by one.
const AT_ONCE: usize = 2_000;
const PEOPLE: usize = 1_000_000;

fn plan(keys: &KeySet) -> Plan {
    let compiled = policy::compile(POLICY, "policy.yaml", keys);
    let said = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{said}"))
}

/// The pseudonyms that each sink gets of the people from `first` on.
fn pseudonyms(plan: &Plan, engine: &mut Engine, first: usize) -> Vec<String> {
    let ids: Vec<String> = (first..first + AT_ONCE).map(|person| format!("\"p{person}@example.org\"")).collect();
    let event = format!("{{\"ids\":[{}]}}", ids.join(","));
    let record =
        Record { position: Position::default(), timestamp: None, key: None, value: Some(event.as_bytes()), headers: &[] };
    let mut outputs = vec![String::new(); plan.sinks.len()];
    engine.evaluate(plan, StreamId(0), &record, Timestamp::UNIX_EPOCH, &mut |sink, verdict| {
        let value = verdict.value.expect("every sink gets the event");
        outputs[sink.index()] = String::from_utf8(value.to_vec()).expect("UTF-8");
    });
    outputs
}

/// What follows the key's id: the id itself is the same everywhere.
fn shown(output: &str) -> impl Iterator<Item = [u8; 24]> + '_ {
    let texts = output.split('"').filter_map(|text| text.strip_prefix("p1.demo."));
    texts.map(|text| text.as_bytes().try_into().expect("144 bits are 24 characters"))
}

#[test]
fn two_sinks_share_no_pseudonym_of_a_million_people_unless_the_key_is_shared() {
    let plan = plan(&KeySet::demonstration());
    let mut engine = Engine::new(Limits::default());
    let mut of_a: HashSet<[u8; 24]> = HashSet::with_capacity(PEOPLE);
    let mut of_b: HashSet<[u8; 24]> = HashSet::with_capacity(PEOPLE);
    let mut of_c: HashSet<[u8; 24]> = HashSet::with_capacity(PEOPLE);
    for first in (0..PEOPLE).step_by(AT_ONCE) {
        let outputs = pseudonyms(&plan, &mut engine, first);
        of_a.extend(shown(&outputs[0]));
        of_b.extend(shown(&outputs[1]));
        of_c.extend(shown(&outputs[2]));
        assert_eq!(outputs[2], outputs[3], "sinks that share a key can join");
    }
    assert_eq!((of_a.len(), of_b.len(), of_c.len()), (PEOPLE, PEOPLE, PEOPLE), "no two people are one");
    assert!(of_a.is_disjoint(&of_b) && of_a.is_disjoint(&of_c) && of_b.is_disjoint(&of_c));
}

/// Another process reads the same file; a reload compiles the same policy again.
#[test]
fn after_a_restart_and_a_reload_the_bytes_are_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    KeySet::generate().expect("random bytes").save_new(&file).expect("a new file");
    let load = |file: &Path| KeySet::load(file).expect("the key file");
    let (mut engine, before) = (Engine::new(Limits::default()), plan(&load(&file)));
    let first = pseudonyms(&before, &mut engine, 0);
    let reloaded = plan(&load(&file));
    assert_eq!(pseudonyms(&reloaded, &mut engine, 0), first);
    assert_eq!(pseudonyms(&plan(&load(&file)), &mut Engine::new(Limits::default()), 0), first);
    let other = plan(&KeySet::generate().expect("random bytes"));
    assert_ne!(pseudonyms(&other, &mut engine, 0)[0], first[0], "other keys, other bytes");
}

//! Whose rows go, who is erased with them, and whom it spares.

use super::*;
use crate::keys::KeySet;
use crate::ledger::{Change, Feed};
use crate::policy;

const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes: {operations: {legal_basis: contract, because: b}}
regimes: [{in: [\"*\"], silence: deny}]
streams:
  web:
    topics: [t]
    format: json
    subject: [{kind: user_id, path: $.u}, {kind: email, path: $.e}, {kind: device, path: $.d, names: device}]
    jurisdiction: {otherwise: EEA}
sinks: {s: {topic: s, purposes: [operations], unlisted: keep}}
";

fn plan() -> Plan {
    policy::compile(POLICY, "policy.yaml", &KeySet::demonstration()).plan.expect("a policy")
}

/// Consent rows as (partition, identity, aliases), and erasures, applied as they come.
fn decided(rows: &[(i32, &str, &[&str])], erased: &[&str]) -> (Vec<(i32, String)>, Vec<String>, usize) {
    let ledger = Arc::new(Ledger::new(&KeySet::demonstration()));
    let (mut looking, found) = {
        let found = Arc::new(Mutex::new(Found::new()));
        (Looking { ledger: ledger.clone(), found: found.clone(), by_hash: true }, found)
    };
    let identity = |text: &str| {
        let (kind, value) = text.split_once(':').unwrap();
        format!(r#"{{"kind":"{kind}","value":"{value}"}}"#)
    };
    let value = |who: &str, aliases: &[&str]| {
        let aliases: Vec<String> = aliases.iter().map(|alias| identity(alias)).collect();
        format!(r#"{{"identity":{},"aliases":[{}],"purposes":{{"a":{{"state":"denied"}}}}}}"#, identity(who), aliases.join(","))
    };
    let change = |feed, partition, key: &str, value: &str| {
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        ledger.apply(&Change { feed, partition, offset: 0, key, value, timestamp: None });
    };
    rows.iter().for_each(|(partition, who, aliases)| change(Feed::Consent, *partition, who, &value(who, aliases)));
    erased.iter().for_each(|key| change(Feed::Erasures, 0, key, "{}"));
    for (partition, who, aliases) in rows {
        let value = value(who, aliases);
        let (key, value) = (Some(who.as_bytes()), Some(value.as_bytes()));
        let row = Row { topic: "t", partition: *partition, offset: 0, timestamp: None, key, value };
        looking.apply(&row).unwrap();
    }
    let found = found.lock().unwrap();
    let going = decide(&ledger, &plan(), &found);
    let named: Vec<&str> = rows.iter().flat_map(|(_, who, aliases)| [*who].into_iter().chain(aliases.iter().copied())).collect();
    let name = |key: &String| {
        let is = |who: &&&str| format!("digest:{}", ledger.digests().of_key(who.as_bytes()).to_hex()) == *key;
        named.iter().find(is).map_or_else(|| key.clone(), |who| (*who).to_owned())
    };
    let mut erasures: Vec<String> = going.erasures.iter().map(name).collect();
    erasures.sort();
    let rows = going.rows.into_iter().map(|(partition, key)| (partition, String::from_utf8(key).unwrap()));
    (rows.collect(), erasures, going.left.len())
}

fn rows(rows: &[(i32, &str)]) -> Vec<(i32, String)> {
    rows.iter().map(|(partition, key)| (*partition, (*key).to_owned())).collect()
}

#[test]
fn a_persons_erasure_covers_their_other_names_and_every_partition_with_their_row() {
    let table: &[(i32, &str, &[&str])] =
        &[(0, "user_id:ann", &["email:ann@x", "device:d1"]), (1, "user_id:ann", &["email:ann@x"]), (0, "user_id:bob", &[])];
    let (going, erasures, left) = decided(table, &["user_id:ann"]);
    assert_eq!(going, rows(&[(0, "user_id:ann"), (1, "user_id:ann")]));
    assert_eq!((erasures, left), (vec!["device:d1".to_owned(), "email:ann@x".to_owned()], 0));
    // By a hash of the name (`printf ann | sha256sum`): afterwards the digest says so too.
    let (going, erasures, _) = decided(&[(0, "user_id:ann", &[])], &[HASH]);
    assert_eq!((going, erasures), (rows(&[(0, "user_id:ann")]), vec!["user_id:ann".to_owned()]));
}

const HASH: &str = "sha256:user_id:49915e0d7d4b402e3017d010bc1c0e83cac6c797d6c16e66340fe3268693a6a1";

#[test]
fn a_person_is_found_by_another_name_that_is_theirs_alone() {
    let table: &[(i32, &str, &[&str])] = &[(0, "user_id:ann", &["email:ann@x", "device:d1"])];
    let (going, erasures, left) = decided(table, &["email:ann@x"]);
    assert_eq!((going, left), (rows(&[(0, "user_id:ann")]), 0));
    assert_eq!(erasures, ["device:d1", "user_id:ann"]);
    // By a hash of that name (`printf ann@x | sha256sum`).
    let hash = "sha256:email:1910ee9900e5730f4b5c7244728fe9f790a4f1e65b8d702c6733aaf227e7419b";
    assert_eq!(decided(table, &[hash]).0, rows(&[(0, "user_id:ann")]));
    let shared: &[(i32, &str, &[&str])] = &[(0, "user_id:ann", &["email:us@x"]), (1, "user_id:bob", &["email:us@x"])];
    assert_eq!(decided(shared, &["email:us@x"]), (Vec::new(), Vec::new(), 2), "it is nobody's alone");
}

#[test]
fn a_devices_erasure_silences_no_person() {
    let table: &[(i32, &str, &[&str])] =
        &[(0, "user_id:ann", &["device:d1"]), (0, "device:d1", &["user_id:ann", "device:d2"]), (0, "device:d2", &[])];
    let (going, erasures, left) = decided(table, &["device:d1"]);
    assert_eq!((going, left), (rows(&[(0, "device:d1")]), 1));
    assert_eq!(erasures, ["device:d2"]);
    // A kind that no stream names is taken for a person's.
    let (_, erasures, _) = decided(&[(0, "loyalty:7", &["user_id:ann"])], &["loyalty:7"]);
    assert_eq!(erasures, ["user_id:ann"]);
}

#[test]
fn rows_are_looked_for_where_there_may_be_any() {
    let ledger = Arc::new(Ledger::new(&KeySet::demonstration()));
    let leaving = Leaving::new(ledger.clone());
    let apply = |feed, key: &[u8], value: Option<&[u8]>| {
        ledger.apply(&Change { feed, partition: 0, offset: 0, key: Some(key), value, timestamp: None });
    };
    apply(Feed::Erasures, b"user_id:ann", Some(b"{}"));
    leaving.erased(ledger.erasure(b"user_id:ann").0);
    assert_eq!((leaving.asked(), leaving.wanted().take().0.len()), (1, 1));
    let row = br#"{"identity":{"kind":"user_id","value":"ann"},"purposes":{"a":{"state":"denied"}}}"#;
    apply(Feed::Consent, b"user_id:ann", Some(row));
    leaving.applied(b"user_id:ann");
    assert_eq!(leaving.asked(), 1, "while loading, who is erased is looked for, not every row looked at");
    leaving.loaded();
    leaving.applied(b"user_id:ann");
    assert_eq!((leaving.asked(), leaving.wanted().take().0.len()), (2, 1), "a row that comes later goes too");
    apply(Feed::Consent, b"user_id:ann", None);
    leaving.applied(b"user_id:ann");
    assert_eq!(leaving.asked(), 3, "whether a row is left is asked when it is looked for");
    assert!(leaving.wanted().take().0.into_iter().all(|subject| !ledger.has_row(subject)));
    leaving.erased(ledger.erasure(HASH.as_bytes()).0);
    assert_eq!((leaving.asked(), leaving.wanted().by_hash), (4, true));
}

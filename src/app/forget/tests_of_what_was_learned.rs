//! What was learned about somebody is forgotten with them.

use super::*;
use crate::keys::KeySet;
use crate::ledger::{Change, Feed};
use crate::policy;

const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes:
  ops: {legal_basis: contract, because: it is}
regimes: [{in: [\"*\"], silence: deny}]
streams:
  web:
    topics: [events]
    format: json
    subject: [{kind: user_id, path: $.user}, {kind: device, path: $.device, names: device}]
    jurisdiction: {otherwise: EEA}
sinks:
  out: {topic: out, purposes: [ops], unlisted: keep, fields: {user.unique_id: drop}}
";

fn apply(ledger: &Ledger, feed: Feed, key: &str, value: Option<&str>) {
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    ledger.apply(&Change { feed, partition: 0, offset: 0, key, value, timestamp: None });
}

/// Applies a row, and puts it where it is found again.
fn row(ledger: &Ledger, found: &mut Found, key: &str, more: &str) {
    let (kind, value) = key.split_once(':').unwrap();
    let text = format!(r#"{{"identity":{{"kind":"{kind}","value":"{value}"}}{more},"purposes":{{"ads":{{"state":"denied"}}}}}}"#);
    apply(ledger, Feed::Consent, key, Some(&text));
    if ledger.erasing(key.as_bytes()).is_some() {
        found.insert((0, key.as_bytes().to_vec()), text.into_bytes());
    }
}

#[test]
fn what_was_learned_about_somebody_erased_goes_too_and_names_that_are_digests_are_understood() {
    let keys = KeySet::demonstration();
    let plan = policy::compile(POLICY, "policy.yaml", &keys).plan.unwrap();
    let ledger = Arc::new(Ledger::new(&keys));
    let digest = |kind: &str, value: &str| format!("digest:{}", ledger.digests().of(kind, value).to_hex());
    apply(&ledger, Feed::Erasures, "user_id:ann", Some("{}"));
    let mut found = Found::new();
    let email = &digest("email", "a@b.c")["digest:".len()..];
    let alias = format!(r#","aliases":[{{"kind":"digest","value":"{email}"}}]"#);
    row(&ledger, &mut found, "user_id:ann", &alias);
    row(&ledger, &mut found, "learned:user_id:ann", "");
    row(&ledger, &mut found, "learned:user_id:bob", "");
    row(&ledger, &mut found, "user_id:learned", "");
    let Going { erasures, rows, left } = decide(&ledger, &plan, &found);
    let gone: Vec<&[u8]> = rows.iter().map(|(_, key)| &key[..]).collect();
    assert_eq!(gone, [&b"learned:user_id:ann"[..], b"user_id:ann"]);
    // Ann is erased already, by name; her other name is known by its digest alone, and is not hashed once more.
    assert_eq!(erasures.into_iter().collect::<Vec<_>>(), [digest("email", "a@b.c")]);
    assert!(left.is_empty());

    // One row's tombstone does not let the other be forgotten about.
    let leaving = Leaving::new(ledger.clone());
    let who = ledger.subject_of(b"user_id:ann");
    leaving.erased(ErasedAs::Identity(who));
    apply(&ledger, Feed::Consent, "user_id:ann", None);
    assert!(ledger.has_row(who));
    apply(&ledger, Feed::Consent, "learned:user_id:ann", None);
    assert!(!ledger.has_row(who));
    leaving.loaded();
    drop(leaving.wanted().take());
    apply(&ledger, Feed::Consent, "learned:user_id:ann", Some(r#"{"identity":{"kind":"learned","value":"user_id:ann"}}"#));
    leaving.applied(b"learned:user_id:ann");
    assert!(leaving.wanted().people.contains(&who), "one that is written late goes as well");
}

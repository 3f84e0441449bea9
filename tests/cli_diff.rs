//! `privet diff`, as a shell sees it.

#[path = "kit/mod.rs"]
mod kit;

use kit::process::privet;
use std::fs;

const OLD: &str = "\
privet: 1
controller: {name: Test, country: DE}
purposes:
  ads: {legal_basis: consent, max_age: P13M}
  ops: {legal_basis: contract, because: the service}
regimes: [{in: [US], silence: allow}, {in: ['*'], silence: deny}]
streams:
  web:
    topics: [in]
    subject: [{kind: user_id, path: $.id}]
    jurisdiction: {country: $.country, otherwise: DE}
    consent: [{signal: segment, path: $.prefs, purposes: {ads: Ads}}]
sinks:
  ads: {topic: out.ads, purposes: [ads], fields: {$.n: keep}, transfers: [{from: ['*'], ground: adequacy}]}
  ops: {topic: out.ops, purposes: [ops], fields: {$.n: keep}, transfers: [{from: ['*'], ground: adequacy}]}
";

const EVENTS: &str = "\
{\"id\":\"u1\",\"n\":1,\"m\":2,\"prefs\":{\"Ads\":true}}
{\"id\":\"u2\",\"n\":1,\"m\":2,\"country\":\"US\"}

{\"id\":\"u3\",\"n\":1,\"m\":2,\"country\":\"US\"}
{\"id\":\"u4\",\"n\":1,
";

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let new = OLD
        .replace("[{in: [US], silence: allow}, ", "[")
        .replace("purposes: [ops], fields: {$.n: keep}", "purposes: [ops], fields: {$.n: keep, $.m: keep}")
        + "  copy: {topic: out.copy, purposes: [ads], fields: {$.n: keep}}\n";
    for (name, text) in [("old.yaml", OLD), ("new.yaml", &new), ("bad.yaml", "privet: 1\n"), ("events.ndjson", EVENTS)] {
        fs::write(dir.path().join(name), text).expect("written");
    }
    dir
}

fn run(args: &[&str]) -> (i32, String, String) {
    let dir = folder();
    let paths: Vec<String> = args
        .iter()
        .map(|arg| if arg.contains('.') { dir.path().join(arg).display().to_string() } else { (*arg).to_owned() })
        .collect();
    let args: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (code, out, said) = privet(&args, b"");
    (code, String::from_utf8(out).expect("UTF-8"), said)
}

#[test]
fn words_and_decisions() {
    let (code, out, said) = run(&["diff", "old.yaml", "new.yaml", "--events", "events.ndjson", "--at", "2026-11-22T12:00:00Z"]);
    assert_eq!((code, said.as_str()), (0, ""));
    let body = out.split_once('\n').expect("a first line").1;
    assert_eq!(
        body,
        "
regimes
  - {in: [US], silence: allow}

sinks
  + ops: fields.`$.m`: keep
  + copy: {fields: {$.n: keep}, purposes: [ads], topic: out.copy}

on 4 events 6 decisions change
  ads
           2  allow silence_allows → drop no_consent
  copy
           2  no such sink → drop transfer_not_permitted
           1  no such sink → allow consent_granted
           1  no such sink → quarantine malformed
  ops
           3  released as before, with other content
"
    );
}

#[test]
fn programs_get_json() {
    let (code, out, _) = run(&["diff", "old.yaml", "new.yaml", "--events", "events.ndjson", "--format", "json"]);
    assert_eq!(code, 0);
    let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(answer["events"], 4);
    assert_eq!(answer["changes"][0]["section"], "regimes");
    assert_eq!(answer["changes"][0]["change"], "removed");
    assert_eq!(answer["decisions"][0]["was"]["reason"], "silence_allows");
    assert_eq!(answer["rewritten"][0], serde_json::json!({"sink": "ops", "events": 3}));
    assert!(!out.contains("u1"), "nothing of an event is printed");
}

#[test]
fn no_difference_is_said() {
    let (code, out, _) = run(&["diff", "old.yaml", "old.yaml", "--events", "events.ndjson"]);
    assert_eq!(code, 0);
    assert!(out.contains("no rule changed\n") && out.contains("on 4 events no decision changes"), "{out}");
}

#[test]
fn a_policy_with_errors_is_a_failure() {
    let (code, out, said) = run(&["diff", "old.yaml", "bad.yaml"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(said.contains("P01") && said.contains("has errors"), "{said}");
    assert_eq!(run(&["diff", "old.yaml", "missing.yaml"]).0, 1);
    assert_eq!(run(&["diff", "old.yaml"]).0, 2);
    assert_eq!(run(&["diff", "old.yaml", "new.yaml", "--events", "events.ndjson", "--stream", "app"]).0, 2);
}

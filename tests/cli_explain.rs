//! `privet explain`, as a shell sees it: what was found, what decided, by which line; and nothing of the event.

#[path = "kit/mod.rs"]
mod kit;

use kit::process::privet;

const POLICY: &str = "\
privet: 1
controller: {name: Test, country: DE}
purposes:
  ads:
    {legal_basis: consent, tcf: [1, 7], opt_outs: none, max_age: P13M}
  stats: {legal_basis: consent, tcf: none, opt_outs: none, max_age: P13M}
regimes: [{in: ['*'], silence: deny}]
vendors:
  acme: {role: processor, country: DE, tcf: {id: 755, purposes: [1, 7]}, reviewed: 2026-11-01}
streams:
  web:
    topics: [in]
    subject: [{kind: user_id, path: $.id}]
    jurisdiction: {country: $.country, otherwise: DE}
    consent:
      - {signal: tcf, path: $.tc}
      - {signal: mparticle, header: state, purposes: {ads: none, stats: none}}
      - {signal: onetrust, path: $.cookie, purposes: {ads: none, stats: C2}}
sinks:
  ads:
    streams: [web]
    topic: out.ads
    vendor: acme
    purposes: [ads]
    fields: {$.n: keep}
  stats:
    topic: out.stats
    purposes: [stats]
    fields: {$.n: keep}
  far:
    topic: out.far
    purposes: [stats]
    location: US
";

/// Purpose 7 is not among the purposes of this string, made on 2026-11-01.
const EVENT: &str = r#"{"id":"jane","n":"secret-word","tc":"TCSTRING","cookie":"OptanonConsent=groups=C2:1; OptanonAlertBoxClosed=2026-11-20T10:00:00Z"}"#;
const STRING: &str = "CQtAQoAQtAQoAEsABBDEEsFgAIAAAAAAAAYgF5wAQF5gAAAA.IF5wAQF5gA";

#[test]
fn every_statement_and_what_decided() {
    let dir = tempfile::tempdir().expect("a folder");
    let (policy, event) = (dir.path().join("policy.yaml"), dir.path().join("event.json"));
    std::fs::write(&policy, POLICY).expect("written");
    std::fs::write(&event, EVENT.replace("TCSTRING", STRING)).expect("written");
    let (policy, event) = (policy.display().to_string(), event.display().to_string());
    let args = ["explain", "--policy", &policy, "--at", "2026-11-22T12:00:00Z", &event];
    let (code, out, _) = privet(&args, b"");
    let out = String::from_utf8(out).expect("UTF-8");
    assert_eq!(code, 0, "{out}");
    let body = out.split_once('\n').expect("a first line").1;
    assert_eq!(
        body,
        "\
event of 2026-11-22T12:00:00Z, an identity is present, subject in DE
  tcf at $.tc (line 16) for ads: ads denied, of 2026-11-01T00:00:00Z, 21 days old
  onetrust at $.cookie (line 18): stats granted, of 2026-11-20T10:00:00Z, 2 days old

ads: drop consent_denied, decided by purposes (line 24)
  purpose ads (line 4), by the source at line 16

stats: allow consent_granted, decided by release (line 28)
  purpose stats (line 6), by the source at line 18
  default  $.id                             drop
  line 29  $.n                              keep
  default  $.tc                             drop
  default  $.cookie                         drop

far: drop transfer_not_permitted, decided by transfer (line 33)
"
    );
    let (_, json, _) = privet(&[&args[..], &["--format", "json"]].concat(), b"");
    let json = String::from_utf8(json).expect("UTF-8");
    let answer: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(answer["event"]["statements"][0]["source"], "$.tc");
    assert_eq!(answer["sinks"][0]["statements"], serde_json::json!([16]));
    assert_eq!(answer["sinks"][0]["purpose_line"], 4);
    for word in ["jane", "secret-word", &STRING[..20], "OptanonConsent"] {
        assert!(!out.contains(word) && !json.contains(word), "nothing of the event is printed: {word}");
    }
}

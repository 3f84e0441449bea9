//! `privet filter` as a user meets it: inputs, outputs, exit codes, as `cli.md` of the design says them.

#[path = "kit/mod.rs"]
mod kit;

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kit::process::{PRIVET, privet};
use serde_json::{Value, json};

const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes:
  operations: {legal_basis: contract, because: test}
  advertising: {legal_basis: consent, opt_outs: none}
regimes:
  - {in: [\"*\"], silence: deny}
keys: {ads: {}}
streams:
  web:
    topics: [in]
    format: json
    subject: [{kind: user_id, path: $.userId}]
    jurisdiction: {otherwise: EEA}
    consent:
      - {signal: segment, path: $.consent, purposes: {advertising: Advertising}}
sinks:
  ads:
    topic: out.ads
    purposes: [advertising]
    unlisted: drop
    fields: {user.unique_id: {pseudonym: {key: ads}}, $.event: keep}
    record_key: keep
    headers: {keep: [traceparent]}
    tombstones: pass
  house:
    topic: out.house
    purposes: [operations]
    unlisted: keep
    fields: {user.unique_id: drop, $.email: drop}
";

const YES: &str = r#"{"userId":"u1", "event":"View","consent":{"Advertising":true},"email":"a@example.com"}"#;
const NO: &str = r#"{"userId":"u1", "event":"View","consent":{"Advertising":false}}"#;
const BROKEN: &str = r#"{"userId":"u1", "event":"#;

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir_in(kit::temp_root()).expect("a temporary folder can be made");
        std::fs::write(dir.path().join("policy.yaml"), POLICY).expect("the policy can be written");
        Self { dir }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path.to_str().expect("text").to_owned()
    }

    fn policy(&self) -> String {
        self.dir.path().join("policy.yaml").to_str().expect("text").to_owned()
    }

    fn filter(&self, more: &[&str], input: impl AsRef<[u8]>) -> (i32, String, String) {
        let policy = self.policy();
        let args = [&["filter", "--policy", &policy], more].concat();
        let (code, out, said) = privet(&args, input.as_ref());
        (code, String::from_utf8(out).expect("results are UTF-8"), said)
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a result line is JSON")).collect()
}

#[test]
fn one_line_a_released_value_and_a_summary_aside() {
    let (code, out, said) = Bench::new().filter(&["--sink", "house"], format!("{YES}\n{BROKEN}\n{NO}\n"));
    assert_eq!(code, 0, "a quarantined record does not change the exit code: {said}");
    assert_eq!(lines(&out), [json!({"event": "View"}), json!({"event": "View"})], "consent, e-mail and identity are gone");
    assert!(said.contains("demonstration"), "without --keys it says that the keys are for show: {said}");
    for word in ["allow", "quarantine", "malformed"] {
        assert!(said.contains(word), "the summary names {word}: {said}");
    }
    for secret in ["u1", "a@example.com", "View"] {
        assert!(!said.contains(secret), "no value on standard error: {said}");
    }
}

#[test]
fn strict_makes_a_quarantined_record_a_failure() {
    let bench = Bench::new();
    assert_eq!(bench.filter(&["--sink", "house", "--strict"], format!("{YES}\n")).0, 0);
    assert_eq!(bench.filter(&["--sink", "house", "--strict"], format!("{BROKEN}\n")).0, 1);
}

#[test]
fn decisions_come_one_an_event_and_sink_in_order() {
    let (code, out, said) = Bench::new().filter(&["--decisions"], format!("{NO}\n{BROKEN}\n{YES}\n"));
    assert_eq!(code, 0, "{said}");
    let found = lines(&out);
    let brief: Vec<_> = found.iter().map(|d| [&d["record"], &d["sink"], &d["outcome"], &d["reason"]].map(Value::clone)).collect();
    let expected = [
        [json!(0), json!("ads"), json!("drop"), json!("consent_denied")],
        [json!(0), json!("house"), json!("allow"), json!("not_required")],
        [json!(1), json!("ads"), json!("quarantine"), json!("malformed")],
        [json!(1), json!("house"), json!("quarantine"), json!("malformed")],
        [json!(2), json!("ads"), json!("allow"), json!("consent_granted")],
        [json!(2), json!("house"), json!("allow"), json!("not_required")],
    ];
    assert_eq!(brief, expected);
    assert_eq!(found[1]["value"], json!({"event": "View"}));
    assert!(found[0].get("value").is_none() && found[2].get("value").is_none(), "no value where nothing is released");
    let pseudonym = found[4]["value"]["userId"].as_str().expect("a pseudonym is text");
    assert!(pseudonym.starts_with("p1.") && pseudonym.len() > 24, "{pseudonym}");
}

#[test]
fn each_file_is_one_record_every_byte_of_it() {
    let bench = Bench::new();
    let good = bench.file("good.json", format!("\n{NO}\n").as_bytes());
    let bad = bench.file("bad.json", BROKEN.as_bytes());
    let empty = bench.file("empty.json", b"");
    let (code, out, said) = bench.filter(&["--sink", "house", "--file-per-record", &good, &bad, &empty], b"");
    assert_eq!(code, 0, "{said}");
    let found = lines(&out);
    let outcomes: Vec<_> = found.iter().map(|line| line["outcome"].as_str().expect("text")).collect();
    assert_eq!(outcomes, ["allow", "quarantine", "quarantine"]);
    assert_eq!(found[0]["file"], json!(good));
    let value = STANDARD.decode(found[0]["value_base64"].as_str().expect("text")).expect("base64");
    assert!(value.starts_with(b"\n{") && value.ends_with(b"}\n"), "the white space around the document stays");
    assert!(found[1].get("value_base64").is_none());
}

#[test]
fn records_may_end_in_nul_and_hold_line_ends() {
    let records = [NO.replace("\"event\":", "\"event\":\n"), NO.to_owned()].join("\0");
    let (code, out, said) = Bench::new().filter(&["--sink", "house", "-z"], records);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains(":\n\"View\"") && out.matches('\0').count() == 2, "{out:?}");
}

#[test]
fn an_envelope_brings_key_headers_and_tombstones() {
    let records = [
        json!({"key": "k1", "headers": {"traceparent": "00-1", "x-user": "u1"}, "value": {"userId": "u1", "event": "View", "consent": {"Advertising": true}}}),
        json!({"key": "k2", "headers": {}, "value": null}),
    ];
    let input = records.iter().map(|r| format!("{r}\n")).collect::<String>();
    let (code, out, said) = Bench::new().filter(&["--sink", "ads", "--envelope"], input);
    assert_eq!(code, 0, "{said}");
    let found = lines(&out);
    assert_eq!(found.len(), 2, "{out}");
    assert_eq!([&found[0]["key"], &found[0]["headers"]], [&json!("k1"), &json!({"traceparent": "00-1"})]);
    assert_eq!(found[0]["value"]["event"], json!("View"));
    assert_eq!([&found[1]["key"], &found[1]["value"]], [&json!("k2"), &Value::Null], "a tombstone passes with its key");
}

#[test]
fn a_dash_is_standard_input_and_files_are_read_in_order() {
    let bench = Bench::new();
    let file = bench.file("more.ndjson", format!("{}\n", NO.replace("View", "Second")).as_bytes());
    let (code, out, said) = bench.filter(&["--sink", "house", "-", &file], format!("{}\n", NO.replace("View", "First")));
    assert_eq!(code, 0, "{said}");
    let events: Vec<Value> = lines(&out).into_iter().map(|v| v["event"].clone()).collect();
    assert_eq!(events, [json!("First"), json!("Second")]);
}

#[test]
fn the_last_line_needs_no_end_and_an_empty_input_gives_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.filter(&["--sink", "house"], NO).1.lines().count(), 1);
    let (code, out, _) = bench.filter(&["--sink", "house"], b"");
    assert_eq!((code, out.as_str()), (0, ""));
}

#[test]
fn the_same_keys_give_the_same_bytes_and_other_keys_others() {
    let bench = Bench::new();
    let keys = ["a.json", "b.json"].map(|name| bench.dir.path().join(name).to_str().expect("text").to_owned());
    for file in &keys {
        assert_eq!(privet(&["keys", "generate", file], b"").0, 0);
    }
    let run = |file: &str| bench.filter(&["--sink", "ads", "--keys", file], format!("{YES}\n"));
    let (first, again, other) = (run(&keys[0]), run(&keys[0]), run(&keys[1]));
    assert_eq!(first.0, 0, "{}", first.2);
    assert_eq!(first.1, again.1);
    assert_ne!(first.1, other.1);
    assert!(!first.2.contains("demonstration"), "own keys are no demonstration: {}", first.2);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let bench = Bench::new();
    let mut command = Command::new(PRIVET);
    command.args(["filter", "--policy", &bench.policy(), "--sink", "house"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("privet starts");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let writer = std::thread::spawn(move || {
        // It stops reading when nobody takes its results.
        for _ in 0..200_000 {
            if writeln!(stdin, "{NO}").is_err() {
                return;
            }
        }
    });
    let output = child.wait_with_output().expect("privet ends");
    writer.join().expect("the writer ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("panic") && !said.to_lowercase().contains("broken pipe"), "{said}");
}

#[test]
fn wrong_usage_and_failed_work_have_their_codes() {
    let bench = Bench::new();
    let codes = [
        (2, bench.filter(&["--sink", "house", "--no-such-option"], b"")),
        (2, bench.filter(&["--sink", "nobody"], b"")),
        (1, bench.filter(&["--sink", "house", "no-such-file.ndjson"], b"")),
    ];
    for (code, (found, out, said)) in codes {
        assert_eq!((found, out.as_str()), (code, ""), "{said}");
        assert!(!said.is_empty() && !said.contains("panic"), "{said}");
    }
    let (code, _, said) = privet(&["filter", "--policy", "no-such-policy.yaml", "--sink", "house"], b"");
    assert_eq!(code, 1, "{said}");
}

#[test]
fn the_ledger_comes_from_files() {
    let folder = tempfile::tempdir_in(kit::temp_root()).expect("a temporary folder can be made");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.to_str().expect("a name that is text").to_owned()
    };
    let policy = file(
        "policy.yaml",
        &POLICY.replace("{signal: segment, path: $.consent, purposes: {advertising: Advertising}}", "{signal: ledger}"),
    );
    let record = |state: &str| {
        format!(
            "{{\"identity\":{{\"kind\":\"user_id\",\"value\":\"u1\"}},\"purposes\":{{\"advertising\":{{\"state\":\"{state}\",\"at\":\"2020-01-01T00:00:00Z\"}}}}}}\n"
        )
    };
    let granted = file("granted.jsonl", &format!("{}\n{}", record("withdrawn"), record("granted")));
    let broken = file("broken.jsonl", &record("perhaps"));
    let nobody = file("nobody.jsonl", "{\"purposes\":{}}\n");
    let erased = file("erased.jsonl", "{\"identity\":{\"kind\":\"user_id\",\"value\":\"u1\"}}\n");
    let reason = |more: &[&str]| {
        let arguments = [&["filter", "--policy", &policy, "--decisions"], more].concat();
        let (code, out, err) = privet(&arguments, YES.as_bytes());
        let first = String::from_utf8_lossy(&out).lines().next().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        (code, first.map_or(Value::Null, |decision| decision["reason"].clone()), err)
    };
    assert_eq!(reason(&[]).1, json!("ledger_stale"));
    let (code, found, err) = reason(&["--erasures", &erased]);
    assert_eq!((code, found), (2, Value::Null), "suppressions alone are no consent, and nothing would apply them");
    assert!(err.contains("--erasures needs --ledger"), "{err}");
    assert_eq!(reason(&["--ledger", &granted]).1, json!("consent_granted"));
    assert_eq!(reason(&["--ledger", &granted, "--erasures", &erased]).1, json!("suppressed"));
    let (code, found, err) = reason(&["--ledger", &broken]);
    assert_eq!((code, found), (0, json!("signal_invalid")));
    assert!(err.contains("broken.jsonl:1: ") && !err.contains("u1"), "{err}");
    let (code, found, err) = reason(&["--ledger", &nobody]);
    assert_eq!((code, found), (1, Value::Null));
    assert!(err.contains("nobody.jsonl:1"), "{err}");
}

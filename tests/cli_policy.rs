//! `privet check`, `privet test` and `privet schema`, as a shell sees them.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const POLICY: &str = "\
privet: 1
controller: {name: Test, country: DE}
purposes:
  operations: {legal_basis: contract, because: test}
regimes:
  - {in: ['*'], silence: deny}
streams:
  web:
    topics: [in]
    subject: [{kind: user_id, path: $.userId}]
    jurisdiction: {otherwise: DE}
    classes: {user.device.ip_address: [$.ip]}
sinks:
  keep:
    topic: out
    purposes: [operations]
    unlisted: keep
    fields: {user.device.ip_address: {truncate_ip: {v4: 24, v6: 48}}, user.unique_id: drop}
";

const TESTS: &str = "\
policy: policy.yaml
at: 2026-11-22T00:00:00Z
tests:
  - name: addresses lose their host
    event: {ip: 203.0.113.77, userId: u1, n: 1.0, x-own: 1}
    expect: {keep: {outcome: allow, reason: not_required, equals: {$.ip: 203.0.113.0, $.n: 1, $.x-own: 1}, absent: [$.userId]}}
  - name: a tombstone ends here
    tombstone: true
    expect: {keep: {outcome: drop, reason: empty}}
  - name: what is not JSON is set aside
    raw: '{\"a\":1,}'
    expect: {keep: {outcome: quarantine, reason: malformed}}
";

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn privet(dir: &Path, args: &[&str]) -> Said {
    let done = Command::new(env!("CARGO_BIN_EXE_privet")).args(args).current_dir(dir).output().expect("privet runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
    Said { code: done.status.code().expect("an exit code"), out: text(&done.stdout), err: text(&done.stderr) }
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
    dir
}

#[test]
fn a_right_policy_is_named_by_its_hash_whatever_its_looks() {
    let other = format!(
        "# a comment\n{}",
        POLICY.replace("legal_basis: contract, because: test", "because: 'test', legal_basis: contract")
    );
    let changed = POLICY.replace("v4: 24", "v4: 16");
    let dir = folder(&[("a.yaml", POLICY), ("b.yaml", &other), ("c.yaml", &changed)]);
    let said = privet(dir.path(), &["check", "a.yaml", "b.yaml", "c.yaml"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let hashes: Vec<&str> =
        said.out.lines().map(|line| line.split("policy ").nth(1).expect("a hash").split(',').next().expect("it")).collect();
    assert_eq!(hashes.len(), 3);
    assert!(hashes.iter().all(|hash| hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit())), "{hashes:?}");
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[0], hashes[2]);
}

#[test]
fn one_faulty_policy_among_right_ones_ends_with_one() {
    let dir = folder(&[("right.yaml", POLICY), ("wrong.yaml", "privet: 2\n")]);
    let said = privet(dir.path(), &["check", "wrong.yaml", "right.yaml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("right.yaml: ok"), "{}", said.out);
    assert!(said.err.contains("wrong.yaml:1:9") && said.err.contains("P0109"), "{}", said.err);
    assert_eq!(privet(dir.path(), &["check", "nowhere.yaml"]).code, 1);
}

#[test]
fn warnings_are_errors_if_asked() {
    // A class that no sink treats is a warning.
    let warned = POLICY.replace("classes: {", "classes: {user.contact.email: [$.email], ");
    let dir = folder(&[("policy.yaml", &warned)]);
    let said = privet(dir.path(), &["check", "policy.yaml"]);
    assert_eq!(said.code, 0);
    assert!(said.err.contains("warning[P1"), "{}", said.err);
    let said = privet(dir.path(), &["check", "--deny-warnings", "policy.yaml"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
}

#[test]
fn sample_events_show_what_a_policy_does_not_know() {
    let events = "{\"userId\":\"u\",\"phone\":\"+49 30 1\"}\n\n{\"phone\":\"secret-value\"}\r\n";
    let dir = folder(&[("policy.yaml", POLICY), ("events.ndjson", events)]);
    let said = privet(dir.path(), &["check", "policy.yaml", "--events", "events.ndjson"]);
    assert_eq!(said.code, 0);
    assert!(said.err.contains("no sample event of stream `web` has `$.ip`"), "{}", said.err);
    assert!(said.err.contains("one place of the 2 sample events is in no class"), "{}", said.err);
    assert!(said.err.contains("$.phone (2)"), "{}", said.err);
    assert!(!said.err.contains("secret-value"), "values are never said");
    assert_eq!(privet(dir.path(), &["check", "policy.yaml", "--events", "events.ndjson", "--deny-warnings"]).code, 1);
    assert_eq!(privet(dir.path(), &["check", "policy.yaml", "--events", "events.ndjson", "--stream", "app"]).code, 2);
}

#[test]
fn tests_that_pass_are_listed_and_counted() {
    let dir = folder(&[("p/policy.yaml", POLICY), ("p/a.test.yaml", TESTS), ("p/notes.yaml", "not: a test")]);
    let said = privet(dir.path(), &["test", "p"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("ok    a tombstone ends here"), "{}", said.out);
    assert!(said.out.ends_with("3 tests: 3 passed, 0 failed\n"), "{}", said.out);
    assert!(said.err.contains("demonstration keys"), "the keys are said: {}", said.err);
}

#[test]
fn a_failing_test_says_what_differs_and_where() {
    let failing = TESTS.replace("$.ip: 203.0.113.0", "$.ip: 203.0.113.77").replace("reason: empty", "reason: malformed");
    let dir = folder(&[("policy.yaml", POLICY), ("a.test.yaml", &failing)]);
    let said = privet(dir.path(), &["test", "."]);
    assert_eq!(said.code, 1);
    for line in [
        "./a.test.yaml:6: keep: $.ip: expected \"203.0.113.77\", got \"203.0.113.0\"",
        "./a.test.yaml:9: keep: expected drop (malformed), got drop (empty)",
        "3 tests: 1 passed, 2 failed",
    ] {
        assert!(said.out.contains(line), "no {line:?} in\n{}", said.out);
    }
}

#[test]
fn test_files_that_cannot_be_run_are_failures() {
    let unknown = TESTS.replace("    tombstone: true", "    tombstone: true\n    leger: []");
    let dir = folder(&[
        ("policy.yaml", POLICY),
        ("bad.yaml", "privet: 2\n"),
        ("a.test.yaml", TESTS),
        ("b.test.yaml", &unknown),
        ("c.test.yaml", &TESTS.replace("policy.yaml", "bad.yaml")),
        ("d.test.yaml", &TESTS.replace("policy.yaml", "nowhere.yaml")),
    ]);
    let said = privet(dir.path(), &["test", "."]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("did you mean `ledger`?"), "{}", said.err);
    assert!(said.out.ends_with("3 tests: 3 passed, 0 failed; 3 of 4 files could not be run\n"), "{}", said.out);
    let empty = folder(&[("policy.yaml", POLICY)]);
    assert_eq!(privet(empty.path(), &["test", "."]).code, 1, "no test at all is no success");
    assert_eq!(privet(empty.path(), &["test", "nowhere.test.yaml"]).code, 1);
}

#[test]
fn an_unknown_sink_in_a_test_is_a_failure() {
    let dir =
        folder(&[("policy.yaml", POLICY), ("a.test.yaml", &TESTS.replace("{keep: {outcome: drop", "{keeep: {outcome: drop"))]);
    let said = privet(dir.path(), &["test", "a.test.yaml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("the policy has no sink `keeep`"), "{}", said.out);
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_privet"))
        .args(["schema", "policy"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("privet runs");
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().expect("its standard error").read_to_string(&mut said).expect("text");
    assert_eq!((child.wait().expect("it ends").code(), said.as_str()), (Some(0), ""));
}

#[test]
fn colour_is_for_terminals_only() {
    let dir = folder(&[("wrong.yaml", "privet: 2\n")]);
    assert!(!privet(dir.path(), &["check", "wrong.yaml"]).err.contains('\u{1b}'));
}

#[test]
fn the_examples_pass_their_tests() {
    let said = privet(Path::new(env!("CARGO_MANIFEST_DIR")), &["test", "examples"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let files = said.out.lines().filter(|line| line.ends_with(".test.yaml")).count();
    assert!(files >= 6, "only {files} files of tests were found");
}

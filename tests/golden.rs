//! The rules of the design as cases that a policy author can read: one folder a rule in `tests/golden`.
//!
//! A folder holds `policy.yaml`, whose first line says which rule, and either
//! - `expected.err`: line and code of each error, or
//! - `input.json` (the record's value; absent: a tombstone), `record.json` where key and headers matter,
//!   `keys.json` where the demonstration keys do not do, `ledger.jsonl` and `erasures.jsonl` where the ledger holds something (without
//!   the first it is missing), `expected.outcomes` with a line a sink, and `expected.<sink>.json` with the exact bytes where a value leaves.
//!
//! What is expected was written from the design, not printed by the code; there is no switch that updates it.

use privet::decode::Limits;
use privet::event::{Header, Position, Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::ledger::{Feed, Ledger};
use privet::pipeline::{Engine, Verdict};
use privet::plan::Plan;
use privet::policy::{Severity, compile};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The clock of every case.
const NOW: &str = "2026-11-22T12:00:00Z";

/// A record beside its value, as `record.json` has it.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Beside {
    key: Option<String>,
    headers: Vec<(String, String)>,
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(root).expect("the files of a case").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    assert!(cases.len() >= 100, "only {} cases found", cases.len());
    cases
}

/// A file of the case without the newline at its end.
fn read(case: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(case.join(name)).ok()?;
    Some(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

#[test]
fn every_case_ends_as_its_author_expects() {
    let mut differing = Vec::new();
    for case in cases() {
        let policy = read(&case, "policy.yaml").expect("the files of a case");
        let name = case.file_name().expect("the files of a case").to_string_lossy().into_owned();
        let (expected, found) = match read(&case, "expected.err") {
            Some(expected) => (expected, errors(&policy)),
            None => (expected_verdicts(&case), verdicts(&case, &policy)),
        };
        if expected != found {
            differing
                .push(format!("{name}: {}\nexpected\n{expected}\nfound\n{found}\n", policy.lines().next().unwrap_or_default()));
        }
    }
    assert!(differing.is_empty(), "{} cases differ\n\n{}", differing.len(), differing.join("\n"));
}

/// Line and code of each error.
fn errors(policy: &str) -> String {
    let compiled = compile(policy, "policy.yaml", &KeySet::demonstration());
    assert_eq!(compiled.plan.is_none(), compiled.diagnostics.has_errors());
    let errors = compiled.diagnostics.sorted().into_iter().filter(|one| one.severity == Severity::Error);
    errors.map(|one| format!("{} {}", compiled.source.line(&one.span), one.code)).collect::<Vec<_>>().join("\n")
}

/// The lines of `expected.outcomes`, each followed by the bytes that leave, in the same form as [`verdicts`].
fn expected_verdicts(case: &Path) -> String {
    let outcomes = read(case, "expected.outcomes").expect("expected.outcomes or expected.err");
    let with_bytes = |line: &str| {
        let sink = line.split(':').next().expect("a sink");
        match read(case, &format!("expected.{sink}.json")) {
            Some(bytes) => format!("{line}\n  {bytes}"),
            None => line.to_owned(),
        }
    };
    outcomes.lines().map(with_bytes).collect::<Vec<_>>().join("\n")
}

/// The case's own keys, or the published ones. A key file is refused if others may read it, and Git keeps no such mode.
fn keys(case: &Path) -> KeySet {
    use std::os::unix::fs::PermissionsExt;
    let Some(text) = read(case, "keys.json") else { return KeySet::demonstration() };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    fs::write(&file, text).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    KeySet::load(&file).expect("the keys of a case")
}

fn verdicts(case: &Path, policy: &str) -> String {
    let compiled = compile(policy, "policy.yaml", &keys(case));
    let Some(plan) = &compiled.plan else { return compiled.render(false) };
    let value = read(case, "input.json");
    let beside: Beside =
        read(case, "record.json").map_or_else(Beside::default, |text| serde_json::from_str(&text).expect("the files of a case"));
    let headers: Vec<Header<'_>> =
        beside.headers.iter().map(|(name, value)| Header { name, value: Some(value.as_bytes()) }).collect();
    let record = Record {
        position: Position::default(),
        timestamp: None,
        key: beside.key.as_deref().map(str::as_bytes),
        value: value.as_deref().map(str::as_bytes),
        headers: &headers,
    };
    let now: Timestamp = NOW.parse().expect("a time");
    let mut engine = Engine::new(Limits::default());
    engine.set_ledger(ledger(case));
    let mut lines = Vec::new();
    // Twice: the second time no scratch is new, and nothing of the first record may be left in it.
    for round in 0..2 {
        lines.clear();
        engine.evaluate(plan, StreamId(0), &record, now, &mut |sink, verdict| {
            lines.push(line(plan, &plan.sink(sink).name, &verdict, &record));
        });
        if round == 0 {
            let other = Record { value: Some(b"{\"left\":[\"over\",{\"email\":\"z@z.zz\"}]}"), ..record };
            engine.evaluate(plan, StreamId(0), &other, now, &mut |_, _| {});
        }
    }
    lines.join("\n")
}

/// The ledger with the records of the case, in the order of its lines.
fn ledger(case: &Path) -> Option<Arc<Ledger>> {
    let records = read(case, "ledger.jsonl")?;
    let erasures = read(case, "erasures.jsonl").unwrap_or_default();
    let ledger = Ledger::for_trial();
    for (feed, lines) in [(Feed::Consent, records), (Feed::Erasures, erasures)] {
        for line in lines.lines().filter(|line| !line.is_empty()) {
            ledger.apply_json(feed, line.as_bytes()).expect("a record that says whom it is about");
        }
    }
    Some(Arc::new(ledger))
}

/// One verdict: `sink: outcome reason`, what leaves beside the value, and the value's bytes.
fn line(plan: &Plan, sink: &str, verdict: &Verdict<'_>, record: &Record<'_>) -> String {
    assert!(plan.sink_named(sink).is_some());
    let mut line = format!("{sink}: {} {}", verdict.outcome, verdict.reason);
    if verdict.outcome.releases() && verdict.value.is_none() {
        line.push_str(" tombstone");
    }
    if let Some(key) = verdict.key {
        line.push_str(&format!(" key={}", String::from_utf8_lossy(key)));
    }
    for header in verdict.kept_headers(record) {
        line.push_str(&format!(" header={}", header.name));
    }
    if let Some(purposes) = verdict.purposes {
        line.push_str(&format!(" purposes={purposes}"));
    }
    if let Some(value) = verdict.value {
        assert!(verdict.outcome.releases(), "bytes leave for {sink} without a release");
        line.push_str(&format!("\n  {}", String::from_utf8_lossy(value)));
    }
    line
}

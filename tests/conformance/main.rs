//! The shared conformance suites through the built binary, where their folder stands beside the package.

mod consent;
#[path = "../kit/mod.rs"]
mod kit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kit::process::{PRIVET, privet};

/// Files of the parser suite that RFC 8259 allows and Privet refuses on purpose (`scrub.md`, rules 1 and 4).
const STRICTER: &[(&str, &str)] = &[
    ("y_object_duplicated_key.json", "members of one object with equal names"),
    ("y_object_duplicated_key_and_value.json", "members of one object with equal names"),
    ("y_object_escaped_null_in_key.json", "U+0000 in a member name"),
];

/// The suite's folder, or `None` with a word in the closing line.
fn suite(name: &str) -> Option<PathBuf> {
    let found = kit::conformance(name);
    if found.is_none() {
        kit::absent(&format!("conformance/{name}"), "../shared/conformance is not there");
    }
    found
}

fn scratch(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(name).tempdir_in(kit::temp_root()).expect("a temporary folder can be made")
}

/// A policy without a rule that meets anything: what is accepted comes out as it came in.
const UNTOUCHED: &str = "privet: 1
controller: {name: Test, country: DE}
purposes:
  operations: {legal_basis: contract, because: test}
regimes:
  - {in: [\"*\"], silence: deny}
streams:
  any:
    topics: [in]
    format: json
    subject: [{kind: user_id, path: $.no_such_member_anywhere}]
    jurisdiction: {otherwise: EEA}
sinks:
  all:
    topic: out
    purposes: [operations]
    unlisted: keep
";

/// One line of `privet filter --file-per-record`.
struct Line {
    outcome: String,
    reason: String,
    value: Option<Vec<u8>>,
}

fn filter_files(policy: &Path, sink: &str, files: &[PathBuf]) -> Vec<Line> {
    let text = |path: &Path| path.to_str().expect("paths here are text").to_owned();
    let mut args = vec!["filter".to_owned(), "--policy".into(), text(policy), "--sink".into(), sink.into()];
    args.push("--file-per-record".into());
    args.extend(files.iter().map(|file| text(file)));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (code, out, said) = privet(&args, b"");
    assert_eq!(code, 0, "privet filter: {said}");
    let lines: Vec<Line> = String::from_utf8(out).expect("result lines are UTF-8").lines().map(line).collect();
    assert_eq!(lines.len(), files.len(), "one line a file");
    lines
}

fn line(text: &str) -> Line {
    let tree: serde_json::Value = serde_json::from_str(text).expect("a result line is JSON");
    let word = |name: &str| tree[name].as_str().expect("outcome and reason are text").to_owned();
    let value = tree.get("value_base64").map(|v| STANDARD.decode(v.as_str().expect("base64 text")).expect("base64"));
    Line { outcome: word("outcome"), reason: word("reason"), value }
}

#[test]
fn json_parser_cases() {
    let Some(dir) = suite("json") else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir.join("test_parsing"))
        .expect("the cases are readable")
        .map(|e| e.expect("an entry").path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 318, "the suite is whole");
    let scratch = scratch("json-");
    let policy = scratch.path().join("policy.yaml");
    std::fs::write(&policy, UNTOUCHED).expect("the policy can be written");
    let mut wrong = Vec::new();
    for (file, line) in files.iter().zip(filter_files(&policy, "all", &files)) {
        let name = file.file_name().and_then(|n| n.to_str()).expect("a file has a name");
        if let Some(fault) = judge_json(name, &std::fs::read(file).expect("a case is readable"), &line) {
            wrong.push(format!("{name}: {} {}: {fault}", line.outcome, line.reason));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases are wrong:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

fn judge_json(name: &str, input: &[u8], line: &Line) -> Option<&'static str> {
    let refused = line.outcome == "quarantine" && line.value.is_none() && matches!(&*line.reason, "malformed" | "limit_exceeded");
    let untouched = line.outcome == "allow" && line.value.as_deref() == Some(input);
    let stricter = STRICTER.iter().any(|(listed, _)| *listed == name);
    match &name[..2] {
        "y_" if stricter => (!(refused && line.reason == "malformed")).then_some("must be quarantined as malformed"),
        "y_" => (!untouched).then_some("must be accepted, byte for byte"),
        "n_" => (!refused).then_some("must be quarantined"),
        "i_" => (!(refused || untouched)).then_some("must be quarantined or come out byte for byte"),
        _ => Some("a file of no known kind"),
    }
}

/// The leak oracle over the bypass corpus, under the corpus' own policy.
#[test]
fn bypass_corpus() {
    let Some(dir) = suite("bypass") else { return };
    if Command::new("python3").arg("--version").output().is_err() {
        return kit::skip("conformance/bypass", "python3 is not installed");
    }
    let scratch = scratch("bypass-");
    let checker = scratch.path().join("checker");
    copy_folder(&dir.join("checker"), &checker);
    add_jackson(&checker);
    let policy = dir.join("policy.yaml");
    let command = format!("{PRIVET} filter --policy {} --sink {{sink}} --file-per-record", policy.display());
    judge_bypass(&checker, &dir.join("manifest.jsonl.gz"), &command, &scratch.path().join("report.json"));
}

/// `detect` over the labelled texts, scored by the corpus' own scorer, within the limits that were set for it.
#[test]
fn pii_corpus() {
    let Some(dir) = suite("pii") else { return };
    if Command::new("python3").arg("--version").output().is_err() {
        return kit::skip("conformance/pii", "python3 is not installed");
    }
    let held_out = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detect_holdout");
    holds_the_limits(&dir, &dir.join("corpus.jsonl"));
    for set in ["holdout.jsonl", "second.jsonl", "third.jsonl", "fourth.jsonl", "fifth.jsonl"] {
        holds_the_limits(&dir, &held_out.join(set));
    }
}

/// Scores what `privet filter` leaves of a labelled corpus.
fn holds_the_limits(dir: &Path, corpus: &Path) {
    let scratch = scratch("pii-");
    let scorer = dir.join("score_pii.py");
    let texts = Command::new("python3").arg(&scorer).arg("--texts").arg(corpus).output().expect("python3 starts");
    let policy = dir.join("policy.yaml");
    let policy = policy.to_str().expect("the folder has a plain name");
    let (code, redacted, said) = privet(&["filter", "--policy", policy, "--sink", "clean"], &texts.stdout);
    assert_eq!(code, 0, "{said}");
    let output = scratch.path().join("redacted.jsonl");
    std::fs::write(&output, redacted).expect("a file can be written");
    let scored = Command::new("python3").arg(&scorer).arg(corpus).arg(&output).output().expect("python3 starts");
    let printed = String::from_utf8_lossy(&scored.stdout).into_owned();
    let score: serde_json::Value = serde_json::from_str(printed.lines().last().unwrap_or_default()).expect("the score is JSON");
    let figure = |name: &str| score[name].as_f64().unwrap_or_else(|| panic!("the score has no {name}:\n{printed}"));
    assert!(figure("clean_recall") >= 99.0 && figure("macro_clean") >= 99.0, "{printed}");
    assert!(figure("tokens_lost_pct") <= 1.0 && figure("neg_changed_pct") <= 2.0, "{printed}");
    let each = |name: &str| score[name].as_object().expect("an object").clone();
    assert!(each("labels").values().all(|label| label["clean"].as_f64() >= Some(97.0)), "{printed}");
    assert!(each("neg_groups").values().all(|changed| changed.as_f64() <= Some(10.0)), "{printed}");
}

fn judge_bypass(checker: &Path, manifest: &Path, command: &str, report: &Path) {
    let mut check = Command::new("python3");
    check.arg(checker.join("check_bypass.py")).arg(manifest).args(["--cmd", command, "--report"]).arg(report);
    let run = check.output().expect("python3 starts");
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    let text = std::fs::read_to_string(report).unwrap_or_else(|_| panic!("the checker gave no report:\n{said}"));
    let report: serde_json::Value = serde_json::from_str(&text).expect("the report is JSON");
    let failures = report["failures"].as_array().expect("the report lists failures");
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    for failure in failures {
        *classes.entry(failure["class"].as_str().unwrap_or("?")).or_default() += 1;
    }
    let shown: Vec<String> = failures.iter().take(40).map(ToString::to_string).collect();
    assert!(run.status.success() && failures.is_empty(), "{classes:?}\n{}\n{said}", shown.join("\n"));
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder is readable") {
        let path = entry.expect("an entry is readable").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            // Read and written, not copied: the original's read-only mode must not come along.
            std::fs::write(target, std::fs::read(&path).expect("a file is readable")).expect("a file can be written");
        }
    }
}

/// Jackson is one more reader for the oracle; Kafka's archives bring it, where they are there already.
fn add_jackson(checker: &Path) {
    let Ok(libs) = std::fs::read_dir(kit::temp_root().join("kafka-libs")) else { return };
    for entry in libs.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with("jackson-core-") {
            std::fs::copy(entry.path(), checker.join("parsers").join(entry.file_name())).expect("the archive can be copied");
        }
    }
}

//! What Prometheus is given: the alert rules against the table of metrics, and both against `promtool`, which is taken from
//! Debian's package where it is not installed.

mod kit;

use privet::event::{SinkId, StreamId};
use privet::outcome::{Outcome, Reason};
use privet::telemetry::{Kind, LocalCounts, PlanNames, TABLE, Telemetry};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

fn folder() -> PathBuf {
    kit::package_root().join("deploy/prometheus")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("the rules are there")
}

/// Every word of the text that looks like a metric's name.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.starts_with("privet_")).collect()
}

/// Every name under which the metrics are scraped.
fn scraped() -> BTreeSet<String> {
    let series = |metric: &privet::telemetry::Metric| match metric.kind {
        Kind::Counter | Kind::Gauge => vec![metric.name.to_owned()],
        Kind::Histogram(_) => ["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", metric.name)).to_vec(),
    };
    TABLE.iter().flat_map(series).collect()
}

#[test]
fn rules_and_their_tests_name_metrics_that_exist() {
    let scraped = scraped();
    for file in ["rules.yaml", "rules.test.yaml"] {
        let text = read(file);
        let named = names(&text);
        assert!(named.len() > 5, "{file}: the names were not found");
        let unknown: Vec<_> = named.iter().filter(|name| !scraped.contains(**name)).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn every_alert_has_a_test_in_which_it_fires() {
    let tests = read("rules.test.yaml");
    let rules = read("rules.yaml");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 5, "{alerts:?}");
    for alert in alerts {
        let fires = tests.contains(&format!("alertname: {alert}\n        exp_alerts:"));
        assert!(fires, "{alert} never fires in rules.test.yaml");
    }
}

#[test]
fn the_operators_page_names_every_metric() {
    let page = std::fs::read_to_string(kit::package_root().join("docs/operations.md")).unwrap();
    let missing: Vec<_> = TABLE.iter().map(|metric| metric.name).filter(|name| !page.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The promtool that is installed, or else the one of Debian's package, fetched once and not installed.
fn program() -> Option<&'static Path> {
    static PROGRAM: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let succeeds = |command: &mut Command| command.output().is_ok_and(|done| done.status.success());
        if succeeds(Command::new("promtool").arg("--version")) {
            return Some("promtool".into());
        }
        let folder = kit::temp_root().join("promtool");
        let program = folder.join("usr/bin/promtool");
        if program.exists() {
            return Some(program);
        }
        // Whoever is interrupted leaves nothing that looks whole.
        let parts = kit::temp_root().join(format!("promtool-{}", std::process::id()));
        std::fs::create_dir_all(&parts).expect("a folder can be made");
        let unpack = || {
            let fetched = succeeds(Command::new("apt-get").args(["download", "prometheus"]).current_dir(&parts));
            let is_package = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "deb");
            let package = std::fs::read_dir(&parts).ok()?.filter_map(|entry| Some(entry.ok()?.path())).find(is_package)?;
            let unpacked = fetched && succeeds(Command::new("dpkg").arg("-x").arg(package).arg(&parts));
            (unpacked && std::fs::rename(&parts, &folder).is_ok() || program.exists()).then_some(program)
        };
        let unpacked = unpack();
        // It has moved, unless something failed.
        let _ = std::fs::remove_dir_all(&parts);
        unpacked
    });
    PROGRAM.as_deref()
}

/// Runs promtool, or notes that it is not there.
fn promtool(arguments: &[&str], input: &str) -> Option<(bool, String)> {
    let Some(program) = program() else {
        kit::absent("prometheus rules", "promtool is not installed, and apt-get has no package of it");
        return None;
    };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    child.stdin.take().expect("it was piped").write_all(input.as_bytes()).expect("promtool reads");
    let done = child.wait_with_output().expect("promtool ends");
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Some((done.status.success(), said))
}

#[test]
fn promtool_accepts_the_rules() {
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "rules.test.yaml"]] {
        if let Some((accepted, said)) = promtool(&arguments, "") {
            assert!(accepted, "{said}");
        }
    }
}

#[test]
fn promtool_accepts_the_metrics() {
    let telemetry = Arc::new(Telemetry::new());
    let names =
        PlanNames { streams: vec!["web \"\\".into()], sinks: vec!["ads".into()], rules: vec![("$['a\nb']".into(), "drop")] };
    let mut counts = LocalCounts::new(telemetry.clone(), names);
    let now = Instant::now();
    counts.record(StreamId(0), 100, now);
    counts.decision(StreamId(0), SinkId(0), Outcome::Allow, Reason::ConsentGranted, 50);
    counts.fields(SinkId(0), privet::event::RuleId(0), 1);
    counts.commit(now);
    telemetry.lag("events", 0).set(3.0);
    telemetry.policy_runs("aaaaaaaaaaaa", "1", vec![("acme".into(), "2026-01-01T00:00:00Z".parse().unwrap())]);
    telemetry.ready(true);
    let text = telemetry.render("2026-11-22T00:00:00Z".parse().unwrap());
    if let Some((accepted, said)) = promtool(&["check", "metrics"], &text) {
        assert!(accepted && said.trim().is_empty(), "{said}\n{text}");
    }
}

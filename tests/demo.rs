//! `privet demo` as a stranger meets it: it needs nothing, its numbers add up, and the README shows what it prints.

use std::path::Path;
use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_privet")).arg("demo").args(arguments).output().expect("the demo starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The numbers of a line, whatever stands between them.
fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace().filter_map(|word| word.replace(',', "").parse().ok()).collect()
}

#[test]
fn the_numbers_add_up_and_the_readme_shows_them() {
    const EVENTS: u64 = 20_000;
    let output = demo(&["--once", "20000"]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", text(&output.stderr));
    let mut released = 0;
    for sink in ["warehouse", "analytics", "ads"] {
        let line = shown.lines().find(|line| line.starts_with(&format!("  {sink} "))).expect("a line a sink");
        let [allow, degrade, drop, quarantine, events, read, ..] = numbers(line)[..] else { panic!("{line}") };
        assert_eq!(events, EVENTS, "{line}");
        assert_eq!(allow + degrade + drop + quarantine, EVENTS, "{line}");
        assert_eq!(allow + degrade, read, "{line}");
        assert!(allow > EVENTS / 5 && quarantine > 0, "{line}");
        released += read;
    }
    let why: u64 = shown
        .lines()
        .filter(|line| line.contains(" allow") && !line.contains("sink"))
        .map(|line| numbers(line).iter().sum::<u64>())
        .sum();
    assert!(why > 0 && why <= released, "{why} of {released} released rows have a reason");
    assert!(shown.contains("byte for byte"), "the example came through its topic:\n{shown}");
    the_readme_shows(&shown);
}

/// The README holds the tables of that run; they depend on the seed only. `UPDATE=1` writes them anew.
fn the_readme_shows(shown: &str) {
    let tables: Vec<&str> = shown.split("\n\n").skip(1).take(2).collect();
    let fresh = format!("```text\n{}\n```\n", tables.join("\n\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut readme = std::fs::read_to_string(&path).expect("README.md");
    let open = "<!-- generated: demo -->\n";
    let start = readme.find(open).expect("the demo's part of the README") + open.len();
    let end = start + readme[start..].find("<!-- end -->").expect("its end");
    if std::env::var_os("UPDATE").is_some() {
        readme.replace_range(start..end, &fresh);
        std::fs::write(&path, readme).expect("README.md is written");
    } else {
        assert_eq!(readme[start..end], fresh, "README.md, part demo; UPDATE=1 writes it anew");
    }
}

#[test]
fn what_cannot_be_shown_is_said() {
    let output = demo(&["--once", "5", "--show", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("no sink `nobody`") && said.contains("warehouse, analytics, ads"), "{said}");
    assert_eq!(demo(&["--once", "0"]).status.code(), Some(2));
    assert_eq!(demo(&["--once", "5", "--write", "x"]).status.code(), Some(2));
}

#[test]
fn written_files_go_on_working_and_are_never_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = folder.path().join("a/shop");
    let shop = shop.to_str().expect("UTF-8");
    let output = demo(&["--write", shop]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let privet = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_privet")).args(arguments).output().expect("privet starts");
    let (policy, keys) = (format!("{shop}/policy.yaml"), format!("{shop}/keys.yaml"));
    assert!(privet(&["check", "--deny-warnings", &policy]).status.success());
    assert!(privet(&["test", shop]).status.success());
    let filtered = privet(&["filter", "--policy", &policy, "--keys", &keys, "--sink", "ads", &format!("{shop}/events.ndjson")]);
    assert!(filtered.status.success() && text(&filtered.stdout).lines().count() > 100);
    let again = demo(&["--write", shop]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("nothing is overwritten"));
}

//! Holds the house to its plan: who may import whom, and what is stated as an absence. Reads `src/`, runs nothing.
//!
//! Unit tests inside `src/` (`#[cfg(test)]`) are no part of the product and may import what they like.

mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use tokens::{Source, Token, starts_with};

/// Module → what it may import of ours. The order is that of the data.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("config", &[]),
    ("proto", &[]),
    ("outcome", &["event"]),
    ("telemetry", &["event", "outcome"]),
    ("plan", &["event", "outcome", "telemetry", "keys"]),
    ("kafka", &["event", "config", "telemetry"]),
    ("decode", &["event", "plan", "keys"]),
    ("transform", &["event", "plan", "keys"]),
    ("encode", &["event", "plan", "keys", "transform"]),
    ("consent", &["event", "plan", "proto", "telemetry"]),
    ("ledger", &["event", "plan", "proto", "telemetry", "kafka", "keys"]),
    ("decide", &["event", "outcome", "plan", "consent"]),
    ("pipeline", PIPELINE),
    ("keys", &["event"]),
    ("evidence", &["event", "outcome", "plan", "keys", "proto"]),
    ("policy", &["event", "outcome", "plan", "keys", "telemetry"]),
    ("tooling", &["policy", "plan", "pipeline", "outcome", "event"]),
    ("control", &["policy", "plan", "config", "outcome", "ledger", "telemetry"]),
];

/// Where the house differs from that table, each with its reason.
const ALSO: &[(&str, &str)] = &[
    // A record that cannot be read is refused with a reason, and reasons are vocabulary: `outcome` imports only `event`.
    ("decode", "outcome"),
    // The worker hands its engine the table of data keys, and writes the rows that `encrypt` has made.
    ("pipeline", "keys"),
];

/// The data plane as a whole: the stages that `pipeline` puts in order, and what they read.
const PIPELINE: &[&str] = &[
    "event",
    "outcome",
    "plan",
    "telemetry",
    "kafka",
    "decode",
    "consent",
    "ledger",
    "decide",
    "transform",
    "encode",
    "evidence",
];

/// Wiring: may import everything.
const WIRING: &[&str] = &["cli", "app", "main", "lib"];

/// Synchronous by promise, from the bytes to the bytes.
const SYNCHRONOUS: &[&str] = &["decode", "consent", "decide", "transform", "encode", "pipeline", "evidence", "plan"];

/// The files that may say `unsafe`.
const UNSAFE_FILES: &[&str] = &[
    "src/decode/json/structure/x86.rs",
    "src/kafka/ffi.rs",
    "src/kafka/ffi/run.rs",
    "src/kafka/ffi/wait.rs",
    "src/kafka/tail.rs",
];

/// One place where a rule does not hold.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    file: PathBuf,
    line: usize,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// One file of the product, by its place below the package's root (`src/plan/mod.rs`).
struct File {
    path: PathBuf,
    text: String,
    source: Source,
}

impl File {
    fn new(path: PathBuf, text: String) -> Self {
        let source = tokens::read(&text);
        Self { path, text, source }
    }

    /// The module that owns this file: `plan` for `src/plan/sink.rs`, `outcome` for `src/outcome.rs`.
    fn module(&self) -> &str {
        let first = self.path.components().nth(1).map(|c| Path::new(c.as_os_str()));
        first.and_then(Path::file_stem).and_then(|s| s.to_str()).unwrap_or_default()
    }

    /// How many modules deep this file is: 1 for `src/plan/mod.rs`, 2 for `src/plan/sink.rs`.
    fn depth(&self) -> usize {
        let parts = self.path.components().count() - 1;
        parts - usize::from(self.path.file_name().is_some_and(|n| n == "mod.rs"))
    }

    fn violation(&self, line: usize, what: String) -> Violation {
        Violation { file: self.path.clone(), line, what }
    }

    /// The top-level modules this file names, with the lines.
    fn imports(&self) -> Vec<(String, usize)> {
        let tokens = &self.source.tokens;
        let mut found = Vec::new();
        for at in 0..tokens.len() {
            if starts_with(&tokens[at..], &["crate", ":", ":"]) {
                first_names(&tokens[at + 3..], &mut found);
            } else if tokens[at].text == "super" && (at == 0 || tokens[at - 1].text != ":") {
                let chain = tokens[at..].chunks(3).take_while(|part| starts_with(part, &["super", ":", ":"])).count();
                if chain >= self.depth() {
                    first_names(&tokens[at + chain * 3..], &mut found);
                }
            }
        }
        found
    }

    fn lines_of(&self, word: &str) -> impl Iterator<Item = usize> {
        self.source.tokens.iter().filter(move |t| t.text == word).map(|t| t.line)
    }
}

/// The names that follow `crate::`, one or a braced list of them.
fn first_names(tokens: &[Token], found: &mut Vec<(String, usize)>) {
    let Some(first) = tokens.first() else { return };
    if first.text != "{" {
        found.push((first.text.clone(), first.line));
        return;
    }
    let mut depth = 0usize;
    let mut expecting = false;
    for token in tokens {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                expecting = depth == 1;
            }
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
            "," => expecting = depth == 1,
            _ if expecting => {
                found.push((token.text.clone(), token.line));
                expecting = false;
            }
            _ => {}
        }
    }
}

fn check_imports(file: &File, modules: &BTreeSet<String>) -> Vec<Violation> {
    let owner = file.module();
    if WIRING.contains(&owner) {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == owner) else {
        return vec![file.violation(1, format!("`{owner}` is not in the import table of this test"))];
    };
    let imports = file.imports().into_iter();
    let foreign = imports.filter(|(name, _)| {
        modules.contains(name) && name != owner && !allowed.contains(&name.as_str()) && !ALSO.contains(&(owner, name.as_str()))
    });
    foreign.map(|(name, line)| file.violation(line, format!("`{owner}` may not import `{name}`"))).collect()
}

fn check_absences(file: &File) -> Vec<Violation> {
    let owner = file.module();
    let path = file.path.to_string_lossy().replace('\\', "/");
    let mut found = Vec::new();
    let forbids_unsafe = file.text.lines().position(|line| line == "#![forbid(unsafe_code)]").map(|at| at + 1);
    let mut forbid = |words: &[&str], why: &str| {
        for word in words {
            let lines = file.lines_of(word).filter(|line| *word != "unsafe_code" || Some(*line) != forbids_unsafe);
            found.extend(lines.map(|line| file.violation(line, format!("`{word}`: {why}"))));
        }
    };
    if owner != "kafka" {
        forbid(&["rdkafka", "rdkafka_sys"], "only `kafka` names the client library");
    }
    if !(path == "src/control/admin.rs" || path.starts_with("src/control/admin/")) {
        forbid(&["TcpListener", "UnixListener", "TcpSocket"], "only `control::admin` listens");
    }
    if owner == "plan" {
        forbid(&["serde", "Serialize", "Deserialize"], "a plan is compiled, never read");
    }
    if SYNCHRONOUS.contains(&owner) {
        forbid(&["async", "await", "tokio"], "the data plane is synchronous");
    }
    if !UNSAFE_FILES.contains(&path.as_str()) {
        forbid(&["unsafe", "unsafe_code"], "unsafe code stays in the files this test names");
    }
    forbid(&["todo", "unimplemented"], "what is missing is refused by name");
    if !file.text.starts_with("//!") {
        found.push(file.violation(1, "a file opens with a `//!` sentence that says what it owns".to_owned()));
    }
    found
}

fn product_files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source file is readable text");
        File::new(path.strip_prefix(root).expect("collected below the root").to_owned(), text)
    };
    let files: Vec<File> = paths.into_iter().map(read).collect();
    let tests: Vec<PathBuf> = files
        .iter()
        .flat_map(|file| file.source.test_modules.iter().flat_map(|name| tokens::module_files(&file.path, name)))
        .collect();
    files.into_iter().filter(|file| !tests.iter().any(|test| file.path.starts_with(test))).collect()
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("the source folder is readable") {
        let path = entry.expect("a directory entry is readable").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|e| e == "rs") {
            paths.push(path);
        }
    }
}

fn module_names(files: &[File]) -> BTreeSet<String> {
    files.iter().map(|file| file.module().to_owned()).filter(|name| name != "lib" && name != "main").collect()
}

fn report(mut violations: Vec<Violation>) {
    violations.sort();
    let lines: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(lines.is_empty(), "{} violations of docs/ARCHITECTURE.md:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn imports_obey_the_table() {
    let files = product_files();
    let modules = module_names(&files);
    assert!(files.len() > 20, "the sources were found");
    report(files.iter().flat_map(|file| check_imports(file, &modules)).collect());
}

#[test]
fn what_must_be_absent_is_absent() {
    report(product_files().iter().flat_map(check_absences).collect());
}

#[test]
fn the_table_has_no_data_plane_module_that_reaches_the_control_plane() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    for module in PIPELINE.iter().chain(&["pipeline", "keys"]) {
        for forbidden in ["policy", "control", "tooling", "cli", "app"] {
            assert!(!table[module].contains(&forbidden), "{module} may not import {forbidden}");
        }
    }
}

/// Every rule finds its own violation, so that a green run means something.
#[test]
fn each_rule_bites() {
    let modules: BTreeSet<String> = ["event", "policy", "plan", "control", "decide"].map(str::to_owned).into();
    let file = |path: &str, text: &str| File::new(path.into(), text.to_owned());
    let bad = file(
        "src/plan/sink.rs",
        "use serde::Serialize;\n/* crate::control */ // crate::control\nuse crate::{event::json::{self, policy}, policy::ast};\n\
         fn f<'a>(c: char) -> &'a str { if c == '\"' { crate::control::x() } else { \"crate::decide\" } }\n\
         use super::super::decide::D;\nuse super::event;\n#[cfg(test)]\nmod tests { use crate::decide::Z; }\nfn g() { todo!() }\n",
    );
    let lines = |found: Vec<Violation>| found.iter().map(|v| (v.line, v.what.clone())).collect::<Vec<_>>();
    let imports = lines(check_imports(&bad, &modules));
    let expected = [(3, "policy"), (4, "control"), (5, "decide")];
    assert_eq!(imports, expected.map(|(line, name)| (line, format!("`plan` may not import `{name}`"))));
    let absences: Vec<usize> = check_absences(&bad).iter().map(|v| v.line).collect();
    assert_eq!(absences, [1, 1, 9, 1], "serde twice, todo, and the missing first sentence");
    for (path, text) in [
        ("src/decode/json.rs", "//! x\nuse rdkafka::X;"),
        ("src/control/os.rs", "//! x\nuse std::net::TcpListener;"),
        ("src/decode/json.rs", "//! x\nasync fn x() {}"),
        ("src/pipeline/mod.rs", "//! x\nunsafe fn x() {}"),
        ("src/pipeline/mod.rs", "//! x\n#![forbid(unsafe_code)]\n#![allow(unsafe_code)]"),
    ] {
        assert_eq!(lines(check_absences(&file(path, text))).len(), 1, "{path}: {text}");
    }
}

//! What the documentation and the examples say is true: every policy and configuration in them is compiled, and what the README
//! shows is what the programs print. `UPDATE=1 cargo test --test docs` writes the generated parts anew.

use privet::config::{Config, Lookup};
use privet::decode::Limits;
use privet::event::{Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::outcome::Outcome;
use privet::pipeline::Engine;
use privet::plan::Plan;
use privet::policy;
use privet::tooling::collector::{Collector, PEOPLE};
use std::path::{Path, PathBuf};

const AT: &str = "2026-11-22T12:00:00Z";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

fn updating() -> bool {
    std::env::var_os("UPDATE").is_some()
}

/// Compiles a policy that must have neither errors nor warnings.
#[track_caller]
fn compile(text: &str, name: &str) -> Plan {
    let compiled = policy::compile(text, name, &KeySet::demonstration());
    let said = compiled.render(false);
    assert!(said.is_empty(), "{said}");
    compiled.plan.expect("a policy without errors has a plan")
}

/// A secret for every name: examples are checked without any.
struct Anything;

impl Lookup for Anything {
    fn variable(&self, _name: &str) -> Option<String> {
        Some("something".into())
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        let recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
        Ok(if path.ends_with("quarantine-recipient") { recipient.into() } else { "something".into() })
    }

    fn host_name(&self) -> Option<String> {
        Some("collector-0".into())
    }
}

fn configuration(text: &str, name: &str) -> Config {
    Config::parse(text, Path::new(name), &Anything).unwrap_or_else(|fault| panic!("{fault}"))
}

/// All files below a folder whose names end so, sorted.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The fenced blocks of a Markdown text with this word behind the fence, with their line numbers.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String, bool)> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(word)) => open = Some((number + 1, String::new(), word.trim() == language)),
            (Some(_), Some(_)) => {
                if let Some((at, block, true)) = open.take() {
                    found.push((at, block));
                }
            }
            (Some((_, block, _)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// What a YAML text is, by what it begins with.
enum Kind {
    Policy,
    Settings,
    Other,
}

fn kind(text: &str) -> Kind {
    let begins = |word: &str| text.lines().any(|line| line.starts_with(word));
    if begins("privet: 1") {
        Kind::Policy
    } else if begins("policy:") && begins("kafka:") {
        Kind::Settings
    } else {
        Kind::Other
    }
}

fn check(text: &str, name: &str) -> bool {
    match kind(text) {
        Kind::Policy => drop(compile(text, name)),
        Kind::Settings => drop(configuration(text, name)),
        Kind::Other => return false,
    }
    true
}

#[test]
fn every_yaml_in_examples_and_deploy_loads() {
    let mut checked = 0;
    for folder in ["examples", "deploy"] {
        for path in files(&root().join(folder), ".yaml") {
            let text = read(&path);
            checked += usize::from(check(&text, &path.display().to_string()));
            // A ConfigMap holds them as block texts.
            for inner in block_texts(&text) {
                checked += usize::from(check(&inner, &format!("{} (inside)", path.display())));
            }
        }
    }
    assert!(checked >= 7, "only {checked} policies and configurations were found");
}

/// The texts of `name.yaml: |` entries.
fn block_texts(yaml: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut indent = None;
    for line in yaml.lines() {
        let depth = line.len() - line.trim_start().len();
        if indent.is_some_and(|indent| !line.trim().is_empty() && depth < indent) {
            indent = None;
        }
        if let (Some(indent), Some(text)) = (indent, found.last_mut()) {
            text.push_str(line.get(indent..).unwrap_or(""));
            text.push('\n');
        } else if line.trim_end().ends_with(".yaml: |") {
            indent = Some(depth + 2);
            found.push(String::new());
        }
    }
    found
}

#[test]
fn every_yaml_block_in_the_documentation_loads() {
    let mut pages = files(&root().join("docs"), ".md");
    pages.push(root().join("README.md"));
    let mut checked = 0;
    for page in pages {
        for (line, block) in blocks(&read(&page), "yaml") {
            checked += usize::from(check(&block, &format!("{}:{line}", page.display())));
        }
    }
    assert!(checked >= 1, "no policy was found in the documentation");
}

#[test]
fn the_full_example_sets_every_setting() {
    let text = read(&root().join("examples/full/privet.yaml"));
    let value = privet::config::schema();
    let mut missing = Vec::new();
    settings_missing(&value, &text, 0, "", &mut missing);
    assert!(missing.is_empty(), "examples/full/privet.yaml does not show {missing:?}");
}

/// What the full example shows of the providers of keys, behind `#`, loads too when it is asked for.
#[test]
fn the_full_example_is_right_about_each_provider() {
    let text = read(&root().join("examples/full/privet.yaml"));
    for (provider, section) in [("vault", "vault"), ("aws-kms", "aws_kms")] {
        let mut inside = false;
        let lines = text.lines().filter_map(|line| {
            let shown = uncommented(line);
            if shown.starts_with("  ") && !shown.starts_with("   ") {
                inside = line.starts_with("  # max_age:") || line.starts_with(&format!("  # {section}:"));
            }
            // Either `token_file` or `token`.
            (!shown.starts_with("    token:")).then(|| if inside && line.starts_with("  #") { shown } else { line.to_owned() })
        });
        let text = lines.collect::<Vec<_>>().join("\n").replace("provider: file", &format!("provider: {provider}"));
        let read = Config::parse(&text, Path::new("/etc/privet.yaml"), &Anything);
        if let Err(fault) = read {
            panic!("{provider}: {fault}");
        }
    }
}

/// A line that shows an alternative behind `# `, without that mark.
fn uncommented(line: &str) -> String {
    match line.trim_start().strip_prefix("# ") {
        Some(shown) => format!("{}{shown}", &line[..line.len() - line.trim_start().len()]),
        None => line.to_owned(),
    }
}

/// Names of the schema that do not stand at their depth in the text, as a setting or an alternative.
fn settings_missing(schema: &serde_json::Value, text: &str, depth: usize, above: &str, missing: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, inner) in properties {
        let start = format!("{}{name}:", "  ".repeat(depth));
        if !text.lines().any(|line| uncommented(line).starts_with(&start)) {
            missing.push(format!("{above}{name}"));
        }
        settings_missing(inner, text, depth + 1, &format!("{above}{name}."), missing);
    }
}

/// What each sink gets of one record, by sink: outcome, reason and bytes.
fn verdicts(plan: &Plan, value: &[u8]) -> Vec<(String, Outcome, String, Option<Vec<u8>>)> {
    let now: Timestamp = AT.parse().expect("a time");
    let record = Record { position: Default::default(), timestamp: Some(now), key: None, value: Some(value), headers: &[] };
    let mut found = Vec::new();
    Engine::new(Limits::default()).evaluate(plan, StreamId(0), &record, now, &mut |sink, verdict| {
        let value = verdict.value.map(<[u8]>::to_vec);
        found.push((plan.sink(sink).name.to_string(), verdict.outcome, verdict.reason.to_string(), value));
    });
    found
}

/// What a command line prints, both outputs together, with `privet` being ours.
fn shell(command: &str, folder: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_privet"));
    let path = format!("{}:{}", binary.parent().expect("a folder").display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("{{ {command}; }} 2>&1")]).env("PATH", path).env("NO_COLOR", "1");
    let output = shell.current_dir(root().join(folder)).output().expect("a shell");
    assert!(output.status.success(), "{command}: {}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// One of the README's generated parts: what it is, and its text.
fn generated() -> Vec<(&'static str, String)> {
    let policy = read(&root().join("examples/first/policy.yaml"));
    let event = read(&root().join("examples/first/event.json"));
    let mut results = String::new();
    for command in [
        "privet filter --policy policy.yaml --sink ads < event.json",
        "sed s/true/false/ event.json | privet filter --policy policy.yaml --sink ads",
    ] {
        results.push_str(&format!("$ {command}\n{}", shell(command, "examples/first")));
    }
    vec![
        ("policy", format!("```yaml\n{policy}```\n")),
        ("event", format!("```json\n{event}```\n")),
        ("result", format!("```console\n{results}```\n")),
    ]
}

#[test]
fn the_readme_shows_what_happens() {
    let path = root().join("README.md");
    let mut text = read(&path);
    for (name, fresh) in generated() {
        let (open, close) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->");
        let start = text.find(&open).unwrap_or_else(|| panic!("README.md has no part {name}")) + open.len();
        let end = start + text[start..].find(close).expect("the part's end");
        if updating() {
            text.replace_range(start..end, &fresh);
        } else {
            assert_eq!(text[start..end], fresh, "README.md, part {name}; UPDATE=1 writes it anew");
        }
    }
    if updating() {
        std::fs::write(&path, text).expect("README.md is written");
    }
}

/// The example's events are the collector's, with a seed whose first minute has every oddity in it: a broken record, an
/// identity that is an object, an escaped member name, addresses in queries.
#[test]
fn the_example_events_are_the_collectors() {
    let mut collector = Collector::new(50, PEOPLE);
    let mut fresh = Vec::new();
    for second in 0..60 {
        let at: Timestamp = AT.parse().expect("a time");
        collector.next(at + jiff::SignedDuration::from_secs(second), &mut fresh);
        fresh.push(b'\n');
    }
    let path = root().join("examples/track/events.ndjson");
    if updating() {
        std::fs::write(&path, &fresh).expect("written");
    }
    assert!(std::fs::read(&path).is_ok_and(|there| there == fresh), "examples/track/events.ndjson; UPDATE=1 writes it anew");
}

/// What is personal in `examples/shapes`, in lower case.
const SECRETS: [&str; 10] = [
    "jane",
    "alex",
    "901820",
    "b5372db0",
    "7a3cbea0",
    "203.0.113.77",
    "8a2e:370:7334",
    "97980cfea0067",
    "507f191e810c19729de860ea",
    "u-8812",
];

/// Event payloads as other collectors send them, under the demo's policy.
#[test]
fn other_shapes_leak_nothing_towards_the_allow_lists() {
    let plan = compile(&read(&root().join("examples/track/policy.yaml")), "examples/track/policy.yaml");
    let mut released = 0;
    for path in files(&root().join("examples/shapes"), ".json") {
        let event = read(&path);
        for (sink, _, _, bytes) in verdicts(&plan, event.trim_end().as_bytes()) {
            // The warehouse says `unlisted: keep`: it gets free text in fields that its policy does not know.
            let (Some(bytes), true) = (bytes, sink != "warehouse") else { continue };
            released += 1;
            let out = String::from_utf8(bytes).expect("UTF-8").to_lowercase();
            for secret in SECRETS {
                assert!(!out.contains(secret), "{}: {sink} has {secret}: {out}", path.display());
            }
        }
    }
    assert!(released > 0, "nothing was released, so nothing was shown");
}

/// The map names tests; each of them must be there.
#[test]
fn the_architecture_names_tests_that_exist() {
    let page = read(&root().join("docs/ARCHITECTURE.md"));
    let table = page.split("## Invariants").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the invariants");
    let sources: String =
        ["src", "tests"].iter().flat_map(|folder| files(&root().join(folder), ".rs")).map(|path| read(&path)).collect();
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")) {
        let held_by = row.rsplit(" | ").next().unwrap_or("");
        for test in held_by.split('`').skip(1).step_by(2) {
            assert!(sources.contains(&format!("fn {test}(")), "docs/ARCHITECTURE.md names the test {test}, which does not exist");
            named += 1;
        }
    }
    assert!(named > 15, "only {named} tests are named");
}

/// Links between the pages of the project lead somewhere.
#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages = files(&root().join("docs"), ".md");
    pages.extend(files(&root().join("deploy"), ".md"));
    pages.extend(files(&root().join("examples"), ".md"));
    pages.push(root().join("README.md"));
    let mut followed = 0;
    for page in pages {
        let folder = page.parent().expect("a page is in a folder");
        for target in read(&page).split("](").skip(1).filter_map(|rest| rest.split(')').next().map(str::to_owned)) {
            let target = target.split('#').next().unwrap_or("").to_owned();
            if !target.is_empty() && !target.contains("://") {
                assert!(folder.join(&target).exists(), "{} links to {target}, which is not there", page.display());
                followed += 1;
            }
        }
    }
    assert!(followed > 10, "only {followed} links were found");
}

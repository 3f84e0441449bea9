//! The command line as a whole: help, exit codes, colours, what is not there yet.

#[path = "kit/mod.rs"]
mod kit;

use kit::process::privet;

fn text(args: &[&str]) -> (i32, String, String) {
    let (code, out, said) = privet(args, b"");
    (code, String::from_utf8(out).expect("help is UTF-8"), said)
}

#[test]
fn help_goes_to_standard_output_and_names_every_command() {
    let (code, out, said) = text(&["--help"]);
    assert_eq!((code, said.as_str()), (0, ""));
    for command in
        ["demo", "run", "filter", "check", "test", "explain", "diff", "inspect", "keys", "dsr", "quarantine", "schema", "bench"]
    {
        assert!(out.lines().any(|line| line.trim_start().starts_with(command)), "{command} is in the help:\n{out}");
        let (code, help, _) = text(&[command, "--help"]);
        assert_eq!(code, 0, "{command} --help");
        assert!(help.contains("Usage: privet"), "{help}");
    }
    assert!(!out.contains('\u{1b}'), "no colour into a pipe");
}

#[test]
fn version_says_the_package_version() {
    let (code, out, _) = text(&["--version"]);
    assert_eq!((code, out.trim_end()), (0, concat!("privet ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_usage_ends_with_two_and_says_so_on_standard_error() {
    for args in
        [&[][..], &["no-such-command"], &["check", "--no-such-option"], &["check"], &["filter", "--policy"], &["schema", "x"]]
    {
        let (code, out, said) = text(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {said}");
        assert!(said.contains("Usage") || said.contains("--help"), "{args:?}: {said}");
    }
}

#[test]
fn what_is_not_there_yet_is_refused_by_name() {
    let (code, out, said) = text(&["receipts", "verify", "f"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(said.contains("receipts") && said.contains("not supported yet"), "{said}");
}

#[test]
fn schemas_are_json() {
    for what in ["policy", "config"] {
        let (code, out, said) = text(&["schema", what]);
        assert_eq!(code, 0, "{said}");
        let schema: serde_json::Value = serde_json::from_str(&out).expect("a schema is JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{what}");
    }
}

/// The issue's own case: five different faults, five diagnostics in one go, each at its line.
#[test]
fn five_faults_are_five_diagnostics_at_their_lines() {
    let policy = "privet: 1
controler: {name: Test, country: DE}
controller: {name: Test, country: DE}
purposes:
  operations: {legal_basis: contrat, because: test}
  billing: {legal_basis: contract, because: test}
regimes:
  - {in: [\"*\"], silence: deny}
streams:
  web:
    topics: [in]
    format: json
    subject: [{kind: user_id, path: \"$.a[?(@.b)]\"}]
    jurisdiction: {otherwise: EEA}
sinks:
  one:
    topic: out
    purposes: [biling]
    unlisted: maybe
";
    let (code, out, said) = privet(&["check", "-"], policy.as_bytes());
    assert_eq!(code, 1, "{said}");
    assert!(out.is_empty(), "diagnostics go to standard error");
    assert!(said.contains("5 errors"), "{said}");
    for line in [2, 5, 13, 18, 19] {
        assert!(said.contains(&format!("<stdin>:{line}:")), "a diagnostic at line {line}:\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "no colour into a pipe");
}

#[test]
fn key_files_are_private_and_never_overwritten() {
    let dir = tempfile::tempdir_in(kit::temp_root()).expect("a temporary folder can be made");
    let path = dir.path().join("keys.json");
    let file = path.to_str().expect("text");
    assert_eq!(text(&["keys", "generate", file]).0, 0);
    let before = std::fs::read(&path).expect("a key file");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("a key file").permissions());
    assert_eq!(mode & 0o777, 0o600);
    let (code, _, said) = text(&["keys", "generate", file]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(std::fs::read(&path).expect("a key file"), before, "the first keys are still there");
    let (code, out, _) = text(&["keys", "list", file]);
    let secrets: Vec<String> = String::from_utf8_lossy(&before).split('"').filter(|w| w.len() >= 40).map(str::to_owned).collect();
    assert!(code == 0 && !out.is_empty() && !secrets.is_empty());
    assert!(secrets.iter().all(|secret| !out.contains(secret.as_str())), "no secret is listed");
}

#[test]
fn every_fault_of_a_configuration_is_said_at_once() {
    let dir = tempfile::tempdir_in(kit::temp_root()).expect("a temporary folder can be made");
    let path = dir.path().join("privet.yaml");
    let config = "policy: policy.yaml\nkeys: {provider: vault, path: k}\ngroup: g\ninstance: i\n\
                  kafka: {bootstrap.servers: \"broker.example:9092\", enable.idempotence: false}\nreceipts: {topic: r}\nspeed: high\n";
    std::fs::write(&path, config).expect("the configuration can be written");
    let (code, out, said) = text(&["run", "--config", path.to_str().expect("text")]);
    assert_eq!((code, out.as_str()), (1, ""), "{said}");
    for line in [2, 5, 6, 7] {
        assert!(said.contains(&format!("privet.yaml:{line}:")), "a fault at line {line}:\n{said}");
    }
    for words in ["allow_plaintext", "enable.idempotence", "not supported yet", "speed"] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
}

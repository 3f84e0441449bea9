//! Commands that see events say nothing of them but in their results: values with a secret word, in every sort of trouble.

mod kit;

use kit::process::{PRIVET, privet};
use std::io::Write as _;
use std::process::{Command, Stdio};

const CANARY: &str = "canarybird";

const POLICY: &str = "
privet: 1
controller: {name: Example Ltd, country: DE}
purposes: {ops: {legal_basis: contract, because: the service itself}}
regimes: [{in: ['*'], silence: deny}]
keys: {k: {}}
streams:
  web:
    topics: [in]
    format: json
    subject: [{kind: user_id, path: $.user}]
    time: {path: $.time}
    jurisdiction: {country: $.country, otherwise: DE}
    classes:
      user.contact.email: [$.email]
      user.contact.phone: [$.phone]
      user.device.ip_address: [$.ip]
      page.url: [$.url]
sinks:
  out:
    topic: out
    purposes: [ops]
    fields:
      user.unique_id: {pseudonym: {key: k}}
      user.contact.email: {encrypt: {key: k}}
      user.contact.phone: {pseudonym: {key: k, normalize: phone_e164}}
      user.device.ip_address: {truncate_ip: {v4: 24, v6: 48}}
      page.url: {url: {keep_params: []}}
      $.geo: {coarsen_geo: {decimals: 1}}
      $.when: {coarsen_time: {to: day}}
      $.text: {token: {key: k}}
      $.note: {detect: {find: [email, phone]}}
      $.json: {json: {fields: {$.a: keep}}}
";

/// Events that go through, that transforms refuse, and that nobody can read.
fn events() -> Vec<String> {
    let word = |number: usize| format!("{CANARY}{number}x");
    let whole = format!(
        "{{\"user\":\"{0}\",\"email\":\"{0}@x.io\",\"phone\":\"{0}\",\"ip\":\"{0}\",\"url\":\"{0}:{0}\",\"geo\":\"{0}\",\"when\":\"{0}\",\
         \"text\":\"{0}\",\"note\":\"write to {0}@example.org\",\"json\":\"{{{0}\",\"time\":\"{0}\",\"country\":\"{0}\"}}",
        word(1)
    );
    vec![
        whole.clone(),
        whole[..whole.len() - 5].to_owned(),
        format!("{{\"user\":\"{0}\",\"user\":\"{0}\"}}", word(2)),
        format!("{{\"user\":[\"{}\",\"{}\"]}}", word(3), word(4)),
        format!("{{\"{}\":1,}}", word(5)),
        format!("{}{}{}", "[".repeat(200), word(6), "]".repeat(200)),
        format!("\"{}\"", word(7)),
        format!("{{\"email\":{{\"{}\":1}}}}", word(8)),
        format!("{{\"user\":\"\\ud800{}\"}}", word(9)),
        word(10),
    ]
}

/// Everything that the environment may ask to be logged is asked for.
fn said(args: &[&str], input: &str) -> (String, String) {
    let mut command = Command::new(PRIVET);
    command.args(args).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("privet starts");
    // A command that ends without reading all of it is no fault of the test.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("privet ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn no_command_says_a_value_of_an_event_but_in_its_results() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, POLICY).expect("a file");
    let policy = file.to_str().expect("a temporary folder has a plain name");
    assert_eq!(privet(&["check", policy], b"").0, 0);
    let all = events().join("\n");
    for args in [&["filter", "--policy", policy, "--sink", "out"][..], &["filter", "--policy", policy, "--decisions"]] {
        let (out, err) = said(args, &all);
        assert!(err.contains("quarantine") || args.contains(&"--decisions"), "{err}");
        assert!(!err.contains(CANARY), "{err}");
        assert!(!out.contains(CANARY), "every field of this policy that is kept is transformed: {out}");
    }
    let (_, err) = said(&["filter", "--policy", policy, "--sink", "out", "--envelope"], &all);
    assert!(!err.contains(CANARY), "{err}");
    for event in events() {
        for format in ["text", "json"] {
            let (out, err) = said(&["explain", "--policy", policy, "--format", format, "-"], &event);
            assert!(!out.contains(CANARY) && !err.contains(CANARY), "{event}: {out}{err}");
            assert!(!(out.is_empty() && err.is_empty()), "it says something");
        }
    }
    let file = folder.path().join("events.jsonl");
    std::fs::write(&file, &all).expect("a file");
    let events = file.to_str().expect("a temporary folder has a plain name");
    let (out, err) = said(&["diff", policy, policy, "--events", events], "");
    assert!(!out.contains(CANARY) && !err.contains(CANARY), "{out}{err}");
    let (out, err) = said(&["reveal", "--key", policy], &all);
    assert!(!out.contains(CANARY) && !err.contains(CANARY), "{out}{err}");
}

/// Starts a shell command in a folder, waits until it has said something, and ends it as a fault would; says how it ended.
#[cfg(target_os = "linux")]
fn crash(command: &str, folder: &std::path::Path) -> (std::process::ExitStatus, String) {
    use std::io::{BufRead as _, BufReader};
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = shell.spawn().expect("a shell");
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().expect("it is piped")).read_line(&mut said).expect("a line");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("it runs");
    let sent = Command::new("kill").args(["-ABRT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "the signal can be sent");
    (child.wait().expect("it ends"), limits)
}

/// Keys and events are in the memory of a running process, and a core file would hold them: there is none, also where the system
/// wants one. The first process shows that it would have been noticed.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_crashes_leaves_no_core_file() {
    use std::os::unix::process::ExitStatusExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let (status, limits) = crash("ulimit -c unlimited; echo up >&2; exec sleep 30", folder.path());
    assert_eq!(status.signal(), Some(6));
    assert!(limits.lines().any(|line| line.starts_with("Max core file size") && line.contains("unlimited")), "{limits}");
    if !status.core_dumped() {
        kit::absent("core files of a crash", "this system writes none for any process");
    }

    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    file("policy.yaml", POLICY);
    privet::keys::KeySet::generate().expect("keys").save_new(&folder.path().join("keys.json")).expect("saved");
    // Nobody listens there: it waits for the brokers, keys in hand.
    file(
        "privet.yaml",
        "policy: policy.yaml\nkeys: {provider: file, path: keys.json}\ngroup: g\ninstance: a\nkafka: {bootstrap.servers: \"127.0.0.1:1\"}\n",
    );
    let (status, limits) = crash(&format!("ulimit -c unlimited; exec '{PRIVET}' run --config privet.yaml"), folder.path());
    assert_eq!(status.signal(), Some(6), "it was still running");
    assert!(!status.core_dumped());
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("the limit");
    assert_eq!(line.split_whitespace().filter(|word| *word == "0").count(), 2, "soft and hard: {line}");
    let cores = std::fs::read_dir(folder.path()).expect("the folder").flatten().filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("core") && entry.metadata().is_ok_and(|meta| meta.len() > 0)
    });
    // The sleeping one may have left one.
    assert!(cores.count() <= 1);
}

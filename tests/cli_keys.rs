//! `privet keys` and `privet quarantine open` as an operator meets them.

#[path = "kit/mod.rs"]
mod kit;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use age::secrecy::ExposeSecret;
use kit::process::privet;
use privet::event::{Position, Record};
use privet::evidence::{Incident, QuarantineBatch};
use privet::outcome::Reason;
use serde_json::Value;

fn keys(command: &str, file: &Path, id: &[&str]) -> (i32, String, String) {
    let args = [&["keys", command, file.to_str().expect("a temporary folder has a plain name")], id].concat();
    let (code, out, said) = privet(&args, b"");
    (code, String::from_utf8(out).expect("listings are UTF-8"), said)
}

/// The id in the one line of the listing with this role and state.
fn id_of(listing: &str, role: &str, state: &str) -> String {
    let lines = listing.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found: Vec<_> = lines.filter(|words| words.get(1..3) == Some(&[role, state])).map(|words| words[0].to_owned()).collect();
    assert_eq!(found.len(), 1, "{listing}");
    found.into_iter().next().expect("there is one")
}

#[test]
fn a_key_file_from_birth_to_destruction() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let (code, _, said) = keys("generate", &file, &[]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert_eq!(std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o7777, 0o600);
    let text = std::fs::read_to_string(&file).expect("it is readable");
    let (code, out, _) = keys("generate", &file, &[]);
    assert_eq!((code, out.as_str()), (1, ""), "never overwritten");
    assert_eq!(std::fs::read_to_string(&file).expect("it is readable"), text);

    let (_, listing, _) = keys("list", &file, &[]);
    let (old, digests) = (id_of(&listing, "root", "active"), id_of(&listing, "digests", "active"));
    assert_eq!(keys("rotate", &file, &[]).0, 0);
    let (_, listing, _) = keys("list", &file, &[]);
    assert_eq!(id_of(&listing, "root", "retired"), old);
    assert_eq!(id_of(&listing, "digests", "active"), digests, "rotation leaves the digests alone");
    let new = id_of(&listing, "root", "active");

    for id in [&new, &digests, "nobody"] {
        assert_eq!(keys("destroy", &file, &[id]).0, 1, "{id} cannot be destroyed");
    }
    assert_eq!(keys("destroy", &file, &[&old]).0, 0);
    let (_, listing, _) = keys("list", &file, &[]);
    assert_eq!(id_of(&listing, "root", "destroyed"), old);

    // Every secret that the first file held: the destroyed one is gone, and no command ever printed one.
    let before: Value = serde_json::from_str(&text).expect("a key file is JSON");
    let after = std::fs::read_to_string(&file).expect("it is readable");
    let secret = |at: usize| before["keys"][at]["secret"].as_str().expect("an active key has one").to_owned();
    assert!(!after.contains(&secret(0)) && after.contains(&secret(1)));
    assert!(!listing.contains(&secret(1)));
    assert_eq!(std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
}

#[test]
fn a_key_file_that_others_may_read_is_refused_without_its_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    assert_eq!(keys("generate", &file, &[]).0, 0);
    std::fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("it is ours");
    let (code, out, said) = keys("list", &file, &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(said.contains("0640") && said.contains("chmod 600"), "{said}");
    std::fs::write(&file, "{\"privet_keys\":1,\"keys\":\"hunter2\"}").expect("it is ours");
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
    let (code, _, said) = keys("list", &file, &[]);
    assert_eq!(code, 1);
    assert!(said.contains("line 1") && !said.contains("hunter2"), "{said}");
}

#[test]
fn sealed_records_are_opened_by_the_identity() {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = age::x25519::Identity::generate();
    let path = folder.path().join("identity");
    std::fs::write(&path, identity.to_string().expose_secret()).expect("it is ours");
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
    let recipient = identity.to_public().to_string().parse().expect("a public half is a recipient");

    let mut batch = QuarantineBatch::new(Some(recipient));
    let incident = Incident { stream: "web", sink: None, topic: "events.raw", reason: Reason::Malformed };
    let position = Position { partition: 0, offset: 7 };
    let record = Record { position, timestamp: None, key: None, value: Some(b"{\"email\":"), headers: &[] };
    batch.add(&incident, &record).expect("an empty batch takes any record");
    let sealed = batch.seal().expect("it is sealed");

    let args = ["quarantine", "open", "--identity", path.to_str().expect("a plain name"), "-"];
    let (code, out, said) = privet(&args, &sealed);
    assert_eq!((code, said.as_str()), (0, ""));
    let line: Value = serde_json::from_slice(&out).expect("one JSON line");
    assert_eq!(line["offset"], 7);
    assert_eq!(line["reason"], "malformed");
    assert_eq!(line["value_base64"], "eyJlbWFpbCI6");

    let (code, out, said) = privet(&args, &sealed[..sealed.len() - 3]);
    assert_eq!((code, out.as_slice()), (1, b"".as_slice()));
    assert!(said.contains("batch 1"), "{said}");

    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("it is ours");
    let (code, _, said) = privet(&args, &sealed);
    assert_eq!(code, 0);
    assert!(said.contains("warning") && !said.contains("AGE-SECRET"), "{said}");
}

#[test]
fn tokens_are_read_back_by_whoever_has_the_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    assert_eq!(keys("generate", &file, &[]).0, 0);
    let token = |value: &str| {
        let set = privet::keys::KeySet::load(&file).expect("the key file");
        let mut out = Vec::new();
        let key = set.token_key("crm", Some("warehouse"), "user.contact.email");
        key.token(value.as_bytes(), &mut Vec::new(), &mut out).expect("a token");
        String::from_utf8(out).expect("tokens are text")
    };
    let (one, two) = (token("ann@example.org"), token("two\nlines"));
    let path = file.to_str().expect("a temporary folder has a plain name");
    let (code, out, said) = privet(&["reveal", "--key", path, &one, &two], b"");
    assert_eq!((code, out.as_slice(), said.as_str()), (0, b"ann@example.org\n\"two\\nlines\"\n".as_slice(), ""));

    // Retired keys still read; what is no token is refused without being repeated.
    assert_eq!(keys("rotate", &file, &[]).0, 0);
    let (code, out, said) = privet(&["reveal", "--key", path], format!("{one}\ncanary@example.org\n").as_bytes());
    assert_eq!((code, out.as_slice()), (1, b"ann@example.org\n\n".as_slice()));
    assert!(said.contains("value 2: not a token") && !said.contains("canary"), "{said}");
    assert_eq!(privet(&["reveal", "--key", "nowhere.json", &one], b"").0, 1);
}

/// What `filter` encrypts is read back by the key file alone; what a table's random keys have encrypted, by the rows that are left.
#[test]
fn encrypted_fields_are_read_back_while_their_subjects_keys_are_left() {
    use privet::event::Position;
    use privet::keys::subject::{DataKeys, Sealing, SubjectTable};
    use std::sync::Arc;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    assert_eq!(keys("generate", &file, &[]).0, 0);
    let set = privet::keys::KeySet::load(&file).expect("the key file");
    let subject_keys = Arc::new(set.subject_keys());
    let key = set.encrypt_key("crm", Some("warehouse"), "user.contact.email");
    let table = Arc::new(SubjectTable::new(10));
    let mut sealing = Sealing::new(DataKeys::Kept { table, worker: 1 });
    let mut sealed = Vec::new();
    for who in ["ann", "bob"] {
        sealing.begin_record(Some(&subject_keys), "web", Position::default());
        sealing.add_identity("user_id", who);
        let mut out = Vec::new();
        sealing.seal(&key, format!("{who}@example.org").as_bytes(), &mut Vec::new(), &mut out).expect("a value");
        sealed.push(String::from_utf8(out).expect("encrypted fields are text"));
    }
    let mut lines = Vec::new();
    sealing
        .take_rows(|key, value| -> Result<(), ()> {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("rows are text");
            lines.push((text(key), serde_json::json!({"key": text(key), "value": text(value)}).to_string()));
            Ok(())
        })
        .expect("nothing fails");
    let rows = folder.path().join("rows.jsonl");
    let path = file.to_str().expect("a temporary folder has a plain name");
    let rows_path = rows.to_str().expect("a temporary folder has a plain name");
    let args = ["reveal", "--key", path, "--subject-keys", rows_path, &sealed[0], &sealed[1]];
    std::fs::write(&rows, format!("{}\n{}\n", lines[0].1, lines[1].1)).expect("a file");
    let (code, out, said) = privet(&args, b"");
    assert_eq!((code, out.as_slice(), said.as_str()), (0, b"ann@example.org\nbob@example.org\n".as_slice(), ""));

    let tombstone = serde_json::json!({"key": lines[0].0, "value": null});
    std::fs::write(&rows, format!("{}\n{}\n{tombstone}\n", lines[0].1, lines[1].1)).expect("a file");
    let (code, out, said) = privet(&args, b"");
    assert_eq!((code, out.as_slice()), (1, b"\nbob@example.org\n".as_slice()));
    assert!(said.contains("value 1: its subject's key is not there"), "{said}");

    // Without the rows nothing is read, and what is no row is said without being repeated.
    assert_eq!(privet(&["reveal", "--key", path, &sealed[1]], b"").0, 1);
    std::fs::write(&rows, "{\"key\":\"canary\",\"value\":\"x\"}\n").expect("a file");
    let (code, _, said) = privet(&args, b"");
    assert!(code == 1 && said.contains("line 1 is no subject key") && !said.contains("canary"), "{said}");
    std::fs::write(&rows, "canary\n").expect("a file");
    let (code, _, said) = privet(&args, b"");
    assert!(code == 1 && said.contains("line 1 is not") && !said.contains("canary"), "{said}");
}

/// `filter` has no topic of data keys: what it encrypts with real keys can be read back, also after a rotation, and it warns that
/// nobody can destroy it.
#[test]
fn what_filter_encrypts_with_real_keys_opens_and_is_warned_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    assert_eq!(keys("generate", &file, &[]).0, 0);
    let policy = folder.path().join("policy.yaml");
    let text = "privet: 1
controller: {name: Example Ltd, country: DE}
purposes: {ops: {legal_basis: contract, because: \"the service itself\"}}
regimes: [{in: [\"*\"], silence: deny}]
keys: {k: {}}
streams:
  web: {topics: [in], format: json, jurisdiction: {otherwise: DE}, subject: [{kind: user_id, path: $.id}]}
sinks:
  out: {topic: out, purposes: [ops], fields: {$.mail: {encrypt: {key: k}}}}
";
    std::fs::write(&policy, text).expect("a file");
    let (policy, path) = (policy.to_str().expect("a plain name"), file.to_str().expect("a plain name"));
    let event = br#"{"id":"u1","mail":"ann@example.org"}"#;
    let (code, out, said) = privet(&["filter", "--policy", policy, "--keys", path], event);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("warning: `encrypt` uses keys derived from the root") && said.contains("no erasure ever"), "{said}");
    let released: Value = serde_json::from_slice(&out).expect("one event");
    assert_eq!(keys("rotate", &file, &[]).0, 0);
    let (code, out, said) = privet(&["reveal", "--key", path, released["mail"].as_str().expect("a text")], b"");
    assert_eq!((code, out.as_slice(), said.as_str()), (0, b"ann@example.org\n".as_slice(), ""));

    let (_, _, said) = privet(&["filter", "--policy", policy], event);
    assert!(said.contains("note: `encrypt` uses keys derived") && !said.contains("warning: `encrypt`"), "{said}");
}

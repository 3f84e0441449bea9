//! Which key files are read, which are refused, and that no refusal speaks.

use super::*;
use std::os::unix::fs::PermissionsExt;

const SECRET: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

fn key(id: &str, role: &str, state: &str, secret: Option<&str>) -> String {
    let secret = secret.map(|text| format!(r#","secret":"{text}""#)).unwrap_or_default();
    format!(r#"{{"id":"{id}","role":"{role}","state":"{state}","created":"2026-01-01T00:00:00Z"{secret}}}"#)
}

fn file(keys: &[String]) -> String {
    format!(r#"{{"privet_keys":1,"keys":[{}]}}"#, keys.join(","))
}

fn good() -> [String; 2] {
    [key("k1", "root", "active", Some(SECRET)), key("d1", "digests", "active", Some(SECRET))]
}

fn wrapped(text: &str) -> String {
    file(&good())
        .replace("\"keys\"", "\"wrapped_by\":\"vault\",\"keys\"")
        .replace(&format!("\"secret\":\"{SECRET}\""), &format!("\"wrapped\":\"{text}\""))
}

fn with(extra: String) -> String {
    let [root, digests] = good();
    file(&[root, digests, extra])
}

fn refusal(text: &str) -> String {
    let error = parse(text.as_bytes()).expect_err("this file must be refused").to_string();
    assert!(!error.contains(&SECRET[..8]), "{error}");
    error
}

#[test]
fn reads_what_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let mut keys = KeySet::generate().unwrap();
    keys.save_new(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert!(matches!(keys.save_new(&path), Err(KeyError::Io { attempt: "written", .. })), "never overwritten");

    let old = keys.keys()[0].id().to_owned();
    let mac = keys.pseudonym_key("k", Some("s"), "c").mac(b"u1");
    assert_eq!(KeySet::load(&path).unwrap().pseudonym_key("k", Some("s"), "c").mac(b"u1"), mac);

    keys.rotate().unwrap();
    keys.destroy(&old).unwrap();
    keys.save(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let read = KeySet::load(&path).unwrap();
    let states: Vec<_> = read.keys().iter().map(|key| (key.role(), key.state())).collect();
    assert_eq!(states, [(Role::Root, State::Destroyed), (Role::Digests, State::Active), (Role::Root, State::Active)]);
    assert_ne!(read.pseudonym_key("k", Some("s"), "c").mac(b"u1"), mac);
}

#[test]
fn refuses_a_file_that_others_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    KeySet::generate().unwrap().save_new(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(KeySet::load(&path), Err(KeyError::TooOpen { mode: found }) if found == mode));
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    KeySet::load(&path).unwrap();
}

#[test]
fn replacing_through_a_link_replaces_the_file_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("keys.json"), folder.path().join("link"));
    let mut keys = KeySet::generate().unwrap();
    keys.save_new(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    keys.rotate().unwrap();
    keys.save(&link).unwrap();
    assert_eq!(KeySet::load(&path).unwrap().keys().len(), 3);
}

#[test]
fn refuses_each_fault_by_name() {
    parse(file(&good()).as_bytes()).unwrap();
    parse(with(key("k0", "root", "destroyed", None)).as_bytes()).unwrap();
    let [root, digests] = good();
    let cases = [
        (with(key("k2", "root", "active", Some(SECRET))), "2 active keys of role `root`"),
        (with(key("d2", "digests", "active", Some(SECRET))), "2 active keys of role `digests`"),
        (file(std::slice::from_ref(&digests)), "0 active keys of role `root`"),
        (file(std::slice::from_ref(&root)), "0 active keys of role `digests`"),
        (with(key("k1", "root", "retired", Some(SECRET))), "key 3 of the key file: an earlier key has the same id"),
        (with(key("K 1", "root", "retired", Some(SECRET))), "its id must be"),
        (with(key("", "root", "retired", Some(SECRET))), "its id must be"),
        (with(key("k2", "root", "retired", None)), "`secret` is missing"),
        (with(key("k2", "root", "destroyed", Some(SECRET))), "must not have a `secret`"),
        (with(key("d2", "digests", "retired", Some(SECRET))), "must be active"),
        (with(key("k2", "root", "retired", Some("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA=="))), "of 32 to 64 bytes"),
        (with(key("k2", "root", "retired", Some("MDEy*"))), "not base64"),
        (with(key("k2", "root", "asleep", Some(SECRET))), "not in the expected form"),
        (with(key("k2", "master", "retired", Some(SECRET))), "not in the expected form"),
        (with(r#"{"id":"k2","owner":"me"}"#.to_owned()), "not in the expected form"),
        (file(&good()).replace("\"privet_keys\":1", "\"privet_keys\":2"), "another version"),
        (file(&good()).replace("\"privet_keys\":1,", ""), "not in the expected form"),
        (file(&good()).replace("\"privet_keys\":1", "\"privet_keys\":1,\"privet_keys\":1"), "not in the expected form"),
        (file(&good()).replace("2026-01-01T", "yesterday"), "not an RFC 3339 time"),
        (file(&good()) + "x", "not in the expected form, at line 1"),
        (String::new(), "not in the expected form"),
        (file(&good()).replace("\"secret\"", "\"wrapped\""), "`wrapped` where the file says `wrapped_by`"),
        (file(&good()).replace("\"keys\"", "\"wrapped_by\":\"vault\",\"keys\""), "`wrapped` where the file says `wrapped_by`"),
        (wrapped(&"x".repeat(9000)), "at most 8 KiB"),
        (wrapped("two words"), "plain ASCII"),
        (wrapped(""), "plain ASCII"),
        (wrapped("x").replace("\"wrapped\":\"x\"", "\"wrapped\":\"x\",\"secret\":\"eA==\""), "`wrapped` where the file says"),
    ];
    for (text, expected) in cases {
        let found = refusal(&text);
        assert!(found.contains(expected), "{found} should contain {expected}");
    }
    // A value of the wrong type is what serde's own message would repeat.
    refusal(&file(&good()).replace("\"active\"", &format!("\"{SECRET}\"")));
}

/// Roots that somebody else keeps are read by nobody who does not ask for them.
#[test]
fn a_wrapped_file_is_told_from_one_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    write_new(&path, wrapped("vault:v1:abc").as_bytes()).unwrap();
    let read = KeyFile::load(&path).unwrap();
    assert_eq!(read.wrapped_by(), Some("vault"));
    assert!(!format!("{read:?}").contains("abc"));
    let fault = KeySet::load(&path).unwrap_err().to_string();
    assert!(fault.contains("wrapped by vault") && fault.contains("--config"), "{fault}");
    let again = folder.path().join("again.json");
    read.save_new(&again).unwrap();
    assert!(KeyFile::load(&again).unwrap().fingerprint() == read.fingerprint());
}

//! Root keys that HashiCorp Vault keeps: the Transit provider against a stand-in that follows Vault's documented API, failures
//! included. It has never been run against Vault itself, which no package registry has.
#![cfg(feature = "vault")]

#[path = "../kit/mod.rs"]
mod kit;
mod running;

use kit::process::privet;
use kit::vault::{Lease, Mood, StandIn};
use privet::keys::provider::{Keyring, ProviderError, Standing, Token, Vault, VaultSettings};
use privet::keys::{KeyError, KeyFile, KeySet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const TOKEN: &str = "hvs.canarytoken";
const MAX_AGE: Duration = Duration::from_secs(60);

fn settings(vault: &StandIn) -> VaultSettings {
    VaultSettings {
        address: vault.address.clone(),
        mount: "transit".to_owned(),
        key: "privet".to_owned(),
        namespace: None,
        ca: None,
        timeout: Duration::from_millis(800),
        token: Token::Fixed(TOKEN.to_owned().into()),
    }
}

fn keyring(settings: VaultSettings) -> Keyring {
    Keyring::new(Box::new(Vault::new(settings)), Some(MAX_AGE))
}

fn pseudonym(keys: &KeySet) -> String {
    let mut out = Vec::new();
    keys.pseudonym_key("k", Some("sink"), "user.unique_id").pseudonym(b"u1", &mut out);
    String::from_utf8(out).expect("pseudonyms are text")
}

fn cause(fault: &KeyError) -> &ProviderError {
    match fault {
        KeyError::Provider { provider: "vault", cause } => cause,
        other => panic!("a fault of the provider, not: {other}"),
    }
}

#[test]
fn roots_go_to_vault_and_come_back_and_the_file_has_none() {
    let vault = StandIn::start(TOKEN);
    let ring = keyring(VaultSettings { namespace: Some("team/a".to_owned()), ..settings(&vault) });
    let set = KeySet::generate().expect("random bytes");
    let expected = pseudonym(&set);
    let mut file = KeyFile::close(set, ring.provider()).expect("wrapped");
    assert_eq!(file.wrapped_by(), Some("vault"));
    assert_eq!(pseudonym(&ring.open(&file).expect("unwrapped")), expected);
    assert_eq!(vault.times("POST /v1/transit/encrypt/privet team/a"), 2);
    assert_eq!(vault.times("POST /v1/transit/decrypt/privet team/a"), 2);

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    file.rotate(ring.provider()).expect("rotated");
    assert_eq!(vault.times("encrypt"), 3, "the new root alone");
    file.save_new(&path).expect("saved");
    let text = std::fs::read_to_string(&path).expect("the file");
    assert!(text.contains("\"wrapped_by\": \"vault\"") && !text.contains("\"secret\""), "{text}");
    let read = KeyFile::load(&path).expect("read");
    assert!(read.fingerprint() == file.fingerprint());
    let set = ring.open(&read).expect("unwrapped");
    assert_ne!(pseudonym(&set), expected);
    let old = read.keys()[0].id().to_owned();
    file.destroy(&old).expect("a retired root");
    assert_eq!(ring.open(&file).expect("the others").keys().len(), 3);
}

#[test]
fn a_wrapped_root_is_tied_to_its_id_and_role_and_key() {
    let vault = StandIn::start(TOKEN);
    let ring = keyring(settings(&vault));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    KeyFile::generate(ring.provider()).expect("made").save_new(&path).expect("saved");
    let text = std::fs::read_to_string(&path).expect("the file");
    let mut tree: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let (first, second) = (tree["keys"][0]["wrapped"].clone(), tree["keys"][1]["wrapped"].clone());
    (tree["keys"][0]["wrapped"], tree["keys"][1]["wrapped"]) = (second, first);
    std::fs::write(&path, tree.to_string()).expect("written");
    let fault = ring.open(&KeyFile::load(&path).expect("read")).expect_err("swapped");
    assert!(matches!(cause(&fault), ProviderError::Refused { .. }) && !fault.passes(), "{fault}");
    std::fs::write(&path, &text).expect("written");
    let other = keyring(VaultSettings { key: "other".to_owned(), ..settings(&vault) });
    let fault = other.open(&KeyFile::load(&path).expect("read")).expect_err("another key");
    assert!(matches!(cause(&fault), ProviderError::Refused { .. }), "{fault}");
}

/// Each way in which Vault fails has its own words; none repeats the token or what was wrapped, and the clock of the keys
/// runs on from the last answer.
#[test]
fn every_failure_has_a_name_and_no_secret() {
    let vault = StandIn::start(TOKEN);
    let ring = keyring(settings(&vault));
    let file = KeyFile::generate(ring.provider()).expect("made");
    ring.open(&file).expect("unwrapped");
    let cases = [
        (Mood::Sealed, "sealed or down (503)", true),
        (Mood::Busy, "limits the rate of requests (429)", true),
        (Mood::Failing, "it failed (500)", true),
        (Mood::Silent, "in time", true),
        (Mood::Cut, "the middle of an answer", true),
        (Mood::Babbling, "cannot be read", true),
        (Mood::Away, "no connection to http://localhost:", true),
        (Mood::Wrong, "no root of 32 to 64 bytes", false),
    ];
    for (mood, words, passes) in cases {
        vault.set(mood);
        let begun = Instant::now();
        let fault = ring.open(&file).err().unwrap_or_else(|| panic!("{mood:?} gives no keys"));
        assert!(begun.elapsed() < Duration::from_secs(5), "{mood:?} took {:?}", begun.elapsed());
        let said = format!("{fault} {fault:?}");
        assert!(said.contains(words), "{mood:?}: {said}");
        assert!(!said.contains("canary") && !said.contains("vault:v1"), "{said}");
        assert_eq!(fault.passes(), passes, "{mood:?}");
        assert!(ring.usable(Instant::now()), "what was given before is still used");
        if passes {
            assert!(matches!(ring.standing(Instant::now()), Standing::Cached { .. }), "{mood:?}");
        }
    }
    vault.set(Mood::Well);
    vault.revoke(TOKEN);
    let fault = ring.open(&file).expect_err("no token");
    assert!(fault.to_string().contains("(403)") && fault.to_string().contains("transit/decrypt/privet"), "{fault}");
    let elsewhere = keyring(VaultSettings { mount: "nowhere".to_owned(), ..settings(&vault) });
    vault.permit(TOKEN, Lease { ttl: 0, creation_ttl: 0, renewable: false });
    let fault = elsewhere.open(&file).expect_err("no such engine");
    assert!(fault.to_string().contains("(404)"), "{fault}");

    ring.open(&file).expect("it is well again");
    assert_eq!(ring.standing(Instant::now()), Standing::Fresh);
}

#[test]
fn keys_are_used_until_max_age_after_the_last_answer_and_again_after_the_next() {
    let vault = StandIn::start(TOKEN);
    let ring = keyring(settings(&vault));
    let file = KeyFile::generate(ring.provider()).expect("made");
    assert!(!ring.usable(Instant::now()), "never given");
    let begun = Instant::now();
    ring.open(&file).expect("unwrapped");
    let given = Instant::now();
    ring.adopt(file);
    vault.set(Mood::Sealed);
    ring.refresh().expect_err("sealed");
    assert!(ring.usable(begun + MAX_AGE - Duration::from_secs(1)));
    assert!(!ring.usable(given + MAX_AGE));
    match ring.standing(given + MAX_AGE) {
        Standing::Expired { why } => assert!(why.contains("sealed"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(ring.age(given + MAX_AGE) >= MAX_AGE);
    vault.set(Mood::Well);
    ring.refresh().expect("unsealed");
    assert!(ring.usable(Instant::now() + MAX_AGE - Duration::from_secs(1)));
}

#[test]
fn a_token_of_ones_own_is_renewed_at_half_time_and_one_in_a_file_is_read_anew() {
    let vault = StandIn::start(TOKEN);
    let file = KeyFile::generate(keyring(settings(&vault)).provider()).expect("made");
    let ring = keyring(settings(&vault));
    vault.permit(TOKEN, Lease { ttl: 90, creation_ttl: 120, renewable: true });
    ring.open(&file).expect("unwrapped");
    assert_eq!(vault.times("renew-self"), 0, "not due");
    vault.permit(TOKEN, Lease { ttl: 50, creation_ttl: 120, renewable: true });
    ring.open(&file).expect("unwrapped");
    ring.open(&file).expect("unwrapped");
    assert_eq!(vault.times("renew-self"), 1, "renewed once, and then not due");
    vault.permit(TOKEN, Lease { ttl: 1, creation_ttl: 120, renewable: false });
    ring.open(&file).expect("unwrapped");
    assert_eq!(vault.times("renew-self"), 1, "not renewable");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let ring = keyring(VaultSettings { token: Token::File(path.clone()), ..settings(&vault) });
    let fault = ring.open(&file).expect_err("no file");
    assert!(matches!(cause(&fault), ProviderError::NoToken(_)) && fault.passes(), "{fault}");
    std::fs::write(&path, "hvs.canaryother\n").expect("written");
    let fault = ring.open(&file).expect_err("a token that Vault does not know");
    assert!(matches!(cause(&fault), ProviderError::Denied(_)) && !fault.to_string().contains("canary"), "{fault}");
    vault.permit("hvs.canaryother", Lease { ttl: 1, creation_ttl: 120, renewable: true });
    let before = vault.times("renew-self");
    ring.open(&file).expect("the agent has written a good one");
    assert_eq!(vault.times("renew-self"), before, "whoever writes the file renews");
    std::fs::write(&path, "two words").expect("written");
    assert!(matches!(cause(&ring.open(&file).expect_err("no token")), ProviderError::NoToken(_)));
    let ring = keyring(VaultSettings { token: Token::Fixed("canary\nline".to_owned().into()), ..settings(&vault) });
    assert!(matches!(cause(&ring.open(&file).expect_err("no header")), ProviderError::NoToken(_)));
}

#[test]
fn over_tls_the_configured_roots_of_trust_decide() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = self_signed(folder.path());
    let vault = StandIn::start_tls(TOKEN, &certificate, &key);
    let trusting = keyring(VaultSettings { ca: Some(certificate), ..settings(&vault) });
    let file = KeyFile::generate(trusting.provider()).expect("wrapped over TLS");
    trusting.open(&file).expect("unwrapped over TLS");
    let doubting = keyring(settings(&vault));
    let fault = doubting.open(&file).expect_err("nobody has signed it");
    assert!(matches!(cause(&fault), ProviderError::Unreachable(_)), "{fault}");
    let missing = keyring(VaultSettings { ca: Some(folder.path().join("nowhere.pem")), ..settings(&vault) });
    assert!(matches!(cause(&missing.open(&file).expect_err("no file")), ProviderError::Settings(_)));
}

/// A certificate for `localhost` and its key, by the command that everybody has who has OpenSSL: none; so by the library.
fn self_signed(folder: &Path) -> (PathBuf, PathBuf) {
    use openssl::asn1::Asn1Time;
    use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
    use openssl::x509::{X509, X509NameBuilder};
    let key = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(2048).expect("a key")).expect("a key");
    let mut name = X509NameBuilder::new().expect("a name");
    name.append_entry_by_text("CN", "localhost").expect("a name");
    let name = name.build();
    let mut builder = X509::builder().expect("a certificate");
    builder.set_version(2).expect("version 3");
    builder.set_subject_name(&name).expect("a name");
    builder.set_issuer_name(&name).expect("a name");
    builder.set_pubkey(&key).expect("a key");
    builder.set_not_before(&Asn1Time::days_from_now(0).expect("now")).expect("a time");
    builder.set_not_after(&Asn1Time::days_from_now(2).expect("soon")).expect("a time");
    let names = SubjectAlternativeName::new().dns("localhost").build(&builder.x509v3_context(None, None)).expect("names");
    builder.append_extension(names).expect("names");
    builder.append_extension(BasicConstraints::new().critical().ca().build().expect("CA")).expect("CA");
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).expect("signed");
    let (certificate, secret) = (folder.join("vault.pem"), folder.join("vault.key"));
    std::fs::write(&certificate, builder.build().to_pem().expect("PEM")).expect("written");
    std::fs::write(&secret, key.private_key_to_pem_pkcs8().expect("PEM")).expect("written");
    (certificate, secret)
}

/// A configuration with keys in that Vault.
fn configuration(folder: &Path, vault: &StandIn, max_age: &str, servers: &str) -> PathBuf {
    let path = folder.join("privet.yaml");
    let text = format!(
        "policy: policy.yaml\ngroup: test\ninstance: a\nworkers: 1\nkafka: {{bootstrap.servers: \"{servers}\"}}\nquarantine: {{topic: aside}}\n\
         commit: {{interval: 20ms}}\nlog: {{level: trace}}\n\
         keys:\n  provider: vault\n  path: keys.json\n  max_age: {max_age}\n  vault: {{address: \"{}\", key: privet, token: {TOKEN}, timeout: 800ms}}\n",
        vault.address
    );
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn the_command_line_makes_rotates_wraps_and_reads_with_vaults_keys() {
    let vault = StandIn::start(TOKEN);
    let folder = tempfile::tempdir().expect("a folder");
    let config = configuration(folder.path(), &vault, "1h", "localhost:1");
    let config = config.to_str().expect("a plain name");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain name").to_owned();
    let run = |args: &[&str]| {
        let (code, out, said) = privet(args, b"");
        (code, String::from_utf8(out).expect("text"), said)
    };

    let (code, out, said) = run(&["keys", "generate", &at("keys.json"), "--config", config]);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("(wrapped by vault)"), "{out}");
    let (code, _, said) = run(&["keys", "rotate", &at("keys.json")]);
    assert_eq!(code, 1);
    assert!(said.contains("wrapped by vault") && said.contains("--config"), "{said}");
    assert_eq!(run(&["keys", "rotate", &at("keys.json"), "--config", config]).0, 0);
    let (code, out, _) = run(&["keys", "list", &at("keys.json")]);
    assert_eq!((code, out.lines().count()), (0, 4), "nobody is asked for a list: {out}");

    // A file in the clear, a token made with it, then wrapped: the same keys.
    assert_eq!(run(&["keys", "generate", &at("plain.json")]).0, 0);
    let set = KeySet::load(&folder.path().join("plain.json")).expect("in the clear");
    let mut token = Vec::new();
    set.token_key("crm", Some("out"), "user.name").token(b"ann", &mut Vec::new(), &mut token).expect("a token");
    let token = String::from_utf8(token).expect("text");
    assert_eq!(run(&["keys", "wrap", &at("plain.json")]).0, 2);
    let (code, out, said) = run(&["keys", "wrap", &at("plain.json"), "--config", config]);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("wrapped by vault") && out.contains("backups"), "{out}");
    let text = std::fs::read_to_string(at("plain.json")).expect("the file");
    assert!(!text.contains("\"secret\""), "{text}");
    let (code, _, said) = run(&["keys", "wrap", &at("plain.json"), "--config", config]);
    assert_eq!(code, 0, "under the newest version of the Transit key: {said}");
    let anew = std::fs::read_to_string(at("plain.json")).expect("the file");
    assert_ne!(anew, text);
    let text = anew;
    let (code, _, said) = run(&["reveal", "--key", &at("plain.json"), &token]);
    assert_eq!(code, 1);
    assert!(said.contains("--config"), "{said}");
    let rows = at("rows.jsonl");
    std::fs::write(&rows, "").expect("written");
    let (code, out, said) = run(&["reveal", "--key", &at("plain.json"), "--config", config, "--subject-keys", &rows, &token]);
    assert_eq!((code, out.as_str()), (0, "ann\n"), "{said}");

    // What fails leaves no file behind, and the old one as it was.
    vault.set(Mood::Sealed);
    let (code, _, said) = run(&["keys", "generate", &at("late.json"), "--config", config]);
    assert_eq!(code, 1);
    assert!(said.contains("sealed") && !folder.path().join("late.json").exists(), "{said}");
    assert_eq!(run(&["keys", "rotate", &at("plain.json"), "--config", config]).0, 1);
    assert_eq!(std::fs::read_to_string(at("plain.json")).expect("the file"), text);
}

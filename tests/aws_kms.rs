//! Root keys that AWS KMS keeps, through the official SDK against moto's server (`make test-kms`), from the command line as people use it.
//! What happens while a provider is away is the same for every provider; `tests/vault` has it.
#![cfg(feature = "aws-kms")]

mod kit;

use kit::process::PRIVET;
use privet::keys::KeySet;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// moto's server; it ends with the test.
struct Moto {
    child: Child,
    port: u16,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    /// `None`, and noted as skipped, where nobody says where moto's server is.
    fn start() -> Option<Moto> {
        let Some(server) = std::env::var_os("PRIVET_MOTO") else {
            kit::skip("AWS KMS", "PRIVET_MOTO does not name moto_server (make test-kms)");
            return None;
        };
        let port = kit::free_port();
        let mut command = Command::new(server);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("moto starts");
        let moto = Moto { child, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "moto does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(moto)
    }

    /// One call of the KMS interface; moto asks for no signature.
    fn ask(&self, action: &str, body: &Value) -> Value {
        let body = body.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: TrentService.{action}\r\nContent-Type: application/x-amz-json-1.1\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=x/20261122/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=x\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("moto listens");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{action}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_default()
    }

    fn make_key(&self) -> String {
        self.ask("CreateKey", &json!({}))["KeyMetadata"]["KeyId"].as_str().expect("an id").to_owned()
    }
}

fn configure(folder: &Path, port: u16, key: &str) -> String {
    let path = folder.join("privet.yaml");
    let text = format!(
        "policy: policy.yaml\ngroup: test\ninstance: a\nkafka: {{bootstrap.servers: \"localhost:1\"}}\nlog: {{level: trace}}\n\
         keys:\n  provider: aws-kms\n  path: keys.json\n  aws_kms: {{key_id: {key}, region: eu-central-1, endpoint: \"http://127.0.0.1:{port}\", timeout: 5s}}\n"
    );
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("a plain name").to_owned()
}

/// Runs privet with credentials, or with none; neither output may hold them.
fn privet(args: &[&str], with_credentials: bool) -> (i32, String, String) {
    let mut command = Command::new(PRIVET);
    command.args(args).env("RUST_LOG", "trace").env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    if with_credentials {
        command.env("AWS_ACCESS_KEY_ID", "AKIACANARY").env("AWS_SECRET_ACCESS_KEY", "canarysecret");
    }
    let output = command.output().expect("privet starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let (out, said) = (text(output.stdout), text(output.stderr));
    assert!(!said.contains("canarysecret") && !out.contains("canarysecret"), "{out}{said}");
    (output.status.code().unwrap_or(-1), out, said)
}

#[test]
fn roots_are_wrapped_by_kms_and_come_back() {
    let Some(moto) = Moto::start() else { return };
    let (key, folder) = (moto.make_key(), tempfile::tempdir().expect("a folder"));
    let config = configure(folder.path(), moto.port, &key);
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain name").to_owned();

    let (code, out, said) = privet(&["keys", "generate", &at("keys.json"), "--config", &config], true);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("(wrapped by aws-kms)"), "{out}");
    let (code, _, said) = privet(&["keys", "rotate", &at("keys.json"), "--config", &config], true);
    assert_eq!(code, 0, "{said}");
    let text = std::fs::read_to_string(at("keys.json")).expect("the file");
    assert!(text.contains("\"wrapped_by\": \"aws-kms\"") && !text.contains("\"secret\""), "{text}");

    // The same roots before and after wrapping: a token made with the first is read with the second.
    assert_eq!(privet(&["keys", "generate", &at("plain.json")], true).0, 0);
    let set = KeySet::load(&folder.path().join("plain.json")).expect("in the clear");
    let mut token = Vec::new();
    set.token_key("crm", Some("out"), "user.name").token(b"ann", &mut Vec::new(), &mut token).expect("a token");
    let token = String::from_utf8(token).expect("text");
    let (code, _, said) = privet(&["keys", "wrap", &at("plain.json"), "--config", &config], true);
    assert_eq!(code, 0, "{said}");
    std::fs::write(at("rows.jsonl"), "").expect("written");
    let reveal = |credentials| {
        privet(
            &["reveal", "--key", &at("plain.json"), "--config", &config, "--subject-keys", &at("rows.jsonl"), &token],
            credentials,
        )
    };
    let (code, out, said) = reveal(true);
    assert_eq!((code, out.as_str()), (0, "ann\n"), "{said}");
    let (code, _, said) = reveal(false);
    assert_eq!(code, 1);
    assert!(said.contains("aws-kms: ") && said.contains("credentials"), "{said}");

    // Another id for a wrapped root: the encryption context does not fit.
    let text = std::fs::read_to_string(at("plain.json")).expect("the file");
    let mut tree: Value = serde_json::from_str(&text).expect("JSON");
    tree["keys"][0]["id"] = json!("k00000000");
    std::fs::write(at("plain.json"), tree.to_string()).expect("written");
    let (code, _, said) = reveal(true);
    assert_eq!(code, 1);
    assert!(said.contains("it does not take key k00000000"), "{said}");
    std::fs::write(at("plain.json"), text).expect("written");
    assert_eq!(reveal(true).0, 0);
}

#[test]
fn a_key_that_is_unknown_or_a_service_that_is_away_is_said_and_starts_nothing() {
    let Some(moto) = Moto::start() else { return };
    let (key, folder) = (moto.make_key(), tempfile::tempdir().expect("a folder"));
    let config = configure(folder.path(), moto.port, &key);
    let keys = folder.path().join("keys.json").to_str().expect("a plain name").to_owned();
    std::fs::write(folder.path().join("policy.yaml"), "privet: 1\n").expect("written");
    assert_eq!(privet(&["keys", "generate", &keys, "--config", &config], true).0, 0);
    let before = std::fs::read_to_string(&keys).expect("the file");
    let fails = |args: &[&str]| {
        let (code, _, said) = privet(args, true);
        assert_eq!(code, 1, "{said}");
        said
    };
    // A policy with errors is looked at once the keys are there.
    assert!(fails(&["run", "--config", &config]).contains("the policy"), "the keys are given");
    // moto looks at the key's name only where it encrypts.
    configure(folder.path(), moto.port, "00000000-0000-0000-0000-000000000000");
    let said = fails(&["keys", "rotate", &keys, "--config", &config]);
    assert!(said.contains("aws-kms: it answers NotFoundException"), "{said}");
    configure(folder.path(), kit::free_port(), &key);
    let said = fails(&["run", "--config", &config]);
    assert!(said.contains("keys.json: aws-kms: no connection to http://127.0.0.1:") && !said.contains("the policy"), "{said}");
    assert_eq!(std::fs::read_to_string(&keys).expect("the file"), before);
}

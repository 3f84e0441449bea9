//! Requests as controllers write them, right and wrong, against OpenDSR's words; signatures as OpenSSL verifies them.

use super::*;
use crate::config;
use crate::telemetry::Telemetry;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Builder};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};

const ID: &str = "a7551968-d5d6-44b2-9831-815ac9017798";
const DOMAIN: &str = "privacy.example";

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn good() -> Value {
    json!({
        "regulation": "gdpr",
        "subject_request_id": ID,
        "subject_request_type": "erasure",
        "submitted_time": "2026-11-20T15:00:00Z",
        "subject_identities": [{"identity_type": "email", "identity_value": "johndoe@example.com", "identity_format": "raw"}],
        "api_version": "3.0",
        "extensions": {"example-other-processor.com": {"foo-other-processor-custom-id": 654321}},
    })
}

fn read(body: &str) -> Result<Request, Vec<String>> {
    let may_call = |url: &str| url.starts_with("https://controller.example/");
    let read = Request::read(body.as_bytes(), &["email", "controller_customer_id"], DOMAIN, &may_call, now());
    read.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect())
}

#[test]
fn the_example_of_the_specification_is_read() {
    let request = read(&good().to_string()).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!((request.id.as_str(), request.kind, request.regulation), (ID, RequestType::Erasure, Some("gdpr")));
    assert_eq!(request.submitted.to_string(), "2026-11-20T15:00:00Z");
    let [identity] = &request.identities[..] else { panic!("one identity") };
    assert_eq!((identity.kind.as_str(), identity.format, identity.value.as_str()), ("email", Format::Raw, "johndoe@example.com"));
    let mut called = good();
    called["status_callback_urls"] =
        json!(["https://controller.example/b", "https://controller.example/a", "https://controller.example/b"]);
    let request = read(&called.to_string()).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(request.callbacks, ["https://controller.example/a", "https://controller.example/b"], "each once");
    // What the specification calls optional may be left out; its own example has no regulation.
    let mut least = good();
    ["regulation", "api_version", "extensions"].iter().for_each(|name| drop(least.as_object_mut().unwrap().shift_remove(*name)));
    assert!(read(&least.to_string()).is_ok());
}

/// One change of the good request, and what is said of it; nothing of what was written.
#[test]
fn every_fault_is_named_and_no_value_with_it() {
    let hash = "b4".repeat(20);
    let identity = |kind: &str, value: &str, format: &str| json!([{"identity_type": kind, "identity_value": value, "identity_format": format}]);
    let cases = [
        ("subject_request_id", json!(null), "UUID of version 4"),
        ("subject_request_id", json!(ID.to_uppercase()), "UUID of version 4"),
        ("subject_request_id", json!("a7551968-d5d6-14b2-9831-815ac9017798"), "UUID of version 4"),
        ("subject_request_id", json!("secret"), "UUID of version 4"),
        ("subject_request_type", json!("secret"), "`erasure`, `access` or `portability`"),
        ("submitted_time", json!(null), "`submitted_time` is required"),
        ("submitted_time", json!("2026-11-20"), "no time of RFC 3339"),
        ("submitted_time", json!("2026-11-22T10:06:00Z"), "in the future"),
        ("regulation", json!("secret"), "`gdpr` or `ccpa`"),
        ("api_version", json!("2.0"), "version 3"),
        (
            "status_callback_urls",
            json!(["https://controller.example/a", "https://secret.example"]),
            "`status_callback_urls[1]`: no `https`",
        ),
        ("status_callback_urls", json!(vec!["https://controller.example/secret"; 9]), "more than 8"),
        ("status_callback_urls", json!("secret"), "of the wrong type"),
        ("extensions", json!({"Privacy.Example": {}}), "`extensions`"),
        ("subject_identities", json!([]), "`subject_identities` is required"),
        ("subject_identities", Value::Array(vec![json!({}); 101]), "more than 100"),
        ("subject_identities", identity("roku_advertising_id", "secret", "raw"), "`subject_identities[0]`: this `identity_type`"),
        ("subject_identities", identity("email", "secret", "sha512"), "`raw`, `sha256`, `sha1` or `md5`"),
        ("subject_identities", identity("email", " ", "raw"), "empty"),
        ("subject_identities", identity("email", "secret\n", "raw"), "control characters"),
        ("subject_identities", identity("email", &"x".repeat(1025), "raw"), "1024 characters"),
        ("subject_identities", identity("email", &hash, "sha256"), "64 hexadecimal digits"),
        ("subject_identities", identity("email", &hash[1..], "sha1"), "40 hexadecimal digits"),
        ("subject_identities", json!([{"identity_type": "email", "identity_format": "raw"}]), "`identity_value` is required"),
        ("subject_identities", json!([{"secret": 1}]), "unknown, there twice, or of the wrong type"),
        ("secret", json!(1), "unknown, there twice, or of the wrong type"),
    ];
    for (name, value, expected) in cases {
        let mut body = good();
        body[name] = value;
        let faults = read(&body.to_string()).err().unwrap_or_else(|| panic!("{name}: {expected}: taken"));
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert!(faults[0].contains(expected) && !faults[0].contains("secret"), "{name}: {faults:?}");
    }
    let twice = good().to_string().replacen('{', r#"{"subject_request_type":"access","#, 1);
    for body in ["", "{", "[]", "null", "secret", &twice, &format!("{} ", "[".repeat(200))] {
        let faults = read(body).err().unwrap_or_else(|| panic!("{body}: taken"));
        assert!(faults.len() == 1 && !faults[0].contains("secret"), "{faults:?}");
    }
    assert_eq!(read("{}").err().map(|faults| faults.len()), Some(4), "all at once");
}

#[test]
fn hashes_are_read_in_either_case() {
    let mut body = good();
    body["subject_identities"][0]["identity_format"] = json!("md5");
    body["subject_identities"][0]["identity_value"] = json!("AB".repeat(16));
    let request = read(&body.to_string()).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(request.identities[0].value.as_str(), "ab".repeat(16));
}

/// A desk that remembers one request.
#[derive(Default)]
struct OneRequest(Mutex<Option<Account>>);

impl Desk for OneRequest {
    fn take(&self, request: &Request) -> Result<(Taken, Account), Declined> {
        let mut known = self.0.lock().unwrap();
        if let Some(account) = &*known {
            return Ok((Taken::Again, account.clone()));
        }
        let expected = "2026-11-23T10:00:00Z".parse().unwrap();
        let account = Account { kind: request.kind, stage: Stage::Pending, received: now(), expected, ended: None };
        Ok((Taken::New, known.insert(account).clone()))
    }

    fn account(&self, _: &str) -> Result<Account, Declined> {
        self.0.lock().unwrap().clone().ok_or(Declined::Unknown)
    }

    fn cancel(&self, _: &str) -> Result<Account, Declined> {
        Err(Declined::Refused("it was completed, and cannot be taken back"))
    }

    fn results(&self, _: &str) -> Result<Option<Value>, Declined> {
        Ok(None)
    }

    fn standing(&self) -> (usize, usize) {
        (usize::from(self.0.lock().unwrap().is_some()), 0)
    }

    fn may_call(&self, _: &str) -> bool {
        false
    }

    fn identity_types(&self) -> Vec<&'static str> {
        vec!["email"]
    }
}

/// A certificate for a domain and its key, written to a folder.
fn write_certificate(folder: &Path, domain: &str, bits: u32) -> config::Dsr {
    let key = PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns(domain).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let (certificate, key_file) = (folder.join("dsr.crt"), folder.join("dsr.key"));
    std::fs::write(&certificate, builder.build().to_pem().unwrap()).unwrap();
    std::fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let text = format!(
        "policy: p\nkeys: {{provider: file, path: k}}\ngroup: shop\ninstance: a\nkafka: {{bootstrap.servers: \"localhost:1\"}}\n\
         erasures: {{topic: e}}\nadmin: {{listen: \"127.0.0.1:0\", token: correct-horse-battery}}\n\
         dsr: {{domain: {DOMAIN}, certificate: {}, key: {}}}\n",
        certificate.display(),
        key_file.display()
    );
    config::Config::parse(&text, Path::new("c.yaml"), &config::System).unwrap_or_else(|why| panic!("{why}")).dsr.unwrap()
}

/// An office with a key of its own, whose desk remembers one request.
pub(in crate::control) fn office(telemetry: &Telemetry) -> Office {
    let folder = tempfile::tempdir().unwrap();
    let dsr = write_certificate(folder.path(), DOMAIN, 2048);
    let (signer, certificate_url) = (Signer::new(&dsr).unwrap(), dsr.certificate_url.clone());
    let desk = Arc::new(OneRequest::default());
    Office { desk, signer, controller_id: dsr.controller_id, certificate_url, meters: Arc::new(telemetry.dsr()) }
}

/// RSA with SHA-256 over the bytes of the body, by the certificate that is handed out.
pub(in crate::control) fn verify(certificate: &[u8], body: &[u8], signature: &str) -> bool {
    use base64::Engine;
    let key = X509::from_pem(certificate).unwrap().public_key().unwrap();
    let signature = base64::engine::general_purpose::STANDARD.decode(signature).unwrap();
    let mut verifier = openssl::sign::Verifier::new(MessageDigest::sha256(), &key).unwrap();
    verifier.verify_oneshot(&signature, body).unwrap()
}

fn opened(office: &Office, answer: &Answer) -> Value {
    assert!(verify(office.signer.certificate(), &answer.body, answer.signature.as_deref().unwrap()));
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn answers_have_the_members_of_the_specification_and_are_signed() {
    let telemetry = Telemetry::new();
    let office = office(&telemetry);
    let body = good().to_string();
    let answer = office.submit(body.as_bytes(), now());
    assert_eq!(answer.status, 201);
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(&body);
    let expected = json!({
        "controller_id": "shop",
        "expected_completion_time": "2026-11-23T10:00:00Z",
        "received_time": "2026-11-22T10:00:00Z",
        "encoded_request": encoded,
        "subject_request_id": ID,
        "api_version": "3.0",
    });
    assert_eq!(opened(&office, &answer), expected);
    assert_eq!(opened(&office, &office.submit(body.as_bytes(), now())), expected, "again");

    let account = office.desk.account(ID).unwrap();
    let told = opened(&office, &office.callback("https://controller.example/told", ID, &account).unwrap());
    let named = ["controller_id", "subject_request_id", "request_status", "expected_completion_time", "status_callback_url"];
    let expected = ["shop", ID, "pending", "2026-11-23T10:00:00Z", "https://controller.example/told"];
    assert_eq!(named.map(|name| told[name].as_str().unwrap()), expected, "section 8.6");

    let status = opened(&office, &office.status(ID));
    assert_eq!(status["request_status"], "pending");
    assert_eq!((&status["results_url"], &status["completed_time"]), (&Value::Null, &Value::Null));
    let refused = office.cancel(ID, now());
    assert_eq!(refused.status, 400);
    let error = opened(&office, &refused);
    assert_eq!(error["error"]["code"], 400);
    assert_eq!(error["error"]["errors"][0]["reason"], "refused");
    assert_eq!((office.status("..").status, office.status(&ID.replace("98", "97")).status), (404, 200));

    let discovery = opened(&office, &office.discovery());
    assert_eq!(discovery["supported_identities"].as_array().unwrap().len(), 4);
    assert_eq!(discovery["supported_subject_request_types"], json!(["erasure", "access", "portability"]));
    assert_eq!(discovery["processor_certificate"], "https://privacy.example/opendsr/v3/certificate");

    let bad = office.submit(b"{}", now());
    assert_eq!((bad.status, opened(&office, &bad)["error"]["errors"].as_array().unwrap().len()), (400, 4));
    let shown = telemetry.render(now());
    for (result, count) in [("accepted", 1), ("repeated", 1), ("refused", 2), ("cancelled", 0), ("oversized", 0)] {
        assert!(shown.contains(&format!("privet_dsr_requests_total{{result=\"{result}\"}} {count}\n")), "{result}: {shown}");
    }
    assert!(shown.contains("privet_dsr_seconds_count{type=\"erasure\"} 0\n"));
}

#[test]
fn what_cannot_sign_for_the_domain_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let dsr = write_certificate(folder.path(), DOMAIN, 2048);
    assert!(Signer::new(&dsr).is_ok());
    let other = config::Dsr { domain: "privacy.example.org".to_owned(), ..dsr.clone() };
    assert!(Signer::new(&other).err().unwrap().to_string().contains("not issued for"));
    let swapped = config::Dsr { certificate: dsr.key.clone(), ..dsr.clone() };
    assert!(Signer::new(&swapped).err().unwrap().to_string().contains("no certificate"));
    let key = std::fs::read(&dsr.key).unwrap();
    write_certificate(folder.path(), DOMAIN, 2048);
    std::fs::write(&dsr.key, key).unwrap();
    assert!(Signer::new(&dsr).err().unwrap().to_string().contains("another key"));
    let weak = write_certificate(folder.path(), DOMAIN, 1024);
    assert!(Signer::new(&weak).err().unwrap().to_string().contains("2048"));
    let wildcard = write_certificate(folder.path(), "*.example", 2048);
    assert!(Signer::new(&wildcard).is_ok());
}

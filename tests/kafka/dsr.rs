//! A data subject's erasure, from the request to what is left after compaction and a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use serde_json::{Value, json};

use super::SOON;
use super::controller;
use super::kit::absent;
use super::kit::broker::{Kafka, kafka};
use super::kit::client::{Input, Isolation};
use super::kit::fixture::Scene;
use super::kit::process::{Privet, privet};
use super::kit::wait_for;

const DOMAIN: &str = "privacy.example";
const TOKEN: &str = "only-for-data-subjects";

/// What must be nowhere once the person is forgotten: user, mail, device.
const GONE: [&str; 3] = ["canarybird-ann", "canarybird-ann@example.org", "canarybird-device-1"];

fn policy(scene: &Scene) -> String {
    let [source, warehouse, ads] = ["source", "warehouse", "ads"].map(|name| scene.topic(name));
    format!(
        "privet: 1
controller: {{name: Test, country: DE}}
purposes:
  operations: {{legal_basis: contract, because: the shop must run}}
  advertising: {{legal_basis: consent, opt_outs: none}}
regimes:
  - {{in: [\"*\"], silence: deny}}
keys: {{warehouse: {{}}, ads: {{}}}}
streams:
  web:
    topics: [{source}]
    format: json
    subject:
      - {{kind: user_id, path: $.user}}
      - {{kind: email, path: $.email, normalize: email}}
      - {{kind: anonymous_id, path: $.device, names: device}}
    jurisdiction: {{otherwise: EEA}}
    consent: [{{signal: ledger}}]
    classes: {{user.contact.email: [$..email]}}
sinks:
  warehouse:
    topic: {warehouse}
    purposes: [operations]
    fields: {{$.seq: keep, user.unique_id: {{pseudonym: {{key: warehouse}}}}, user.contact.email: {{encrypt: {{key: warehouse}}}}}}
  ads:
    topic: {ads}
    purposes: [advertising]
    fields: {{$.seq: keep, user.unique_id: {{pseudonym: {{key: ads}}}}, user.contact.email: {{pseudonym: {{key: ads, normalize: email}}}}}}
"
    )
}

/// A certificate for a name, and its key.
fn certificate(name: &str) -> (X509, PKey<Private>) {
    let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
    let mut builder = X509Builder::new().expect("a certificate");
    builder.set_version(2).expect("version 3");
    builder.set_pubkey(&key).expect("its key");
    builder.set_not_before(&Asn1Time::days_from_now(0).expect("now")).expect("from now");
    builder.set_not_after(&Asn1Time::days_from_now(2).expect("later")).expect("until later");
    let mut who = X509NameBuilder::new().expect("a name");
    who.append_entry_by_text("CN", name).expect("a name");
    let who = who.build();
    builder.set_subject_name(&who).expect("its name");
    builder.set_issuer_name(&who).expect("its own authority");
    let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(None, None)).expect("a name");
    builder.append_extension(names).expect("its name");
    builder.sign(&key, MessageDigest::sha256()).expect("signed");
    (builder.build(), key)
}

/// A certificate for the domain and its key, in the scene's folder.
fn write_certificate(scene: &Scene) -> X509 {
    let (certificate, key) = certificate(DOMAIN);
    std::fs::write(scene.path("dsr.crt"), certificate.to_pem().expect("PEM")).expect("written");
    std::fs::write(scene.path("dsr.key"), key.private_key_to_pem_pkcs8().expect("PEM")).expect("written");
    certificate
}

fn scene(kafka: &'static Kafka, test: &str, more: &str) -> (Scene, X509) {
    let mut scene = Scene::new(kafka, test);
    scene.write_policy(&policy(&scene));
    scene.log_level = "trace";
    // Compacted within seconds of being written, so that a test can see what is left.
    let quick = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "500"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("delete.retention.ms", "100"),
        ("max.compaction.lag.ms", "500"),
    ];
    for (topic, partitions) in [("consent", 2), ("erasures", 2), ("requests", 2), ("subject-keys", 2)] {
        kafka.create_topics_with(&[&scene.topic(topic)], partitions, &quick);
    }
    kafka.create_topics(&[&scene.topic("notices")], 1);
    let [consent, erasures, requests, keys, notices] =
        ["consent", "erasures", "requests", "subject-keys", "notices"].map(|name| scene.topic(name));
    scene.more = format!(
        "ledger: {{topic: {consent}, snapshot: {{path: ledger.snapshot}}}}\nerasures: {{topic: {erasures}}}\nsubject_keys: {{topic: {keys}}}\n\
         dsr: {{domain: {DOMAIN}, certificate: dsr.crt, key: dsr.key, token: {TOKEN}, topic: {requests}, notices: {notices}{more}}}\n"
    );
    let certificate = write_certificate(&scene);
    (scene, certificate)
}

fn input(key: &str, value: Option<&str>, partition: Option<i32>) -> Input {
    let (key, value) = (Some(key.as_bytes().to_vec()), value.map(|value| value.as_bytes().to_vec()));
    Input { key, value, headers: Vec::new(), timestamp: None, partition }
}

fn granted(user: &str, aliases: &str, version: u64) -> String {
    format!(
        r#"{{"identity":{{"kind":"user_id","value":"{user}"}},"aliases":[{aliases}],"version":{version},"purposes":{{"advertising":{{"state":"granted","at":"2026-01-01T09:00:00Z","vendors":["*"]}}}}}}"#
    )
}

/// One event with some of these members.
fn event(scene: &Scene, seq: u64, members: &[(&str, &str)]) {
    let mut tree = json!({"seq": seq});
    members.iter().for_each(|(name, value)| tree[*name] = json!(value));
    scene.kafka.produce(&scene.topic("source"), [input("k", Some(&tree.to_string()), None)]);
}

fn seqs(scene: &Scene, sink: &str) -> BTreeMap<u64, Value> {
    let rows = scene.kafka.read(&scene.topic(sink), Isolation::Committed).into_iter();
    let trees = rows.map(|row| serde_json::from_slice::<Value>(&row.value.expect("a value")).expect("JSON"));
    trees.map(|tree| (tree["seq"].as_u64().expect("a number"), tree)).collect()
}

/// One call of the interface: status, answer, and whether its signature is the certificate's.
fn call(privet: &Privet, port: u16, certificate: &X509, line: &str, body: &str) -> (u16, Value) {
    assert!(privet.id() > 0);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the admin server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let head = format!(
        "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    );
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).expect("it can be sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let signature = head.lines().find_map(|line| line.strip_prefix("x-opendsr-signature: ")).expect("it is signed");
    assert_signed(certificate, signature, body);
    (status, serde_json::from_str(body).expect("JSON"))
}

fn erasure(id: &str, kind: &str, value: &str, format: &str) -> String {
    json!({
        "regulation": "gdpr", "subject_request_id": id, "subject_request_type": "erasure",
        "submitted_time": "2026-11-20T15:00:00Z", "api_version": "3.0",
        "subject_identities": [{"identity_type": kind, "identity_value": value, "identity_format": format}],
    })
    .to_string()
}

fn wait_status(privet: &Privet, port: u16, certificate: &X509, id: &str, expected: &str) -> Value {
    wait_for(&format!("the request to be {expected}"), Duration::from_secs(60), || {
        let (code, status) = call(privet, port, certificate, &format!("GET /opendsr/v3/requests/{id}"), "");
        assert!([200, 503].contains(&code), "{status}");
        (status["request_status"] == expected).then_some(status)
    })
}

/// The same request, whose controller wants to be called there.
fn with_callback(body: &str, url: &str) -> String {
    let mut tree: Value = serde_json::from_str(body).expect("JSON");
    tree["status_callback_urls"] = json!([url]);
    tree.to_string()
}

/// The controller refused the first call, and then was told of every change, in order, by whom it can verify.
fn assert_told(told: &controller::Told, certificate: &X509, url: &str, id: &str) {
    let stages = || -> Vec<String> {
        let told = told.lock().expect("nobody panicked");
        let bodies = told.iter().map(|(_, body)| serde_json::from_str::<Value>(body).expect("JSON"));
        bodies.map(|body| body["request_status"].as_str().expect("a status").to_owned()).collect()
    };
    wait_for("the last call", SOON, || stages()[..].ends_with(&["completed".to_owned()]).then_some(()));
    assert!(
        stages().len() >= 2 && stages()[..].is_sorted_by(|one, other| one == other || *one == "in_progress"),
        "{:?}",
        stages()
    );
    for (head, body) in told.lock().expect("nobody panicked").iter() {
        assert!(
            head.starts_with("POST /told HTTP/1.1") && head.contains(&format!("X-OpenDSR-Processor-Domain: {DOMAIN}")),
            "{head}"
        );
        let signature = head.lines().find_map(|line| line.strip_prefix("X-OpenDSR-Signature: ")).expect("it is signed");
        assert_signed(certificate, signature, body);
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!([&body["status_callback_url"], &body["subject_request_id"]], [url, id], "{body}");
    }
}

fn assert_signed(certificate: &X509, signature: &str, body: &str) {
    use base64::Engine as _;
    let signature = base64::engine::general_purpose::STANDARD.decode(signature).expect("base64");
    let key = certificate.public_key().expect("a key");
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).expect("a verifier");
    assert!(verifier.verify_oneshot(&signature, body.as_bytes()).expect("it can be verified"), "{body}");
}

/// Neither the files of the process, its snapshot among them, nor its memory hold a name.
fn nothing_is_left_here(scene: &Scene, privet: &Privet) {
    assert!(
        std::fs::metadata(scene.path("ledger.snapshot")).is_ok_and(|file| file.len() > 0),
        "a snapshot was written at the end"
    );
    for entry in std::fs::read_dir(&scene.dir).expect("the scene's folder is readable") {
        let path = entry.expect("an entry is readable").path();
        let bytes = std::fs::read(&path).expect("a file is readable");
        assert!(GONE.iter().all(|gone| memchr::memmem::find(&bytes, gone.as_bytes()).is_none()), "{}", path.display());
    }
    let Some(memory) = memory(privet.id()) else {
        return absent("kafka/memory", "the memory of a process that must not be dumped can be read by root only");
    };
    let is_there = |text: &str| memory.iter().any(|bytes| memchr::memmem::find(bytes, text.as_bytes()).is_some());
    assert!(is_there(&scene.group()) && is_there("bob"), "what it works with is found");
    for gone in GONE {
        assert!(!is_there(gone), "a name is in memory");
    }
}

/// Everything that a process can write to; `None` where it may not be looked at.
fn memory(process: u32) -> Option<Vec<Vec<u8>>> {
    use std::os::unix::fs::FileExt as _;
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let file = std::fs::File::open(format!("/proc/{process}/mem")).ok()?;
    let place = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
        rest.starts_with("rw").then_some((start, end))
    };
    let read = |(start, end): (u64, u64)| {
        let mut bytes = vec![0; usize::try_from(end - start).ok()?];
        file.read_exact_at(&mut bytes, start).ok().map(|()| bytes)
    };
    Some(maps.lines().filter_map(place).filter_map(read).collect()).filter(|all: &Vec<Vec<u8>>| !all.is_empty())
}

/// Whether any key or value of a topic holds one of these texts.
fn holds(scene: &Scene, topic: &str, texts: &[&str]) -> bool {
    let mut found = false;
    scene.kafka.scan(&scene.topic(topic), Isolation::Uncommitted, |row| {
        let bytes = [row.key.unwrap_or_default(), row.value.unwrap_or_default()].concat();
        let text = String::from_utf8_lossy(&bytes);
        found |= texts.iter().any(|gone| text.contains(gone));
    });
    found
}

/// What `privet dsr` says afterwards, of the request, of whom it named, and of somebody else.
fn ask_commands(scene: &Scene, id: &str) {
    let config = scene.path("one.yaml");
    let ask = |args: &[&str]| {
        let (code, out, said) = privet(&[&["dsr", "--config", &config], args].concat(), b"");
        (code, String::from_utf8(out).expect("text"), said)
    };
    let (code, open, said) = ask(&["list"]);
    assert_eq!((code, open.lines().count()), (0, 1), "nothing is open but the heading: {said}");
    let (_, all, _) = ask(&["list", "--all", "--json"]);
    let listed: Value = serde_json::from_str(&all).expect("one JSON object");
    assert_eq!((&listed["id"], &listed["stage"], &listed["overdue"]), (&json!(id), &json!("completed"), &json!(false)));
    assert_eq!(listed["notices"], Value::Null, "what sinks were told is not kept");
    let (code, shown, _) = ask(&["show", id]);
    assert_eq!((code, serde_json::from_str::<Value>(&shown).expect("JSON")), (0, listed));
    assert_eq!(ask(&["show", "nobody"]).0, 1);
    assert_eq!(ask(&["access", "nobody"]).0, 2);
    let (ann, bob) = (format!("user_id:{}", GONE[0]), "user_id:bob");
    let (code, held, said) = ask(&["access", &ann, bob]);
    assert_eq!(code, 0, "{said}");
    let held: Vec<Value> = held.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&held[0]["consent"], &held[0]["suppressed_for"], &held[0]["data_keys"]), (&json!([]), &json!(["*"]), &json!(0)));
    assert_eq!(held[0]["requests"], json!([id]));
    assert_eq!(held[1]["consent"][0]["purposes"]["advertising"]["state"], "granted");
    assert_eq!((&held[1]["suppressed_for"], &held[1]["data_keys"]), (&json!([]), &json!(1)));
}

#[test]
fn of_who_asks_to_be_erased_nothing_but_the_digest_remains() {
    let Some(kafka) = kafka("kafka") else { return };
    let (named, key) = self::certificate("localhost");
    let (port, told) = controller::listen(&named, &key);
    let callbacks = format!(", callbacks: {{hosts: \"localhost:{port}\", ca: controller.pem}}");
    let (scene, certificate) = scene(kafka, "dsr", &callbacks);
    std::fs::write(scene.path("controller.pem"), named.to_pem().expect("PEM")).expect("written");
    let [ann, mail, device] = GONE;
    let aliases = format!(r#"{{"kind":"email","value":"{mail}"}},{{"kind":"anonymous_id","value":"{device}"}}"#);
    // The row stands in both partitions, as after a change of the partitioner: an older grant must not come back.
    let consent = scene.topic("consent");
    kafka.produce(&consent, [input(&format!("user_id:{ann}"), Some(&granted(ann, &aliases, 1)), Some(0))]);
    kafka.produce(&consent, [input(&format!("user_id:{ann}"), Some(&granted(ann, &aliases, 2)), Some(1))]);
    kafka.produce(&consent, [input("user_id:bob", Some(&granted("bob", "", 1)), Some(0))]);

    event(&scene, 1, &[("user", ann), ("email", "Canarybird-Ann@Example.org")]);
    event(&scene, 2, &[("user", "bob"), ("email", "bob@example.org")]);
    let mut first = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let before = seqs(&scene, "ads");
    assert_eq!(before.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
    let warehouse = seqs(&scene, "warehouse");

    assert_eq!(first.metric("privet_subject_keys", &[]), 4.0);

    let id = "a7551968-d5d6-44b2-9831-815ac9017798";
    let url = format!("https://localhost:{port}/told");
    let body = with_callback(&erasure(id, "controller_customer_id", ann, "raw"), &url);
    let port = scene.admin;
    let (code, refused) =
        call(&first, port, &certificate, "POST /opendsr/v3/requests", &with_callback(&body, "https://evil.example/"));
    assert!(
        code == 400 && refused.to_string().contains("status_callback_urls[0]") && !refused.to_string().contains("evil"),
        "{refused}"
    );
    let (code, taken) = call(&first, port, &certificate, "POST /opendsr/v3/requests", &body);
    assert_eq!(code, 201, "{taken}");
    let asked = Instant::now();
    let status = wait_status(&first, port, &certificate, id, "completed");
    eprintln!("completed after {:?}", asked.elapsed());
    assert_told(&told, &certificate, &url, id);
    assert!(status["completed_time"].as_str() >= status["received_time"].as_str(), "{status}");
    // Again is the same, another one under its id is refused, and nothing can be taken back any more.
    let (code, again) = call(&first, port, &certificate, "POST /opendsr/v3/requests", &body);
    assert_eq!((code, &again["received_time"]), (201, &taken["received_time"]));
    let other = erasure(id, "controller_customer_id", "bob", "raw");
    assert_eq!(call(&first, port, &certificate, "POST /opendsr/v3/requests", &other).0, 400);
    assert_eq!(call(&first, port, &certificate, &format!("DELETE /opendsr/v3/requests/{id}"), "").0, 400);

    // By every name of theirs, alone and together; a person who uses the same device is not silenced.
    event(&scene, 3, &[("user", ann)]);
    event(&scene, 4, &[("email", &mail.to_uppercase())]);
    event(&scene, 5, &[("device", device)]);
    event(&scene, 6, &[("user", "bob"), ("email", mail)]);
    event(&scene, 7, &[("user", "bob"), ("device", device)]);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let after = |sink: &str| seqs(&scene, sink).into_keys().collect::<BTreeSet<_>>();
    assert_eq!((after("warehouse"), after("ads")), (BTreeSet::from([1, 2, 7]), BTreeSet::from([1, 2, 7])));
    let dropped = wait_for("the decisions to be counted", SOON, || {
        let dropped = first.metric("privet_decisions_total", &["reason=\"suppressed\""]);
        (dropped >= 8.0).then_some(dropped)
    });
    assert_eq!(dropped, 8.0, "four events, two sinks");
    assert_eq!(first.metric("privet_dsr_seconds_count", &["type=\"erasure\""]), 1.0);
    assert_eq!((first.metric("privet_dsr_open", &[]), first.metric("privet_dsr_overdue", &[])), (0.0, 0.0));

    // Every sink is told in its own terms, and none in another's.
    let mut notices = BTreeMap::new();
    for row in kafka.read(&scene.topic("notices"), Isolation::Committed) {
        let notice: Value = serde_json::from_slice(&row.value.expect("a value")).expect("JSON");
        assert_eq!(row.key.as_deref(), Some(format!("{}:{id}", notice["sink"].as_str().expect("a sink")).as_bytes()));
        notices.insert(notice["sink"].as_str().expect("a sink").to_owned(), notice);
    }
    assert_eq!(notices.len(), 2);
    for (sink, rows) in [("ads", &before), ("warehouse", &warehouse)] {
        assert_eq!(notices[sink]["subjects"], json!([{"kind": "user_id", "values": [rows[&1]["user"]]}]), "{sink}");
    }
    assert_ne!(notices["ads"]["subjects"], notices["warehouse"]["subjects"]);

    // After compaction nobody's name is left in Privet's own topics, whatever was replaced there.
    wait_for("compaction", Duration::from_secs(120), || {
        for topic in ["consent", "erasures", "requests"] {
            (0..2).for_each(|partition| kafka.produce(&scene.topic(topic), [input("nobody:roll", None, Some(partition))]));
        }
        std::thread::sleep(Duration::from_millis(700));
        (!holds(&scene, "consent", &GONE)).then_some(())
    });
    for topic in ["consent", "erasures", "requests", "subject-keys", "notices"] {
        assert!(!holds(&scene, topic, &GONE), "{topic}");
    }
    assert!(holds(&scene, "erasures", &["digest:"]));
    assert!(!holds(&scene, "requests", &[&url]), "whom to tell is forgotten once they know");
    assert_eq!(first.metric("privet_subject_keys", &[]), 2.0, "one for each of Bob's names that was with an address");
    ask_commands(&scene, id);
    assert!(first.terminate().0.success());

    let mut second = scene.run_with("one", port, &[]);
    second.wait_ready();
    let status = wait_status(&second, port, &certificate, id, "completed");
    assert_eq!(status["received_time"], taken["received_time"]);
    nothing_is_left_here(&scene, &second);
    event(&scene, 8, &[("user", ann), ("email", mail), ("device", device)]);
    event(&scene, 9, &[("email", mail)]);
    event(&scene, 10, &[("device", device)]);
    event(&scene, 11, &[("user", "bob")]);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!((after("warehouse"), after("ads")), (BTreeSet::from([1, 2, 7, 11]), BTreeSet::from([1, 2, 7, 11])));
    assert_eq!(second.metric("privet_ledger_subjects", &[]), 1.0, "Bob's row");
    assert!(second.terminate().0.success());
    assert!(!scene.logs().contains("canarybird") && !scene.logs().contains("CANARYBIRD"), "a name is in the log");
}

#[test]
fn an_erasure_that_is_held_suppresses_and_can_be_taken_back() {
    let Some(kafka) = kafka("kafka") else { return };
    let (scene, certificate) = scene(kafka, "dsrhold", ", hold: 1h");
    kafka.produce(&scene.topic("consent"), [input("user_id:carl", Some(&granted("carl", "", 1)), None)]);
    event(&scene, 1, &[("user", "carl"), ("email", "carl@example.org")]);
    let mut privet = scene.run();
    let port = scene.admin;
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let id = "0b0f4c1a-3c39-4d6e-9d4c-0e4f5f6a7b8c";
    // By the hash of the name: `printf carl | sha256sum`.
    let hash = "69bfe1e6e44821df7f8a0927bd7e61ef208fdb25deaa4353450bc3fb904abd52";
    let body = erasure(id, "controller_customer_id", hash, "sha256");
    let (code, taken) = call(&privet, port, &certificate, "POST /opendsr/v3/requests", &body);
    assert_eq!(code, 201, "{taken}");
    wait_for("the suppression", SOON, || (privet.metric("privet_suppressed_subjects", &[]) == 1.0).then_some(()));
    event(&scene, 2, &[("user", "carl"), ("email", "carl@example.org")]);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    // Long enough for whoever destroys to have done so.
    std::thread::sleep(Duration::from_secs(3));
    let after = |sink: &str| seqs(&scene, sink).into_keys().collect::<BTreeSet<_>>();
    assert_eq!((after("warehouse"), after("ads")), (BTreeSet::from([1]), BTreeSet::from([1])));
    assert_eq!(privet.metric("privet_ledger_subjects", &[]), 1.0, "nothing is destroyed");
    assert_eq!((privet.metric("privet_subject_keys", &[]), privet.metric("privet_dsr_open", &[])), (2.0, 1.0));
    wait_status(&privet, port, &certificate, id, "pending");

    let path = format!("DELETE /opendsr/v3/requests/{id}");
    let (code, cancelled) = call(&privet, port, &certificate, &path, "");
    assert_eq!((code, &cancelled["subject_request_id"]), (202, &json!(id)));
    wait_status(&privet, port, &certificate, id, "cancelled");
    wait_for("the suppression to be lifted", SOON, || (privet.metric("privet_suppressed_subjects", &[]) == 0.0).then_some(()));
    event(&scene, 3, &[("user", "carl"), ("email", "carl@example.org")]);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!((after("warehouse"), after("ads")), (BTreeSet::from([1, 3]), BTreeSet::from([1, 3])));
    assert!(kafka.read(&scene.topic("notices"), Isolation::Committed).is_empty());

    // What is held is told to who asks for it, by digest.
    let access =
        erasure("1b0f4c1a-3c39-4d6e-9d4c-0e4f5f6a7b8c", "controller_customer_id", "carl", "raw").replace("erasure", "access");
    assert_eq!(call(&privet, port, &certificate, "POST /opendsr/v3/requests", &access).0, 201);
    let status = wait_status(&privet, port, &certificate, "1b0f4c1a-3c39-4d6e-9d4c-0e4f5f6a7b8c", "completed");
    let path =
        status["results_url"].as_str().and_then(|url| url.strip_prefix("https://privacy.example")).expect("where results are");
    let (code, results) = call(&privet, port, &certificate, &format!("GET {path}"), "");
    assert_eq!(code, 200, "{results}");
    assert_eq!(results["subjects"][0]["consent"]["purposes"]["advertising"]["state"], "granted", "{results}");
    assert_eq!(results["subjects"][0]["suppressed"], false);
    assert!(privet.terminate().0.success());
}

#[test]
fn a_request_outlives_a_crash_and_one_that_is_refused_leaves_nothing() {
    let Some(kafka) = kafka("kafka") else { return };
    let (scene, certificate) = scene(kafka, "dsrcrash", ", hold: 4s");
    let dora = granted("dora", r#"{"kind":"email","value":"dora@example.org"}"#, 1);
    kafka.produce(&scene.topic("consent"), [input("user_id:dora", Some(&dora), None)]);
    let mut first = scene.run();
    let port = scene.admin;
    first.wait_ready();
    let id = "2b0f4c1a-3c39-4d6e-9d4c-0e4f5f6a7b8c";
    // By an address that is another name in her row, and by its MD5 (`printf dora@example.org | md5sum`).
    let body = erasure(id, "email", "463d327b725fab4505e546bd35b0bd35", "md5");
    for wrong in [&body[1..], &body.replace("md5", "sha1"), &body.replace("email", "roku_publisher_id"), &body.replace(id, "x")] {
        assert_eq!(call(&first, port, &certificate, "POST /opendsr/v3/requests", wrong).0, 400, "{wrong}");
    }
    assert_eq!(first.metric("privet_dsr_requests_total", &["result=\"refused\""]), 4.0);
    for topic in ["requests", "erasures", "notices"] {
        assert!(kafka.read(&scene.topic(topic), Isolation::Uncommitted).is_empty(), "{topic}");
    }
    assert_eq!(call(&first, port, &certificate, &format!("GET /opendsr/v3/requests/{id}"), "").0, 404);

    assert_eq!(call(&first, port, &certificate, "POST /opendsr/v3/requests", &body).0, 201);
    wait_status(&first, port, &certificate, id, "pending");
    first.kill_nine();
    // Once nothing holds it back it is done, by whoever is there.
    let mut second = scene.run_with("one", port, &[]);
    second.wait_ready();
    wait_status(&second, port, &certificate, id, "completed");
    assert_eq!(second.metric("privet_ledger_subjects", &[]), 0.0, "the row that has the address for another name was hers");
    event(&scene, 1, &[("user", "dora")]);
    event(&scene, 2, &[("email", "Dora@Example.org")]);
    event(&scene, 3, &[("user", "emil")]);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!(seqs(&scene, "warehouse").into_keys().collect::<Vec<_>>(), [3]);
    let notices = kafka.read(&scene.topic("notices"), Isolation::Committed).into_iter();
    let notices = notices.map(|row| serde_json::from_slice::<Value>(&row.value.expect("a value")).expect("JSON"));
    for notice in notices {
        assert_eq!(notice["unresolved"], json!([{"kind": "email", "why": "hashed"}]), "{notice}");
        assert_eq!(notice["subjects"], json!([]));
    }
    assert!(second.terminate().0.success());
}

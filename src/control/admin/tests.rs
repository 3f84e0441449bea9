//! The admin server over real TCP and TLS, as a stranger, a browser and an operator meet it.

use super::{AdminError, Server, Settings, Sources};
use crate::config::Tls;
use crate::control::Status;
use crate::telemetry::Telemetry;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVersion};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const TOKEN: &str = "correct-horse-battery-staple";

fn settings() -> Settings {
    let listen = "127.0.0.1:0".parse().unwrap();
    Settings {
        listen,
        token: Some(TOKEN.to_owned().into()),
        tls: None,
        allow_plaintext: false,
        hosts: Vec::new(),
        dsr_token: None,
    }
}

fn sources() -> Sources {
    Sources { status: Status::new(1), telemetry: Arc::new(Telemetry::new()), reload: None, office: None }
}

fn start(settings: Settings) -> Server {
    Server::start(settings, sources()).unwrap()
}

/// Status code (0 for no answer), head and body of the answer to these bytes.
fn exchange(mut stream: impl Read + Write, request: &str) -> (u16, String, String) {
    let mut answer = Vec::new();
    // A server that refuses before it has read everything may reset the connection, before or after its answer.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (code, head.to_lowercase(), body.to_owned())
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn ask(server: &Server, line: &str, headers: &[&str]) -> (u16, String, String) {
    let mut request = format!("{line} HTTP/1.1\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    exchange(connect(server.address()), &format!("{request}\r\n"))
}

const HOST: &str = "Host: localhost";

#[test]
fn probes_and_scrapes_need_no_token() {
    let sources = sources();
    let server = Server::start(settings(), sources.clone()).unwrap();
    assert_eq!(ask(&server, "GET /livez", &[HOST]).0, 200);
    let (code, _, body) = ask(&server, "GET /readyz", &[HOST]);
    assert_eq!(code, 503);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["reasons"], serde_json::json!(["worker 0: starting"]));
    sources.status.worker(0).assigned(vec![("events".to_owned(), 0)]);
    assert_eq!(ask(&server, "GET /readyz", &[HOST]).0, 200);
    assert!(ask(&server, "GET /metrics", &[HOST]).2.contains("\nprivet_ready 1\n"));
    sources.status.drain();
    assert!(ask(&server, "GET /metrics", &[HOST]).2.contains("\nprivet_ready 0\n"));
    let (code, head, body) = ask(&server, "GET /metrics", &[HOST]);
    assert_eq!(code, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("# TYPE privet_transactions_total counter"), "{body}");
}

#[test]
fn the_status_counts_what_was_committed() {
    use crate::event::{SinkId, StreamId};
    use crate::outcome::{Outcome, Reason};
    let sources = sources();
    let names = crate::telemetry::PlanNames { streams: vec!["web".into()], sinks: vec!["ads".into()], rules: vec![] };
    let mut counts = crate::telemetry::LocalCounts::new(sources.telemetry.clone(), names);
    let now = std::time::Instant::now();
    counts.record(StreamId(0), 10, now);
    counts.decision(StreamId(0), SinkId(0), Outcome::Drop, Reason::OptedOut, 0);
    counts.commit(now);
    let server = Server::start(settings(), sources).unwrap();
    let body: serde_json::Value = serde_json::from_str(&ask(&server, "GET /api/status", &[HOST]).2).unwrap();
    let expected = serde_json::json!([{"stream": "web", "sink": "ads", "outcome": "drop", "reason": "opted_out", "count": 1}]);
    assert_eq!(body["decisions"], expected);
    assert_eq!(body["workers"][0]["phase"], "starting");
}

#[test]
fn what_changes_or_shows_policy_needs_the_token() {
    let server = start(settings());
    let wrong = format!("Authorization: Bearer {}x", &TOKEN[..TOKEN.len() - 1]);
    let right = format!("Authorization: Bearer {TOKEN}");
    let twice = format!("{right}\r\n{right}");
    let basic = format!("Authorization: Basic {TOKEN}");
    for line in ["GET /api/policy", "POST /api/reload", "POST /api/explain", "POST /opendsr/v3/requests"] {
        for header in ["X-Other: 1", &wrong, &basic, "Authorization: Bearer ", &twice] {
            let (code, head, body) = ask(&server, line, &[HOST, header]);
            assert_eq!(code, 401, "{line} {header}");
            assert!(head.contains("www-authenticate: bearer"), "{head}");
            assert!(!body.contains(TOKEN));
        }
    }
    assert_eq!(ask(&server, "POST /api/reload", &[HOST, &right]).0, 404, "past the gate: no file to reload");
    assert_eq!(ask(&server, "POST /api/explain", &[HOST, &right]).0, 501);
}

#[test]
fn without_a_token_nothing_that_needs_one_is_open() {
    let server = start(Settings { token: None, ..settings() });
    for header in ["X-Other: 1", "Authorization: Bearer "] {
        let (code, _, body) = ask(&server, "GET /api/policy", &[HOST, header]);
        assert_eq!(code, 403);
        assert!(body.contains("admin.token"), "{body}");
    }
}

#[test]
fn a_rebound_name_is_refused_and_addresses_are_not() {
    let server = start(Settings { hosts: vec!["Privet.Example".to_owned(), "*.pods.example".to_owned()], ..settings() });
    let refused =
        ["evil.example", "localhost.evil.example", "x.privet.example", "a.b.pods.example", ".pods.example", "u@localhost", ""];
    for host in refused {
        let code = ask(&server, "GET /livez", &[&format!("Host: {host}")]).0;
        assert!(matches!(code, 400 | 421), "{host}: {code}");
    }
    let known = ["localhost:9600", "LOCALHOST", "127.0.0.1:1", "[::1]:9600", "10.1.2.3", "privet.example:9600", "a.pods.example"];
    for host in known {
        assert_eq!(ask(&server, "GET /livez", &[&format!("Host: {host}")]).0, 200, "{host}");
    }
    assert_eq!(ask(&server, "GET /livez", &[]).0, 400, "no Host");
    assert_eq!(ask(&server, "GET /livez", &[HOST, "Host: evil.example"]).0, 400, "two");
    assert_eq!(ask(&server, "GET http://evil.example/livez", &[HOST]).0, 421, "the name in the request line counts too");
}

#[test]
fn another_sites_page_cannot_act() {
    let server = start(settings());
    let right = format!("Authorization: Bearer {TOKEN}");
    let post = |origin: &str| ask(&server, "POST /api/reload", &[HOST, &right, &format!("Origin: {origin}")]).0;
    assert_eq!(post("https://evil.example"), 403);
    assert_eq!(post("null"), 403);
    assert_eq!(post("http://localhost"), 404, "its own page may: past the gate there is no file to reload");
    let (_, head, _) = ask(&server, "OPTIONS /api/reload", &[HOST, "Origin: https://evil.example"]);
    assert!(!head.contains("access-control-"), "{head}");
}

#[test]
fn bodies_beyond_the_limit_are_refused() {
    let server = start(settings());
    let right = format!("Authorization: Bearer {TOKEN}");
    let (code, ..) = ask(&server, "POST /api/reload", &[HOST, &right, "Content-Length: 10000000"]);
    assert_eq!(code, 413);
    let chunk = "x".repeat(100_000);
    let chunked = format!(
        "POST /api/reload HTTP/1.1\r\n{HOST}\r\n{right}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n",
        chunk.len()
    );
    assert_eq!(exchange(connect(server.address()), &chunked).0, 413);
    let head = format!("GET /livez HTTP/1.1\r\n{HOST}\r\nX-Long: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(exchange(connect(server.address()), &head).0, 431);
}

#[test]
fn every_answer_is_guarded_and_unknown_places_say_nothing() {
    let server = start(settings());
    for (line, code) in
        [("GET /", 200), ("GET /livez", 200), ("GET /nothing", 404), ("DELETE /livez", 405), ("GET /api/policy", 401)]
    {
        let (found, head, _) = ask(&server, line, &[HOST]);
        assert_eq!(found, code, "{line}");
        for part in ["cache-control: no-store", "x-content-type-options: nosniff", "default-src 'none'", "frame-ancestors 'none'"]
        {
            assert!(head.contains(part), "{line}: no {part} in {head}");
        }
        assert!(!head.contains("access-control-"), "{line}");
    }
}

#[test]
fn the_page_escapes_what_comes_from_elsewhere() {
    let sources = sources();
    sources.status.worker(0).stalled("<script>alert(1)</script>");
    let server = Server::start(settings(), sources).unwrap();
    let (code, head, body) = ask(&server, "GET /", &[HOST]);
    assert_eq!(code, 200);
    assert!(head.contains("style-src 'sha256-"), "{head}");
    assert!(body.contains("&lt;script&gt;") && !body.contains("<script"), "{body}");
    for placeholder in ["{style}", "{state}", "{words}", "{reasons}", "{version}", "{started}", "{policy}"] {
        assert!(!body.contains(placeholder), "{placeholder} was left");
    }
}

#[test]
fn a_client_that_sends_nothing_is_let_go() {
    let server = start(settings());
    let mut silent = connect(server.address());
    silent.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").unwrap();
    let mut answer = Vec::new();
    let _ = silent.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "and the connection ended within the read timeout");
}

/// More slow clients than there are places, of each kind: silent, slow with the head, slow with a body.
#[test]
fn slow_clients_do_not_keep_a_probe_out() {
    let server = start(settings());
    let right = format!("Authorization: Bearer {TOKEN}");
    let body = format!("POST /api/reload HTTP/1.1\r\n{HOST}\r\n{right}\r\nContent-Length: 9\r\n\r\nx");
    let mut slow = Vec::new();
    for number in 0..100 {
        let mut stream = connect(server.address());
        match number % 3 {
            0 => {}
            1 => stream.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").unwrap(),
            _ => stream.write_all(body.as_bytes()).unwrap(),
        }
        slow.push(stream);
    }
    let begun = std::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(ask(&server, "GET /livez", &[HOST]).0, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "a probe waited {:?}", begun.elapsed());
}

#[test]
fn stopping_frees_the_port_and_waits_for_nobody_long() {
    let server = start(settings());
    let address = server.address();
    let _idle = connect(address);
    let begun = std::time::Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn beyond_loopback_it_starts_with_a_token_and_tls_only() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let failure = |settings| Server::start(settings, sources()).err();
    let without = Settings { listen, token: None, allow_plaintext: true, ..settings() };
    assert!(matches!(failure(without), Some(AdminError::NoToken(_))));
    let plain = Settings { listen, ..settings() };
    assert!(matches!(failure(plain.clone()), Some(AdminError::NoTls(_))));
    let empty = Settings { token: Some(" \n".to_owned().into()), ..settings() };
    assert!(matches!(failure(empty), Some(AdminError::EmptyToken)));
    assert!(failure(Settings { allow_plaintext: true, ..plain }).is_none());
    let six = Settings { listen: "[::]:0".parse().unwrap(), ..settings() };
    assert!(matches!(failure(six), Some(AdminError::NoTls(_))));
}

#[test]
fn settings_do_not_print_the_token() {
    assert!(!format!("{:?}", settings()).contains(TOKEN));
}

// ── TLS ──

pub(super) struct Signed {
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate for a name, signed by another or by itself.
pub(super) fn certificate(name: &str, authority: Option<&Signed>) -> Signed {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(name.len() as u32).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(authority.map_or(&*subject, |authority| authority.certificate.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns(name).ip("127.0.0.1").build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    if authority.is_none() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    builder.sign(authority.map_or(&key, |authority| &authority.key), MessageDigest::sha256()).unwrap();
    Signed { certificate: builder.build(), key }
}

pub(super) fn save(folder: &Path, name: &str, signed: &Signed) {
    std::fs::write(folder.join(format!("{name}.pem")), signed.certificate.to_pem().unwrap()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), signed.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
}

pub(super) fn files(folder: &Path, client_ca: Option<&str>) -> Tls {
    let client_ca = client_ca.map(|name| folder.join(format!("{name}.pem")));
    Tls { certificate: folder.join("server.pem"), key: folder.join("server.key"), client_ca }
}

/// One exchange over TLS as a client that trusts `folder/server.pem`, with a certificate of its own if it has one.
fn ask_tls(server: &Server, folder: &Path, own: Option<&str>, line: &str) -> Option<u16> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_ca_file(folder.join("server.pem")).unwrap();
    if let Some(own) = own {
        builder.set_certificate_file(folder.join(format!("{own}.pem")), SslFiletype::PEM).unwrap();
        builder.set_private_key_file(folder.join(format!("{own}.key")), SslFiletype::PEM).unwrap();
    }
    let stream = builder.build().connect("privet.example", connect(server.address())).ok()?;
    match exchange(stream, &format!("{line} HTTP/1.1\r\nHost: privet.example\r\n\r\n")).0 {
        0 => None,
        code => Some(code),
    }
}

#[test]
fn tls_with_the_certificates_name_and_nothing_older_than_1_2() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "server", &certificate("privet.example", None));
    let server = start(Settings { tls: Some(files(folder.path(), None)), ..settings() });
    assert_eq!(ask_tls(&server, folder.path(), None, "GET /livez"), Some(200), "a name of the certificate is a known host");
    assert_eq!(ask_tls(&server, folder.path(), None, "GET /api/policy"), Some(401));
    let (code, ..) = ask(&server, "GET /livez", &[HOST]);
    assert_eq!(code, 0, "plain text gets no answer");
    let mut old = SslConnector::builder(SslMethod::tls_client()).unwrap();
    old.set_ca_file(folder.path().join("server.pem")).unwrap();
    old.set_min_proto_version(None).unwrap();
    old.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    assert!(old.build().connect("privet.example", connect(server.address())).is_err());
}

#[test]
fn a_client_certificate_stands_for_the_token_if_the_authority_signed_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = certificate("clients", None);
    save(folder, "server", &certificate("privet.example", None));
    save(folder, "clients", &authority);
    save(folder, "operator", &certificate("operator", Some(&authority)));
    save(folder, "stranger", &certificate("stranger", None));
    let tls = Some(files(folder, Some("clients")));
    let server = start(Settings { tls, token: None, ..settings() });
    assert_eq!(ask_tls(&server, folder, Some("operator"), "GET /api/policy"), Some(404), "past the gate: no policy file");
    assert_eq!(ask_tls(&server, folder, None, "GET /api/policy"), Some(401));
    assert_eq!(ask_tls(&server, folder, None, "GET /livez"), Some(200), "probes have no certificate");
    assert_eq!(ask_tls(&server, folder, Some("stranger"), "GET /livez"), None, "a wrong one ends the handshake");
}

#[test]
fn a_certificate_that_does_not_load_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "server", &certificate("privet.example", None));
    let other = certificate("other.example", None);
    std::fs::write(folder.path().join("server.key"), other.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let failure = Server::start(Settings { tls: Some(files(folder.path(), None)), ..settings() }, sources()).err();
    assert!(failure.unwrap().to_string().contains("server.key"));
}

const ERASURE: &str = r#"{"subject_request_id":"a7551968-d5d6-44b2-9831-815ac9017798","subject_request_type":"erasure","submitted_time":"2026-11-20T15:00:00Z","subject_identities":[{"identity_type":"email","identity_value":"canarybird@example.com","identity_format":"raw"}]}"#;

/// A server that takes requests of data subjects, and what it signs with.
fn start_office() -> (Server, Sources, Arc<crate::control::dsr::Office>) {
    let sources = sources();
    let office = Arc::new(crate::control::dsr::office_for_tests(&sources.telemetry));
    let sources = Sources { office: Some(office.clone()), ..sources };
    let settings = Settings { dsr_token: Some("only-for-data-subjects".to_owned().into()), ..settings() };
    (Server::start(settings, sources.clone()).unwrap(), sources, office)
}

fn submit(server: &Server, token: &str, body: &str) -> (u16, String, String) {
    let head = format!("POST /opendsr/v3/requests HTTP/1.1\r\n{HOST}\r\nAuthorization: Bearer {token}\r\n");
    exchange(connect(server.address()), &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))
}

#[test]
fn a_data_subjects_request_is_answered_and_signed_over_http() {
    let (server, _, office) = start_office();
    for token in [TOKEN, "only-for-data-subjects"] {
        let (code, _, body) = submit(&server, token, ERASURE);
        assert_eq!(code, 201, "{body}");
        // The head is compared in lower case, and base64 is not: the signature is taken from an answer of the same content.
        let again = submit_raw(&server, token, ERASURE);
        let signature = header(&again, "x-opendsr-signature: ").unwrap();
        let (_, body) = again.split_once("\r\n\r\n").unwrap();
        assert!(crate::control::dsr::verify_for_tests(office.signer.certificate(), body.as_bytes(), signature));
        assert_eq!(header(&again, "x-opendsr-processor-domain: "), Some("privacy.example"));
    }
    let status: serde_json::Value = serde_json::from_str(&ask(&server, "GET /api/status", &[HOST]).2).unwrap();
    assert_eq!(status["requests"], serde_json::json!({"open": 1, "overdue": 0}));
    let dsr = "Authorization: Bearer only-for-data-subjects";
    let path = "/opendsr/v3/requests/a7551968-d5d6-44b2-9831-815ac9017798";
    let (code, _, body) = ask(&server, &format!("GET {path}"), &[HOST, dsr]);
    assert_eq!((code, body.contains(r#""request_status":"pending""#)), (200, true), "{body}");
    assert_eq!(ask(&server, &format!("DELETE {path}"), &[HOST, dsr]).0, 400, "the desk of this test cancels nothing");
    assert_eq!(ask(&server, "GET /opendsr/v3/discovery", &[HOST, dsr]).0, 200);
    assert_eq!(ask(&server, "GET /opendsr/v3/discovery", &[HOST]).0, 401);
    let (code, _, pem) = ask(&server, "GET /opendsr/v3/certificate", &[HOST]);
    assert_eq!((code, pem.as_bytes()), (200, office.signer.certificate()), "whoever verifies needs no token");
    assert!(!pem.contains("PRIVATE"));
    // The token for requests of data subjects opens nothing else.
    for line in ["GET /api/policy", "POST /api/reload"] {
        assert_eq!(ask(&server, line, &[HOST, dsr]).0, 401, "{line}");
    }
}

fn submit_raw(server: &Server, token: &str, body: &str) -> String {
    let head = format!("POST /opendsr/v3/requests HTTP/1.1\r\n{HOST}\r\nAuthorization: Bearer {token}\r\n");
    let mut stream = connect(server.address());
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name))
}

#[test]
fn a_data_subjects_request_that_is_refused_says_why_in_opendsrs_form_and_is_counted() {
    let (server, sources, _) = start_office();
    let cases = [
        (401, submit(&server, "wrong", ERASURE)),
        (400, submit(&server, TOKEN, "{\"canarybird\":1}")),
        (400, submit(&server, TOKEN, "")),
        (413, submit(&server, TOKEN, &" ".repeat(70_000))),
        (405, ask(&server, "DELETE /opendsr/v3/requests", &[HOST, &format!("Authorization: Bearer {TOKEN}")])),
        (404, ask(&server, "POST /opendsr/v2/requests", &[HOST, &format!("Authorization: Bearer {TOKEN}")])),
        (421, ask(&server, "POST /opendsr/v3/requests", &["Host: evil.example"])),
    ];
    for (expected, (code, head, body)) in cases {
        assert_eq!(code, expected, "{body}");
        let error: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{expected}: {body}"));
        assert_eq!(error["error"]["code"], expected, "{body}");
        assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        assert!(!body.contains("canarybird"), "{body}");
        assert!(head.contains("cache-control: no-store"), "{head}");
    }
    let shown = sources.telemetry.render("2026-11-22T10:00:00Z".parse().unwrap());
    for (result, count) in [("accepted", 0), ("refused", 4), ("oversized", 1), ("unauthorised", 2)] {
        assert!(shown.contains(&format!("privet_dsr_requests_total{{result=\"{result}\"}} {count}\n")), "{result}: {shown}");
    }
}

#[test]
fn where_no_requests_are_taken_the_interface_says_so() {
    let server = start(settings());
    let (code, _, body) = submit(&server, TOKEN, ERASURE);
    assert_eq!((code, body.contains("no section `dsr`")), (404, true), "{body}");
    assert_eq!(submit(&server, "only-for-data-subjects", ERASURE).0, 401);
}

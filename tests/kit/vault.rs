//! A stand-in for HashiCorp Vault: the parts of its HTTP API that Privet uses, as its documentation describes them
//! (`/v1/transit/encrypt|decrypt/<key>`, `/v1/auth/token/lookup-self|renew-self`), failures included. Vault itself cannot be had
//! from a package registry.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::ssl::{SslAcceptor, SslMethod};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How it behaves towards everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As documented.
    Well,
    /// Sealed: 503.
    Sealed,
    /// A rate limit quota is used up: 429.
    Busy,
    /// It fails: 500, with a page that is no JSON, as proxies give.
    Failing,
    /// It takes requests and never answers.
    Silent,
    /// It ends in the middle of an answer.
    Cut,
    /// What it answers is no answer.
    Babbling,
    /// It unwraps to something that is no root.
    Wrong,
    /// Nobody is there: connections are closed at once.
    Away,
}

/// A token, as lookup-self shows it.
#[derive(Clone, Debug)]
pub struct Lease {
    pub ttl: u64,
    pub creation_ttl: u64,
    pub renewable: bool,
}

#[derive(Default)]
struct Vault {
    mood: Option<Mood>,
    tokens: HashMap<String, Lease>,
    /// Ciphertext → (key, associated data, plaintext), as an AEAD would only give it back.
    wrapped: HashMap<String, (String, String, String)>,
    /// Method, path and namespace of each request.
    asked: Vec<String>,
}

/// The running server; it ends with the test.
#[derive(Clone)]
pub struct StandIn {
    pub address: String,
    vault: Arc<Mutex<Vault>>,
}

impl StandIn {
    /// Over plain HTTP, with one token that does not expire.
    pub fn start(token: &str) -> StandIn {
        StandIn::serve(token, None)
    }

    /// Over TLS, with a certificate and key in PEM files.
    pub fn start_tls(token: &str, certificate: &Path, key: &Path) -> StandIn {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("an acceptor");
        acceptor.set_certificate_chain_file(certificate).expect("a certificate");
        acceptor.set_private_key_file(key, openssl::ssl::SslFiletype::PEM).expect("a key");
        StandIn::serve(token, Some(acceptor.build()))
    }

    fn serve(token: &str, tls: Option<SslAcceptor>) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at: SocketAddr = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let vault = Arc::new(Mutex::new(Vault::default()));
        let stand_in = StandIn { address: format!("{scheme}://localhost:{}", at.port()), vault };
        stand_in.permit(token, Lease { ttl: 0, creation_ttl: 0, renewable: false });
        let server = stand_in.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, tls) = (server.clone(), tls.clone());
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
                    if server.mood() == Mood::Away {
                        return;
                    }
                    match tls {
                        None => server.talk(&stream, &stream),
                        Some(tls) => {
                            let Ok(mut stream) = tls.accept(stream) else { return };
                            server.talk_tls(&mut stream);
                        }
                    }
                });
            }
        });
        stand_in
    }

    fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().expect("no test panics inside")
    }

    fn mood(&self) -> Mood {
        self.vault().mood.unwrap_or(Mood::Well)
    }

    /// From now on it is like that.
    pub fn set(&self, mood: Mood) {
        self.vault().mood = Some(mood);
    }

    /// That token may do everything.
    pub fn permit(&self, token: &str, lease: Lease) {
        self.vault().tokens.insert(token.to_owned(), lease);
    }

    /// That token may do nothing any more.
    pub fn revoke(&self, token: &str) {
        self.vault().tokens.remove(token);
    }

    /// What was asked so far: method, path and namespace.
    pub fn asked(&self) -> Vec<String> {
        self.vault().asked.clone()
    }

    /// How often it was asked something that holds these words.
    pub fn times(&self, words: &str) -> usize {
        self.asked().iter().filter(|asked| asked.contains(words)).count()
    }

    fn talk(&self, from: impl Read, mut to: impl Write) {
        let mut from = BufReader::new(from);
        while let Some(request) = Request::read(&mut from) {
            let answer = self.answer(&request);
            if !send(&mut to, self.mood(), &answer) {
                return;
            }
        }
    }

    fn talk_tls(&self, stream: &mut openssl::ssl::SslStream<TcpStream>) {
        // One request a connection: reader and writer are one.
        let Some(request) = Request::read(&mut BufReader::new(&mut *stream)) else { return };
        let answer = self.answer(&request);
        send(stream, self.mood(), &answer);
        let _ = stream.shutdown();
    }

    fn answer(&self, request: &Request) -> (u16, Option<Value>) {
        let mut vault = self.vault();
        vault.asked.push(format!("{} {} {}", request.method, request.path, request.namespace).trim_end().to_owned());
        let refuse = |code: u16, why: &str| (code, Some(json!({"errors": [why]})));
        match vault.mood.unwrap_or(Mood::Well) {
            Mood::Sealed => return refuse(503, "Vault is sealed"),
            Mood::Busy => return refuse(429, "request path \"transit/decrypt/privet\": rate limit quota exceeded"),
            Mood::Failing => return (500, None),
            Mood::Well | Mood::Silent | Mood::Cut | Mood::Babbling | Mood::Wrong | Mood::Away => {}
        }
        let wrong = vault.mood == Some(Mood::Wrong);
        let Some(lease) = vault.tokens.get(&request.token).cloned() else { return refuse(403, "permission denied") };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/v1/auth/token/lookup-self") => (200, Some(envelope(lookup(&lease), Value::Null))),
            ("POST" | "PUT", "/v1/auth/token/renew-self") => {
                let renewed = Lease { ttl: lease.creation_ttl, ..lease };
                let auth = json!({"client_token": request.token, "accessor": "a", "policies": ["privet"], "token_policies": ["privet"],
                    "metadata": null, "lease_duration": renewed.ttl, "renewable": true, "entity_id": "", "token_type": "service", "orphan": false});
                vault.tokens.insert(request.token.clone(), renewed);
                (200, Some(envelope(Value::Null, auth)))
            }
            ("POST" | "PUT", path) => {
                let text = |name: &str| request.body[name].as_str().unwrap_or_default().to_owned();
                if let Some(key) = path.strip_prefix("/v1/transit/encrypt/") {
                    let sealed = format!("vault:v1:{}", STANDARD.encode(format!("{:032}", vault.wrapped.len())));
                    vault.wrapped.insert(sealed.clone(), (key.to_owned(), text("associated_data"), text("plaintext")));
                    (200, Some(envelope(json!({"ciphertext": sealed, "key_version": 1}), Value::Null)))
                } else if let Some(key) = path.strip_prefix("/v1/transit/decrypt/") {
                    match vault.wrapped.get(&text("ciphertext")) {
                        Some((_, _, _)) if wrong => {
                            (200, Some(envelope(json!({"plaintext": STANDARD.encode("short")}), Value::Null)))
                        }
                        Some((of, bound_to, plain)) if of == key && *bound_to == text("associated_data") => {
                            (200, Some(envelope(json!({"plaintext": plain}), Value::Null)))
                        }
                        Some(_) | None => refuse(400, "cipher: message authentication failed"),
                    }
                } else {
                    refuse(404, "no handler for route")
                }
            }
            _ => refuse(404, "no handler for route"),
        }
    }
}

fn lookup(lease: &Lease) -> Value {
    json!({"accessor": "a", "creation_time": 1_790_000_000, "creation_ttl": lease.creation_ttl, "display_name": "token", "entity_id": "",
        "expire_time": null, "explicit_max_ttl": 0, "id": "hidden", "issue_time": "2026-11-22T00:00:00Z", "meta": null, "num_uses": 0,
        "orphan": false, "path": "auth/token/create", "policies": ["privet"], "renewable": lease.renewable, "ttl": lease.ttl, "type": "service"})
}

/// What is around every answer.
fn envelope(data: Value, auth: Value) -> Value {
    json!({"request_id": "f0c5", "lease_id": "", "renewable": false, "lease_duration": 0, "data": data, "wrap_info": null,
        "warnings": null, "auth": auth})
}

/// False where the connection is over.
fn send(to: &mut impl Write, mood: Mood, (code, body): &(u16, Option<Value>)) -> bool {
    if mood == Mood::Silent {
        std::thread::sleep(Duration::from_secs(20));
        return false;
    }
    let body = match (mood, body) {
        (Mood::Babbling, _) => "{\"data\":{\"plaintext\":7}}".to_owned(),
        (_, Some(body)) => body.to_string(),
        (_, None) => "<html>Internal Server Error</html>".to_owned(),
    };
    let length = body.len();
    let kept = if mood == Mood::Cut { &body[..length / 2] } else { &body };
    let head = format!("HTTP/1.1 {code} -\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    let sent = to.write_all(head.as_bytes()).and_then(|()| to.write_all(kept.as_bytes())).and_then(|()| to.flush());
    sent.is_ok() && mood != Mood::Cut
}

struct Request {
    method: String,
    path: String,
    token: String,
    namespace: String,
    body: Value,
}

impl Request {
    fn read(from: &mut impl BufRead) -> Option<Request> {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut body = vec![0; headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
        from.read_exact(&mut body).ok()?;
        let mut header = |name: &str| headers.remove(name).unwrap_or_default();
        let (token, namespace) = (header("x-vault-token"), header("x-vault-namespace"));
        Some(Request { method, path, token, namespace, body: serde_json::from_slice(&body).unwrap_or_default() })
    }
}

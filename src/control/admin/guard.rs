//! Who may ask what: the host name, the origin, the token, the size; and what every answer says about itself.

use super::serve::Client;
use crate::config;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use subtle::ConstantTimeEq;

/// Bytes of a request's body. A reload needs none; an event to explain will need its own limit.
pub(super) const BODY_BYTES: usize = 64 << 10;

/// What is checked on every request.
#[derive(Clone)]
pub(super) struct Guard(Arc<Rules>);

struct Rules {
    /// The digest of the token: digests are of one length, so that comparing them tells nothing about it.
    token: Option<[u8; 32]>,
    /// That of the token which opens requests of data subjects and nothing else.
    dsr_token: Option<[u8; 32]>,
    certificates: bool,
    hosts: Vec<String>,
    /// The second in which a refusal was last logged: a guessing client must not fill the log.
    logged: AtomicU64,
}

impl Guard {
    pub(super) fn new(token: Option<&SecretString>, tls: Option<&config::Tls>, hosts: Vec<String>) -> Guard {
        let token = token.map(digest);
        let certificates = tls.is_some_and(|tls| tls.client_ca.is_some());
        let hosts = hosts.into_iter().map(|host| host.to_lowercase()).collect();
        Guard(Arc::new(Rules { token, dsr_token: None, certificates, hosts, logged: AtomicU64::new(0) }))
    }

    /// The same, with a token for requests of data subjects.
    pub(super) fn with_dsr_token(self, token: Option<&SecretString>) -> Guard {
        let Rules { token: own, dsr_token: _, certificates, hosts, logged: _ } = &*self.0;
        let (token, own, hosts) = (token.map(digest), *own, hosts.clone());
        let rules = Rules { token: own, dsr_token: token, certificates: *certificates, hosts, logged: AtomicU64::new(0) };
        Guard(Arc::new(rules))
    }

    /// Whether the client has shown a certificate, or one of these tokens.
    fn admits(&self, headers: &HeaderMap, client: Option<&Client>, tokens: [Option<[u8; 32]>; 2]) -> bool {
        let certified = self.0.certificates && client.is_some_and(|client| client.certified);
        // Each is compared, whatever the other came to.
        let shown = |token: [u8; 32]| bearer(headers).is_some_and(|shown| matches(&token, shown));
        certified | tokens.into_iter().flatten().map(shown).fold(false, |one, other| one | other)
    }

    fn log_refusal(&self, client: Option<&Client>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.0.logged.swap(now, Ordering::Relaxed) != now {
            let address = client.map(|client| client.address.to_string()).unwrap_or_default();
            tracing::warn!(client = %address, "an admin request without the right token was refused");
        }
    }

    fn knows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if authority.as_str().contains('@') {
            return false;
        }
        let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
        // An address cannot be rebound to another one: only names can.
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok() || name == "localhost" || self.0.hosts.iter().any(|known| covers(known, &name))
    }
}

fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().trim()).into()
}

fn matches(token: &[u8; 32], shown: &str) -> bool {
    let shown: [u8; 32] = Sha256::digest(shown).into();
    token.ct_eq(&shown).into()
}

/// `*.example.com` covers one label.
fn covers(known: &str, name: &str) -> bool {
    match known.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => known == name,
    }
}

/// The token of the one `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = only(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// A header that is there exactly once, as text.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    let (first, second) = (all.next()?, all.next());
    if second.is_some() { None } else { first.to_str().ok() }
}

/// The words of a refusal, kept beside it for those who say it in another form.
#[derive(Clone)]
pub(super) struct Words(pub(super) String);

/// A refusal in words.
pub(super) fn refuse(status: StatusCode, words: &str) -> Response {
    let mut response = (status, Json(json!({"error": words}))).into_response();
    response.extensions_mut().insert(Words(words.to_owned()));
    response
}

/// For every request: the name it was sent to, where a browser sent it from, its size.
pub(super) async fn every(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match check(&guard, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => *refusal,
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn check(guard: &Guard, request: &Request) -> Result<(), Box<Response>> {
    let headers = request.headers();
    let Some(host) = only(headers, header::HOST) else {
        return Err(Box::new(refuse(StatusCode::BAD_REQUEST, "one Host header is needed")));
    };
    let target = request.uri().authority().map(Authority::as_str);
    if !guard.knows(host) || !target.is_none_or(|target| guard.knows(target)) {
        let words = "this server is not known under that name; use its address, localhost, or a name of its certificate";
        return Err(Box::new(refuse(StatusCode::MISDIRECTED_REQUEST, words)));
    }
    // A browser shows a client certificate by itself: another site's page must not act with it.
    let foreign = headers.get_all(header::ORIGIN).iter().any(|origin| !same_origin(origin, host));
    if foreign && !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Box::new(refuse(StatusCode::FORBIDDEN, "requests of other sites' pages are refused")));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > BODY_BYTES) {
        return Err(Box::new(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")));
    }
    Ok(())
}

fn same_origin(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// For what changes state or shows policy: the token, or a client certificate.
pub(super) async fn trusted(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let tokens = [guard.0.token, None];
    admit(&guard, tokens, request, next).await
}

/// For requests of data subjects: the same, or the token that is for them alone.
pub(super) async fn trusted_with_subjects(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let tokens = [guard.0.token, guard.0.dsr_token];
    admit(&guard, tokens, request, next).await
}

async fn admit(guard: &Guard, tokens: [Option<[u8; 32]>; 2], request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Client>().copied();
    if guard.admits(request.headers(), client.as_ref(), tokens) {
        return next.run(request).await;
    }
    guard.log_refusal(client.as_ref());
    if tokens.iter().all(Option::is_none) && !guard.0.certificates {
        return refuse(StatusCode::FORBIDDEN, "this needs admin.token, and none is configured");
    }
    let mut response = refuse(StatusCode::UNAUTHORIZED, "this needs the bearer token or a client certificate");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"privet\""));
    response
}

/// What every answer says: not to be cached, framed, sniffed, or read by another site's page. No CORS header is ever sent.
const SECURITY: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

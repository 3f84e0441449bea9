//! The page at `/`: what is here and how it stands. No script, nothing fetched from anywhere; its one style sheet is
//! in it and allowed by its hash.

use super::Sources;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// The page as things stand.
pub(super) fn front(sources: &Sources) -> Response {
    let mut response = Html(render(sources)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn content_security_policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
}

fn render(sources: &Sources) -> String {
    let readiness = sources.status.readiness();
    let (state, words) = if readiness.ready { ("good", "Ready") } else { ("bad", "Not ready") };
    let mut reasons = String::new();
    for reason in readiness.reasons.iter().chain(&readiness.notes) {
        // Writing to a `String` cannot fail.
        let _ = write!(reasons, "<li>{}</li>", escape(reason));
    }
    if !reasons.is_empty() {
        reasons = format!("<ul class=\"reasons\">{reasons}</ul>");
    }
    let policy = match &sources.reload {
        Some(reload) => {
            let running = reload.running();
            format!("<code>{}</code> since <time>{:.0}</time>", running.plan.hash, running.since)
        }
        None => "not read from a file".to_owned(),
    };
    PAGE.replace("{style}", STYLE)
        .replace("{state}", state)
        .replace("{words}", words)
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{started}", &format!("{:.0}", sources.status.started()))
        .replace("{policy}", &policy)
        // Last, for it alone holds text that comes from elsewhere.
        .replace("{reasons}", &reasons)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

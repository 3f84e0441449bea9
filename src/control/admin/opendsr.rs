//! OpenDSR over HTTP: which call leads to which answer, and every refusal in the form of its error object.

use super::Sources;
use super::guard::{self, Guard, Words, refuse};
use crate::control::dsr::{self, Answer, Fault, Office};
use crate::telemetry::DsrResult;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use std::sync::Arc;

const PREFIX: &str = "/opendsr/";
const DOMAIN: HeaderName = HeaderName::from_static("x-opendsr-processor-domain");
const SIGNATURE: HeaderName = HeaderName::from_static("x-opendsr-signature");

/// The calls of OpenDSR version 3. The certificate is public: whoever verifies a signature needs it.
pub(super) fn routes(guard: &Guard) -> Router<Sources> {
    let trusted = Router::new()
        .route("/opendsr/v3/requests", post(submit))
        .route("/opendsr/v3/requests/{id}", get(status).delete(cancel))
        .route("/opendsr/v3/requests/{id}/results", get(results))
        .route("/opendsr/v3/discovery", get(discovery))
        .route_layer(middleware::from_fn_with_state(guard.clone(), guard::trusted_with_subjects));
    trusted.route("/opendsr/v3/certificate", get(certificate))
}

async fn submit(State(sources): State<Sources>, body: Bytes) -> Response {
    answered(&sources, move |office| office.submit(&body, Timestamp::now())).await
}

async fn status(State(sources): State<Sources>, Path(id): Path<String>) -> Response {
    answered(&sources, move |office| office.status(&id)).await
}

async fn cancel(State(sources): State<Sources>, Path(id): Path<String>) -> Response {
    answered(&sources, move |office| office.cancel(&id, Timestamp::now())).await
}

async fn results(State(sources): State<Sources>, Path(id): Path<String>) -> Response {
    answered(&sources, move |office| office.results(&id)).await
}

async fn discovery(State(sources): State<Sources>) -> Response {
    answered(&sources, Office::discovery).await
}

async fn certificate(State(sources): State<Sources>) -> Response {
    match &sources.office {
        Some(office) => {
            ([(header::CONTENT_TYPE, "application/x-pem-file")], office.signer.certificate().to_vec()).into_response()
        }
        None => refuse(StatusCode::NOT_FOUND, NONE),
    }
}

const NONE: &str = "requests of data subjects are not taken here: the configuration has no section `dsr`";

/// Answers on a thread of its own: writing a request down waits for Kafka, and signing takes a millisecond.
async fn answered(sources: &Sources, answer: impl FnOnce(&Office) -> Answer + Send + 'static) -> Response {
    let Some(office) = sources.office.clone() else { return refuse(StatusCode::NOT_FOUND, NONE) };
    let working: Arc<Office> = office.clone();
    match tokio::task::spawn_blocking(move || answer(&working)).await {
        Ok(answer) => response(&office, answer),
        // It panicked, which is logged where it happens.
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "an internal fault; nothing is known to have changed"),
    }
}

/// The bytes that were signed, and the signature.
fn response(office: &Office, Answer { status, body, signature }: Answer) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response();
    let signed = signature.and_then(|text| HeaderValue::from_str(&text).ok());
    let domain = HeaderValue::from_str(office.signer.domain()).ok();
    let headers = [(SIGNATURE, signed), (DOMAIN, domain)];
    response.headers_mut().extend(headers.into_iter().filter_map(|(name, value)| Some((name, value?))));
    response
}

/// Around everything: what is refused before a call is reached is refused in OpenDSR's form as well, and counted where it would
/// have changed something.
pub(super) async fn shape(State(sources): State<Sources>, request: Request, next: Next) -> Response {
    let is_ours = request.uri().path().starts_with(PREFIX);
    let changes = matches!(*request.method(), Method::POST | Method::DELETE);
    let response = next.run(request).await;
    let (true, Some(office)) = (is_ours, &sources.office) else { return response };
    if response.headers().contains_key(SIGNATURE) || response.status().is_success() {
        return response;
    }
    let status = response.status();
    if changes {
        office.meters.answered(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => DsrResult::Unauthorised,
            StatusCode::PAYLOAD_TOO_LARGE => DsrResult::Oversized,
            StatusCode::INTERNAL_SERVER_ERROR => DsrResult::Unavailable,
            _ => DsrResult::Refused,
        });
    }
    let said = response.extensions().get::<Words>().map(|Words(words)| words.clone());
    let message = said.unwrap_or_else(|| status.canonical_reason().unwrap_or("refused").to_ascii_lowercase());
    let code = status.as_u16();
    // Not signed: strangers would have us sign as often as they like.
    let body = dsr::fault(code, &[Fault { reason: "refused", message }]).to_string().into_bytes();
    let mut shaped = self::response(office, Answer { status: code, body, signature: None });
    for (name, value) in response.headers() {
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
            shaped.headers_mut().entry(name).or_insert(value.clone());
        }
    }
    shaped
}

//! What is answered where.

use super::guard::{self, BODY_BYTES, Guard, refuse};
use super::{Sources, opendsr, page, view};
use crate::control::reload::{Report, Trigger};
use crate::telemetry::ReloadResult;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{self, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

/// How long a request waits for a reload: longer than a compilation and the brokers' answer take.
const RELOAD: Duration = Duration::from_secs(30);

/// The whole server.
pub(super) fn app(sources: Sources, guard: Guard) -> Router {
    let trusted = Router::new()
        .route("/api/policy", get(policy))
        .route("/api/reload", post(reload))
        .route("/api/explain", post(not_yet))
        .route("/api/decisions", get(not_yet))
        .route_layer(middleware::from_fn_with_state(guard.clone(), guard::trusted));
    Router::new()
        .route("/", get(front))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/api/status", get(status))
        .merge(trusted)
        .merge(opendsr::routes(&guard))
        .fallback(async |_: Uri| refuse(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || refuse(StatusCode::METHOD_NOT_ALLOWED, "not with this method"))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(guard, guard::every))
        .layer(middleware::from_fn_with_state(sources.clone(), opendsr::shape))
        .with_state(sources)
}

async fn front(State(sources): State<Sources>) -> Response {
    page::front(&sources)
}

/// 503 where a worker hangs: only a restart helps.
async fn livez(State(sources): State<Sources>) -> Response {
    let hung = sources.status.hung();
    let code = if hung.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let reasons: Vec<String> = hung.iter().map(|number| format!("worker {number} has not polled for a minute")).collect();
    (code, Json(json!({"alive": hung.is_empty(), "reasons": reasons}))).into_response()
}

async fn readyz(State(sources): State<Sources>) -> Response {
    let readiness = sources.status.readiness();
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(readiness)).into_response()
}

async fn metrics(State(sources): State<Sources>) -> Response {
    sources.telemetry.ready(sources.status.readiness().ready);
    let text = sources.telemetry.render(Timestamp::now());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn status(State(sources): State<Sources>) -> Response {
    Json(view::status(&sources)).into_response()
}

async fn policy(State(sources): State<Sources>) -> Response {
    match &sources.reload {
        Some(reload) => Json(view::policy(&reload.running())).into_response(),
        None => refuse(StatusCode::NOT_FOUND, "the policy was not read from a file"),
    }
}

/// 200 where the policy of the file runs afterwards, 422 where it was refused and the old one goes on.
async fn reload(State(sources): State<Sources>, headers: HeaderMap, body: Bytes) -> Response {
    if !body.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "a reload takes no body: it reads the configured files");
    }
    let Some(reload) = &sources.reload else {
        return refuse(StatusCode::NOT_FOUND, "the policy was not read from a file");
    };
    match tokio::time::timeout(RELOAD, reload.reload(Trigger::Request)).await {
        Ok(Ok(report)) => answer(&headers, report),
        Ok(Err(busy)) => refuse(StatusCode::SERVICE_UNAVAILABLE, &busy.to_string()),
        Err(_) => refuse(StatusCode::GATEWAY_TIMEOUT, "the reload goes on; /api/status will say what came of it"),
    }
}

fn answer(headers: &HeaderMap, report: Report) -> Response {
    let code = match report.result {
        ReloadResult::Changed | ReloadResult::Unchanged => StatusCode::OK,
        ReloadResult::Failed => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let plain = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain"));
    if plain {
        return (code, format!("{}: {}\n{}", report.result.as_str(), report.message, report.text)).into_response();
    }
    (code, Json(report)).into_response()
}

async fn not_yet() -> Response {
    refuse(StatusCode::NOT_IMPLEMENTED, "not supported yet")
}

//! What watches the venue asks: is it alive, is it ready, what did it do.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::pipeline::Health;

use super::gateway::Shared;
use super::json_response;

/// The event loop turns.
pub(super) async fn live() -> Response {
    json_response(200, json!({ "status": "live" }).to_string())
}

/// The venue takes commands; else 503 and why not.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let (code, status) = match shared.status.health() {
        Health::Running => (200, "ready"),
        Health::Stopping => (503, "stopping"),
        Health::Stopped => (503, "stopped"),
        Health::Failed => (503, "failed"),
    };
    let reason = shared.status.failure();
    let sequence = shared.gateway().models.checkpoint().sequence;
    let body = json!({
        "status": status,
        "reason": reason,
        "sequence": sequence,
        "durable_sequence": shared.status.durable_sequence(),
    });
    json_response(code, body.to_string())
}

/// All metrics, in Prometheus' text format.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let mut response = shared.registry.text().into_response();
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

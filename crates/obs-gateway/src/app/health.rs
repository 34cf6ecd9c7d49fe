//! Whether it lives, and whether it wants requests.
use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use serde_json::{Value, json};

use super::App;

/// It lives, for it answers.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// It wants requests, until it shuts down. Stores and providers do not count: it answers without the former, and says
/// what is wrong with the latter.
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    match app.lasting.is_draining() {
        false => (StatusCode::OK, Json(json!({"status": "ready"}))),
        true => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": "draining"})),
        ),
    }
}

//! Which models can be asked for.
use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Json, Response},
};
use serde_json::{Value, json};

use super::{App, forward};
use crate::{
    clock::WallClock,
    names::AUTO,
    settings::{Format, Settings},
    simulated,
};

/// The models that are known without asking a provider: `auto`, the routes by name and by model, and the simulated
/// ones. Others can be asked for all the same.
#[derive(Debug)]
pub(super) struct Models(Vec<Value>);

impl Models {
    pub(super) fn new(settings: &Settings, clock: &WallClock) -> Self {
        let created = clock.unix_seconds();
        let mut models: Vec<(String, &str)> = Vec::new();
        let mut add = |name: &str, owner| {
            if !models.iter().any(|(known, _)| known == name) {
                models.push((name.to_owned(), owner));
            }
        };
        if !settings.routes.is_empty() {
            add(AUTO, "gateway");
        }
        for route in &settings.routes {
            add(&route.name, "gateway");
        }
        let first = settings.providers.first();
        for route in &settings.routes {
            let owner = route.provider.as_deref().or(first.map(|p| &*p.name));
            add(&route.model, owner.unwrap_or("gateway"));
        }
        if let Some(first) = first.filter(|first| first.format == Format::Simulated) {
            simulated::names().for_each(|name| add(name, &first.name));
        }
        let model = |(name, owner): (String, &str)| json!({"id": name, "object": "model", "created": created, "owned_by": owner});
        Self(models.into_iter().map(model).collect())
    }
}

/// All of them.
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"object": "list", "data": app.models.0}))
}

/// One of them, or what the provider says of it.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match app.models.0.iter().find(|model| model["id"] == *name) {
        Some(model) => Json(model).into_response(),
        None => forward::pass(State(app), request).await,
    }
}

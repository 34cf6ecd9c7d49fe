//! Which models can be asked for.
use std::sync::Arc;

use axum::{
    extract::{Extension, Path, Request, State},
    response::{IntoResponse, Json, Response},
};
use serde_json::{Value, json};

use super::{App, errors, forward};
use crate::{
    api::Api,
    clock::WallClock,
    keys::Caller,
    names::AUTO,
    refusal::Refusal,
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

/// All that the caller may use.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Option<Extension<Caller>>,
) -> Json<Value> {
    let caller = caller.as_deref();
    let models: Vec<_> = app
        .models
        .0
        .iter()
        .filter(|of| app.shows(caller, of))
        .collect();
    Json(json!({"object": "list", "data": models}))
}

impl App {
    fn shows(&self, caller: Option<&Caller>, model: &Value) -> bool {
        let names = &self.stacks.names;
        let name = model["id"].as_str().unwrap_or_default();
        // One interface where it may be used is enough to show it.
        let at = |caller: &Caller, api| {
            let named = names.called_at(api, name);
            named.is_ok_and(|of| caller.check(api, name, of, names).is_ok())
        };
        let allows = |caller: &Caller| Api::ALL.into_iter().any(|api| at(caller, api));
        caller.is_none_or(allows)
    }
}

/// One of them, or what the provider says of it.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    caller: Option<Extension<Caller>>,
    request: Request,
) -> Response {
    let caller = caller.as_deref();
    let known = app.models.0.iter().find(|model| model["id"] == *name);
    match known.filter(|model| app.shows(caller, model)) {
        Some(model) => Json(model).into_response(),
        // The provider's list is not cut to what the key may use.
        None if caller.is_some() => errors::refusal(Api::OpenAi, &Refusal::no_model(&name, &[])),
        None => forward::pass(State(app), request).await,
    }
}

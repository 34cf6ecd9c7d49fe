//! `/admin/v1`: what an operator does to the cache. There is none of it unless `admin.token` is set.
mod cache;
mod erase;
mod which;
mod whose;

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Json, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use obs_core::{Call, LlmRequest};
use serde_json::Value;
use tracing::{info, warn};

pub(crate) use self::erase::Recent;
pub(super) use self::erase::{Erase, Wish};
use super::{App, errors};
use crate::{
    api::Api,
    counts::{Action, Outcome},
    refusal::Refusal,
    settings::Secret,
};

/// What the endpoint needs, where there is one.
pub(super) struct Admin {
    /// Hashes are compared, in constant time, and say nothing of the token's length.
    token: blake3::Hash,
}

/// Why an operator does not get what it asks for.
enum Failure {
    Refused(Refusal),
    /// The store could not be reached.
    Store(Refusal),
}

impl Admin {
    pub(super) fn new(token: &Secret) -> Self {
        Self {
            token: blake3::hash(token.expose().as_bytes()),
        }
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return false;
        };
        let value = value.as_bytes();
        let (scheme, token) = value.split_at(value.len().min(7));
        scheme.eq_ignore_ascii_case(b"bearer ") && blake3::hash(token.trim_ascii()) == self.token
    }
}

impl App {
    /// Keeps what deletes the answer to this call, so that it can be named by the call's own name.
    pub(super) fn remember<R: LlmRequest>(&self, call: &Call<R>) {
        let (Some(_), Some(cache)) = (&self.admin, &self.stacks.figures.cache) else {
            return;
        };
        if let Some(id) = &call.context.id {
            self.lasting
                .recent
                .note(id.clone(), erase::erases(&cache.handle(), call));
        }
    }
}

/// The endpoint, where it is switched on.
pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    if app.admin.is_none() {
        return Router::new();
    }
    let inner = Router::new()
        .route("/cache", get(cache::stats).delete(cache::forget))
        .route("/cache/delete", post(cache::delete))
        .route("/cache/bad-hit", post(cache::bad_hit))
        .route("/cache/purge", post(cache::purge))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(middleware::from_fn_with_state(app.clone(), admit));
    Router::new().nest("/admin/v1", inner)
}

async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let admin = app.admin.as_ref();
    if admin.is_some_and(|admin| admin.admits(request.headers())) {
        return next.run(request).await;
    }
    let message =
        "expected the header `authorization: Bearer` with the token that admin.token sets";
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, message).code("invalid_api_key");
    answer(&app, Action::Unknown, Err(refusal.into()))
}

async fn nothing(State(app): State<Arc<App>>, request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let message = format!(
        "there is no {method} /admin/v1{path}: expected GET or DELETE of /admin/v1/cache, or POST to delete, \
         bad-hit or purge under it"
    );
    let refusal = Refusal::new(StatusCode::NOT_FOUND, message).code("unknown_url");
    answer(&app, Action::Unknown, Err(refusal.into()))
}

/// Counts and logs what was asked for. Neither tells what the request was about.
fn answer(app: &App, action: Action, done: Result<Value, Failure>) -> Response {
    let (outcome, response) = match done {
        Ok(told) => (Outcome::Done, Json(told).into_response()),
        Err(Failure::Refused(refusal)) => {
            (Outcome::Refused, errors::refusal(Api::OpenAi, &refusal))
        }
        Err(Failure::Store(refusal)) => (Outcome::Failed, errors::refusal(Api::OpenAi, &refusal)),
    };
    app.lasting.counts.admin(action, outcome);
    let (name, outcome, status) = (
        action.as_str(),
        outcome.as_str(),
        response.status().as_u16(),
    );
    match action {
        Action::Unknown => warn!(action = name, outcome, status, "admin"),
        _ => info!(action = name, outcome, status, "admin"),
    }
    response
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<obs_cache::StoreError> for Failure {
    fn from(error: obs_cache::StoreError) -> Self {
        let message = format!("the store of the cache: {error}");
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message);
        Self::Store(refusal.code("store_unavailable"))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_and_nothing_else_is_let_in() {
        let admin = Admin::new(&Secret::new("a-token-of-sixteen"));
        let admits = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            admin.admits(&headers)
        };
        assert!(admits(&["Bearer a-token-of-sixteen"]));
        assert!(admits(&["bearer  a-token-of-sixteen"]));
        assert!(!admits(&[]));
        assert!(!admits(&["a-token-of-sixteen"]));
        assert!(!admits(&["Bearer a-token-of-sixteen2"]));
        assert!(!admits(&["Bearer"]));
        assert!(!admits(&[""]));
        let twice = ["Bearer a-token-of-sixteen", "Bearer a-token-of-sixteen"];
        assert!(!admits(&twice));
    }
}

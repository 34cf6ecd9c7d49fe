//! The HTTP interface.
mod admin;
mod admit;
mod body;
mod call;
mod chat;
mod embeddings;
mod endpoint;
mod errors;
mod events;
mod feedback;
mod forward;
mod health;
mod line;
mod models;
mod room;
mod told;

pub(crate) use self::{admin::Recent, room::Room};

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use obs_anthropic::Messages;
use obs_apm::Propagator;
use obs_openai::{Chat, Responses};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use crate::{
    api::Api, hashing::secret, keys::Keys, lasting::Lasting, page::Page, refusal::Refusal,
    settings::Settings, stack::Stacks, tenant::Tenants,
};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    stacks: Stacks,
    tenants: Tenants,
    max_body: usize,
    keep_alive: Option<Duration>,
    models: models::Models,
    propagator: Propagator,
    page: Arc<Page>,
    lasting: Arc<Lasting>,
    room: Room,
    admin: Option<admin::Admin>,
    keys: Option<Keys>,
}

impl App {
    pub(crate) fn new(
        settings: &Settings,
        stacks: Stacks,
        lasting: Arc<Lasting>,
        page: Arc<Page>,
        keys: Option<Keys>,
        room: Room,
    ) -> Self {
        Self {
            propagator: lasting.telemetry.propagator(),
            tenants: Tenants::new(settings.server.tenant, secret(settings)),
            max_body: settings.server.max_body,
            keep_alive: settings.server.keep_alive,
            models: models::Models::new(settings, &lasting.clock),
            page,
            lasting,
            room,
            keys,
            admin: settings.admin.token.as_ref().map(admin::Admin::new),
            stacks,
        }
    }

    /// Writes what is still to be written of calls. **Blocks**.
    pub(crate) fn finish(&self, limit: Duration) -> bool {
        self.stacks.outcomes.finish(limit)
    }

    pub(crate) fn stacks(&self) -> &Stacks {
        &self.stacks
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }
}

/// All routes.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let api = Router::new()
        .route(
            "/v1/chat/completions",
            post(chat::answer::<Chat>).fallback(forward::pass),
        )
        .route(
            "/v1/responses",
            post(chat::answer::<Responses>).fallback(forward::pass),
        )
        .route(
            "/v1/messages",
            post(chat::answer::<Messages>).fallback(forward::pass),
        )
        .route(
            "/v1/embeddings",
            post(embeddings::answer).fallback(forward::pass),
        )
        .route("/v1/feedback", post(feedback::give))
        .route("/v1/models", get(models::list).fallback(forward::pass))
        .route(
            "/v1/models/{*model}",
            get(models::one).fallback(forward::pass),
        )
        .route("/v1/{*path}", axum::routing::any(forward::pass))
        .layer(middleware::from_fn_with_state(app.clone(), room::bounded))
        .layer(middleware::from_fn_with_state(app.clone(), admit::admit));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(api)
        .merge(admin::routes(app))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(app.clone(), traced))
        .layer(middleware::from_fn(guard))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(app.clone(), counted))
        .with_state(app.clone())
}

async fn nothing(State(_): State<Arc<App>>, request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let message = format!(
        "there is no {method} {path}: the APIs of OpenAI and Anthropic are under /v1, health at /healthz and /readyz"
    );
    errors::refusal(
        Api::OpenAi,
        &Refusal::new(StatusCode::NOT_FOUND, message).code("unknown_url"),
    )
}

/// The caller's span is the parent of those that are made here.
async fn traced(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let incoming = app.propagator.extract_headers(request.headers());
    incoming.run(next.run(request)).await
}

/// What the gateway refuses is counted, wherever it is refused.
async fn counted(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<errors::Refused>().is_some() {
        app.lasting.counts.refused(response.status());
    }
    response
}

/// What is refused wherever it goes.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let refusal = if wants_websocket(headers) {
        // What goes over one could be neither bounded nor counted.
        let message = "WebSockets are not supported here: use HTTP, with `stream` for events";
        let refusal = Refusal::new(StatusCode::NOT_IMPLEMENTED, message);
        refusal.param("upgrade").code("websocket_unsupported")
    } else if headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site")
    {
        // Some requests a page may send anywhere without asking, to this machine too.
        let message = "calls from web pages of other origins are refused: there is no CORS here";
        let refusal = Refusal::new(StatusCode::FORBIDDEN, message);
        refusal.param("sec-fetch-site").code("cross_origin")
    } else {
        return next.run(request).await;
    };
    errors::refusal(Api::of_path(request.uri().path()), &refusal)
}

fn wants_websocket(headers: &HeaderMap) -> bool {
    let upgrades = headers.get_all(header::UPGRADE).iter();
    let mut words = upgrades
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','));
    words.any(|word| word.trim().eq_ignore_ascii_case("websocket"))
        || headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

/// The process goes on, and the caller is told that it was no fault of its own.
fn panicked(what: Box<dyn Any + Send>) -> Response {
    let text = what.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| what.downcast_ref::<&str>().copied());
    error!(
        panic = text.unwrap_or("of unknown cause"),
        "a request panicked: this is a bug"
    );
    let message = "an error within the gateway; its log says more";
    let refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message);
    errors::refusal(Api::OpenAi, &refusal.code("internal"))
}

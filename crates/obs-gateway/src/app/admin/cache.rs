//! The requests to the endpoint.
use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use obs_cache::{BoxStore, CacheHandle, CacheLayer};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Failure, Wish, answer, which::Which, whose::Whose};
use crate::{
    app::{App, body},
    counts::Action,
    names::{AUTO, Named},
    refusal::Refusal,
};

/// What is to be purged: one of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct What {
    #[serde(default)]
    all: bool,
    /// As callers ask for it.
    model: Option<String>,
    #[serde(default)]
    caller: Whose,
}

pub(super) async fn stats(State(app): State<Arc<App>>) -> Response {
    let told = app.cache_stats().ok_or_else(|| off().into());
    answer(&app, Action::Stats, told)
}

pub(super) async fn delete(State(app): State<Arc<App>>, request: Request) -> Response {
    let done = app.erase(request, Wish::Delete).await;
    let told = done.map(|()| json!({"status": "deleted"}));
    answer(&app, Action::Delete, told)
}

pub(super) async fn bad_hit(State(app): State<Arc<App>>, request: Request) -> Response {
    let done = app.erase(request, Wish::BadHit).await;
    let told = done.map(|()| json!({"status": "reported"}));
    answer(&app, Action::BadHit, told)
}

pub(super) async fn purge(State(app): State<Arc<App>>, request: Request) -> Response {
    let done = app.purge(request).await;
    let told = done.map(|what| json!({"status": "purged", "purged": what}));
    answer(&app, Action::Purge, told)
}

pub(super) async fn forget(State(app): State<Arc<App>>, request: Request) -> Response {
    let done = match Whose::of_query(request.uri().query()) {
        Ok(whose) => app.purge_tenant(whose).await,
        Err(refusal) => Err(refusal.into()),
    };
    let told = done.map(|what| json!({"status": "purged", "purged": what}));
    answer(&app, Action::Purge, told)
}

impl App {
    async fn read<T: DeserializeOwned>(&self, request: Request) -> Result<T, Refusal> {
        let (parts, body) = request.into_parts();
        body::expect_json(&parts.headers)?;
        body::expect_plain(&parts.headers)?;
        let body = body::read(&parts.headers, body, self.max_body).await?;
        serde_json::from_slice(&body).map_err(|error| {
            // The words of serde name fields, and of values their kind: of a request, nothing else is looked at here.
            Refusal::bad(format!("the body: {error}"))
        })
    }

    async fn erase(&self, request: Request, wish: Wish) -> Result<(), Failure> {
        let which: Which = self.read(request).await?;
        if self.stacks.figures.cache.is_none() {
            return Err(off().into());
        }
        let erase = self.erase_of(&which)?;
        Ok(erase(wish).await?)
    }

    async fn purge(&self, request: Request) -> Result<String, Failure> {
        let what: What = self.read(request).await?;
        let handle = self.handle()?;
        let model = match (what.all, &what.model, what.caller.is_nobody()) {
            (true, None, true) => {
                handle.purge_all().await?;
                return Ok("all".into());
            }
            (false, None, false) => return self.purge_tenant(what.caller).await,
            (false, Some(model), true) => model,
            _ => {
                let message = "expected one of `all`: true, `model`, the name that callers ask for, and `caller`, with \
                               its `tenant`, or its `headers` and `key`";
                return Err(Refusal::bad(message).into());
            }
        };
        let names = &self.stacks.names;
        let named = names.called(model).ok_or_else(|| {
            let message = format!("model is `{AUTO}`, and no [[routes]] are set");
            Refusal::bad(message).param("model")
        })?;
        for namespace in names.namespaces(named) {
            handle.purge_namespace(Some(&namespace)).await?;
        }
        Ok(match named {
            Named::Auto => AUTO.into(),
            Named::Route(at) => format!("route {}", names.routes()[at].name),
            Named::Other => "every model without a route".into(),
        })
    }

    async fn purge_tenant(&self, whose: Whose) -> Result<String, Failure> {
        let handle = self.handle()?;
        let tenant = self.tenant_of(whose)?;
        handle.purge_tenant(Some(&tenant)).await?;
        Ok(format!("tenant {tenant}"))
    }

    fn handle(&self) -> Result<CacheHandle<BoxStore>, Refusal> {
        let cache = self.stacks.figures.cache.as_ref();
        cache.map(CacheLayer::handle).ok_or_else(off)
    }

    fn cache_stats(&self) -> Option<Value> {
        let figures = &self.stacks.figures;
        let of = figures.cache.as_ref()?.stats();
        let memory = figures.memory.as_ref().map(|memory| {
            let of = memory.stats();
            json!({"entries": of.entries, "bytes": of.bytes, "evictions": of.evictions})
        });
        let redis = figures.redis.as_ref().map(|redis| {
            let of = redis.stats();
            json!({
                "breaker": of.breaker.as_str(), "opened": of.opened, "written": of.written, "dropped": of.dropped,
                "failed": of.failed,
            })
        });
        Some(json!({
            "hits": of.hits, "stale": of.stale, "coalesced": of.coalesced, "misses": of.misses, "bypassed": of.bypassed,
            "cancelled": of.cancelled, "hit_rate": of.hit_rate(), "saved_usd": of.saved, "bad_hits": of.bad_hits,
            "store_faults": of.store_faults, "refreshes": of.refreshes, "memory": memory, "redis": redis,
        }))
    }
}

fn off() -> Refusal {
    Refusal::new(
        http::StatusCode::CONFLICT,
        "there is no cache here: cache.store is off",
    )
    .code("no_cache")
}

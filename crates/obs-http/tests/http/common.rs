//! A provider on loopback that counts what it is asked, and a stack over it.
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use obs_cache::{CacheLayer, Memory};
use obs_core::{AttemptLayer, Call, Error, PriceTable};
use obs_openai::{ChatRequest, ChatResponse, Upstream};
use obs_timeout::TimeoutLayer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, util::BoxCloneSyncService};

pub(crate) type Stack = BoxCloneSyncService<Call<ChatRequest>, ChatResponse, Error>;

/// A provider, and how often it was asked.
#[derive(Clone, Default)]
pub(crate) struct Provider {
    asked: Arc<AtomicU32>,
    /// One permit for each answer that was dropped before its end.
    dropped: Arc<Dropped>,
}

struct Dropped(tokio::sync::Semaphore);

impl Default for Dropped {
    fn default() -> Self {
        Self(tokio::sync::Semaphore::new(0))
    }
}

struct Guard(Arc<Dropped>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.add_permits(1);
    }
}

impl Provider {
    pub(crate) async fn start() -> (Self, String) {
        let provider = Self::default();
        let app = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/models", get(async || r#"{"object":"list","data":[]}"#))
            .with_state(provider.clone());
        let address = serve(app).await;
        (provider, format!("http://{address}/v1"))
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until an answer was dropped before its end.
    pub(crate) async fn dropped(&self) {
        let permit = self.dropped.0.acquire().await;
        permit.expect("is never closed").forget();
    }
}

async fn chat(
    State(provider): State<Provider>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    let asked = provider.asked.fetch_add(1, Ordering::SeqCst) + 1;
    let model = body["model"].as_str().unwrap_or_default();
    match model {
        "busy" => {
            let error = json!({"error": {
                "message": "slow down", "type": "requests", "param": null, "code": "rate_limit_exceeded",
            }});
            let retry = [(header::RETRY_AFTER, "7")];
            return (StatusCode::TOO_MANY_REQUESTS, retry, axum::Json(error)).into_response();
        }
        "hangs" => {
            let guard = Guard(provider.dropped.clone());
            std::future::pending::<()>().await;
            drop(guard);
        }
        _ => {}
    }
    let who = headers.get(header::AUTHORIZATION);
    let who = who.and_then(|who| who.to_str().ok()).unwrap_or("nobody");
    let text = format!("answer {asked} for {who}");
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    if body["stream"] != true {
        let message = json!({"role": "assistant", "content": text});
        return axum::Json(json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }))
        .into_response();
    }
    let chunk = |delta: Value, finish: Option<&str>| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        });
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), None)];
    events.extend(
        text.split_inclusive(' ')
            .map(|word| chunk(json!({"content": word}), None)),
    );
    let guard = Guard(provider.dropped.clone());
    let endless = model == "endless";
    if !endless {
        events.push(chunk(json!({}), Some("stop")));
        let mut last: Value = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "choices": []});
        last["model"] = model.into();
        last["usage"] = usage;
        events.push(format!("data: {last}\n\ndata: [DONE]\n\n"));
    }
    let events = stream::iter(events);
    let body = match endless {
        true => {
            let rest = stream::pending().map(move |event: String| {
                let _ = &guard;
                event
            });
            Body::from_stream(events.chain(rest).map(Ok::<_, std::convert::Infallible>))
        }
        false => {
            std::mem::forget(guard);
            Body::from_stream(events.map(Ok::<_, std::convert::Infallible>))
        }
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// Serves on any free port.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Timeout, cache and prices over a provider.
pub(crate) fn stack(url: &str, limit: Duration) -> Stack {
    client(); // what the upstream needs is set up with it
    let upstream = Upstream::builder(url).build().expect("a URL");
    let metrics = obs_metrics::Metrics::disabled();
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            .layer(TimeoutLayer::new(limit).metrics(&metrics))
            .layer(CacheLayer::new(Memory::new(1 << 20)).metrics(&metrics))
            .layer(AttemptLayer::new(PriceTable::bundled()).enveloped())
            .service(upstream),
    )
}

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn client() -> reqwest::Client {
    // Who was first has done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

pub(crate) fn question(model: &str, stream: bool) -> String {
    json!({
        "model": model,
        "stream": stream,
        "messages": [{"role": "user", "content": "what is it?"}],
    })
    .to_string()
}

pub(crate) fn header<'a>(response: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

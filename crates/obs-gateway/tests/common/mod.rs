//! A gateway under test, and a provider that answers as it is told.
#![expect(dead_code, reason = "each test file uses a part of it")]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use obs_gateway::{
    Gateway,
    settings::{Environment, Settings, Sources, load},
};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A gateway that serves on a free port of this machine.
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) base: String,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<bool>,
}

/// Settings from variables alone, with no waiting in the simulated provider.
pub(crate) fn settings(variables: &[(&str, &str)]) -> Settings {
    let mut sources = Sources::default();
    let quick = [("OBS_SIMULATED_LATENCY", "0")];
    sources.environment = quick
        .iter()
        .chain(variables)
        .copied()
        .collect::<Environment>();
    load(&sources).unwrap().settings
}

/// Settings from a file.
pub(crate) fn from_file(text: &str, variables: &[(&str, &str)]) -> Settings {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gateway.toml");
    std::fs::write(&file, text).unwrap();
    let sources = Sources {
        file: Some(file),
        environment: variables.iter().copied().collect(),
        flags: Vec::new(),
    };
    load(&sources)
        .unwrap_or_else(|problems| panic!("{problems}"))
        .settings
}

pub(crate) async fn start(settings: Settings) -> Running {
    serve(Gateway::builder(settings).build().unwrap()).await
}

/// One that is built already.
pub(crate) async fn serve(gateway: Gateway) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = gateway.clone();
    let served = tokio::spawn(async move {
        let stopped = async {
            // A gateway that nobody stops serves on.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        serving.serve(listener, stopped).await
    });
    Running {
        gateway,
        base,
        stop: Some(stop),
        served,
    }
}

/// The simulated one.
pub(crate) async fn simulated() -> Running {
    start(settings(&[])).await
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        client().post(self.url(path)).json(body)
    }

    pub(crate) fn chat(&self, body: &Value) -> RequestBuilder {
        self.post("/v1/chat/completions", body)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        client().get(self.url(path))
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Whether all that was in flight was finished.
    pub(crate) async fn stopped(self) -> bool {
        self.served.await.unwrap()
    }
}

pub(crate) fn client() -> Client {
    // Features of the client are those of the whole workspace: it wants to be told who encrypts, also where nobody does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

pub(crate) fn ask(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

pub(crate) fn ask_stream(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}], "stream": true})
}

pub(crate) fn header<'a>(response: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

/// The status and the error object of an answer that is none, in OpenAI's shape.
pub(crate) async fn error(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    assert!(header(&response, "x-obs-call-id").is_some());
    let body: Value = response.json().await.unwrap();
    let error = body["error"].as_object().expect("an error object");
    for field in ["message", "type", "param", "code"] {
        assert!(error.contains_key(field), "{field} is not in {body}");
    }
    (status, body["error"].clone())
}

/// The data of the events of a stream.
pub(crate) fn events(body: &str) -> Vec<&str> {
    body.split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect()
}

/// A request that the provider got.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

/// What the provider is to do.
pub(crate) enum Then {
    Answer(Response),
    /// Never answers. Tells when it is left.
    Hang(Option<oneshot::Sender<()>>),
}

/// A provider that answers what it is told, in order, and remembers what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Provider {
    then: Arc<Mutex<VecDeque<Then>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Provider {
    pub(crate) async fn start(then: impl IntoIterator<Item = Then>) -> (Self, SocketAddr) {
        let provider = Self::default();
        provider.then.lock().unwrap().extend(then);
        let app = Router::new().fallback(answer).with_state(provider.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        (provider, address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(State(provider): State<Provider>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    provider.seen.lock().unwrap().push(Seen {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body,
    });
    let then = provider.then.lock().unwrap().pop_front();
    match then.expect("the provider is told what to answer") {
        Then::Answer(response) => response,
        Then::Hang(left) => {
            let _tells = Tells(left);
            std::future::pending().await
        }
    }
}

struct Tells(Option<oneshot::Sender<()>>);

impl Drop for Tells {
    fn drop(&mut self) {
        if let Some(left) = self.0.take() {
            let _ = left.send(());
        }
    }
}

pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Then {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Then::Answer(response.body(body.into()).unwrap())
}

pub(crate) fn json_answer(status: u16, body: &Value) -> Then {
    respond(
        status,
        &[("content-type", "application/json")],
        body.to_string(),
    )
}

/// A chat completion that says this.
pub(crate) fn says(model: &str, text: &str) -> Then {
    json_answer(200, &completion(model, text))
}

pub(crate) fn completion(model: &str, text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000},
    })
}

/// The chunks of a streamed answer, usage at the end.
pub(crate) fn chunks(model: &str, words: &[&str]) -> Vec<Value> {
    let chunk = |choices: Value| json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices});
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
    };
    let mut all = vec![delta(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    all.extend(
        words
            .iter()
            .map(|word| delta(json!({"content": word}), Value::Null)),
    );
    all.push(delta(json!({}), json!("stop")));
    let mut usage = chunk(json!([]));
    usage["usage"] =
        json!({"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000});
    all.push(usage);
    all
}

pub(crate) fn sse(chunks: &[Value]) -> String {
    chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect()
}

pub(crate) fn streams(model: &str, words: &[&str]) -> Then {
    let body = format!("{}data: [DONE]\n\n", sse(&chunks(model, words)));
    respond(200, &[("content-type", "text/event-stream")], body)
}

pub(crate) const SOON: Duration = Duration::from_secs(10);

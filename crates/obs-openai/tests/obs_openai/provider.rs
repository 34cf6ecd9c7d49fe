//! Providers on loopback, as well-behaved or as broken as a test wants.
use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, Uri, header};
use obs_core::Error;
use obs_openai::{ChatChunk, ChatRequest, ChatResponse, Upstream, UpstreamBuilder};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
};
use tower::ServiceExt;

/// A request as the provider saw it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) peer: SocketAddr,
}

/// A provider that notes every request and answers by this function.
pub(crate) struct Provider {
    pub(crate) base: String,
    pub(crate) seen: mpsc::UnboundedReceiver<Seen>,
}

impl Provider {
    pub(crate) async fn new<A>(answer: impl Fn(&Seen) -> A + Clone + Send + Sync + 'static) -> Self
    where
        A: IntoResponse,
    {
        let (note, seen) = mpsc::unbounded_channel();
        let handler = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            let (answer, note) = (answer.clone(), note.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX)
                    .await
                    .unwrap_or_default();
                let seen = Seen {
                    method: parts.method,
                    uri: parts.uri,
                    headers: parts.headers,
                    body,
                    peer,
                };
                let response = answer(&seen).into_response();
                let _ = note.send(seen);
                response
            }
        };
        let base = serve(Router::new().fallback(handler)).await;
        Self { base, seen }
    }

    pub(crate) fn next(&mut self) -> Seen {
        self.seen.try_recv().expect("a request came")
    }
}

/// Serves on a free port of loopback; gives the base URL.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    format!("http://{address}/v1")
}

/// Writes these bytes to whoever connects, once a request came, and closes the connection.
pub(crate) async fn raw(answer: &'static str) -> String {
    raw_with(move |mut connection| async move {
        let mut request = [0; 4096];
        let _ = connection.read(&mut request).await;
        let _ = connection.write_all(answer.as_bytes()).await;
        let _ = connection.shutdown().await;
    })
    .await
}

pub(crate) async fn raw_with<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection));
        }
    });
    format!("http://{address}/v1")
}

/// An upstream that is not led astray by the environment.
pub(crate) fn upstream(base: &str) -> UpstreamBuilder {
    Upstream::builder(base).no_proxy()
}

pub(crate) fn question() -> ChatRequest {
    ChatRequest::new("m").user("hi")
}

pub(crate) async fn ask(base: &str, request: ChatRequest) -> Result<ChatResponse, Error> {
    upstream(base).build().unwrap().oneshot(request).await
}

/// The chunks of a stream, up to its end or error.
pub(crate) async fn collect(answer: ChatResponse) -> (Vec<ChatChunk>, Option<Error>) {
    let mut answer = answer;
    let chunks = std::mem::take(obs_core::LlmResponse::stream_mut(&mut answer).expect("a stream"));
    let mut all = Vec::new();
    let mut chunks = std::pin::pin!(chunks);
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => all.push(chunk),
            Err(error) => return (all, Some(error)),
        }
    }
    (all, None)
}

pub(crate) const ANSWER: &str = r#"{"id":"1", "model":"m-2026","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2},"new":1.0}"#;

pub(crate) fn json_answer(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

pub(crate) fn text_chunk(text: &str) -> String {
    let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
    format!("data: {}\n\n", json!({"model": "m", "choices": [choice]}))
}

pub(crate) fn finish_chunk(reason: &str) -> String {
    let choice = json!({"index": 0, "delta": {}, "finish_reason": reason});
    format!("data: {}\n\n", json!({"model": "m", "choices": [choice]}))
}

pub(crate) const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// What comes after the last piece of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Close,
    Abort,
    /// The connection stays open and silent.
    Hang,
}

/// An event stream of these pieces.
pub(crate) fn events(pieces: &[String], end: End) -> Response {
    let pieces: Vec<_> = pieces.iter().cloned().map(Ok::<_, io::Error>).collect();
    let pieces = stream::iter(pieces);
    let body = match end {
        End::Close => Body::from_stream(pieces),
        End::Abort => Body::from_stream(pieces.chain(stream::once(async {
            // Once what was sent before is on its way.
            tokio::task::yield_now().await;
            Err(io::ErrorKind::ConnectionReset.into())
        }))),
        End::Hang => Body::from_stream(pieces.chain(stream::pending())),
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// A body that says when it is dropped.
pub(crate) fn watched_body(first: String, dropped: oneshot::Sender<()>) -> Body {
    let first = stream::iter([Ok::<_, Infallible>(first)]);
    let rest = stream::unfold(dropped, |dropped| async move {
        std::future::pending::<()>().await;
        Some((Ok(String::new()), dropped))
    });
    Body::from_stream(first.chain(rest))
}

/// Fails a test that would hang.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future)
        .await
        .expect("it does not hang")
}

//! A client that takes answers apart.
use std::time::Duration;

use bytes::Bytes;
use fault_server::{FaultServer, Pace};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::Instant,
};

pub(crate) type Sender = http1::SendRequest<Full<Bytes>>;
pub(crate) type Sender2 = http2::SendRequest<Full<Bytes>>;

/// The prompt of every question here.
pub(crate) const PROMPT: &str = "what is the capital of France?";

/// An answer, as far as it came.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Pieces of the body, and when they came since the request.
    pub(crate) pieces: Vec<(Duration, Bytes)>,
    /// Why the body is not all.
    pub(crate) error: Option<hyper::Error>,
    /// From the request to the head.
    pub(crate) head: Duration,
    /// From the request to the end.
    pub(crate) all: Duration,
}

impl Got {
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self
            .pieces
            .iter()
            .flat_map(|(_, piece)| piece.iter().copied())
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert!(self.error.is_none(), "{self:?}");
        serde_json::from_str(&self.text()).expect("is JSON")
    }

    /// The `data` of each event that is whole.
    pub(crate) fn data(&self) -> Vec<String> {
        let text = self.text();
        let events = text
            .split_inclusive("\n\n")
            .filter(|event| event.ends_with("\n\n"));
        events
            .filter_map(|event| Some(event.strip_prefix("data: ")?.trim_end().to_owned()))
            .collect()
    }

    /// Events that are JSON.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        self.data()
            .iter()
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect()
    }

    /// What the answer says.
    pub(crate) fn said(&self) -> String {
        let deltas = self.chunks();
        let texts = deltas
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
        texts.collect()
    }

    pub(crate) fn finishes(&self) -> Vec<String> {
        let chunks = self.chunks();
        let reasons = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str());
        reasons.map(Into::into).collect()
    }

    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        assert!(self.error.is_none(), "{self:?}");
        assert_eq!(self.said(), whole());
        assert_eq!(self.finishes(), ["stop"]);
        assert_eq!(self.data().last().map(String::as_str), Some("[DONE]"));
    }

    /// Two thirds of the content, and no end.
    #[track_caller]
    pub(crate) fn assert_stump(&self) {
        let words: Vec<_> = whole()
            .split_inclusive(' ')
            .take(8)
            .map(str::to_owned)
            .collect();
        assert_eq!(self.said(), words.concat().trim_end());
        assert!(self.finishes().is_empty());
        assert!(!self.text().contains("[DONE]"));
    }
}

/// What the whole answer says.
pub(crate) fn whole() -> String {
    fault_server::answer_text(PROMPT, 12)
}

pub(crate) fn question(model: &str, stream: bool) -> Value {
    let messages = json!([{ "role": "user", "content": PROMPT }]);
    json!({ "model": model, "stream": stream, "stream_options": { "include_usage": true }, "messages": messages })
}

pub(crate) fn request(body: &Value) -> Request<Full<Bytes>> {
    Request::post("http://fault.test/v1/chat/completions")
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))
        .expect("is a request")
}

/// A connection over HTTP/1.1.
pub(crate) async fn connect(server: &FaultServer) -> Sender {
    let (sender, connection) = http1::handshake(TokioIo::new(server.connect()))
        .await
        .expect("is no handshake");
    tokio::spawn(connection);
    sender
}

/// A connection over HTTP/2.
pub(crate) async fn connect2(server: &FaultServer) -> Sender2 {
    let io = TokioIo::new(server.connect());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
        .await
        .expect("speaks HTTP/2");
    tokio::spawn(connection);
    sender
}

pub(crate) async fn send(sender: &mut Sender, body: &Value) -> Result<Got, hyper::Error> {
    let start = Instant::now();
    read(start, sender.send_request(request(body)).await?).await
}

pub(crate) async fn send2(sender: &mut Sender2, body: &Value) -> Result<Got, hyper::Error> {
    let start = Instant::now();
    read(start, sender.send_request(request(body)).await?).await
}

async fn read(start: Instant, response: http::Response<Incoming>) -> Result<Got, hyper::Error> {
    let head = start.elapsed();
    let (parts, mut body) = response.into_parts();
    let mut pieces = Vec::new();
    let mut error = None;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => pieces.extend(frame.into_data().ok().map(|data| (start.elapsed(), data))),
            Err(failed) => {
                error = Some(failed);
                break;
            }
        }
    }
    Ok(Got {
        status: parts.status,
        headers: parts.headers,
        pieces,
        error,
        head,
        all: start.elapsed(),
    })
}

/// Asks on a connection of its own.
pub(crate) async fn try_ask(
    server: &FaultServer,
    model: &str,
    stream: bool,
) -> Result<Got, hyper::Error> {
    send(&mut connect(server).await, &question(model, stream)).await
}

/// Asks on a connection of its own, and gets a head at least.
#[track_caller]
pub(crate) fn ask(server: &FaultServer, model: &str, stream: bool) -> impl Future<Output = Got> {
    let asked = format!("{model}, stream: {stream}");
    async move {
        try_ask(server, model, stream)
            .await
            .unwrap_or_else(|error| panic!("{asked}: {error:?}"))
    }
}

/// The same over HTTP/2.
pub(crate) async fn ask2(
    server: &FaultServer,
    model: &str,
    stream: bool,
) -> Result<Got, hyper::Error> {
    send2(&mut connect2(server).await, &question(model, stream)).await
}

/// A request as bytes.
pub(crate) fn bytes(model: &str, stream: bool) -> Vec<u8> {
    let body = question(model, stream).to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: fault.test\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// All that comes on a connection of its own, until the server closes it.
pub(crate) async fn raw(server: &FaultServer, model: &str, stream: bool) -> String {
    let mut connection = server.connect();
    connection
        .write_all(&bytes(model, stream))
        .await
        .expect("is open");
    let mut all = Vec::new();
    connection
        .read_to_end(&mut all)
        .await
        .expect("is closed in order");
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads until this has come.
pub(crate) async fn read_past(connection: &mut DuplexStream, text: &str) -> String {
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains(text) {
        let length = connection.read_buf(&mut all).await.expect("is open");
        assert_ne!(length, 0, "closed before {text:?}");
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// A server whose tokens come 100 ms apart, the first after a second.
pub(crate) fn paced() -> FaultServer {
    let pace = Pace::new()
        .first_token(Duration::from_secs(1))
        .gap(Duration::from_millis(100));
    FaultServer::builder().pace(pace).in_memory()
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

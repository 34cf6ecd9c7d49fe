//! Requests to endpoints that are not known here: passed on to the first provider as they are, counted as `other`.
use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{Request, StatusCode, response::Parts};
use http_body::Body as _;
use http_body_util::BodyDataStream;
use obs_core::{
    Call, ChunkStream, Error, Fingerprint, Finish, LlmChunk, LlmRequest, LlmResponse, Operation,
    Role, Usage,
};
use obs_openai::{DEADLINE, ForwardBody};
use tower::Service;

use crate::{providers::Provider, refusal::Refusal};

/// A request as it came in.
#[derive(Debug)]
pub(crate) struct ForwardedRequest(pub(crate) Request<Body>);

/// What was answered: errors are answers.
#[derive(Debug)]
pub(crate) struct ForwardedAnswer {
    pub(crate) head: Parts,
    /// `None`: there is none, and none is asked for.
    pub(crate) body: Option<ChunkStream<Piece>>,
}

/// A piece of a body.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// As much has come as was announced: a server asks for no more then, nor for the end.
    is_last: bool,
}

/// Passes requests on to one provider. Always ready.
#[derive(Clone, Debug)]
pub(crate) struct Forwarder(Provider);

impl Forwarder {
    pub(crate) fn new(to: Provider) -> Self {
        Self(to)
    }
}

impl Service<Call<ForwardedRequest>> for Forwarder {
    type Response = ForwardedAnswer;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ForwardedAnswer, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ForwardedRequest>) -> Self::Future {
        let to = self.0.clone();
        let ForwardedRequest(mut request) = call.request;
        let deadline = call.context.deadline;
        Box::pin(async move {
            let upstream = match to {
                Provider::Upstream(upstream) => upstream,
                Provider::Simulated(_) => return Err(unknown(&request).into()),
            };
            match deadline.remaining() {
                Some(left) => {
                    let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
                    request.headers_mut().insert(DEADLINE, left.into());
                }
                None => {
                    request.headers_mut().remove(DEADLINE);
                }
            }
            let (head, body) = upstream.forward(request).await?.into_parts();
            let is_empty = body.is_end_stream() || body.size_hint().exact() == Some(0);
            let body = (!is_empty).then(|| pieces(body));
            Ok(ForwardedAnswer { head, body })
        })
    }
}

fn pieces(body: ForwardBody) -> ChunkStream<Piece> {
    let announced = body.size_hint().exact();
    let mut come = 0;
    ChunkStream::new(BodyDataStream::new(body).map_ok(move |bytes| {
        come += bytes.len() as u64;
        let is_last = announced == Some(come);
        Piece { bytes, is_last }
    }))
}

fn unknown(request: &Request<Body>) -> Refusal {
    let (method, path) = (request.method(), request.uri().path());
    let message = format!(
        "{method} {path} is not known to the simulated provider: it has POST /v1/chat/completions, POST \
         /v1/embeddings and GET /v1/models. With a real provider it would be passed on."
    );
    Refusal::new(StatusCode::NOT_FOUND, message).code("unknown_url")
}

impl LlmRequest for ForwardedRequest {
    fn model(&self) -> &str {
        "other"
    }

    fn set_model(&mut self, _: &str) {}

    fn operation(&self) -> Operation {
        Operation::Other
    }

    fn cacheable(&self) -> bool {
        false
    }

    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("path", self.0.uri().path().as_bytes());
    }
}

impl LlmResponse for ForwardedAnswer {
    type Chunk = Piece;

    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Piece>> {
        self.body.as_mut()
    }

    fn usage(&self) -> Option<Usage> {
        None
    }
}

impl LlmChunk for Piece {
    fn is_content(&self) -> bool {
        true
    }

    fn finish(&self) -> Option<Finish> {
        self.is_last.then_some(Finish::Stop)
    }

    fn size(&self) -> usize {
        self.bytes.len()
    }
}

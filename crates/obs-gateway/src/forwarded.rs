//! Requests to endpoints that are not known here: passed on as they are, counted as `other`.
use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use http::{HeaderValue, Request, StatusCode, header, request, response::Parts};
use http_body::Body as _;
use http_body_util::BodyDataStream;
use obs_anthropic::MessagesRequest;
use obs_core::{
    Call, ChunkStream, Error, ErrorKind, Fingerprint, Finish, LlmChunk, LlmRequest, LlmResponse,
    Operation, Role, Usage,
};
use obs_openai::ForwardBody;
use obs_wire::json;
use percent_encoding::percent_decode_str;
use tower::Service;

use crate::{
    api::Api,
    made::{Kept, Made},
    providers::{Provider, Providers},
    refusal::Refusal,
    simulated,
};

/// A request as it came in.
#[derive(Debug)]
pub(crate) struct ForwardedRequest {
    request: Request<Body>,
    /// The responses that it names.
    names: Vec<String>,
}

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

/// Passes requests on to the provider that made the response that they name, or to the first one that speaks the interface of the endpoint, or
/// else to the first one. Always ready.
#[derive(Clone, Debug)]
pub(crate) struct Forwarder {
    to: Providers,
    made: Made,
}

impl Forwarder {
    pub(crate) fn new(to: Providers, made: Made) -> Self {
        Self { to, made }
    }

    fn of(&self, asked: &ForwardedRequest, tenant: Option<&str>) -> Result<Provider, Refusal> {
        let mut route = None;
        for id in &asked.names {
            match self.made.find(id, tenant) {
                Kept::Own(by) => route = route.or(by),
                Kept::Another => return Err(no_response(id)),
                Kept::Unknown => {}
            }
        }
        let request = &asked.request;
        let api = Api::of_request(request.uri(), request.headers());
        let others = Api::ALL.into_iter().filter(|other| *other != api);
        let mut all = std::iter::once(api).chain(others);
        let to = all.find_map(|api| self.to.of(api, route.as_deref()));
        to.cloned().ok_or_else(|| unknown(request))
    }
}

impl ForwardedRequest {
    /// A request to an endpoint that is not known here.
    pub(crate) fn new(head: request::Parts, body: Bytes) -> Self {
        let names = responses(head.uri.path(), &body);
        let request = Request::from_parts(head, Body::from(body));
        Self { request, names }
    }
}

/// The responses that a request under `/v1/responses` names: in its path, read as a provider may read it, or as what it goes on with.
fn responses(path: &str, body: &[u8]) -> Vec<String> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let mut parts = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut parts = parts.into_iter().skip_while(|part| *part == "v1");
    if parts.next() != Some("responses") {
        return Vec::new();
    }
    let mut names: Vec<_> = parts.next().map(str::to_owned).into_iter().collect();
    // What is no text is no JSON.
    let body = std::str::from_utf8(body).unwrap_or_default();
    json::text_field(body, "previous_response_id", &mut |id| {
        names.push(id.to_owned());
    });
    names
}

/// What a provider says of a response that it has not.
fn no_response(id: &str) -> Refusal {
    let message = format!("Response with id '{id}' not found.");
    Refusal::new(StatusCode::NOT_FOUND, message).param("id")
}

impl Service<Call<ForwardedRequest>> for Forwarder {
    type Response = ForwardedAnswer;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ForwardedAnswer, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ForwardedRequest>) -> Self::Future {
        let to = self.of(&call.request, call.context.tenant.as_deref());
        let mut request = call.request.request;
        let deadline = call.context.deadline;
        Box::pin(async move {
            let upstream = match to? {
                Provider::Upstream(upstream) => upstream,
                Provider::Simulated(_) if is_count(&request) => {
                    return counted(request.into_body()).await;
                }
                Provider::Simulated(_) => return Err(unknown(&request).into()),
            };
            upstream.tell_deadline(&deadline, request.headers_mut());
            let (head, body) = upstream.forward(request).await?.into_parts();
            let is_empty = body.is_end_stream() || body.size_hint().exact() == Some(0);
            let body = (!is_empty).then(|| pieces(body));
            Ok(ForwardedAnswer { head, body })
        })
    }
}

fn is_count(request: &Request<Body>) -> bool {
    request.method() == http::Method::POST && request.uri().path() == "/v1/messages/count_tokens"
}

/// What the simulated provider says of the tokens of a prompt.
async fn counted(body: Body) -> Result<ForwardedAnswer, Error> {
    // It was read, and found short enough, before it came here.
    let body = axum::body::to_bytes(body, usize::MAX).await;
    let body = body.map_err(|error| Error::new(ErrorKind::CutOff, error))?;
    let count = simulated::counted(&MessagesRequest::parse(body)?).to_string();
    let json = HeaderValue::from_static("application/json");
    let mut response = http::Response::new(());
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    let piece = Piece {
        bytes: count.into(),
        is_last: true,
    };
    Ok(ForwardedAnswer {
        head: response.into_parts().0,
        body: Some(ChunkStream::new(stream::iter([Ok(piece)]))),
    })
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
         /v1/responses, POST /v1/embeddings, POST /v1/messages and GET /v1/models. With a real provider it would be passed on."
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
        to.field("path", self.request.uri().path().as_bytes());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_known_however_its_path_is_written() {
        for path in [
            "/v1/responses/resp_1",
            "/v1/responses/resp_1/cancel",
            "/v1/responses/resp%5F1",
            "/v1/%72esponses/resp_1",
            "/v1//responses//resp_1",
            "/v1/responses%2Fresp_1",
            "/v1/files/../responses/./resp_1",
            "/v1/responses/other/%2E%2e/resp_1/input_items",
            "/v1/responses\\resp_1",
            "/v1/v1/responses/resp_1",
        ] {
            assert_eq!(responses(path, b""), ["resp_1"], "{path}");
        }
        for path in [
            "/v1/responses",
            "/v1/responses/",
            "/v1/files/responses/x",
            "/v1/..",
        ] {
            assert!(responses(path, b"\xff").is_empty(), "{path}");
        }
        let body = br#"{"model": "m", "previous_response_id": "resp_2"}"#;
        let named = responses("/v1/responses/compact", body);
        assert_eq!(named, ["compact", "resp_2"]);
    }
}

//! Embeddings as they are answered.
use std::convert::Infallible;

use bytes::Bytes;
use http::HeaderMap;
use obs_core::{BoxError, LlmResponse, Replay, Usage};
use obs_wire::{Response, check_object};

use super::Embeddings;

/// The answer to an [`EmbeddingRequest`](crate::EmbeddingRequest). It never streams.
#[derive(Debug)]
pub struct EmbeddingResponse(Response<Embeddings>);

impl EmbeddingResponse {
    /// An answer of this JSON text.
    #[must_use]
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self(Response::whole(body))
    }

    /// Headers of the provider that go to the caller, as [`ChatResponse::headers`](crate::ChatResponse::headers).
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The JSON text, byte for byte as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.0.body().expect("embeddings are not streamed")
    }

    /// Its headers and its body.
    #[must_use]
    pub fn into_parts(self) -> (HeaderMap, Bytes) {
        let body = self.body().clone();
        (self.0.into_parts().0, body)
    }
}

/// Of a whole answer: the upstream asks for no other.
impl From<Response<Embeddings>> for EmbeddingResponse {
    fn from(response: Response<Embeddings>) -> Self {
        Self(response)
    }
}

impl From<EmbeddingResponse> for Response<Embeddings> {
    fn from(answer: EmbeddingResponse) -> Self {
        answer.0
    }
}

impl LlmResponse for EmbeddingResponse {
    type Chunk = Infallible;

    fn usage(&self) -> Option<Usage> {
        self.0.usage()
    }

    fn model(&self) -> Option<&str> {
        self.0.model()
    }
}

/// Kept as it came.
impl Replay for EmbeddingResponse {
    fn encode(&self) -> Option<Bytes> {
        let (facts, body) = self.0.facts()?;
        facts.is_complete.then(|| body.clone())
    }

    fn decode(stored: &Bytes, _streamed: bool) -> Result<Self, BoxError> {
        check_object(stored)?;
        Ok(Self::new(stored.clone()))
    }
}

//! Embeddings as they are answered.
use std::{convert::Infallible, fmt, sync::OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use obs_core::{BoxError, LlmResponse, Replay, Usage};

use super::WholeFacts;
use crate::replay::entry;

/// The answer to an [`EmbeddingRequest`](crate::EmbeddingRequest). It never streams.
pub struct EmbeddingResponse {
    headers: HeaderMap,
    body: Bytes,
    facts: OnceLock<WholeFacts>,
}

impl EmbeddingResponse {
    /// An answer of this JSON text.
    #[must_use]
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            headers: HeaderMap::new(),
            body: body.into(),
            facts: OnceLock::new(),
        }
    }

    /// Headers of the provider that go to the caller, as [`ChatResponse::headers`](crate::ChatResponse::headers).
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The JSON text, byte for byte as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Its headers and its body.
    #[must_use]
    pub fn into_parts(self) -> (HeaderMap, Bytes) {
        (self.headers, self.body)
    }

    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    fn facts(&self) -> &WholeFacts {
        let read = || WholeFacts::read(&self.body).unwrap_or_default();
        self.facts.get_or_init(read)
    }
}

impl LlmResponse for EmbeddingResponse {
    type Chunk = Infallible;

    fn usage(&self) -> Option<Usage> {
        self.facts().usage
    }

    fn model(&self) -> Option<&str> {
        self.facts().model.get(&self.body)
    }
}

/// Kept as it came.
impl Replay for EmbeddingResponse {
    fn encode(&self) -> Option<Bytes> {
        WholeFacts::of_answer(&self.body).ok()?;
        Some(self.body.clone())
    }

    fn decode(stored: &Bytes, _streamed: bool) -> Result<Self, BoxError> {
        entry::check_object(stored)?;
        Ok(Self::new(stored.clone()))
    }
}

/// Without its content.
impl fmt::Debug for EmbeddingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddingResponse")
            .field("headers", &self.headers)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

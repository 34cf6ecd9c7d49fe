//! Chat completions as they are answered.
use std::{fmt, sync::OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use obs_core::{BoxError, ChunkStream, Finish, LlmResponse, Usage};

use super::facts::{self, WholeFacts};
use crate::{ChatChunk, json};

/// The answer to a [`ChatRequest`](crate::ChatRequest), whole or as a stream.
pub struct ChatResponse {
    headers: HeaderMap,
    body: ChatBody,
    /// Of a whole answer; read when first asked for.
    facts: OnceLock<WholeFacts>,
}

/// What an answer consists of.
#[derive(Debug)]
pub enum ChatBody {
    /// The JSON text, byte for byte as it came.
    Whole(Bytes),
    /// The chunks, each with the text of its event as it came.
    Stream(ChunkStream<ChatChunk>),
}

impl ChatResponse {
    /// A whole answer of this JSON text.
    #[must_use]
    pub fn whole(body: impl Into<Bytes>) -> Self {
        Self::new(ChatBody::Whole(body.into()))
    }

    /// A streamed answer of these chunks.
    #[must_use]
    pub fn stream(chunks: ChunkStream<ChatChunk>) -> Self {
        Self::new(ChatBody::Stream(chunks))
    }

    /// Headers of the provider that go to the caller: request ids, rate limits, and those of OpenAI. They are not kept
    /// with an answer in a cache.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The JSON text of a whole answer.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        match &self.body {
            ChatBody::Whole(body) => Some(body),
            ChatBody::Stream(_) => None,
        }
    }

    /// Its headers and what it consists of.
    #[must_use]
    pub fn into_parts(self) -> (HeaderMap, ChatBody) {
        (self.headers, self.body)
    }

    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    pub(crate) fn with_facts(self, facts: WholeFacts) -> Self {
        Self {
            facts: OnceLock::from(facts),
            ..self
        }
    }

    pub(crate) fn facts(&self) -> Option<(&WholeFacts, &Bytes)> {
        let body = self.body()?;
        let read = || WholeFacts::read(body).unwrap_or_default();
        Some((self.facts.get_or_init(read), body))
    }

    fn new(body: ChatBody) -> Self {
        Self {
            headers: HeaderMap::new(),
            body,
            facts: OnceLock::new(),
        }
    }
}

impl ChatBody {
    /// Its chunks, for callers that asked for a stream: a whole answer is split.
    ///
    /// # Errors
    ///
    /// No stream can say it: it has audio, or is no chat completion.
    pub fn into_chunks(self) -> Result<ChunkStream<ChatChunk>, BoxError> {
        match self {
            Self::Stream(chunks) => Ok(chunks),
            Self::Whole(body) => crate::replay::chunks(&body),
        }
    }
}

impl LlmResponse for ChatResponse {
    type Chunk = ChatChunk;

    fn stream_mut(&mut self) -> Option<&mut ChunkStream<ChatChunk>> {
        match &mut self.body {
            ChatBody::Stream(chunks) => Some(chunks),
            ChatBody::Whole(_) => None,
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.facts()?.0.usage
    }

    fn model(&self) -> Option<&str> {
        let (facts, body) = self.facts()?;
        facts.model.get(body)
    }

    fn id(&self) -> Option<&str> {
        json::id(self.body()?)
    }

    /// Of several choices the reason of one that is not complete, if there is one.
    fn finish(&self) -> Option<Finish> {
        self.facts()?.0.finish
    }

    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        if let Some(body) = self.body() {
            facts::visit_text(body, visit);
        }
    }
}

/// Without its content.
impl fmt::Debug for ChatResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatResponse")
            .field("headers", &self.headers)
            .field("bytes", &self.body().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

//! Answers, whole or as a stream.
use std::{fmt, str, sync::OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use obs_core::{BoxError, ChunkStream, Finish, LlmResponse, Usage};

use crate::{AnswerFacts, Chunk, Format, Found, replay};

/// The answer to a [`Request`](crate::Request), whole or as a stream.
pub struct Response<F: Format> {
    headers: HeaderMap,
    content: Content<F>,
    /// Of a whole answer; read when first asked for.
    facts: OnceLock<AnswerFacts>,
}

/// What an answer consists of.
#[derive(Debug)]
pub enum Content<F: Format> {
    /// The JSON text, byte for byte as it came.
    Whole(Bytes),
    /// The chunks, each with its event as it came.
    Stream(ChunkStream<Chunk<F>>),
}

/// Why a body is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It ends before the JSON does.
    Stump(String),
    Malformed(String),
    /// It is an error object.
    Error,
    /// Nothing that an answer has.
    Empty,
}

impl<F: Format> Response<F> {
    /// A whole answer of this JSON text.
    #[must_use]
    pub fn whole(body: impl Into<Bytes>) -> Self {
        Self::new(Content::Whole(body.into()))
    }

    /// A streamed answer of these chunks.
    #[must_use]
    pub fn stream(chunks: ChunkStream<Chunk<F>>) -> Self {
        Self::new(Content::Stream(chunks))
    }

    /// Headers of the provider that go to the caller: request ids, rate limits, and its own. They are not kept with an
    /// answer in a cache.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The JSON text of a whole answer.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Whole(body) => Some(body),
            Content::Stream(_) => None,
        }
    }

    /// Its headers and what it consists of.
    #[must_use]
    pub fn into_parts(self) -> (HeaderMap, Content<F>) {
        (self.headers, self.content)
    }

    /// With headers of the provider.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    pub(crate) fn with_facts(self, facts: AnswerFacts) -> Self {
        Self {
            facts: OnceLock::from(facts),
            ..self
        }
    }

    /// Of a whole answer: what was read of it, and the body.
    pub fn facts(&self) -> Option<(&AnswerFacts, &Bytes)> {
        let body = self.body()?;
        let read = || {
            let text = str::from_utf8(body).ok();
            let facts = text.and_then(|text| F::read_answer(text).ok());
            facts.unwrap_or_default()
        };
        Some((self.facts.get_or_init(read), body))
    }

    fn new(content: Content<F>) -> Self {
        Self {
            headers: HeaderMap::new(),
            content,
            facts: OnceLock::new(),
        }
    }
}

impl<F: Format> Content<F> {
    /// Its chunks, for callers that asked for a stream: a whole answer is split.
    ///
    /// # Errors
    ///
    /// No stream can say it, or it is no answer.
    pub fn into_chunks(self) -> Result<ChunkStream<Chunk<F>>, BoxError> {
        match self {
            Self::Stream(chunks) => Ok(chunks),
            Self::Whole(body) => replay::chunks(&body),
        }
    }
}

/// The facts of what is really an answer.
pub(crate) fn read_answer<F: Format>(body: &[u8]) -> Result<AnswerFacts, Problem> {
    let text = str::from_utf8(body)
        .map_err(|error| Problem::Malformed(format!("no valid UTF-8: {error}")))?;
    match F::read_answer(text) {
        Ok(facts) => match facts.found {
            Found::Answer => Ok(facts),
            Found::Error => Err(Problem::Error),
            Found::Nothing => Err(Problem::Empty),
        },
        Err(error) if error.is_eof() => {
            Err(Problem::Stump(format!("the JSON is incomplete: {error}")))
        }
        Err(error) => Err(Problem::Malformed(format!("no valid JSON: {error}"))),
    }
}

impl<F: Format> LlmResponse for Response<F> {
    type Chunk = Chunk<F>;

    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Chunk<F>>> {
        match &mut self.content {
            Content::Stream(chunks) => Some(chunks),
            Content::Whole(_) => None,
        }
    }

    fn stream(&self) -> Option<&ChunkStream<Chunk<F>>> {
        match &self.content {
            Content::Stream(chunks) => Some(chunks),
            Content::Whole(_) => None,
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
        let (facts, body) = self.facts()?;
        facts.id.get(body)
    }

    /// Of several answers the reason of one that is not complete, if there is one.
    fn finish(&self) -> Option<Finish> {
        self.facts()?.0.finish
    }

    fn margin(&self) -> Option<f32> {
        F::margin(str::from_utf8(self.body()?).ok()?)
    }

    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        if let Some(text) = self.body().and_then(|body| str::from_utf8(body).ok()) {
            F::visit_text(text, visit);
        }
    }
}

/// Without its content.
impl<F: Format> fmt::Debug for Response<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("format", &F::NAME)
            .field("headers", &self.headers)
            .field("bytes", &self.body().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

//! Embeddings.
mod request;
mod response;
mod view;

use bytes::Bytes;
use obs_core::{BoxError, Error, Operation};
use obs_wire::{
    AnswerFacts, Event, EventFacts, Format, Found, Headers, Piece,
    json::{self, Kind},
};

use crate::{Choices, error::error_body, headers::HEADERS, usage::usage};

pub use request::EmbeddingRequest;
pub use response::EmbeddingResponse;

/// OpenAI's embeddings, as a [`Format`]. They are never streamed.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings;

impl Format for Embeddings {
    const NAME: &'static str = "openai embeddings";
    const PATH: &'static str = "/embeddings";
    const OPERATION: Operation = Operation::Embeddings;
    const HEADERS: Headers = HEADERS;
    const UNKEYED: &'static [&'static str] = &[];

    type View = view::Embedding;
    type Mark = Choices;

    fn read_event(_: Option<&[u8]>, _: &str) -> Result<EventFacts<Choices>, serde_json::Error> {
        Ok(EventFacts::default())
    }

    fn read_answer(body: &str) -> Result<AnswerFacts, serde_json::Error> {
        let (mut facts, mut is_error) = (AnswerFacts::default(), false);
        json::fields(body, |key, value| match &*key {
            "model" => facts.model = Piece::of(body, value),
            "usage" => facts.usage = usage(value),
            "error" => is_error = !json::is_null(value),
            "data" if Kind::of(value) == Kind::Array => facts.found = Found::Answer,
            _ => {}
        })?;
        facts.is_complete = facts.found == Found::Answer;
        if is_error && !facts.is_complete {
            facts.found = Found::Error;
        }
        Ok(facts)
    }

    fn visit_text(_: &str, _: &mut dyn FnMut(&str)) {}

    fn split(_: &str) -> Result<Vec<Event>, BoxError> {
        Err("embeddings are not streamed".into())
    }

    fn merge(_: &[Event]) -> Result<String, BoxError> {
        Err("embeddings are not streamed".into())
    }

    fn error_body(error: &Error) -> Bytes {
        error_body(error)
    }
}

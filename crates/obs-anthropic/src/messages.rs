//! The format.
use bytes::Bytes;
use obs_core::{BoxError, Error};
use obs_wire::{AnswerFacts, Event, EventFacts, Format, Headers, sse};

use crate::{Fields, Progress, answer, error::error_body, event, merge, split};

/// Anthropic's Messages, as a [`Format`].
#[derive(Clone, Copy, Debug)]
pub struct Messages;

impl Format for Messages {
    const NAME: &'static str = "anthropic messages";
    const PATH: &'static str = "/messages";
    const HEADERS: Headers = Headers {
        credentials: &["x-api-key", "authorization"],
        account: &[],
        meaning: &["anthropic-version", "anthropic-beta"],
        others: &[
            "user-agent",
            "x-request-id",
            "x-client-request-id",
            "idempotency-key",
        ],
        defaults: &[("anthropic-version", "2023-06-01")],
    };

    type View = Fields;
    type Mark = Progress;

    fn read_event(_: Option<&[u8]>, data: &str) -> Result<EventFacts<Progress>, serde_json::Error> {
        event::read(data)
    }

    fn read_answer(body: &str) -> Result<AnswerFacts, serde_json::Error> {
        answer::read(body)
    }

    fn visit_text(body: &str, visit: &mut dyn FnMut(&str)) {
        answer::visit_text(body, visit);
    }

    fn split(body: &str) -> Result<Vec<Event>, BoxError> {
        split::split(body)
    }

    fn merge(events: &[Event]) -> Result<String, BoxError> {
        merge::merge(events)
    }

    fn error_body(error: &Error) -> Bytes {
        error_body(error)
    }

    fn error_event(error: &Error) -> Bytes {
        sse::encode(Some("error"), &error_body(error))
    }
}

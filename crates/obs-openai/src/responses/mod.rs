//! Responses.
mod answer;
mod event;
mod input;
mod merge;
mod searches;
mod split;
mod view;

use bytes::Bytes;
use obs_core::{BoxError, Error, ErrorKind, Finish};
use obs_wire::{
    AnswerFacts, Event, EventFacts, Format, Headers, InvalidRequest, UpstreamError, json, message,
    own_error, sse,
};

use crate::{
    error::{error_body, type_of},
    headers::HEADERS,
    margin,
};

pub use event::ResponsesProgress;
pub use view::ResponsesFields;

/// OpenAI's Responses, as a [`Format`].
///
/// A request that refers to what the provider keeps (`previous_response_id`, `conversation`), or that is to go on without its
/// caller (`background`), is neither cached nor moved to another provider; one that says `store: true` is not cached. Unless told,
/// OpenAI stores responses all the same: a hit repeats the `id` of the stored one, from which a conversation can go on.
#[derive(Clone, Copy, Debug)]
pub struct Responses;

/// A request to `/v1/responses`.
pub type ResponsesRequest = obs_wire::Request<Responses>;
/// The answer to a [`ResponsesRequest`], whole or as a stream.
pub type ResponsesAnswer = obs_wire::Response<Responses>;
/// What an answer to a [`ResponsesRequest`] consists of.
pub type ResponsesContent = obs_wire::Content<Responses>;
/// One event of a streamed answer.
pub type ResponsesChunk = obs_wire::Chunk<Responses>;
/// The events of a streamed answer, for a body of type `text/event-stream`.
pub type ResponsesEvents = obs_wire::EventBody<Responses>;

impl Format for Responses {
    const NAME: &'static str = "openai responses";
    const PATH: &'static str = "/responses";
    const HEADERS: Headers = HEADERS;
    const UNKEYED: &'static [&'static str] = &["stream", "stream_options"];

    type View = ResponsesFields;
    type Mark = ResponsesProgress;

    fn read_event(
        _: Option<&[u8]>,
        data: &str,
    ) -> Result<EventFacts<ResponsesProgress>, serde_json::Error> {
        event::read(data)
    }

    fn read_answer(body: &str) -> Result<AnswerFacts, serde_json::Error> {
        answer::read(body)
    }

    fn visit_text(body: &str, visit: &mut dyn FnMut(&str)) {
        answer::visit_text(body, visit);
    }

    fn margin(body: &str) -> Option<f32> {
        margin::of_response(body)
    }

    fn visit_margins(data: &str, visit: &mut dyn FnMut(f64)) {
        margin::of_event(data, visit);
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

    /// The provider's own event where it sent one: `error` or `response.failed`. Ours is an `error` with the object besides that
    /// clients look for in other streams.
    fn error_event(error: &Error) -> Bytes {
        let own = own_error(error).map(|body| String::from_utf8_lossy(body).into_owned());
        // What concerns the operator's credential is no business of the caller's.
        let came = error
            .find::<UpstreamError>()
            .filter(|_| error.kind() != ErrorKind::Credentials)
            .map(UpstreamError::body);
        if let Some((kind, data)) = came.and_then(|data| Some((kind_of(data)?, data))) {
            return sse::encode(Some(&kind), data);
        }
        let body = own.unwrap_or_else(|| String::from_utf8_lossy(&error_body(error)).into_owned());
        let mut object = None;
        json::field(&body, "error", &mut |value| object = Some(value));
        let param = error
            .find::<InvalidRequest>()
            .and_then(InvalidRequest::param);
        let param = param.map_or_else(|| "null".to_owned(), json::quoted);
        let data = format!(
            r#"{{"type":"error","code":{},"message":{},"param":{param},"sequence_number":0,"error":{}}}"#,
            json::quoted(type_of(error.kind())),
            json::quoted(&message(error)),
            object.unwrap_or("null"),
        );
        sse::encode(Some("error"), data.as_bytes())
    }
}

/// What an event calls itself, if it ends a stream with an error.
fn kind_of(data: &[u8]) -> Option<String> {
    let mut found = None;
    json::text_field(std::str::from_utf8(data).ok()?, "type", &mut |kind| {
        found = matches!(kind, "error" | "response.failed").then(|| kind.to_owned());
    });
    found
}

/// Why a response ends: from its `status`, `incomplete_details` and `output`. `None`: it has not.
fn finish(response: &str) -> Option<Finish> {
    let (mut status, mut why, mut calls) = (String::new(), String::new(), false);
    json::text_field(response, "status", &mut |text| text.clone_into(&mut status));
    json::field(response, "incomplete_details", &mut |details| {
        json::text_field(details, "reason", &mut |text| text.clone_into(&mut why));
    });
    json::each(response, "output", &mut |item| {
        json::text_field(item, "type", &mut |kind| calls |= is_call(kind));
    });
    match (&*status, &*why) {
        ("queued" | "in_progress", _) => None,
        ("completed" | "", _) if calls => Some(Finish::ToolCalls),
        ("completed" | "", _) => Some(Finish::Stop),
        ("incomplete", "max_output_tokens") => Some(Finish::Length),
        ("incomplete", "content_filter") => Some(Finish::ContentFilter),
        _ => Some(Finish::Other),
    }
}

/// Whether the caller is to do something: other tools are the provider's own.
fn is_call(kind: &str) -> bool {
    matches!(
        kind,
        "function_call"
            | "custom_tool_call"
            | "computer_call"
            | "local_shell_call"
            | "shell_call"
            | "apply_patch_call"
            | "mcp_approval_request"
    )
}

//! Chat completions.
mod answer;
mod begun;
mod compose;
mod event;
mod merge;
mod message;
mod messages;
mod split;
mod view;

use bytes::Bytes;
use obs_core::{BoxError, Error, Fingerprint, LlmRequest, Operation, Parameter, Role};
use obs_wire::{
    AnswerFacts, Ask, Event, EventFacts, Format, Headers, InvalidRequest, Request, sse,
};

use crate::{ChatResponse, error::error_body, headers::HEADERS, margin};

pub use event::Choices;

/// OpenAI's chat completions, as a [`Format`].
#[derive(Clone, Copy, Debug)]
pub struct Chat;

/// A request for a chat completion.
///
/// It keeps the body that it was read from, byte for byte: unknown fields, duplicate keys, order, white space and the
/// spelling of numbers. Of that text only the value of `model` is replaced where another model is asked, and
/// `stream_options.include_usage` is set where an [`Upstream`](crate::Upstream) wants to know the usage of a stream.
///
/// A clone shares the body and costs a few reference counts.
#[derive(Clone, Debug)]
pub struct ChatRequest(Request<Chat>);

impl Format for Chat {
    const NAME: &'static str = "openai chat";
    const PATH: &'static str = "/chat/completions";
    const HEADERS: Headers = HEADERS;
    const UNKEYED: &'static [&'static str] = &["stream", "stream_options"];
    const END: Bytes = sse::DONE;

    type View = view::Chat;
    type Mark = Choices;

    fn read_event(_: Option<&[u8]>, data: &str) -> Result<EventFacts<Choices>, serde_json::Error> {
        event::read(data)
    }

    fn read_answer(body: &str) -> Result<AnswerFacts, serde_json::Error> {
        answer::read(body)
    }

    fn visit_text(body: &str, visit: &mut dyn FnMut(&str)) {
        answer::visit_text(body, visit);
    }

    fn margin(body: &str) -> Option<f32> {
        margin::of_chat(body)
    }

    fn visit_margins(data: &str, visit: &mut dyn FnMut(f64)) {
        margin::of_chunk(data, visit);
    }

    fn split(body: &str) -> Result<Vec<Event>, BoxError> {
        let events = split::split(body)?.into_iter();
        Ok(events.map(|data| Event { name: None, data }).collect())
    }

    fn merge(events: &[Event]) -> Result<String, BoxError> {
        merge::merge(events)
    }

    fn error_body(error: &Error) -> Bytes {
        error_body(error)
    }
}

impl ChatRequest {
    /// Reads a request from the body of an HTTP request.
    ///
    /// Fields that are known must have a type that the interface allows, others may be anything.
    ///
    /// # Errors
    ///
    /// The body is no JSON object, `model` or `messages` is missing or empty, or a known field has a wrong type.
    pub fn parse(body: impl Into<Bytes>) -> Result<Self, InvalidRequest> {
        Request::parse(body).map(Self)
    }

    /// Keeps those of the caller's headers that go on to the provider: its credential (used where the upstream has no
    /// key of its own), organization and project, `openai-beta`, request ids, `idempotency-key` and `user-agent`.
    #[must_use]
    pub fn headers(self, of_caller: &http::HeaderMap) -> Self {
        Self(self.0.headers(of_caller))
    }

    /// The body as it came in.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.0.body()
    }

    /// The body with the model that is asked: the same bytes where it was not changed.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.to_bytes()
    }

    /// Whether the caller asked for the usage of its stream. Where it did not, the edge leaves out the chunk that
    /// tells only usage.
    #[must_use]
    pub fn asked_for_usage(&self) -> bool {
        self.0.asked_for_usage()
    }
}

impl Ask for ChatRequest {
    type Format = Chat;
    type Answer = ChatResponse;

    fn request(&self) -> &Request<Chat> {
        &self.0
    }
}

impl From<Request<Chat>> for ChatRequest {
    fn from(request: Request<Chat>) -> Self {
        Self(request)
    }
}

impl LlmRequest for ChatRequest {
    fn model(&self) -> &str {
        self.0.model()
    }

    fn set_model(&mut self, model: &str) {
        self.0.set_model(model);
    }

    fn operation(&self) -> Operation {
        self.0.operation()
    }

    fn streams(&self) -> bool {
        self.0.streams()
    }

    /// Not several answers at once, nor those of a temperature above 1: who asks so wants others each time.
    fn cacheable(&self) -> bool {
        self.0.cacheable()
    }

    fn visit_parameters(&self, visit: &mut dyn FnMut(Parameter<'_>)) {
        self.0.visit_parameters(visit);
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        self.0.visit_prompt(visit);
    }

    fn answer_schema(&self) -> Option<&str> {
        self.0.answer_schema()
    }

    fn fits(&self, window: u64) -> bool {
        self.0.fits(window)
    }

    fn continue_with(&mut self, begun: &str) -> bool {
        self.0.continue_with(begun)
    }

    /// The whole body by its meaning, less how the answer is to be sent, and the account that asks.
    fn fingerprint(&self, to: &mut Fingerprint) {
        self.0.fingerprint(to);
    }
}

//! Chat completions as they are asked for.
use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use obs_core::{Fingerprint, LlmRequest, Operation, Parameter, Role};

use super::{
    InvalidRequest, Passed,
    body::{Body, View},
    expect, messages, parameters,
    passed::ACCOUNT,
};
use crate::{
    json::{self, Kind},
    splice::Edit,
};

/// A request for a chat completion.
///
/// It keeps the body that it was read from, byte for byte: unknown fields, duplicate keys, order, white space and the
/// spelling of numbers. Of that text only the value of `model` is replaced where another model is asked, and
/// `stream_options.include_usage` is set where an [`Upstream`](crate::Upstream) wants to know the usage of a stream.
///
/// A clone shares the body and costs a few reference counts.
#[derive(Clone)]
pub struct ChatRequest {
    pub(super) body: Arc<Body<Chat>>,
    /// Where it is another than that of the body.
    pub(super) model: Option<Arc<str>>,
    pub(super) passed: Passed,
}

/// What is read of the body of a chat.
#[derive(Debug, Default)]
pub(super) struct Chat {
    pub(super) messages: Option<Range<usize>>,
    stream: bool,
    /// Objects and nulls.
    stream_options: Vec<(Range<usize>, Options)>,
    /// How many choices are asked for.
    choices: Option<u64>,
    temperature: Option<f64>,
}

/// What `stream_options` holds.
#[derive(Clone, Debug)]
enum Options {
    Null,
    Hollow,
    /// All values of `include_usage`, and whether the last one is `true`.
    Object(Vec<Range<usize>>, bool),
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
        let request = Self::read(body.into())?;
        if json::is_hollow(request.messages()) {
            let problem = "is empty: expected at least one message";
            return Err(InvalidRequest::field("messages", problem));
        }
        Ok(request)
    }

    /// Keeps those of the caller's headers that go on to the provider: its credential (used where the upstream has no
    /// key of its own), organization and project, `openai-beta`, request ids, `idempotency-key` and `user-agent`.
    #[must_use]
    pub fn headers(mut self, of_caller: &HeaderMap) -> Self {
        self.passed = Passed::of(of_caller);
        self
    }

    /// The body as it came in.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.body.text()
    }

    /// The body with the model that is asked: the same bytes where it was not changed.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.body.written(self.model.as_deref(), Vec::new())
    }

    /// Whether the caller asked for the usage of its stream. Where it did not, the edge leaves out the chunk that
    /// tells only usage.
    #[must_use]
    pub fn asked_for_usage(&self) -> bool {
        let last = self.body.view.stream_options.last();
        matches!(last, Some((_, Options::Object(_, true))))
    }

    /// The body with `stream_options.include_usage` set, for a stream whose caller did not ask; `None` where there is
    /// nothing to add.
    pub(crate) fn to_bytes_with_usage(&self) -> Option<Bytes> {
        let chat = &self.body.view;
        if !chat.stream || self.asked_for_usage() {
            return None;
        }
        let mut edits = Vec::new();
        for (at, options) in &chat.stream_options {
            match options {
                Options::Null | Options::Hollow => {
                    edits.push(Edit::new(at.clone(), r#"{"include_usage":true}"#));
                }
                Options::Object(values, _) if values.is_empty() => {
                    let end = at.end - 1;
                    edits.push(Edit::new(end..end, r#","include_usage":true"#));
                }
                Options::Object(values, _) => {
                    edits.extend(values.iter().map(|at| Edit::new(at.clone(), "true")));
                }
            }
        }
        if edits.is_empty() {
            let value = r#"{"include_usage":true}"#;
            edits.push(self.body.append("stream_options", value));
        }
        Some(self.body.written(self.model.as_deref(), edits))
    }

    /// How many answers are asked for at once.
    pub(crate) fn choices(&self) -> u64 {
        self.body.view.choices.unwrap_or(1)
    }

    pub(crate) fn passed(&self) -> &Passed {
        &self.passed
    }

    /// As [`parse`](Self::parse), also without messages.
    pub(super) fn read(body: Bytes) -> Result<Self, InvalidRequest> {
        Ok(Self {
            body: Arc::new(Body::parse(body)?),
            model: None,
            passed: Passed::default(),
        })
    }

    fn messages(&self) -> &str {
        let at = self.body.view.messages.as_ref();
        self.body
            .str(at.expect("a body without messages is refused"))
    }
}

impl LlmRequest for ChatRequest {
    fn model(&self) -> &str {
        self.model.as_deref().unwrap_or(&self.body.model)
    }

    fn set_model(&mut self, model: &str) {
        self.model = (*self.body.model != *model).then(|| model.into());
    }

    fn operation(&self) -> Operation {
        Operation::Chat
    }

    fn streams(&self) -> bool {
        self.body.view.stream
    }

    /// Not several answers at once, nor those of a temperature above 1: who asks so wants others each time.
    fn cacheable(&self) -> bool {
        self.choices() <= 1 && self.body.view.temperature.is_none_or(|t| t <= 1.0)
    }

    fn visit_parameters(&self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let body = self.body.text();
        parameters::visit(self.body.str(&(0..body.len())), visit);
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        messages::visit(self.messages(), visit);
    }

    /// The whole body by its meaning, less how the answer is to be sent, and the account that asks.
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("format", b"openai chat");
        to.json_text_without(&self.to_bytes(), &["stream", "stream_options"]);
        for name in &ACCOUNT {
            let value = self.passed.get(name);
            to.optional(name.as_str(), value.map(|value| value.as_bytes()));
        }
    }
}

/// Without what is asked, and without credentials.
impl fmt::Debug for ChatRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatRequest")
            .field("model", &self.model())
            .field("stream", &self.streams())
            .field("bytes", &self.body().len())
            .field("headers", &self.passed)
            .finish_non_exhaustive()
    }
}

impl View for Chat {
    fn field(&mut self, key: &str, value: &str, at: Range<usize>) -> Result<(), InvalidRequest> {
        expect::check(expect::CHAT, key, value)?;
        match key {
            "messages" => {
                messages::check(value)?;
                self.messages = Some(at);
            }
            "stream" => self.stream = value == "true",
            "stream_options" => {
                let options = Options::read(value, &at)?;
                self.stream_options.push((at, options));
            }
            // One that is no machine integer is more than one.
            "n" => self.choices = json::number(value).map(|n| n as u64),
            "temperature" => self.temperature = json::number(value),
            _ => {}
        }
        Ok(())
    }

    fn complete(&self) -> Result<(), InvalidRequest> {
        match self.messages {
            Some(_) => Ok(()),
            None => Err(InvalidRequest::missing("messages", "an array of messages")),
        }
    }
}

impl Options {
    fn read(value: &str, at: &Range<usize>) -> Result<Self, InvalidRequest> {
        if json::is_null(value) {
            return Ok(Self::Null);
        }
        if json::is_hollow(value) {
            return Ok(Self::Hollow);
        }
        let (mut values, mut asked, mut wrong) = (Vec::new(), false, None);
        let read = json::fields(value, |key, option| {
            if key == "include_usage" {
                if !matches!(Kind::of(option), Kind::Flag | Kind::Null) {
                    wrong = Some(InvalidRequest::wrong(
                        "stream_options.include_usage",
                        "true or false",
                        option,
                    ));
                }
                asked = option == "true";
                let inside = json::place(value, option);
                values.push(at.start + inside.start..at.start + inside.end);
            }
        });
        debug_assert!(read.is_ok(), "it was read with the body");
        wrong.map_or(Ok(Self::Object(values, asked)), Err)
    }
}

//! Embeddings as they are asked for.
use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use obs_core::{Fingerprint, LlmRequest, Operation, Parameter, Role};

use super::{
    InvalidRequest, Passed,
    body::{Body, View},
    expect, parameters,
    passed::ACCOUNT,
};
use crate::json::{self, Kind};

/// A request for embeddings. It keeps its body as [`ChatRequest`](crate::ChatRequest) does.
#[derive(Clone)]
pub struct EmbeddingRequest {
    body: Arc<Body<Embedding>>,
    model: Option<Arc<str>>,
    passed: Passed,
}

/// What is read of the body.
#[derive(Debug, Default)]
struct Embedding {
    input: Option<Range<usize>>,
}

impl EmbeddingRequest {
    /// Asks this model for the embedding of one text.
    ///
    /// # Panics
    ///
    /// The name of the model is empty.
    #[must_use]
    pub fn new(model: &str, input: &str) -> Self {
        let (model, input) = (json::quoted(model), json::quoted(input));
        let body = format!(r#"{{"model":{model},"input":{input}}}"#);
        Self::read(body.into()).expect("a model has a name")
    }

    /// Reads a request from the body of an HTTP request.
    ///
    /// # Errors
    ///
    /// The body is no JSON object, `model` or `input` is missing or empty, or a known field has a wrong type.
    pub fn parse(body: impl Into<Bytes>) -> Result<Self, InvalidRequest> {
        let request = Self::read(body.into())?;
        let input = request.input();
        match Kind::of(input) {
            Kind::Text if input != "\"\"" => {}
            Kind::Array if !json::is_hollow(input) => check_items(input)?,
            Kind::Text | Kind::Array => {
                let problem = "is empty: expected text, or an array of texts or of tokens";
                return Err(InvalidRequest::field("input", problem));
            }
            _ => {
                let expected = "a string, or an array of strings or of tokens";
                return Err(InvalidRequest::wrong("input", expected, input));
            }
        }
        Ok(request)
    }

    /// Keeps those of the caller's headers that go on to the provider, as
    /// [`ChatRequest::headers`](crate::ChatRequest::headers) does.
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

    pub(crate) fn passed(&self) -> &Passed {
        &self.passed
    }

    fn read(body: Bytes) -> Result<Self, InvalidRequest> {
        Ok(Self {
            body: Arc::new(Body::parse(body)?),
            model: None,
            passed: Passed::default(),
        })
    }

    fn input(&self) -> &str {
        let at = self.body.view.input.as_ref();
        self.body.str(at.expect("a body without input is refused"))
    }
}

/// Strings, tokens, or arrays of tokens.
fn check_items(input: &str) -> Result<(), InvalidRequest> {
    let (mut index, mut wrong) = (0, None);
    let read = json::items(input, |item| {
        let fits = match Kind::of(item) {
            Kind::Text | Kind::Array => true,
            Kind::Number => json::count(item).is_some(),
            _ => false,
        };
        if !fits && wrong.is_none() {
            let expected = "a string, a token, or an array of tokens";
            wrong = Some(InvalidRequest::wrong(
                format!("input[{index}]"),
                expected,
                item,
            ));
        }
        index += 1;
    });
    debug_assert!(read.is_ok(), "it was read with the body");
    wrong.map_or(Ok(()), Err)
}

impl LlmRequest for EmbeddingRequest {
    fn model(&self) -> &str {
        self.model.as_deref().unwrap_or(&self.body.model)
    }

    fn set_model(&mut self, model: &str) {
        self.model = (*self.body.model != *model).then(|| model.into());
    }

    fn operation(&self) -> Operation {
        Operation::Embeddings
    }

    fn visit_parameters(&self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let body = self.body.text();
        parameters::visit(self.body.str(&(0..body.len())), visit);
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        let mut text = |value: &str| {
            if let Some(text) = json::filled_text(value) {
                visit(Role::User, &text);
            }
        };
        let input = self.input();
        if Kind::of(input) == Kind::Array {
            // It was read with the body: there is nothing left to go wrong.
            let _ = json::items(input, text);
        } else {
            text(input);
        }
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("format", b"openai embeddings");
        to.json_text(&self.to_bytes());
        for name in &ACCOUNT {
            let value = self.passed.get(name);
            to.optional(name.as_str(), value.map(|value| value.as_bytes()));
        }
    }
}

/// Without what is asked, and without credentials.
impl fmt::Debug for EmbeddingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddingRequest")
            .field("model", &self.model())
            .field("bytes", &self.body().len())
            .field("headers", &self.passed)
            .finish_non_exhaustive()
    }
}

impl View for Embedding {
    fn field(&mut self, key: &str, value: &str, at: Range<usize>) -> Result<(), InvalidRequest> {
        expect::check(expect::EMBEDDINGS, key, value)?;
        if key == "input" {
            self.input = Some(at);
        }
        Ok(())
    }

    fn complete(&self) -> Result<(), InvalidRequest> {
        match self.input {
            Some(_) => Ok(()),
            None => Err(InvalidRequest::missing("input", "text to embed")),
        }
    }
}

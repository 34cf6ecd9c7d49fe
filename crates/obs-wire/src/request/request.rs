//! Requests as they came in.
use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use obs_core::{Fingerprint, LlmRequest, Operation, Parameter, Role, least_tokens};
use serde::Serialize;

use super::{Edit, InvalidRequest, Passed, body::Body, parameters};
use crate::{Format, View, json, splice::splice};

/// A request of one format.
///
/// It keeps the body that it was read from, byte for byte: unknown fields, duplicate keys, order, white space and the
/// spelling of numbers. Of that text only the value of `model` is replaced where another model is asked, or where there are
/// several that differ (the last one is meant, and each provider is to read that one), and what the
/// format needs so that a stream tells its usage is added where an [`Upstream`](crate::Upstream) wants to know it.
///
/// A clone shares the body and costs a few reference counts.
pub struct Request<F: Format> {
    body: Arc<Body<F::View>>,
    /// Where it is another than that of the body, or the body names several.
    model: Option<Arc<str>>,
    passed: Passed,
}

impl<F: Format> Request<F> {
    /// Reads a request from the body of an HTTP request.
    ///
    /// Fields that are known must have a type that the interface allows, others may be anything.
    ///
    /// # Errors
    ///
    /// The body is no JSON object, a field that is needed is missing or empty, or a known field has a wrong type.
    pub fn parse(body: impl Into<Bytes>) -> Result<Self, InvalidRequest> {
        let request = Self::draft(body)?;
        request.view().check(request.text())?;
        Ok(request)
    }

    /// As [`parse`](Self::parse), also where nothing is asked as yet: for requests that are made in code.
    ///
    /// # Errors
    ///
    /// The same, but for what is empty.
    pub fn draft(body: impl Into<Bytes>) -> Result<Self, InvalidRequest> {
        let body = Body::parse(body.into())?;
        Ok(Self {
            // What was read of it is what every provider is to read.
            model: body.is_ambiguous.then(|| body.model.clone()),
            body: Arc::new(body),
            passed: Passed::default(),
        })
    }

    /// Keeps those of the caller's headers that go on to the provider: see [`Format::HEADERS`]. The caller's credential is
    /// used only where the upstream has no key of its own.
    #[must_use]
    pub fn headers(mut self, of_caller: &HeaderMap) -> Self {
        self.passed = Passed::of(of_caller, &F::HEADERS);
        self
    }

    /// The body as it came in.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.body.bytes()
    }

    /// The body as it came in, as text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.body.text()
    }

    /// What was read of it.
    #[must_use]
    pub fn view(&self) -> &F::View {
        &self.body.view
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
        self.view().asked_for_usage()
    }

    /// Whether another model or provider may answer it: see [`View::movable`].
    #[must_use]
    pub fn is_movable(&self) -> bool {
        self.view().movable()
    }

    /// The same request with these edits, of places in [`body`](Self::body).
    ///
    /// # Errors
    ///
    /// It is no request any more.
    pub fn edited(self, edits: Vec<Edit>) -> Result<Self, InvalidRequest> {
        let body = self.body.written(self.model.as_deref(), edits);
        Ok(Self {
            passed: self.passed,
            ..Self::draft(body)?
        })
    }

    /// Sets a field of the body to a value that is JSON already.
    ///
    /// # Errors
    ///
    /// The field cannot have such a value.
    pub fn with(self, field: &str, value: &str) -> Result<Self, InvalidRequest> {
        let body = self.to_bytes();
        let text = std::str::from_utf8(&body).expect("it was checked");
        let mut edits = Vec::new();
        // It was read before: there is nothing left to go wrong.
        let _ = json::fields(text, |key, old| {
            if key == field {
                edits.push(Edit::new(json::place(text, old), value));
            }
        });
        if edits.is_empty() {
            let edit = Edit::append(self.body.end(), field, value);
            return self.edited(vec![edit]);
        }
        Ok(Self {
            passed: self.passed,
            ..Self::draft(splice(&body, edits))?
        })
    }

    /// Sets any field of the body.
    ///
    /// # Errors
    ///
    /// The value cannot be written as JSON, or the field cannot have such a value.
    pub fn set(self, field: &str, value: impl Serialize) -> Result<Self, InvalidRequest> {
        let value = serde_json::to_string(&value).map_err(|error| {
            InvalidRequest::field(field, format!("cannot be written as JSON: {error}"))
        })?;
        self.with(field, &value)
    }

    /// The body so that a stream tells its usage, where the caller did not ask for that; `None` where there is nothing to
    /// add.
    pub(crate) fn to_bytes_with_usage(&self) -> Option<Bytes> {
        let view = self.view();
        if !view.streams() || view.asked_for_usage() {
            return None;
        }
        let edits = view.ask_for_usage(self.body.end());
        (!edits.is_empty()).then(|| self.body.written(self.model.as_deref(), edits))
    }

    pub(crate) fn passed(&self) -> &Passed {
        &self.passed
    }
}

impl<F: Format> LlmRequest for Request<F> {
    fn model(&self) -> &str {
        self.model.as_deref().unwrap_or(&self.body.model)
    }

    fn set_model(&mut self, model: &str) {
        let is_another = *self.body.model != *model || self.body.is_ambiguous;
        self.model = is_another.then(|| model.into());
    }

    fn operation(&self) -> Operation {
        F::OPERATION
    }

    fn streams(&self) -> bool {
        self.view().streams()
    }

    fn cacheable(&self) -> bool {
        self.view().cacheable()
    }

    fn visit_parameters(&self, visit: &mut dyn FnMut(Parameter<'_>)) {
        parameters::visit(self.text(), visit);
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        self.view().visit_prompt(self.text(), visit);
    }

    fn answer_schema(&self) -> Option<&str> {
        self.text().get(self.view().answer_schema()?)
    }

    fn fits(&self, window: u64) -> bool {
        // A token has a byte at least: most prompts need not be counted.
        if self.body().len() as u64 <= window {
            return true;
        }
        let mut least = 0;
        self.visit_prompt(&mut |_, text| least += least_tokens(text));
        least <= window
    }

    fn continue_with(&mut self, begun: &str) -> bool {
        let edit = self.view().go_on(self.text(), begun);
        let request = edit.and_then(|edit| self.clone().edited(vec![edit]).ok());
        match request {
            Some(request) => {
                *self = request;
                true
            }
            None => false,
        }
    }

    /// The whole body by its meaning, less how the answer is to be sent, and the headers that change answers.
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("format", F::NAME.as_bytes());
        to.json_text_without(&self.to_bytes(), F::UNKEYED);
        for name in F::HEADERS.account.iter().chain(F::HEADERS.meaning) {
            let mut values = self.passed.all(name).peekable();
            if values.peek().is_none() {
                to.optional(name, None);
            }
            for value in values {
                to.optional(name, Some(value.as_bytes()));
            }
        }
    }
}

impl<F: Format> Clone for Request<F> {
    fn clone(&self) -> Self {
        Self {
            body: Arc::clone(&self.body),
            model: self.model.clone(),
            passed: self.passed.clone(),
        }
    }
}

/// Without what is asked, and without credentials.
impl<F: Format> fmt::Debug for Request<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("format", &F::NAME)
            .field("model", &self.model())
            .field("stream", &self.streams())
            .field("bytes", &self.body().len())
            .field("headers", &self.passed)
            .finish_non_exhaustive()
    }
}

/// A body that was built as a value.
impl<F: Format> TryFrom<serde_json::Value> for Request<F> {
    type Error = InvalidRequest;

    fn try_from(body: serde_json::Value) -> Result<Self, InvalidRequest> {
        Self::parse(body.to_string())
    }
}

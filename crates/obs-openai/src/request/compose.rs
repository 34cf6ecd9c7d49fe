//! Requests that are made in code.
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{ChatRequest, InvalidRequest};
use crate::{
    json,
    splice::{Edit, splice},
};

impl ChatRequest {
    /// Asks this model; what is asked follows in [`user`](Self::user) and the others.
    ///
    /// ```
    /// use obs_openai::ChatRequest;
    ///
    /// let request = ChatRequest::new("gpt-4o-mini")
    ///     .system("Answer in one word.")
    ///     .user("What is the capital of France?")
    ///     .temperature(0.0)
    ///     .stream(true);
    /// ```
    ///
    /// # Panics
    ///
    /// The name is empty.
    #[must_use]
    pub fn new(model: &str) -> Self {
        let body = format!(r#"{{"model":{},"messages":[]}}"#, json::quoted(model));
        Self::read(body.into()).expect("a model has a name")
    }

    /// Adds the operator's instructions.
    #[must_use]
    pub fn system(self, text: &str) -> Self {
        self.message("system", text)
    }

    /// Adds what the user says.
    #[must_use]
    pub fn user(self, text: &str) -> Self {
        self.message("user", text)
    }

    /// Adds what the model said before.
    #[must_use]
    pub fn assistant(self, text: &str) -> Self {
        self.message("assistant", text)
    }

    /// Whether the answer is wanted as a stream.
    #[must_use]
    pub fn stream(self, stream: bool) -> Self {
        self.with("stream", if stream { "true" } else { "false" })
    }

    /// How random the answer is: 0 to 2. With more than 1 it is not cached.
    #[must_use]
    pub fn temperature(self, temperature: f64) -> Self {
        self.with("temperature", &Value::from(temperature).to_string())
    }

    /// The most tokens that the model may write.
    #[must_use]
    pub fn max_tokens(self, tokens: u32) -> Self {
        self.with("max_tokens", &tokens.to_string())
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
        self.try_with(field, &value)
    }

    /// The same request with a message more.
    fn message(self, role: &str, text: &str) -> Self {
        let at = self.body.view.messages.clone();
        let at = at.expect("a body without messages is refused");
        let (comma, end) = (!json::is_hollow(self.body.str(&at)), at.end - 1);
        let message = format!(
            r#"{}{{"role":{},"content":{}}}"#,
            if comma { "," } else { "" },
            json::quoted(role),
            json::quoted(text)
        );
        self.edited(vec![Edit::new(end..end, message)])
            .expect("a message more leaves the body a request")
    }

    /// The same request with a field of a type that it may have.
    fn with(self, field: &str, value: &str) -> Self {
        self.try_with(field, value)
            .expect("a field of the right type leaves the body a request")
    }

    fn try_with(self, field: &str, value: &str) -> Result<Self, InvalidRequest> {
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
            edits.push(self.body.append(field, value));
            return self.edited(edits);
        }
        Ok(Self {
            passed: self.passed,
            ..Self::read(splice(&body, edits))?
        })
    }

    fn edited(self, edits: Vec<Edit>) -> Result<Self, InvalidRequest> {
        let body = self.body.written(self.model.as_deref(), edits);
        let request = Self::read(body)?;
        Ok(Self {
            body: Arc::clone(&request.body),
            model: None,
            passed: self.passed,
        })
    }
}

/// A body that was built as a value.
impl TryFrom<Value> for ChatRequest {
    type Error = InvalidRequest;

    fn try_from(body: Value) -> Result<Self, InvalidRequest> {
        Self::parse(body.to_string())
    }
}

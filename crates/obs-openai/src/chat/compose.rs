//! Requests that are made in code.
use obs_wire::{Edit, InvalidRequest, Request, json};
use serde::Serialize;
use serde_json::Value;

use super::{ChatRequest, view::Chat};

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
        Self(Request::draft(body).expect("a model has a name"))
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
        self.0.set(field, value).map(Self)
    }

    /// The same request with a message more.
    fn message(self, role: &str, text: &str) -> Self {
        let message = one_more(self.0.view(), self.0.text(), role, text);
        let request = self.0.edited(vec![message]);
        Self(request.expect("a message more leaves the body a request"))
    }

    /// The same request with a field of a type that it may have.
    fn with(self, field: &str, value: &str) -> Self {
        let request = self.0.with(field, value);
        Self(request.expect("a field of the right type leaves the body a request"))
    }
}

/// A message more, the last one.
pub(super) fn one_more(view: &Chat, body: &str, role: &str, text: &str) -> Edit {
    let messages = view.messages(body);
    let end = json::place(body, messages).end - 1;
    let comma = !json::is_hollow(messages);
    let message = format!(
        r#"{}{{"role":{},"content":{}}}"#,
        if comma { "," } else { "" },
        json::quoted(role),
        json::quoted(text)
    );
    Edit::new(end..end, message)
}

/// A body that was built as a value.
impl TryFrom<Value> for ChatRequest {
    type Error = InvalidRequest;

    fn try_from(body: Value) -> Result<Self, InvalidRequest> {
        Self::parse(body.to_string())
    }
}

//! What the gateway itself refuses, in OpenAI's shape.
use std::{error::Error as StdError, fmt, time::Duration};

use http::StatusCode;
use obs_core::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::api::Api;

/// A request that goes no further than here.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
    retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            code: None,
            retry_after: None,
        }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A header that cannot be read.
    pub(crate) fn header(name: &str, problem: &str) -> Self {
        Self::bad(format!("header {name}: {problem}"))
            .param(name)
            .code("invalid_header")
    }

    /// Whoever sends this is not known.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message).code("invalid_api_key")
    }

    /// A model that nobody has.
    pub(crate) fn no_model(model: &str, known: &[&str]) -> Self {
        let known = match known {
            [] => String::new(),
            known => format!(": expected one of {}", known.join(", ")),
        };
        let message = format!("The model `{model}` does not exist here{known}.");
        Self::new(StatusCode::NOT_FOUND, message)
            .param("model")
            .code("model_not_found")
    }

    /// An endpoint that no provider has.
    pub(crate) fn not_spoken(api: Api) -> Self {
        let format = api.as_str();
        let message = format!(
            "no provider here speaks {api}'s API: expected one of [[providers]] with format = \"{format}\""
        );
        Self::new(StatusCode::NOT_FOUND, message).code("unknown_url")
    }

    /// What a provider says of a response that it has not, where a request goes on with it.
    pub(crate) fn no_previous(id: &str) -> Self {
        Self::bad(format!("Previous response with id '{id}' not found."))
            .param("previous_response_id")
            .code("previous_response_not_found")
    }

    /// What there is no cache for.
    pub(crate) fn not_cached() -> Self {
        let message = "cache-control: only-if-cached is asked for, and there is no cache here: cache.store is off";
        Self::new(StatusCode::GATEWAY_TIMEOUT, message)
            .param("cache-control")
            .code("not_cached")
    }

    /// The field or header that is wrong.
    pub(crate) fn param(mut self, param: &str) -> Self {
        self.param = Some(param.into());
        self
    }

    /// A fixed name for programs.
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// When it may be tried again.
    pub(crate) fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    /// The same in whole seconds, one at least.
    pub(crate) fn retry_seconds(&self) -> Option<u64> {
        let whole = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.retry_after.map(|time| whole(time).max(1))
    }

    /// Trying again helps nobody before somebody has paid.
    pub(crate) fn is_quota(&self) -> bool {
        self.code == Some("insufficient_quota")
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// As a body.
    pub(crate) fn body(&self) -> Value {
        shape(self.status, &self.message, self.param.as_deref(), self.code)
    }
}

/// `{"error": …}` as OpenAI gives it.
pub(crate) fn shape(
    status: StatusCode,
    message: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> Value {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        // Nothing took too long: there was nothing to give.
        504 if code == Some("not_cached") => "invalid_request_error",
        429 if code == Some("insufficient_quota") => "insufficient_quota",
        408 | 504 => "timeout_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Refusal {}

/// Of kind [`ErrorKind::Caller`].
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::Caller, refusal)
    }
}

//! Errors in OpenAI's shape.
use bytes::Bytes;
use http::Response;
use obs_core::{Error, ErrorKind};
use obs_wire::{InvalidRequest, message, own_error};
use serde_json::json;

use crate::chat::Chat;

/// An error as an HTTP answer.
///
/// An error of the provider's keeps its status, its body and the headers that were kept of it, save where it concerns the
/// operator's own credential: that is no business of the caller's, and is a 502. Others get the status that suits their
/// kind and an error object. `Retry-After` is set where it is known.
#[must_use]
pub fn error_response(error: &Error) -> Response<Bytes> {
    obs_wire::error_response::<Chat>(error)
}

/// An error as an object in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`.
///
/// It is the provider's own object where there is one. `code` is otherwise the kind of the error.
#[must_use]
pub fn error_body(error: &Error) -> Bytes {
    if let Some(own) = own_error(error) {
        return own.clone();
    }
    let kind = error.kind();
    let param = error
        .find::<InvalidRequest>()
        .and_then(InvalidRequest::param);
    let body = json!({"error": {
        "message": message(error),
        "type": type_of(kind),
        "param": param,
        "code": kind.as_str(),
    }});
    body.to_string().into()
}

pub(crate) fn type_of(kind: ErrorKind) -> &'static str {
    match kind {
        // What is not cached took no time: the request asked for what is not there.
        ErrorKind::Caller
        | ErrorKind::ContextTooLong
        | ErrorKind::ContentFilter
        | ErrorKind::NotCached => "invalid_request_error",
        ErrorKind::Auth => "authentication_error",
        ErrorKind::Policy => "permission_error",
        ErrorKind::RateLimited => "rate_limit_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::Overloaded => "overloaded_error",
        _ => "api_error",
    }
}

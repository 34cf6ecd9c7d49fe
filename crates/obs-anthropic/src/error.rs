//! Errors in Anthropic's shape.
use bytes::Bytes;
use obs_core::{Error, ErrorKind};
use obs_wire::{message, own_error};
use serde_json::json;

use crate::Messages;

/// An error as an HTTP answer: see [`obs_wire::error_response`].
#[must_use]
pub fn error_response(error: &Error) -> http::Response<Bytes> {
    obs_wire::error_response::<Messages>(error)
}

/// An error as an object in Anthropic's shape: `{"type": "error", "error": {"type", "message"}}`.
///
/// It is the provider's own object where there is one.
#[must_use]
pub fn error_body(error: &Error) -> Bytes {
    if let Some(own) = own_error(error) {
        return own.clone();
    }
    let body = json!({
        "type": "error",
        "error": {"type": type_of(error.kind()), "message": message(error)},
    });
    body.to_string().into()
}

fn type_of(kind: ErrorKind) -> &'static str {
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

//! Errors in OpenAI's shape.
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use obs_core::{Error, ErrorKind};
use serde_json::json;

use crate::{InvalidRequest, UpstreamError, json as text};

/// An error as an HTTP answer.
///
/// An error of the provider's keeps its status, its body and the headers that were kept of it, save where it concerns the
/// operator's own credential: that is no business of the caller's, and is a 502. Others get the status that suits their
/// kind and an error object. `Retry-After` is set where it is known.
#[must_use]
pub fn error_response(error: &Error) -> Response<Bytes> {
    let mut response = match passed_on(error) {
        Some(upstream) => {
            let mut response = Response::new(upstream.body().clone());
            *response.status_mut() = upstream.status();
            response.headers_mut().clone_from(upstream.headers());
            response
        }
        None => {
            let mut response = Response::new(error_body(error));
            *response.status_mut() = status(error.kind());
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response
        }
    };
    if let Some(after) = error.retry_after() {
        // In whole seconds, and not too early.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// An error as an object in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`.
///
/// It is the provider's own object where there is one. `code` is otherwise the kind of the error.
#[must_use]
pub fn error_body(error: &Error) -> Bytes {
    if let Some(upstream) = error.find::<UpstreamError>()
        && error.kind() != ErrorKind::Credentials
        && has_error_object(upstream.body())
    {
        return upstream.body().clone();
    }
    let kind = error.kind();
    let message = match kind {
        ErrorKind::Credentials => "the provider refused the credential of this gateway".to_owned(),
        _ => error.to_string(),
    };
    let param = error
        .find::<InvalidRequest>()
        .and_then(InvalidRequest::param);
    let body = json!({"error": {
        "message": message,
        "type": type_of(kind),
        "param": param,
        "code": kind.as_str(),
    }});
    body.to_string().into()
}

/// An error that the provider answered before there was an answer, and that the caller may see.
fn passed_on(error: &Error) -> Option<&UpstreamError> {
    let upstream = error.find::<UpstreamError>()?;
    let status = upstream.status();
    let is_error = status.is_client_error() || status.is_server_error();
    (is_error && error.kind() != ErrorKind::Credentials).then_some(upstream)
}

fn has_error_object(body: &[u8]) -> bool {
    let Ok(body) = std::str::from_utf8(body) else {
        return false;
    };
    let mut found = false;
    let read = text::fields(body, |key, value| {
        found |= key == "error" && text::Kind::of(value) == text::Kind::Object;
    });
    read.is_ok() && found
}

fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Caller | ErrorKind::ContextTooLong | ErrorKind::ContentFilter => {
            StatusCode::BAD_REQUEST
        }
        ErrorKind::Auth => StatusCode::UNAUTHORIZED,
        ErrorKind::Policy => StatusCode::FORBIDDEN,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Connect | ErrorKind::Credentials | ErrorKind::Upstream | ErrorKind::CutOff => {
            StatusCode::BAD_GATEWAY
        }
        ErrorKind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Timeout | ErrorKind::NotCached => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
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

//! Errors as they go out.
use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use obs_core::{Error, ErrorKind};
use obs_openai::{InvalidRequest, error_body, error_response};

use crate::{headers::SHOULD_RETRY, refusal::Refusal};

/// Marks an answer as a refusal of the gateway's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused;

/// An error object in OpenAI's shape.
pub(super) fn body(error: &Error) -> Bytes {
    match error.find::<Refusal>() {
        Some(refusal) => refusal.body().to_string().into(),
        None => error_body(error),
    }
}

/// An error as an answer: a provider's own as it came.
pub(super) fn response(error: &Error) -> Response {
    let mut response = match error.find::<Refusal>() {
        Some(refusal) => shaped(refusal),
        None => error_response(error).map(Body::from),
    };
    // What we have retried, and failed over, and waited for, a client need not retry again.
    let is_final = matches!(
        error.kind(),
        ErrorKind::Timeout | ErrorKind::NotCached | ErrorKind::Credentials
    );
    if error.kind().is_transient() || is_final {
        let headers = response.headers_mut();
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

/// What the gateway itself refuses, before any layer sees it.
pub(super) fn refusal(refusal: &Refusal) -> Response {
    let mut response = shaped(refusal);
    response.extensions_mut().insert(Refused);
    response
}

fn shaped(refusal: &Refusal) -> Response {
    let mut response = Response::new(Body::from(refusal.body().to_string()));
    *response.status_mut() = refusal.status();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    // Clients retry every 5xx unless they are told: these stay as they are.
    let stays = matches!(
        refusal.status(),
        StatusCode::GATEWAY_TIMEOUT | StatusCode::NOT_IMPLEMENTED
    );
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_seconds() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if stays || refusal.is_quota() {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

impl From<InvalidRequest> for Refusal {
    fn from(invalid: InvalidRequest) -> Self {
        let refusal = Self::bad(invalid.to_string());
        match invalid.param() {
            Some(param) => refusal.param(param),
            None => refusal,
        }
    }
}

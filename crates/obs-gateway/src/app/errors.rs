//! Errors as they go out.
use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use obs_core::{Error, ErrorKind};
use obs_wire::{Format, InvalidRequest, error_response};

use super::endpoint::Endpoint;
use crate::{api::Api, headers::SHOULD_RETRY, refusal::Refusal};

/// Marks an answer as a refusal of the gateway's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused;

/// The event that ends a stream with an error.
pub(super) fn event<E: Endpoint>(error: &Error) -> Bytes {
    match error.find::<Refusal>() {
        Some(refusal) => {
            let body = E::API.error(refusal.body()).to_string();
            E::refused(body.as_bytes(), error)
        }
        None => E::error_event(error),
    }
}

/// An error as an answer: a provider's own as it came.
pub(super) fn response<F: Format>(api: Api, error: &Error) -> Response {
    let mut response = match error.find::<Refusal>() {
        Some(refusal) => shaped(api, refusal),
        None => error_response::<F>(error).map(Body::from),
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
pub(super) fn refusal(api: Api, refusal: &Refusal) -> Response {
    let mut response = shaped(api, refusal);
    response.extensions_mut().insert(Refused);
    response
}

fn shaped(api: Api, refusal: &Refusal) -> Response {
    let body = api.error(refusal.body()).to_string();
    let mut response = Response::new(Body::from(body));
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

//! Sending a request, up to the head of its answer.
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use obs_core::{CallContext, Elapsed, Error, Limit};
use reqwest::{Method, Request};

use super::{Shared, base_url, body::read_some, headers};
use crate::{
    Headers,
    error::{ConnectError, Credential, Phase, TransportError, UpstreamError, causes},
    request::Passed,
};

/// The head of an answer, and where it came from.
pub(super) struct Head {
    /// Or the name of the provider, if it was given one.
    pub(super) url: Box<str>,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: reqwest::Body,
    pub(super) credential: Credential,
}

/// What is sent.
pub(super) struct Outgoing<'a> {
    pub(super) path: &'static str,
    pub(super) body: Bytes,
    pub(super) passed: &'a Passed,
    pub(super) format: Headers,
    pub(super) accept: &'static str,
}

impl Shared {
    /// Sends JSON, and gives the head of an answer with a status of success.
    pub(super) async fn post(
        &self,
        outgoing: Outgoing<'_>,
        context: &CallContext,
    ) -> Result<Head, Error> {
        let url = self.base.endpoint(outgoing.path);
        let mut request = Request::new(Method::POST, url);
        let headers = request.headers_mut();
        outgoing
            .passed
            .write(headers, &outgoing.format, self.key.is_none());
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::ACCEPT, HeaderValue::from_static(outgoing.accept));
        self.identify(headers);
        // Who has no time left pays for nothing.
        if context.deadline.to_millis() == Some(0) {
            let none = Duration::ZERO;
            return Err(Elapsed::error(Limit::Deadline, none, none));
        }
        self.tells.write(&context.deadline, headers);
        if let Some(prepare) = &self.prepare {
            prepare(context, headers);
        }
        *request.body_mut() = Some(outgoing.body.into());
        let head = self.execute(request).await?;
        if head.status.is_success() {
            Ok(head)
        } else {
            Err(self.refused(head).await)
        }
    }

    /// Sends anything, and gives the head of whatever is answered.
    pub(super) async fn execute(&self, request: Request) -> Result<Head, Error> {
        let url = base_url::shown(request.url());
        let response = self.client.execute(request).await;
        let response: http::Response<reqwest::Body> = match response {
            Ok(response) => response.into(),
            Err(error) => {
                let error = error.without_url();
                tracing::debug!(url, error = causes(&error), "no answer");
                return Err(if error.is_connect() {
                    let origin = self.name.as_deref().unwrap_or(self.base.origin());
                    ConnectError::error(origin, &error)
                } else {
                    TransportError::error(
                        self.name.as_deref().unwrap_or(&url),
                        Phase::Head,
                        &causes(&error),
                    )
                });
            }
        };
        let (parts, body) = response.into_parts();
        Ok(Head {
            url: self.name.clone().unwrap_or_else(|| url.into()),
            status: parts.status,
            headers: parts.headers,
            body,
            credential: match self.key {
                Some(_) => Credential::Operator,
                None => Credential::Caller,
            },
        })
    }

    /// Says who asks, where it is the operator.
    pub(super) fn identify(&self, headers: &mut HeaderMap) {
        if let Some(key) = &self.key {
            headers.insert(key.name.clone(), key.header.clone());
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }

    /// An error of the provider's in place of an answer, or within one.
    pub(super) fn error_of(&self, head: &Head, body: Bytes) -> Error {
        let kept = headers::kept_of_error(&head.headers);
        let body = self.without_key(body);
        let (status, credential) = (head.status, head.credential);
        UpstreamError::error(&head.url, status, (kept, &head.headers), body, credential)
    }

    async fn refused(&self, mut head: Head) -> Error {
        let body = std::mem::take(&mut head.body);
        let body = read_some(body, self.limits.error).await;
        self.error_of(&head, body)
    }

    /// Providers repeat the key that they refuse.
    pub(super) fn without_key(&self, body: Bytes) -> Bytes {
        let Some(key) = &self.key else { return body };
        let key = key.text.as_bytes();
        let mut rest = &body[..];
        let mut out = Vec::new();
        while let Some(at) = memchr::memmem::find(rest, key) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(b"[key]");
            rest = &rest[at + key.len()..];
        }
        if rest.len() == body.len() {
            return body;
        }
        out.extend_from_slice(rest);
        out.into()
    }
}

//! An error as the provider answered it.
use std::{error::Error as StdError, fmt};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use obs_core::Error;
#[cfg(doc)]
use obs_core::ErrorKind;

use super::{Credential, ErrorDetail, classify::classify, retry_after::retry_after};

/// How many characters of a provider's message are told in ours.
const MESSAGE: usize = 400;

/// The provider answered with an error: a status other than 2xx, or an error object where an answer should be.
///
/// | status | kind |
/// |---|---|
/// | 400, 413, 422 that says that the prompt is too long | [`ErrorKind::ContextTooLong`] |
/// | 400, 403, 422 of a content filter | [`ErrorKind::ContentFilter`] |
/// | 401, 402, 403, and a 400 that says that the credit is used up | [`ErrorKind::Auth`] where the caller's credential was passed on, else [`ErrorKind::Credentials`] |
/// | 408 | [`ErrorKind::Timeout`] |
/// | 429, a spent quota (`insufficient_quota`) included | [`ErrorKind::RateLimited`] |
/// | other 4xx | [`ErrorKind::Caller`] |
/// | 503, 529 | [`ErrorKind::Overloaded`] |
/// | other 5xx, and redirects, which are not followed | [`ErrorKind::Upstream`] |
///
/// An error object in a stream or under a status of 200 is known by its `code` and `type`.
#[derive(Clone, Debug)]
pub struct UpstreamError {
    url: Box<str>,
    status: StatusCode,
    headers: Box<HeaderMap>,
    body: Bytes,
    detail: ErrorDetail,
}

impl UpstreamError {
    /// With its kind and, if the provider told one, the time after which it wants to be asked again.
    pub(crate) fn error(
        url: &str,
        status: StatusCode,
        (headers, retry_after_in): (HeaderMap, &HeaderMap),
        body: Bytes,
        credential: Credential,
    ) -> Error {
        let detail = ErrorDetail::of_body(&body);
        let kind = classify(status, &detail, credential);
        let after = retry_after(retry_after_in);
        let error = Error::new(
            kind,
            Self {
                url: url.into(),
                status,
                headers: Box::new(headers),
                body,
                detail,
            },
        );
        match after {
            Some(after) => error.with_retry_after(after),
            None => error,
        }
    }

    /// The status; 200 where an error object came in a stream or in place of an answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers that were kept: request ids, rate limits, `Retry-After`, content type, and those of the provider.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as it came, up to the limit of the upstream; in a stream the data of the event. The upstream's own key
    /// is not in it.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the provider says.
    #[must_use]
    pub fn detail(&self) -> &ErrorDetail {
        &self.detail
    }

    /// Where the request went, without query; or the name of the upstream, if it was given one.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// In the provider's words, as far as it has some.
impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.url, self.status)?;
        if self.status.is_redirection() {
            f.write_str(" (redirects are not followed: give the final address as base URL)")?;
        }
        let ErrorDetail { message, code, .. } = &self.detail;
        if let Some(message) = message {
            let end = message.char_indices().nth(MESSAGE);
            match end {
                Some((end, _)) => write!(f, ": {}...", &message[..end])?,
                None => write!(f, ": {message}")?,
            }
        }
        if let Some(code) = code {
            write!(f, " (code {code})")?;
        }
        Ok(())
    }
}

impl StdError for UpstreamError {}

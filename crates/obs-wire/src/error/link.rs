//! The way to the provider.
use std::{error::Error as StdError, fmt};

use obs_core::{Error, ErrorKind};

/// No connection: refused, no such host, a certificate that is not trusted, or no answer in time.
#[derive(Clone, Debug)]
pub struct ConnectError {
    origin: Box<str>,
    cause: Box<str>,
}

/// The connection was lost while the request went out or the answer came in.
#[derive(Clone, Debug)]
pub struct TransportError {
    url: Box<str>,
    phase: Phase,
    cause: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Head,
    Body,
    /// A stream ended without a finish reason and without `[DONE]`.
    Stump,
}

impl ConnectError {
    /// Of kind [`ErrorKind::Connect`].
    pub(crate) fn error(origin: &str, cause: &(dyn StdError + 'static)) -> Error {
        let cause = causes(cause);
        Error::new(
            ErrorKind::Connect,
            Self {
                origin: origin.into(),
                cause: cause.into(),
            },
        )
    }

    /// Scheme, host and port that could not be reached; or the name of the upstream, if it was given one.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not connect to {}: {}", self.origin, self.cause)
    }
}

impl StdError for ConnectError {}

impl TransportError {
    /// Of kind [`ErrorKind::CutOff`].
    pub(crate) fn error(url: &str, phase: Phase, cause: &str) -> Error {
        let (url, cause) = (url.into(), cause.into());
        Error::new(ErrorKind::CutOff, Self { url, phase, cause })
    }

    /// Whether some of the answer had come: the provider worked, and may bill for it.
    #[must_use]
    pub fn in_answer(&self) -> bool {
        self.phase != Phase::Head
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, phase, cause } = self;
        match phase {
            Phase::Head => write!(f, "the connection was lost before {url} answered: {cause}"),
            Phase::Body => write!(f, "the answer of {url} was cut off: {cause}"),
            Phase::Stump => write!(f, "the stream of {url} ended early: {cause}"),
        }
    }
}

impl StdError for TransportError {}

/// An error and its sources in one line, without repetitions.
pub(crate) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}

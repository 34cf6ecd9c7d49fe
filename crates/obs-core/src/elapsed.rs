//! A limit of time was reached.
use std::{error::Error as StdError, fmt, time::Duration};

use tokio::time::Instant;

use crate::{Error, ErrorKind};

/// The cause of errors of kind [`ErrorKind::Timeout`].
///
/// It lives here because whoever waits for something without a clock (a router, a hedge, the follower of a shared
/// call) enforces the caller's deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elapsed {
    limit: Limit,
    after: Duration,
    grace: Duration,
}

/// Which limit it was. Each covers another phase of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The whole call, to its last token.
    Total,
    /// One attempt, from the request to the head of its answer.
    Connect,
    /// One attempt, from the request to the first token of its stream.
    FirstToken,
    /// One attempt, between two chunks of its stream.
    Idle,
    /// One attempt as a whole.
    Attempt,
    /// A deadline that came with the call and was shorter than the layer's own limits.
    Deadline,
}

impl Limit {
    /// A fixed lower-case name, for labels and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Connect => "connect",
            Self::FirstToken => "first_token",
            Self::Idle => "idle",
            Self::Attempt => "attempt",
            Self::Deadline => "deadline",
        }
    }
}

impl Elapsed {
    /// An error of kind [`ErrorKind::Timeout`] that tells this limit and its grace.
    #[must_use]
    pub fn error(limit: Limit, after: Duration, grace: Duration) -> Error {
        let elapsed = Self {
            limit,
            after,
            grace,
        };
        Error::new(ErrorKind::Timeout, elapsed)
    }

    /// The deadline in the call's context has passed, now; the call began at `start`.
    #[must_use]
    pub fn of_deadline(start: Instant) -> Error {
        let passed = Instant::now().saturating_duration_since(start);
        Self::error(Limit::Deadline, passed, Duration::ZERO)
    }

    /// Which limit was reached.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// How long the limit was, without the grace; for [`Limit::Deadline`], how long the call had taken.
    #[must_use]
    pub fn after(&self) -> Duration {
        self.after
    }

    /// How much longer the call was let run once it was late.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.grace
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            limit,
            after,
            grace,
        } = self;
        match limit {
            Limit::Total => write!(f, "the call took longer than its limit of {after:?}")?,
            Limit::Connect => write!(f, "no answer began within {after:?}")?,
            Limit::FirstToken => write!(f, "no first token came within {after:?}")?,
            Limit::Idle => write!(f, "the stream stood still for {after:?}")?,
            Limit::Attempt => write!(f, "the attempt took longer than its limit of {after:?}")?,
            Limit::Deadline => write!(f, "the caller's deadline passed after {after:?}")?,
        }
        if !grace.is_zero() {
            write!(f, " and {grace:?} of grace")?;
        }
        Ok(())
    }
}

impl StdError for Elapsed {}

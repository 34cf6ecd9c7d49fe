//! How long the phases of an attempt may take.
use std::time::Duration;

use crate::targets::Values;

/// How long the phases of some attempts may take: values for
/// [`AttemptTimeoutLayer::for_operation`](crate::AttemptTimeoutLayer::for_operation) and
/// [`for_model`](crate::AttemptTimeoutLayer::for_model). What is not said here is taken from what is said more generally;
/// `Duration::MAX` says that there is no limit.
///
/// Every setter panics if the limit is zero. What each covers is said at the setters of
/// [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptLimits {
    pub(super) connect: Option<Duration>,
    pub(super) first_token: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) attempt: Option<Duration>,
}

impl AttemptLimits {
    /// Nothing is said.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connect: None,
            first_token: None,
            idle: None,
            attempt: None,
        }
    }

    /// To the head of a stream.
    #[must_use]
    pub const fn connect(mut self, limit: Duration) -> Self {
        self.connect = Some(above_zero(limit));
        self
    }

    /// To the first content of a stream.
    #[must_use]
    pub const fn first_token(mut self, limit: Duration) -> Self {
        self.first_token = Some(above_zero(limit));
        self
    }

    /// Between two chunks of a stream.
    #[must_use]
    pub const fn idle(mut self, limit: Duration) -> Self {
        self.idle = Some(above_zero(limit));
        self
    }

    /// To the last token.
    #[must_use]
    pub const fn attempt(mut self, limit: Duration) -> Self {
        self.attempt = Some(above_zero(limit));
        self
    }
}

impl Values for AttemptLimits {
    fn or(self, those: Self) -> Self {
        Self {
            connect: self.connect.or(those.connect),
            first_token: self.first_token.or(those.first_token),
            idle: self.idle.or(those.idle),
            attempt: self.attempt.or(those.attempt),
        }
    }
}

const fn above_zero(limit: Duration) -> Duration {
    assert!(
        !limit.is_zero(),
        "a limit of zero would fail every attempt: expected a duration above zero"
    );
    limit
}

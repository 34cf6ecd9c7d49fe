//! Configuration.
use std::time::Duration;

use tower_layer::Layer;

use super::{AttemptTimeout, Limits};

/// Bounds one attempt: its head, its first token, the pauses in its stream, and the whole.
///
/// Put it inside of the router, right around [`AttemptLayer`](obs_core::AttemptLayer). At a limit the attempt is dropped and
/// ends as timed out, and whoever made it, such as a router, is told which limit it was and goes on. The deadline in the
/// call's context is enforced too, where it is earlier; with no limit set and no deadline there is no timer.
///
/// Every setter panics if the limit is zero. No limit is set to begin with.
///
/// Nothing is counted here: the attempts are in the journal, and the calls in the metrics of
/// [`TimeoutLayer`](crate::TimeoutLayer).
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptTimeoutLayer {
    limits: Limits,
}

impl AttemptTimeoutLayer {
    /// Without any limit.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            limits: Limits {
                connect: None,
                first_token: None,
                idle: None,
                attempt: None,
            },
        }
    }

    /// Of a request that streams: to the head of its answer, the time to connect included. A plain answer has no head apart
    /// from the answer: how long it takes to connect is for the client inside to limit.
    #[must_use]
    pub const fn connect(mut self, limit: Duration) -> Self {
        self.limits.connect = Some(above_zero(limit));
        self
    }

    /// Of a request that streams: to its first content, the time to its head included.
    #[must_use]
    pub const fn first_token(mut self, limit: Duration) -> Self {
        self.limits.first_token = Some(above_zero(limit));
        self
    }

    /// Of a stream, after its first content: between two chunks of any kind, for as long as we wait for the model, and not
    /// while the reader takes its time.
    #[must_use]
    pub const fn idle(mut self, limit: Duration) -> Self {
        self.limits.idle = Some(above_zero(limit));
        self
    }

    /// Of every attempt: to its last token. It is set as the deadline for what is inside.
    #[must_use]
    pub const fn attempt(mut self, limit: Duration) -> Self {
        self.limits.attempt = Some(above_zero(limit));
        self
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptTimeout::new(inner, self.limits)
    }
}

const fn above_zero(limit: Duration) -> Duration {
    assert!(
        !limit.is_zero(),
        "a limit of zero would fail every attempt: expected a duration above zero"
    );
    limit
}

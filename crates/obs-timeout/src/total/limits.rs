//! How long a call may take.
use std::time::Duration;

use crate::{ZeroLimit, targets::Values};

/// How long some calls may take: values for [`TimeoutLayer::for_operation`](crate::TimeoutLayer::for_operation) and
/// [`for_model`](crate::TimeoutLayer::for_model). What is not said here is taken from what is said more generally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    pub(super) limit: Option<Duration>,
    pub(super) grace: Option<Duration>,
}

/// How long one call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) limit: Duration,
    pub(super) grace: Duration,
}

impl CallLimits {
    /// Nothing is said.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            limit: None,
            grace: None,
        }
    }

    /// The time to the last token. `Duration::MAX` is no limit.
    ///
    /// # Panics
    ///
    /// If the limit is zero. For limits that a user gives, see [`try_limit`](Self::try_limit).
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self {
        match self.try_limit(limit) {
            Ok(limits) => limits,
            Err(zero) => panic!("{zero}"),
        }
    }

    /// The time to the last token. `Duration::MAX` is no limit.
    ///
    /// # Errors
    ///
    /// If the limit is zero.
    pub fn try_limit(mut self, limit: Duration) -> Result<Self, ZeroLimit> {
        if limit.is_zero() {
            return Err(ZeroLimit::new());
        }
        self.limit = Some(limit);
        Ok(self)
    }

    /// How much longer a late call may run. Zero is no grace.
    #[must_use]
    pub const fn grace(mut self, extra: Duration) -> Self {
        self.grace = Some(extra);
        self
    }

    #[inline]
    pub(super) fn resolved(self) -> Limits {
        Limits {
            limit: self.limit.unwrap_or(Duration::MAX),
            grace: self.grace.unwrap_or_default(),
        }
    }
}

impl Values for CallLimits {
    fn or(self, those: Self) -> Self {
        Self {
            limit: self.limit.or(those.limit),
            grace: self.grace.or(those.grace),
        }
    }
}

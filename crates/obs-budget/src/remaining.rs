//! What is left.
use std::{
    error::Error as StdError,
    fmt,
    time::{Duration, SystemTime},
};

use obs_core::Usd;

use crate::{Budget, Unit, Window};

/// What is left to one name.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Remaining {
    /// Dollars in the tightest of its budgets of dollars, never less than nothing; `None`: there is no such budget.
    pub usd: Option<Usd>,
    /// Requests in the tightest of its budgets of requests; `None`: there is no such budget.
    pub requests: Option<u64>,
    /// The least share that is left of any of its budgets, from 0 to 1; 1 where there is none.
    pub share: f64,
    /// When the window of that budget ends; `None` where there is none.
    pub until: Option<SystemTime>,
}

/// A budget is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    pub(crate) scope: &'static str,
    pub(crate) budget: Budget,
    pub(crate) until: SystemTime,
    pub(crate) wait: Duration,
}

impl Remaining {
    pub(crate) const UNLIMITED: Self = Self {
        usd: None,
        requests: None,
        share: 1.0,
        until: None,
    };

    /// Whether any of its budgets is used up.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.share <= 0.0
    }

    /// With what is left of one more budget.
    pub(crate) fn and(mut self, budget: &Budget, left: i128, until: SystemTime) -> Self {
        let share = left as f64 / budget.limit as f64;
        if self.until.is_none() || share < self.share {
            (self.share, self.until) = (share, Some(until));
        }
        match budget.unit {
            Unit::Usd => {
                let left = Usd::from_pico(left);
                self.usd = Some(self.usd.map_or(left, |usd| usd.min(left)));
            }
            Unit::Requests => {
                let left = u64::try_from(left).unwrap_or(u64::MAX);
                self.requests = Some(self.requests.map_or(left, |requests| requests.min(left)));
            }
        }
        self
    }
}

impl Exhausted {
    /// Whose budgets these are: the scope that [`Budgets`](crate::Budgets) were made with.
    #[must_use]
    pub const fn scope(&self) -> &'static str {
        self.scope
    }

    /// What is used up.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.budget.unit
    }

    /// The window that it was for.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.budget.window
    }

    /// When the window ends.
    #[must_use]
    pub const fn until(&self) -> SystemTime {
        self.until
    }

    /// How long that is from now.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        self.wait
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scope, window) = (self.scope, self.budget.window.name());
        let limit = self.budget.limit;
        match self.budget.unit {
            Unit::Usd => write!(
                f,
                "the budget of this {scope} is spent: {} per {window}",
                Usd::from_pico(limit)
            ),
            Unit::Requests => write!(
                f,
                "the limit of this {scope} is reached: {limit} requests per {window}"
            ),
        }?;
        // Who comes back after that is not too early.
        write!(f, "; more in {} s", self.wait.as_secs_f64().ceil())
    }
}

impl StdError for Exhausted {}

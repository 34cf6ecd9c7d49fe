//! The figures of a layer, as numbers.
use std::sync::Arc;

use obs_core::Usd;

use crate::{BreakerState, Reason};

/// What a [`RouterLayer`](crate::RouterLayer) has counted. The metrics are the same figures.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Each route, in order; last the route [`other`](crate::OTHER). Empty until the layer has made a service.
    pub routes: Vec<RouteStats>,
    /// Panics of the policy, and answers of it that were of no use.
    pub policy_errors: u64,
}

/// What was counted of one route.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouteStats {
    /// The name of the route.
    pub route: Arc<str>,
    pub(crate) decisions: [u64; Reason::COUNT],
    /// Attempts that have ended, in whatever way.
    pub attempts: u64,
    /// Those of them that failed or ran out of time.
    pub errors: u64,
    /// What its answers cost less than at the baseline, all attempts of those calls included.
    pub saved: Usd,
    /// What calls that it answered cost more than at the baseline.
    pub lost: Usd,
    /// Complete answers of which nobody knows what they saved.
    pub savings_unknown: u64,
    /// Attempts on this route after it had failed the same call.
    pub retries: u64,
    /// How the route is doing.
    pub breaker: BreakerState,
}

impl Stats {
    /// The figures of this route.
    #[must_use]
    pub fn route(&self, name: &str) -> Option<&RouteStats> {
        self.routes.iter().find(|of| *of.route == *name)
    }

    /// Calls that have been answered, have failed, or were dropped; those that were refused before a decision are not among them.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.routes.iter().map(RouteStats::calls).sum()
    }

    /// Savings less losses.
    #[must_use]
    pub fn saved(&self) -> Usd {
        self.routes.iter().map(|of| of.saved - of.lost).sum()
    }
}

impl RouteStats {
    /// Calls that took this route in the end, for this reason.
    #[must_use]
    pub fn decisions(&self, reason: Reason) -> u64 {
        self.decisions[reason.index()]
    }

    /// Calls that took this route in the end; not those that only had an answer gone on with here.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.decisions.iter().sum::<u64>() - self.decisions(Reason::Continued)
    }
}

//! One request to a model, whoever wanted it.
use std::sync::Arc;

use tokio::time::Instant;

use crate::{Baseline, ErrorKind, Operation, PriceTable, Usage, Usd, scope::Scope};

/// One request to a model: what was asked of whom, how it ended, and what it cost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Tells it from every other attempt of this process; one that was made later has a larger one. Copies share it.
    pub number: u64,
    /// The route that it took; `None` without a router.
    pub route: Option<Arc<str>>,
    /// The model that was asked.
    pub asked: Arc<str>,
    /// The model that says that it answered.
    pub answered: Option<Arc<str>>,
    /// What was asked of the model.
    pub operation: Operation,
    /// Why it was made.
    pub purpose: Purpose,
    /// Tokens used, as far as the provider told.
    pub usage: Option<Usage>,
    /// What it cost. `None`: no price is known, or no usage came. Unknown is never zero.
    pub cost: Option<Usd>,
    /// Of an attempt that did not end with an answer: the price of the usage that was told before. What will be
    /// billed is not known, so this is in no sum.
    pub estimate: Option<Usd>,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// When it was made.
    pub started: Instant,
    /// When the first content of its stream came.
    pub first_token: Option<Instant>,
    /// When it ended.
    pub ended: Option<Instant>,
    pub(crate) scope: Scope,
    pub(crate) prices: PriceTable,
}

/// Why an attempt is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// To answer the call.
    #[default]
    First,
    /// The same route failed, and is asked again.
    Retry,
    /// Another route failed.
    Fallback,
    /// The answer of a cheaper route will not do.
    Escalation,
    /// Another attempt is slow.
    Hedge,
    /// An answer broke off, and its rest is asked for.
    Continuation,
    /// To judge an answer.
    Judge,
    /// To renew a stored answer.
    Refresh,
    /// To compare routes, off the caller's path.
    Shadow,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// With a whole answer.
    Answered,
    /// With an error.
    Failed(ErrorKind),
    /// It was dropped because its time was up, or failed with a timeout.
    TimedOut,
    /// It was dropped because nobody wanted it any more.
    Cancelled,
}

impl Attempt {
    /// What the same usage would have cost on this baseline, by the prices of this attempt.
    #[must_use]
    pub fn cost_with(&self, baseline: &Baseline) -> Option<Usd> {
        let model = baseline.model.as_ref().unwrap_or(&self.asked);
        self.prices.cost(Some(&baseline.route), model, &self.usage?)
    }

    /// The price of a usage here: that of the route, or of the model that answered, or of the one that was asked.
    pub(crate) fn price(&self, usage: &Usage) -> Option<Usd> {
        let of = |model: &str| self.prices.cost(self.route.as_deref(), model, usage);
        let answered = self.answered.as_deref().and_then(of);
        answered.or_else(|| of(&self.asked))
    }
}

impl Purpose {
    /// A fixed lower-case name, for labels and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retry => "retry",
            Self::Fallback => "fallback",
            Self::Escalation => "escalation",
            Self::Hedge => "hedge",
            Self::Continuation => "continuation",
            Self::Judge => "judge",
            Self::Refresh => "refresh",
            Self::Shadow => "shadow",
        }
    }
}

impl Outcome {
    /// A fixed lower-case name, for labels and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(_) => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

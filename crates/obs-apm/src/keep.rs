//! Which calls are kept though their trace was not sampled.

use std::{fmt, sync::Arc};

use obs_core::Usd;
use opentelemetry_sdk::trace::{SpanData, SpanProcessor};

use crate::outcome::Outcome;

/// Ten cents, in the pico-dollars of [`Usd`].
const COSTLY: Usd = Usd::from_pico(100_000_000_000);

/// Which calls are kept though their trace was not sampled: those that somebody will ask about.
///
/// Whether a trace is sampled is decided when it begins, when nobody knows how it will end. A call that was not sampled and
/// turns out to be of these is told all the same, with its attempts as children. What happened elsewhere in its trace is not
/// there then: for that, sample everything, and decide in a collector.
///
/// The [default](Self::default) keeps failed and late calls, and those that cost ten cents or more. It holds in production,
/// unless [`Config::keep`](crate::Config::keep) or `OTEL_TRACES_SAMPLER` says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Keep {
    errors: bool,
    late: bool,
    costing: Option<Usd>,
}

/// What a finished call is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) outcome: Outcome,
    pub(crate) is_late: bool,
    pub(crate) paid: Usd,
}

/// The rule, and where the calls go that it keeps.
pub(crate) struct Tail {
    keep: Keep,
    processors: Vec<Arc<dyn SpanProcessor>>,
}

impl Default for Keep {
    fn default() -> Self {
        Self::nothing().errors().late().costing(COSTLY)
    }
}

impl Keep {
    /// None: only what is sampled is told.
    pub const fn nothing() -> Self {
        Self {
            errors: false,
            late: false,
            costing: None,
        }
    }

    /// Calls that fail or run out of time.
    pub const fn errors(mut self) -> Self {
        self.errors = true;
        self
    }

    /// Calls that are answered after their time, within grace.
    pub const fn late(mut self) -> Self {
        self.late = true;
        self
    }

    /// Calls whose attempts cost so much, or more.
    pub const fn costing(mut self, at_least: Usd) -> Self {
        self.costing = Some(at_least);
        self
    }

    /// Why a call is kept; `None`: it is not.
    pub(crate) fn wants(self, call: Judged) -> Option<&'static str> {
        let failed = matches!(call.outcome, Outcome::Error | Outcome::Timeout);
        if self.errors && failed {
            Some("error")
        } else if self.late && call.is_late {
            Some("late")
        } else if self.costing.is_some_and(|least| call.paid >= least) {
            Some("cost")
        } else {
            None
        }
    }
}

impl Tail {
    /// `None`: it would keep nothing, or nobody would see it.
    pub(crate) fn new(keep: Keep, processors: Vec<Arc<dyn SpanProcessor>>) -> Option<Self> {
        let any = keep != Keep::nothing() && !processors.is_empty();
        any.then_some(Self { keep, processors })
    }

    pub(crate) fn wants(&self, call: Judged) -> Option<&'static str> {
        self.keep.wants(call)
    }

    /// Shows a span to all processors.
    pub(crate) fn tell(&self, span: &SpanData) {
        for processor in &self.processors {
            processor.on_end(span.clone());
        }
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.keep.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_kept_for_the_first_reason_that_holds() {
        let fine = Judged {
            outcome: Outcome::Success,
            is_late: false,
            paid: Usd::from_pico(99_999_999_999),
        };
        let failed = Judged {
            outcome: Outcome::Error,
            ..fine
        };
        let timeout = Judged {
            outcome: Outcome::Timeout,
            ..fine
        };
        let late = Judged {
            is_late: true,
            ..fine
        };
        let costly = Judged {
            paid: COSTLY,
            ..fine
        };
        let cancelled = Judged {
            outcome: Outcome::Cancelled,
            ..fine
        };
        for (call, reason) in [
            (fine, None),
            (failed, Some("error")),
            (timeout, Some("error")),
            (late, Some("late")),
            (costly, Some("cost")),
            (cancelled, None),
        ] {
            assert_eq!(Keep::default().wants(call), reason, "{call:?}");
            assert_eq!(Keep::nothing().wants(call), None, "{call:?}");
        }
        assert_eq!(Ok(COSTLY), "0.10".parse());
    }
}

//! Counts each call once, however it ends.
use std::{sync::Arc, time::Duration};

use obs_core::Operation;
use obs_metrics::{BoundHistogram, Count, EXECUTION_SECONDS, Metrics, PerOperation};
use opentelemetry::KeyValue;
use tokio::time::Instant;

use crate::Stats;

/// What a layer counts; shared by all its services.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    successes: PerOperation<Count>,
    failures: PerOperation<Count>,
    cancelled: PerOperation<Count>,
    late: PerOperation<Count>,
    seconds: PerOperation<BoundHistogram>,
    /// Whether anybody wants to know how long calls take.
    timed: bool,
}

/// One call in the ledger. Dropped without an end, it was cancelled.
#[derive(Debug)]
pub(crate) struct Entry {
    ledger: Arc<Ledger>,
    operation: Operation,
    start: Instant,
    /// `None` once it is counted.
    if_dropped: Option<Outcome>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Success,
    Failure,
    Cancelled,
}

impl Ledger {
    /// Shown by these metrics from now on, with zeros.
    pub(crate) fn new(metrics: &Metrics) -> Arc<Self> {
        let seconds = metrics.histogram(
            "timeout_execution",
            "s",
            "How long calls took, to their last token and however they ended.",
            EXECUTION_SECONDS,
        );
        let ledger = Arc::new(Self {
            seconds: PerOperation::new(|label| seconds.bind(&[label])),
            timed: metrics.is_enabled(),
            ..Self::default()
        });
        let of = ledger.clone();
        metrics.counter(
            "timeout_successes_total",
            "Calls that ended in time or within the grace, errors of their own included.",
            move |tell| of.successes.tell(tell),
        );
        let of = ledger.clone();
        metrics.counter(
            "timeout_failures_total",
            "Calls that were cut because their time was up.",
            move |tell| of.failures.tell(tell),
        );
        let of = ledger.clone();
        metrics.counter(
            "timeout_cancelled_total",
            "Calls that their caller dropped before the end.",
            move |tell| of.cancelled.tell(tell),
        );
        let of = ledger.clone();
        metrics.counter(
            "timeout_late_total",
            "Calls that passed their limit, whatever became of them in the grace.",
            move |tell| of.late.tell(tell),
        );
        let of = ledger.clone();
        metrics.ratio(
            "timeout_rate",
            "Failures among all calls that were not cancelled.",
            move |tell| {
                for operation in Operation::ALL {
                    let Stats {
                        successes,
                        failures,
                        ..
                    } = of.stats_of(operation);
                    let label = KeyValue::new("operation", operation.as_str());
                    tell(&[label], failures, successes + failures);
                }
            },
        );
        ledger
    }

    #[inline]
    pub(crate) fn open(self: &Arc<Self>, operation: Operation, start: Instant) -> Entry {
        Entry {
            ledger: self.clone(),
            operation,
            start,
            if_dropped: Some(Outcome::Cancelled),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Operation::ALL.iter().map(|of| self.stats_of(*of)).sum()
    }

    pub(crate) fn stats_of(&self, operation: Operation) -> Stats {
        Stats {
            successes: self.successes[operation].get(),
            failures: self.failures[operation].get(),
            cancelled: self.cancelled[operation].get(),
            late: self.late[operation].get(),
        }
    }
}

impl Entry {
    /// When the call came in.
    #[inline]
    pub(crate) const fn start(&self) -> Instant {
        self.start
    }

    pub(crate) const fn operation(&self) -> Operation {
        self.operation
    }

    /// Whether anybody wants to know how long it took.
    #[inline]
    pub(crate) fn is_timed(&self) -> bool {
        self.ledger.timed
    }

    pub(crate) fn late(&self) {
        self.ledger.late[self.operation].inc();
    }

    /// The answer is complete: who leaves now cancels nothing.
    pub(crate) fn finished(&mut self) {
        if let Some(outcome) = &mut self.if_dropped {
            *outcome = Outcome::Success;
        }
    }

    /// Counts it, the first time that this is called. `now` saves a look at the clock, if there was one.
    #[inline]
    pub(crate) fn end(&mut self, outcome: Outcome, now: Option<Instant>) {
        if self.if_dropped.take().is_none() {
            return;
        }
        let ledger = &self.ledger;
        let counts = match outcome {
            Outcome::Success => &ledger.successes,
            Outcome::Failure => &ledger.failures,
            Outcome::Cancelled => &ledger.cancelled,
        };
        counts[self.operation].inc();
        if ledger.timed {
            let took: Duration = now.unwrap_or_else(Instant::now) - self.start;
            ledger.seconds[self.operation].record(took.as_secs_f64());
        }
    }
}

impl Drop for Entry {
    #[inline]
    fn drop(&mut self) {
        if let Some(outcome) = self.if_dropped {
            self.end(outcome, None);
        }
    }
}

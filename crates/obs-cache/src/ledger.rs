//! What is counted, and where each call is counted once.
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use obs_core::{Operation, Usd};
use obs_metrics::{BoundHistogram, CACHE_SECONDS, Count, Dollars, Metrics, PerOperation};
use opentelemetry::KeyValue;

use crate::{Stats, StoreFault};

pub(crate) const STORE_ERRORS: &str = "cache_store_errors_total";
pub(crate) const STORE_ERRORS_WHAT: &str = "Faults of the store, none of which failed a call.";

/// Counts of the calls that one layer saw.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    fresh: PerOperation<Count>,
    stale: PerOperation<Count>,
    coalesced: PerOperation<Count>,
    misses: PerOperation<Count>,
    bypassed: PerOperation<Count>,
    cancelled: PerOperation<Count>,
    failed: PerOperation<Count>,
    saved: PerOperation<Dollars>,
    pub(crate) refreshes: Refreshes,
    pub(crate) bad_hits: PerOperation<Count>,
    pub(crate) faults: Faults,
    latency: OnceLock<[PerOperation<BoundHistogram>; 2]>,
    registered: AtomicBool,
}

/// Counts of refreshes in the background.
#[derive(Debug, Default)]
pub(crate) struct Refreshes {
    pub(crate) done: PerOperation<Count>,
    pub(crate) failed: PerOperation<Count>,
    pub(crate) dropped: PerOperation<Count>,
}

/// Counts of faults, by kind.
#[derive(Debug, Default)]
pub(crate) struct Faults([Count; StoreFault::ALL.len()]);

/// How a call ended, as the cache counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Fresh,
    Stale,
    Coalesced,
    Miss,
    Bypassed,
    /// It waited for another's call, which failed.
    Failed,
    /// It was dropped, or had no more time.
    Left,
}

/// Counts one call once: when it is told how it ended, else when it is dropped.
#[derive(Debug)]
pub(crate) struct Tally {
    ledger: Arc<Ledger>,
    operation: Operation,
    open: bool,
}

impl Ledger {
    /// Shows everything to these metrics, at the first time.
    pub(crate) fn register(self: &Arc<Self>, metrics: &Metrics) {
        if self.registered.swap(true, Relaxed) {
            return;
        }
        self.count(
            metrics,
            "cache_hits_total",
            "Calls that were answered from the cache, or by another's call.",
            |ledger, operation| ledger.hits(operation),
        );
        self.count(
            metrics,
            "cache_misses_total",
            "Calls that the cache had no answer for.",
            |ledger, operation| ledger.misses[operation].get(),
        );
        self.count(
            metrics,
            "cache_stale_total",
            "Hits with an answer that was no longer fresh.",
            |ledger, operation| ledger.stale[operation].get(),
        );
        self.count(
            metrics,
            "cache_coalesced_total",
            "Hits that were answered by another's call.",
            |ledger, operation| ledger.coalesced[operation].get(),
        );
        self.count(
            metrics,
            "cache_bypass_total",
            "Calls for which the cache was not asked.",
            |ledger, operation| ledger.bypassed[operation].get(),
        );
        self.count(
            metrics,
            "cache_cancelled_total",
            "Calls that left, or had no more time, before there was an answer.",
            |ledger, operation| ledger.cancelled[operation].get(),
        );
        self.count(
            metrics,
            "cache_followers_failed_total",
            "Calls that waited for another's call, which failed.",
            |ledger, operation| ledger.failed[operation].get(),
        );
        self.count(
            metrics,
            "cache_bad_hits_total",
            "Answers that were reported as wrong, and deleted.",
            |ledger, operation| ledger.bad_hits[operation].get(),
        );
        let this = self.clone();
        let what = "Hits among hits and misses, from 0 to 1, since the start.";
        metrics.ratio("cache_hit_rate", what, move |tell| {
            for operation in Operation::ALL {
                let hits = this.hits(operation);
                let all = hits + this.misses[operation].get();
                tell(&[label(operation)], hits, all);
            }
        });
        let this = self.clone();
        let what = "Dollars that the answers of hits had cost when they were made.";
        metrics.usd("cache_cost_savings_usd", what, move |tell| {
            for (label, saved) in this.saved.iter() {
                tell(&[label], saved.get());
            }
        });
        let this = self.clone();
        let what = "Answers that were asked for again in the background, by how that ended.";
        metrics.counter("cache_refreshes_total", what, move |tell| {
            let all = &this.refreshes;
            for (outcome, counts) in [
                ("done", &all.done),
                ("failed", &all.failed),
                ("dropped", &all.dropped),
            ] {
                for operation in Operation::ALL {
                    let outcome = KeyValue::new("outcome", outcome);
                    tell(&[label(operation), outcome], counts[operation].get());
                }
            }
        });
        let this = self.clone();
        metrics.counter(STORE_ERRORS, STORE_ERRORS_WHAT, move |tell| {
            this.faults.tell("read", tell);
        });
        if metrics.is_enabled() {
            let what = "Time to look an answer up and to decode it.";
            let histogram = metrics.histogram("cache_latency", "s", what, CACHE_SECONDS);
            let bound = [false, true].map(|hit| {
                PerOperation::new(|operation| {
                    histogram.bind(&[KeyValue::new("hit", hit), operation])
                })
            });
            self.latency.get_or_init(|| bound);
        }
    }

    /// Where to record the time of a look-up; `None`: nobody wants it, and no clock need be read.
    pub(crate) fn latency(&self, operation: Operation, hit: bool) -> Option<&BoundHistogram> {
        Some(&self.latency.get()?[usize::from(hit)][operation])
    }

    /// Whether the time of look-ups is wanted.
    pub(crate) fn is_timed(&self) -> bool {
        self.latency.get().is_some()
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            hits: self.fresh.sum() + self.stale.sum() + self.coalesced.sum(),
            stale: self.stale.sum(),
            coalesced: self.coalesced.sum(),
            misses: self.misses.sum(),
            bypassed: self.bypassed.sum(),
            cancelled: self.cancelled.sum(),
            followers_failed: self.failed.sum(),
            saved: self.saved.iter().map(|(_, saved)| saved.get()).sum(),
            store_faults: self.faults.sum(),
            bad_hits: self.bad_hits.sum(),
            refreshes: self.refreshes.done.sum(),
            refreshes_failed: self.refreshes.failed.sum(),
            refreshes_dropped: self.refreshes.dropped.sum(),
        }
    }

    fn hits(&self, operation: Operation) -> u64 {
        let kinds = [&self.fresh, &self.stale, &self.coalesced];
        kinds.iter().map(|kind| kind[operation].get()).sum()
    }

    fn count(
        self: &Arc<Self>,
        metrics: &Metrics,
        name: &'static str,
        what: &'static str,
        of: impl Fn(&Self, Operation) -> u64 + Send + Sync + 'static,
    ) {
        let this = self.clone();
        metrics.counter(name, what, move |tell| {
            for operation in Operation::ALL {
                tell(&[label(operation)], of(&this, operation));
            }
        });
    }
}

impl Faults {
    pub(crate) fn count(&self, fault: StoreFault) {
        self.0[fault.index()].inc();
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(Count::get).sum()
    }

    pub(crate) fn tell(&self, op: &'static str, tell: &mut dyn FnMut(&[KeyValue], u64)) {
        for (fault, count) in StoreFault::ALL.iter().zip(&self.0) {
            let kind = KeyValue::new("kind", fault.as_str());
            tell(&[kind, KeyValue::new("op", op)], count.get());
        }
    }
}

impl Tally {
    pub(crate) const fn new(ledger: Arc<Ledger>, operation: Operation) -> Self {
        Self {
            ledger,
            operation,
            open: true,
        }
    }

    /// For work that is no call, and is counted elsewhere.
    pub(crate) const fn uncounted(ledger: Arc<Ledger>, operation: Operation) -> Self {
        Self {
            ledger,
            operation,
            open: false,
        }
    }

    /// The call ended so; what is told later does not count.
    pub(crate) fn end(&mut self, how: Ended) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let ledger = &self.ledger;
        let counts = match how {
            Ended::Fresh => &ledger.fresh,
            Ended::Stale => &ledger.stale,
            Ended::Coalesced => &ledger.coalesced,
            Ended::Miss => &ledger.misses,
            Ended::Bypassed => &ledger.bypassed,
            Ended::Failed => &ledger.failed,
            Ended::Left => &ledger.cancelled,
        };
        counts[self.operation].inc();
    }

    /// It ended so, and saved that; what is not known is not counted.
    pub(crate) fn end_saving(&mut self, how: Ended, saved: Option<Usd>) {
        if !self.open {
            return;
        }
        self.end(how);
        if let Some(saved) = saved {
            self.ledger.saved[self.operation].add(saved);
        }
    }

    /// A fault of the store happened on the way.
    pub(crate) fn fault(&self, fault: StoreFault) {
        self.ledger.faults.count(fault);
    }

    pub(crate) const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    pub(crate) const fn operation(&self) -> Operation {
        self.operation
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.end(Ended::Left);
    }
}

fn label(operation: Operation) -> KeyValue {
    KeyValue::new("operation", operation.as_str())
}

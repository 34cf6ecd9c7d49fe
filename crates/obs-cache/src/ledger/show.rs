//! How what is counted is shown.
use std::sync::{Arc, atomic::Ordering::Relaxed};

use obs_core::Operation;
use obs_metrics::Metrics;
use opentelemetry::KeyValue;

use super::{
    Ledger,
    faults::{STORE_ERRORS, STORE_ERRORS_WHAT},
    times::Times,
};

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
            "cache_negative_total",
            "Calls that were given a refusal which the same call had met before.",
            |ledger, operation| ledger.negative[operation].get(),
        );
        self.count(
            metrics,
            "cache_early_refreshes_total",
            "Refreshes that were set off before the time of the answer was over.",
            |ledger, operation| ledger.refreshes.early[operation].get(),
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
                ("left", &all.left),
            ] {
                for operation in Operation::ALL {
                    let outcome = KeyValue::new("outcome", outcome);
                    tell(&[label(operation), outcome], counts[operation].get());
                }
            }
        });
        let this = self.clone();
        let what = "Shared calls that waited for another process, by what came of it.";
        metrics.counter("cache_lease_waits_total", what, move |tell| {
            let all = &this.leases;
            for (outcome, counts) in [("given", &all.given), ("called", &all.called)] {
                for operation in Operation::ALL {
                    let outcome = KeyValue::new("outcome", outcome);
                    tell(&[label(operation), outcome], counts[operation].get());
                }
            }
        });
        let this = self.clone();
        let what =
            "Answers that were compared with the one before, by whether they said something else.";
        metrics.counter("cache_renewals_total", what, move |tell| {
            let all = &this.renewals;
            for (changed, counts) in [(false, &all.same), (true, &all.changed)] {
                for operation in Operation::ALL {
                    let changed = KeyValue::new("changed", changed);
                    tell(&[label(operation), changed], counts[operation].get());
                }
            }
        });
        let this = self.clone();
        metrics.counter(STORE_ERRORS, STORE_ERRORS_WHAT, move |tell| {
            this.faults.tell("read", tell);
        });
        if metrics.is_enabled() {
            self.times.get_or_init(|| Times::new(metrics));
        }
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

fn label(operation: Operation) -> KeyValue {
    KeyValue::new("operation", operation.as_str())
}

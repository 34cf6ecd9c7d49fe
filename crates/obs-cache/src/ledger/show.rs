//! How what is counted is shown.
use std::sync::{Arc, atomic::Ordering::Relaxed};

use obs_core::Operation;
use obs_metrics::{Count, Metrics, PerOperation};
use opentelemetry::{KeyValue, Value};

use super::{
    Ledger,
    faults::{STORE_ERRORS, STORE_ERRORS_WHAT},
    times::Times,
};

/// A counter with no other label than the operation.
type Plain = (&'static str, &'static str, fn(&Ledger, Operation) -> u64);

const PLAIN: [Plain; 10] = [
    (
        "cache_hits_total",
        "Calls that were answered from the cache, or by another's call.",
        |ledger, operation| ledger.hits(operation),
    ),
    (
        "cache_misses_total",
        "Calls that the cache had no answer for.",
        |ledger, operation| ledger.misses[operation].get(),
    ),
    (
        "cache_stale_total",
        "Hits with an answer that was no longer fresh.",
        |ledger, operation| ledger.stale[operation].get(),
    ),
    (
        "cache_coalesced_total",
        "Hits that were answered by another's call.",
        |ledger, operation| ledger.coalesced[operation].get(),
    ),
    (
        "cache_bypass_total",
        "Calls for which the cache was not asked.",
        |ledger, operation| ledger.bypassed[operation].get(),
    ),
    (
        "cache_cancelled_total",
        "Calls that left, or had no more time, before there was an answer.",
        |ledger, operation| ledger.cancelled[operation].get(),
    ),
    (
        "cache_followers_failed_total",
        "Calls that waited for another's call, which failed.",
        |ledger, operation| ledger.failed[operation].get(),
    ),
    (
        "cache_negative_total",
        "Calls that were given a refusal which the same call had met before.",
        |ledger, operation| ledger.negative[operation].get(),
    ),
    (
        "cache_early_refreshes_total",
        "Refreshes that were set off before the time of the answer was over.",
        |ledger, operation| ledger.refreshes.early[operation].get(),
    ),
    (
        "cache_bad_hits_total",
        "Answers that were reported as wrong, and deleted.",
        |ledger, operation| ledger.bad_hits[operation].get(),
    ),
];

/// One value of a label, and the counts that it stands for.
type Kind<'a> = (Value, &'a PerOperation<Count>);

impl Ledger {
    /// Shows everything to these metrics, at the first time.
    pub(crate) fn register(self: &Arc<Self>, metrics: &Metrics) {
        if self.registered.swap(true, Relaxed) {
            return;
        }
        for (name, what, of) in PLAIN {
            let this = self.clone();
            metrics.counter(name, what, move |tell| {
                for operation in Operation::ALL {
                    tell(&[label(operation)], of(&this, operation));
                }
            });
        }
        self.show_kinds(metrics);
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
        metrics.counter(STORE_ERRORS, STORE_ERRORS_WHAT, move |tell| {
            this.faults.tell("read", tell);
        });
        if metrics.is_enabled() {
            self.times.get_or_init(|| Times::new(metrics));
        }
    }

    /// What is counted by one label more.
    fn show_kinds(self: &Arc<Self>, metrics: &Metrics) {
        self.by(
            metrics,
            "cache_refreshes_total",
            "Answers that were asked for again in the background, by how that ended.",
            "outcome",
            |ledger| {
                let all = &ledger.refreshes;
                vec![
                    ("done".into(), &all.done),
                    ("failed".into(), &all.failed),
                    ("dropped".into(), &all.dropped),
                    ("left".into(), &all.left),
                ]
            },
        );
        self.by(
            metrics,
            "cache_lease_waits_total",
            "Shared calls that waited for another process, by what came of it.",
            "outcome",
            |ledger| {
                let all = &ledger.leases;
                vec![("given".into(), &all.given), ("called".into(), &all.called)]
            },
        );
        self.by(
            metrics,
            "cache_renewals_total",
            "Answers that were compared with the one before, by whether they said something else.",
            "changed",
            |ledger| {
                let all = &ledger.renewals;
                vec![(false.into(), &all.same), (true.into(), &all.changed)]
            },
        );
    }

    fn by(
        self: &Arc<Self>,
        metrics: &Metrics,
        name: &'static str,
        what: &'static str,
        kind: &'static str,
        kinds: fn(&Self) -> Vec<Kind<'_>>,
    ) {
        let this = self.clone();
        metrics.counter(name, what, move |tell| {
            for (value, counts) in kinds(&this) {
                for operation in Operation::ALL {
                    let kind = KeyValue::new(kind, value.clone());
                    tell(&[label(operation), kind], counts[operation].get());
                }
            }
        });
    }
}

fn label(operation: Operation) -> KeyValue {
    KeyValue::new("operation", operation.as_str())
}

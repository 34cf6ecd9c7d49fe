//! What became of comparisons.
use std::sync::Arc;

use obs_metrics::{Count, Metrics};
use opentelemetry::KeyValue;

/// What became of comparisons. The metric `router_shadow_comparisons_total` is the same, by `result`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShadowStats {
    /// Both routes answered, and the answers were handed on.
    pub compared: u64,
    /// A route did not answer in time, or not without an error or a panic, or its answer shows no text.
    pub failed: u64,
    /// They were not made, since their budget was spent.
    pub unaffordable: u64,
    /// They were not made, since there was no room for more background work.
    pub crowded: u64,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    compared: Count,
    failed: Count,
    pub(super) unaffordable: Count,
    pub(super) crowded: Count,
}

/// One comparison in the ledger. Dropped without both answers, it has failed.
pub(super) struct Entry(Option<Arc<Ledger>>);

impl Ledger {
    pub(super) fn open(self: &Arc<Self>) -> Entry {
        Entry(Some(self.clone()))
    }

    pub(super) fn new(metrics: &Metrics) -> Arc<Self> {
        let ledger = Arc::new(Self::default());
        let of = ledger.clone();
        let what = "Comparisons of two routes off the caller's path, by what became of them.";
        metrics.counter("router_shadow_comparisons_total", what, move |tell| {
            let stats = of.stats();
            for (result, count) in [
                ("compared", stats.compared),
                ("failed", stats.failed),
                ("unaffordable", stats.unaffordable),
                ("crowded", stats.crowded),
            ] {
                tell(&[KeyValue::new("result", result)], count);
            }
        });
        ledger
    }

    pub(super) fn stats(&self) -> ShadowStats {
        ShadowStats {
            compared: self.compared.get(),
            failed: self.failed.get(),
            unaffordable: self.unaffordable.get(),
            crowded: self.crowded.get(),
        }
    }
}

impl Entry {
    /// Both answers are there.
    pub(super) fn compared(mut self) {
        if let Some(ledger) = self.0.take() {
            ledger.compared.inc();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(ledger) = &self.0 {
            ledger.failed.inc();
        }
    }
}

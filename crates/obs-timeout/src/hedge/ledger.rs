//! Counts each second attempt once, however it ends.
use std::sync::Arc;

use obs_core::Operation;
use obs_metrics::{Count, Metrics, PerOperation};
use opentelemetry::KeyValue;

use super::{HedgeStats, Refusal};

/// What a layer counts; shared by all its services.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) started: PerOperation<Count>,
    pub(super) won: PerOperation<Count>,
    pub(super) lost: PerOperation<Count>,
    pub(super) failed: PerOperation<Count>,
    pub(super) cancelled: PerOperation<Count>,
    refused: [PerOperation<Count>; Refusal::ALL.len()],
}

impl Ledger {
    /// Shown by these metrics from now on, with zeros.
    pub(super) fn new(metrics: &Metrics) -> Arc<Self> {
        let ledger = Arc::new(Self::default());
        type Of = fn(&Ledger) -> &PerOperation<Count>;
        let families: [(&'static str, &'static str, Of); 5] = [
            (
                "hedge_started_total",
                "Second attempts that were made because the first was slow.",
                |of| &of.started,
            ),
            (
                "hedge_won_total",
                "Second attempts whose answer was given out.",
                |of| &of.won,
            ),
            (
                "hedge_lost_total",
                "Second attempts whose call was answered by the first one.",
                |of| &of.lost,
            ),
            (
                "hedge_failed_total",
                "Second attempts whose call ended without an answer.",
                |of| &of.failed,
            ),
            (
                "hedge_cancelled_total",
                "Second attempts whose caller left while both were under way.",
                |of| &of.cancelled,
            ),
        ];
        for (name, description, counts) in families {
            let of = ledger.clone();
            metrics.counter(name, description, move |tell| counts(&of).tell(tell));
        }
        let of = ledger.clone();
        metrics.counter(
            "hedge_refused_total",
            "Second attempts that were due and not made.",
            move |tell| {
                for reason in Refusal::ALL {
                    for (operation, count) in of.refused[reason.index()].iter() {
                        let reason = KeyValue::new("reason", reason.as_str());
                        tell(&[operation, reason], count.get());
                    }
                }
            },
        );
        ledger
    }

    pub(super) fn refused(&self, operation: Operation, reason: Refusal) {
        self.refused[reason.index()][operation].inc();
    }

    pub(super) fn stats(&self) -> HedgeStats {
        Operation::ALL.iter().map(|of| self.stats_of(*of)).sum()
    }

    pub(super) fn stats_of(&self, of: Operation) -> HedgeStats {
        HedgeStats {
            started: self.started[of].get(),
            won: self.won[of].get(),
            lost: self.lost[of].get(),
            failed: self.failed[of].get(),
            cancelled: self.cancelled[of].get(),
            refused: std::array::from_fn(|i| self.refused[i][of].get()),
        }
    }
}

//! What is counted of exporting itself, so that nothing is lost unseen.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::FutureExt;
use obs_metrics::{Count, Metrics};
use opentelemetry::KeyValue;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use crate::names;

/// What is counted of exporting itself. One for each telemetry, shared by all its exporters.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    exported: Count,
    failed: Count,
    dropped: Count,
    waiting: AtomicUsize,
    traces: Pushes,
    metrics: Pushes,
}

/// What goes out, one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

#[derive(Debug, Default)]
struct Pushes {
    exported: Count,
    failed: Count,
}

impl Signal {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

impl Exports {
    pub(crate) fn show(self: &Arc<Self>, metrics: &Metrics) {
        let ledger = self.clone();
        let description = "Spans that were exported, that no collector took, and that a full queue had no room for.";
        metrics.counter(names::EXPORTED_SPANS, description, move |tell| {
            for (outcome, count) in [
                ("exported", &ledger.exported),
                ("failed", &ledger.failed),
                ("dropped", &ledger.dropped),
            ] {
                tell(&[KeyValue::new("outcome", outcome)], count.get());
            }
        });
        let ledger = self.clone();
        let description = "Spans that wait to be exported.";
        metrics.up_down(names::EXPORT_QUEUE, description, move |tell| {
            let waiting = ledger.waiting.load(Ordering::Relaxed);
            tell(&[], i64::try_from(waiting).unwrap_or(i64::MAX));
        });
        let ledger = self.clone();
        let description = "Batches of spans and of metrics, by whether a collector took them.";
        metrics.counter(names::EXPORT_PUSHES, description, move |tell| {
            for signal in [Signal::Traces, Signal::Metrics] {
                let pushes = ledger.pushes(signal);
                for (outcome, count) in [("exported", &pushes.exported), ("failed", &pushes.failed)]
                {
                    let signal = KeyValue::new("signal", signal.as_str());
                    tell(&[signal, KeyValue::new("outcome", outcome)], count.get());
                }
            }
        });
    }

    /// One span more waits.
    pub(crate) fn queued(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// So many wait no longer.
    pub(crate) fn taken(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
    }

    /// No room for one span.
    pub(crate) fn dropped(&self) {
        self.dropped.inc();
    }

    /// What became of so many spans.
    pub(crate) fn spans(&self, spans: usize, result: &OTelSdkResult) {
        let count = match result {
            Ok(()) => &self.exported,
            Err(_) => &self.failed,
        };
        count.add(spans as u64);
    }

    /// Runs an exporter, which is others' code: a panic in it is a failure like any other, and its thread lives on.
    pub(crate) async fn push(
        &self,
        signal: Signal,
        export: impl Future<Output = OTelSdkResult>,
    ) -> OTelSdkResult {
        let result = AssertUnwindSafe(export).catch_unwind().await;
        let result = result.unwrap_or_else(|_| {
            let problem = "the exporter panicked";
            Err(OTelSdkError::InternalFailure(problem.to_owned()))
        });
        let pushes = self.pushes(signal);
        match &result {
            Ok(()) => pushes.exported.inc(),
            Err(error) => {
                // Often, while a collector is down: the counter is what alarms.
                let signal = signal.as_str();
                tracing::debug!(signal, %error, "telemetry was not exported");
                pushes.failed.inc();
            }
        }
        result
    }

    const fn pushes(&self, signal: Signal) -> &Pushes {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
        }
    }
}

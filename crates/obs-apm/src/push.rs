//! Metrics on their way out: collected and sent by a thread of its own.

use std::{sync::Arc, time::Duration};

use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{PeriodicReader, Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
};

use crate::export::{Exports, Signal};

/// Counts what becomes of metrics.
#[derive(Debug)]
pub(crate) struct Counted<E> {
    inner: E,
    exports: Arc<Exports>,
}

/// Collects and sends at this interval.
pub(crate) fn reader<E: PushMetricExporter>(
    exporter: E,
    interval: Duration,
    exports: &Arc<Exports>,
) -> PeriodicReader<Counted<E>> {
    let exporter = Counted {
        inner: exporter,
        exports: exports.clone(),
    };
    PeriodicReader::builder(exporter)
        .with_interval(interval)
        .build()
}

impl<E: PushMetricExporter> PushMetricExporter for Counted<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let export = async { self.inner.export(metrics).await };
        self.exports.push(Signal::Metrics, export).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

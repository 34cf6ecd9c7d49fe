//! Export to a collector by OTLP.

mod client;
#[cfg(feature = "otlp-grpc")]
mod grpc;
mod target;
mod tls;

use std::{sync::Arc, time::Duration};

use opentelemetry_otlp::{
    Compression, MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig,
    WithHttpConfig,
};
use opentelemetry_sdk::{
    metrics::{MeterProviderBuilder, Temporality},
    trace::SpanProcessor,
};

pub(crate) use self::target::{Target, Wire};
use crate::{
    batch::Batch,
    export::{Exports, Signal},
    push,
    status::{Degraded, Part},
    vars::Vars,
};

/// Where traces and metrics go, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Otlp {
    pub(crate) traces: Option<Target>,
    pub(crate) metrics: Option<Target>,
    pub(crate) interval: Duration,
    pub(crate) temporality: Temporality,
}

impl Otlp {
    /// `endpoint`: what the application says, over the environment.
    pub(crate) fn resolve(
        endpoint: Option<&str>,
        wanted: impl Fn(Signal) -> bool,
        vars: &mut Vars<'_>,
    ) -> Self {
        let mut target = |signal| match wanted(signal) {
            true => Target::resolve(signal, endpoint, vars),
            false => None,
        };
        let (traces, mut metrics) = (target(Signal::Traces), target(Signal::Metrics));
        let interval = vars.millis("OTEL_METRIC_EXPORT_INTERVAL");
        let timeout = vars.millis("OTEL_METRIC_EXPORT_TIMEOUT");
        let timeout = timeout.unwrap_or(Duration::from_secs(30));
        if let Some(metrics) = &mut metrics {
            metrics.timeout = metrics.timeout.min(timeout);
        }
        let name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        let allowed = "`cumulative`, `delta` or `lowmemory`";
        let temporality = vars.read(name, allowed, |value| {
            match value.to_ascii_lowercase().as_str() {
                "cumulative" => Some(Temporality::Cumulative),
                "delta" => Some(Temporality::Delta),
                "lowmemory" => Some(Temporality::LowMemory),
                _ => None,
            }
        });
        Self {
            traces,
            metrics,
            interval: interval.unwrap_or(Duration::from_secs(60)),
            temporality: temporality.unwrap_or_default(),
        }
    }

    /// What exports spans; `Err`: why nothing does.
    pub(crate) fn spans(
        &self,
        batch: Batch,
        exports: &Arc<Exports>,
    ) -> Result<Option<Box<dyn SpanProcessor>>, Degraded> {
        let Some(target) = &self.traces else {
            return Ok(None);
        };
        let target = Target {
            timeout: target.timeout.min(batch.timeout),
            ..target.clone()
        };
        match target.wire {
            Wire::Http => {
                let builder = SpanExporter::builder().with_http();
                let exporter = http(builder, &target)?
                    .build()
                    .map_err(|error| not_exported(&target, &error.to_string()))?;
                Ok(Some(batch.processor(exporter, exports)))
            }
            #[cfg(feature = "otlp-grpc")]
            Wire::Grpc => {
                let exporter = grpc::spans(&target)?;
                Ok(Some(batch.processor(exporter, exports)))
            }
        }
    }

    /// Adds what exports metrics; `Err`: why nothing does.
    pub(crate) fn metrics(
        &self,
        builder: MeterProviderBuilder,
        exports: &Arc<Exports>,
    ) -> (MeterProviderBuilder, Result<(), Degraded>) {
        let Some(target) = &self.metrics else {
            return (builder, Ok(()));
        };
        let (interval, temporality) = (self.interval, self.temporality);
        match target.wire {
            Wire::Http => {
                let exporter = MetricExporter::builder()
                    .with_temporality(temporality)
                    .with_http();
                let exporter = http(exporter, target).and_then(|exporter| {
                    let exporter = exporter.build();
                    exporter.map_err(|error| not_exported(target, &error.to_string()))
                });
                match exporter {
                    Ok(exporter) => {
                        let reader = push::reader(exporter, interval, exports);
                        (builder.with_reader(reader), Ok(()))
                    }
                    Err(problem) => (builder, Err(problem)),
                }
            }
            #[cfg(feature = "otlp-grpc")]
            Wire::Grpc => match grpc::metrics(target, temporality) {
                Ok(exporter) => {
                    let reader = push::reader(exporter, interval, exports);
                    (builder.with_reader(reader), Ok(()))
                }
                Err(problem) => (builder, Err(problem)),
            },
        }
    }
}

/// Everything is said, so that the exporter reads no variables of its own.
fn http<B: WithExportConfig + WithHttpConfig>(builder: B, target: &Target) -> Result<B, Degraded> {
    let client = client::Client::new(target).map_err(|cause| not_exported(target, &cause))?;
    let builder = builder
        .with_http_client(client)
        .with_endpoint(target.endpoint.clone())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(target.timeout)
        .with_retry_policy(RetryPolicy::recommended());
    Ok(match target.gzip {
        true => builder.with_compression(Compression::Gzip),
        false => builder,
    })
}

fn not_exported(target: &Target, cause: &str) -> Degraded {
    let signal = target.signal.as_str();
    Degraded::new(
        Part::Export,
        format!("{signal} are not exported to {}: {cause}", target.shown()),
        "correct OTEL_EXPORTER_OTLP_ENDPOINT and what goes with it; metrics can be scraped meanwhile",
    )
}

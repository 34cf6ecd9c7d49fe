//! OTLP over gRPC. It needs a runtime, which it brings along: the threads that export have none.

use std::time::Duration;

use opentelemetry_otlp::{
    Compression, MetricExporter, SpanExporter, WithExportConfig, WithTonicConfig,
    tonic_types::{
        metadata::MetadataMap,
        transport::{Certificate, ClientTlsConfig},
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SpanData, SpanExporter as ExportSpans},
};
use tokio::runtime::{Builder, Runtime};

use super::{not_exported, target::Target};
use crate::status::Degraded;

/// An exporter, and what it runs on.
#[derive(Debug)]
pub(super) struct OnRuntime<E> {
    inner: E,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

pub(super) fn spans(target: &Target) -> Result<OnRuntime<SpanExporter>, Degraded> {
    OnRuntime::build(target, || {
        let builder = configured(SpanExporter::builder().with_tonic(), target)?;
        builder.build().map_err(|error| error.to_string())
    })
}

pub(super) fn metrics(
    target: &Target,
    temporality: Temporality,
) -> Result<OnRuntime<MetricExporter>, Degraded> {
    OnRuntime::build(target, || {
        let builder = MetricExporter::builder().with_temporality(temporality);
        let builder = configured(builder.with_tonic(), target)?;
        builder.build().map_err(|error| error.to_string())
    })
}

fn configured<B: WithExportConfig + WithTonicConfig>(
    builder: B,
    target: &Target,
) -> Result<B, String> {
    let mut builder = builder
        .with_endpoint(target.endpoint.clone())
        .with_timeout(target.timeout)
        .with_metadata(MetadataMap::from_headers(target.headers.clone()));
    if target.gzip {
        builder = builder.with_compression(Compression::Gzip);
    }
    if target.endpoint.starts_with("https:") {
        let mut tls = ClientTlsConfig::new().with_native_roots();
        if let Some(file) = &target.certificate {
            let pem = std::fs::read(file);
            let pem = pem.map_err(|error| format!("cannot read {file}: {error}"))?;
            tls = tls.ca_certificate(Certificate::from_pem(pem));
        }
        builder = builder.with_tls_config(tls);
    }
    Ok(builder)
}

impl<E> OnRuntime<E> {
    fn build(target: &Target, make: impl FnOnce() -> Result<E, String>) -> Result<Self, Degraded> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("obs-otlp")
            .enable_all()
            .build()
            .map_err(|error| not_exported(target, &format!("no runtime: {error}")))?;
        let inner = {
            let _entered = runtime.enter();
            make().map_err(|cause| not_exported(target, &cause))?
        };
        Ok(Self {
            inner,
            runtime: Some(runtime),
        })
    }

    /// Blocks the thread, which is one of the exporter's own.
    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().expect("is there until it is dropped");
        runtime.block_on(work)
    }
}

impl<E> Drop for OnRuntime<E> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its end is not allowed where another runtime is.
            runtime.shutdown_background();
        }
    }
}

impl ExportSpans for OnRuntime<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.run(self.inner.export(batch))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl PushMetricExporter for OnRuntime<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.run(self.inner.export(metrics))
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

//! Who sees spans: by the tracer provider, and by the rule that keeps what was not sampled.

use std::{sync::Arc, time::Duration};

use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor},
};

/// Who sees spans.
#[derive(Debug)]
pub(crate) struct Processors {
    resource: Resource,
    all: Vec<Arc<dyn SpanProcessor>>,
}

/// One of them, as the provider has it.
#[derive(Debug)]
struct Shared(Arc<dyn SpanProcessor>);

impl Processors {
    pub(crate) fn new(resource: &Resource) -> Self {
        Self {
            resource: resource.clone(),
            all: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, mut processor: Box<dyn SpanProcessor>) {
        // As long as it is nobody else's.
        processor.set_resource(&self.resource);
        self.all.push(processor.into());
    }

    /// `None`: nobody sees any.
    pub(crate) fn provider(
        &self,
        sampler: Sampler,
        resource: Resource,
    ) -> Option<SdkTracerProvider> {
        let builder = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler);
        let builder = self.all.iter().fold(builder, |builder, processor| {
            builder.with_span_processor(Shared(processor.clone()))
        });
        (!self.all.is_empty()).then(|| builder.build())
    }

    pub(crate) fn into_inner(self) -> Vec<Arc<dyn SpanProcessor>> {
        self.all
    }
}

impl SpanProcessor for Shared {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.0.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}

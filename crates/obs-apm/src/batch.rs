//! Spans on their way out: a bounded queue, and a thread that exports them in batches.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor},
};

use crate::{
    export::{Exports, Signal},
    vars::Vars,
};

/// How spans are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) queue: usize,
    pub(crate) size: usize,
    pub(crate) delay: Duration,
    /// Of one batch: the exporter keeps to it.
    pub(crate) timeout: Duration,
}

/// Counts what the queue has no room for. The processor inside never finds it full.
struct Queue {
    inner: BatchSpanProcessor,
    room: usize,
    waiting: Arc<AtomicUsize>,
    closed: AtomicBool,
    exports: Arc<Exports>,
}

/// Counts what becomes of spans.
#[derive(Debug)]
struct Counted<E> {
    inner: E,
    waiting: Arc<AtomicUsize>,
    exports: Arc<Exports>,
}

impl Batch {
    pub(crate) fn resolve(vars: &mut Vars<'_>) -> Self {
        let queue = vars.count("OTEL_BSP_MAX_QUEUE_SIZE").unwrap_or(2048);
        let size = vars.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE").unwrap_or(512);
        let delay = vars.millis("OTEL_BSP_SCHEDULE_DELAY");
        let timeout = vars.millis("OTEL_BSP_EXPORT_TIMEOUT");
        Self {
            queue,
            // The specification allows no larger one.
            size: size.min(queue),
            delay: delay.unwrap_or(Duration::from_secs(5)),
            timeout: timeout.unwrap_or(Duration::from_secs(30)),
        }
    }

    /// Exports in batches, on a thread of its own.
    pub(crate) fn processor<E: SpanExporter + 'static>(
        self,
        exporter: E,
        exports: &Arc<Exports>,
    ) -> Box<dyn SpanProcessor> {
        let waiting = Arc::<AtomicUsize>::default();
        let counted = Counted {
            inner: exporter,
            waiting: waiting.clone(),
            exports: exports.clone(),
        };
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(self.queue)
            .with_max_export_batch_size(self.size)
            .with_scheduled_delay(self.delay)
            .build();
        Box::new(Queue {
            inner: BatchSpanProcessor::new(counted, config),
            room: self.queue,
            waiting,
            closed: AtomicBool::new(false),
            exports: exports.clone(),
        })
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let take = |waiting| (waiting < self.room).then_some(waiting + 1);
        let closed = self.closed.load(Ordering::Relaxed);
        let order = Ordering::Relaxed;
        if closed || self.waiting.fetch_update(order, order, take).is_err() {
            self.exports.dropped();
            return;
        }
        self.exports.queued();
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.closed.store(true, Ordering::Relaxed);
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("room", &self.room)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        // Before they are sent: what is on its way takes no room in the queue.
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        self.exports.taken(spans);
        let export = async { self.inner.export(batch).await };
        let result = self.exports.push(Signal::Traces, export).await;
        self.exports.spans(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

//! Collectors and exporters that do not do what they should: calls never notice.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use obs_apm::{ApmLayer, Part, Status, Telemetry};
use obs_core::{Call, Error, Fingerprint, LlmRequest, LlmResponse, Role, Usage};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, service_fn};

use crate::{config, pushes, receiver::Receiver, spans, telemetry, work};

#[derive(Clone)]
struct Ask;
struct Answer;

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "model"
    }

    fn set_model(&mut self, _model: &str) {}

    fn visit_prompt(&self, _visit: &mut dyn FnMut(Role, &str)) {}

    fn fingerprint(&self, _to: &mut Fingerprint) {}
}

impl LlmResponse for Answer {
    type Chunk = std::convert::Infallible;

    fn usage(&self) -> Option<Usage> {
        None
    }
}

/// So many calls through a layer; each is answered.
async fn calls(layer: &ApmLayer, n: u64) {
    let before = layer.stats().success;
    let mut llm = ServiceBuilder::new()
        .layer(layer.clone())
        .service(service_fn(|_: Call<Ask>| async { Ok::<_, Error>(Answer) }));
    for _ in 0..n {
        assert!(llm.call(Call::new(Ask)).await.is_ok());
    }
    assert_eq!(layer.stats().success, before + n);
}

/// Runs calls, and says that they did not wait for anything.
fn run_calls(telemetry: &Telemetry, n: u64) {
    let layer = ApmLayer::new().telemetry(telemetry);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let start = Instant::now();
    runtime.expect("starts").block_on(calls(&layer, n));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{n} calls took {took:?}");
}

#[test]
fn a_collector_that_is_absent_costs_the_spans_and_nothing_else() {
    let telemetry = telemetry(&[
        // A port that nobody listens on.
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
    ]);
    assert_eq!(telemetry.status(), Status::Active);
    run_calls(&telemetry, 1_000);
    let traces = telemetry.tracer_provider().expect("there is an exporter");
    // The last batch may have failed before.
    let _ = traces.force_flush();
    assert_eq!(spans(&telemetry, "failed"), 1_000);
    assert_eq!(spans(&telemetry, "exported"), 0);
    let _ = telemetry.shutdown();
    run_calls(&telemetry, 10);
}

#[test]
fn a_collector_that_hangs_is_waited_for_by_nobody() {
    let receiver = Receiver::start();
    receiver.hold();
    let url = receiver.url();
    let telemetry = telemetry(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
    ]);
    run_calls(&telemetry, 5_000);
    let (waiting, dropped) = (
        crate::value(&telemetry, "obs_export_queue_spans"),
        spans(&telemetry, "dropped"),
    );
    assert!(waiting <= 64, "{waiting}");
    // Two batches of 64 at most were taken.
    assert!(dropped >= 5_000 - 3 * 64, "{dropped}");
    // The end is bounded, with a full queue too.
    let start = Instant::now();
    let problem = telemetry.shutdown_within(Duration::from_millis(100));
    assert!(start.elapsed() < Duration::from_secs(4));
    let problem = problem.expect_err("nobody answers");
    assert_eq!(problem.part(), Part::Export);
    run_calls(&telemetry, 100);
}

/// With it would go the headers, and what is secret in them.
#[test]
fn a_collector_that_sends_elsewhere_is_not_followed() {
    let (receiver, other) = (Receiver::start(), Receiver::start());
    receiver.redirect(&format!("{}/v1/traces", other.url()));
    let url = receiver.url();
    let telemetry = telemetry(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "400"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ]);
    work(&telemetry, 1);
    let traces = telemetry.tracer_provider().expect("there is an exporter");
    traces.force_flush().expect_err("it took nothing");
    assert_eq!(spans(&telemetry, "failed"), 1);
    assert!(other.seen().is_empty());
}

#[test]
fn a_collector_that_is_full_is_counted_and_asked_again() {
    let receiver = Receiver::start();
    receiver.refuse(503);
    let url = receiver.url();
    let telemetry = telemetry(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "400"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ]);
    run_calls(&telemetry, 10);
    let traces = telemetry.tracer_provider().expect("there is an exporter");
    traces.force_flush().expect_err("it is full");
    assert_eq!(spans(&telemetry, "failed"), 10);
    assert_eq!(pushes(&telemetry, "traces", "failed"), 1);
    // It was asked more than once for the one batch.
    assert!(receiver.seen().len() > 1, "{}", receiver.seen().len());
    receiver.refuse(200);
    run_calls(&telemetry, 10);
    traces.force_flush().expect("it has room again");
    assert_eq!(spans(&telemetry, "exported"), 10);
}

#[test]
fn a_queue_that_is_full_at_the_end_is_emptied() {
    let receiver = Receiver::start();
    let url = receiver.url();
    let telemetry = telemetry(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        // A batch is never full, so that all waits until the end.
        ("OTEL_BSP_MAX_QUEUE_SIZE", "500"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "500"),
    ]);
    work(&telemetry, 499);
    assert_eq!(crate::value(&telemetry, "obs_export_queue_spans"), 499);
    assert_eq!(telemetry.shutdown(), Ok(()));
    assert_eq!(telemetry.shutdown(), Ok(()));
    assert_eq!(receiver.spans().len(), 499);
}

/// Panics the first time.
#[derive(Clone, Debug, Default)]
struct Broken(Arc<AtomicUsize>);

impl SpanExporter for Broken {
    async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
        let before = self.0.fetch_add(1, Ordering::SeqCst);
        assert_ne!(before, 0, "a broken exporter");
        Ok(())
    }
}

#[test]
fn an_exporter_that_panics_is_called_again() {
    let broken = Broken::default();
    let telemetry = Telemetry::build(config(&[]).span_exporter(broken.clone()));
    run_calls(&telemetry, 5);
    let traces = telemetry.tracer_provider().expect("there is an exporter");
    traces.force_flush().expect_err("it panics");
    assert_eq!(spans(&telemetry, "failed"), 5);
    run_calls(&telemetry, 5);
    traces.force_flush().expect("it is well again");
    assert_eq!(spans(&telemetry, "exported"), 5);
    assert_eq!(broken.0.load(Ordering::SeqCst), 2);
}

/// Keeps what it gets.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().expect("not poisoned").extend(batch);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_stretches_no_span() {
    let kept = Kept::default();
    let telemetry = Telemetry::build(config(&[]).span_exporter(kept.clone()));
    // An hour back at every look.
    let looks = AtomicU64::new(0);
    let clock = move || {
        let back = looks.fetch_add(3_600, Ordering::SeqCst);
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 - back)
    };
    let layer = ApmLayer::new().telemetry(&telemetry).wall_clock(clock);
    let mut llm = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(|_: Call<Ask>| async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            Ok::<_, Error>(Answer)
        }));
    for _ in 0..3 {
        assert!(llm.call(Call::new(Ask)).await.is_ok());
    }
    telemetry.shutdown().expect("flushes");
    let kept = kept.0.lock().expect("not poisoned");
    assert_eq!(kept.len(), 3);
    for span in kept.iter() {
        let took = span.end_time.duration_since(span.start_time);
        assert_eq!(took.ok(), Some(Duration::from_millis(250)));
    }
}

//! What a limit costs: beside `tower::timeout`, and with nothing around the service.
use std::{
    convert::Infallible,
    future::Future,
    hint::black_box,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use obs_core::{
    Call, CallContext, Error, Fingerprint, Journal, LlmRequest, LlmResponse, Role, Usage,
};
use obs_metrics::{Count, Metrics};
use obs_timeout::{Adaptive, AttemptTimeoutLayer, HedgeLayer, TimeoutLayer};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep},
};
use tower::{Layer, Service, timeout};

const LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Ask;

struct Answer;

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "gpt-5-mini"
    }
    fn set_model(&mut self, _: &str) {}
    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}
    fn fingerprint(&self, _: &mut Fingerprint) {}
}

impl LlmResponse for Answer {
    type Chunk = Infallible;
    fn usage(&self) -> Option<Usage> {
        None
    }
}

/// Answers when it has been polled so often: not until then is a timer worth anything.
#[derive(Clone, Copy)]
struct Model {
    polls: u8,
}

struct Reply(u8);

impl<R> Service<R> for Model {
    type Response = Answer;
    type Error = Error;
    type Future = Reply;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Reply {
        Reply(self.polls)
    }
}

impl Future for Reply {
    type Output = Result<Answer, Error>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.0 -= 1;
        match self.0 {
            0 => Poll::Ready(Ok(Answer)),
            _ => Poll::Pending,
        }
    }
}

fn run<S: Service<Call<Ask>>>(service: &mut S, call: Call<Ask>, polls: u8) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let ready = service.poll_ready(&mut cx).is_ready();
    let mut answer = pin!(service.call(call));
    for _ in 1..polls {
        assert!(answer.as_mut().poll(&mut cx).is_pending());
    }
    ready & matches!(answer.poll(&mut cx), Poll::Ready(Ok(_)))
}

fn bench<S: Service<Call<Ask>>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut service: S,
    polls: u8,
) {
    // The envelope is not what is measured: every call is in the same circumstances.
    let context = CallContext::default();
    group.bench_function(name, |b| {
        b.iter(|| {
            let call = Call::with_context(Ask, context.clone());
            run(&mut service, call, polls)
        });
    });
}

fn limits(c: &mut Criterion) {
    let runtime = runtime();
    let _in_it = runtime.enter();
    let reader = PeriodicReader::builder(InMemoryMetricExporter::default()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let on = Metrics::new(provider.meter("bench"));
    let off = Metrics::disabled();
    for (name, polls) in [("ready at once", 1), ("after one wait", 2)] {
        let mut group = c.benchmark_group(name);
        let model = Model { polls };
        bench(&mut group, "nothing", model, polls);
        bench(
            &mut group,
            "tower::timeout",
            timeout::Timeout::new(model, LIMIT),
            polls,
        );
        let total = TimeoutLayer::new(LIMIT);
        let quiet = total.clone().metrics(&off);
        let any = quiet.clone().any();
        let name = "TimeoutLayer::any, metrics off";
        bench(&mut group, name, any.layer(model), polls);
        bench(
            &mut group,
            "TimeoutLayer, metrics off",
            quiet.layer(model),
            polls,
        );
        let loud = total.metrics(&on);
        bench(
            &mut group,
            "TimeoutLayer, metrics on",
            loud.layer(model),
            polls,
        );
        let attempt = AttemptTimeoutLayer::new()
            .first_token(LIMIT)
            .idle(LIMIT)
            .attempt(LIMIT);
        bench(
            &mut group,
            "AttemptTimeoutLayer",
            attempt.layer(model),
            polls,
        );
        let learned = attempt.adaptive_attempt(Adaptive::percentile(99.0));
        bench(
            &mut group,
            "AttemptTimeoutLayer, learned",
            learned.layer(model),
            polls,
        );
        group.finish();
    }
}

/// What a hedge writes into the journal would pile up there: each call has its own.
fn hedges(c: &mut Criterion) {
    let runtime = runtime();
    let _in_it = runtime.enter();
    let off = Metrics::disabled();
    let mut group = c.benchmark_group("a call of its own, after one wait");
    let mut model = Model { polls: 2 };
    group.bench_function("nothing", |b| b.iter(|| run(&mut model, Call::new(Ask), 2)));
    let fixed = HedgeLayer::new(LIMIT).plain(LIMIT).metrics(&off);
    let learned = fixed.clone().adaptive(Adaptive::percentile(95.0));
    for (name, layer) in [("HedgeLayer", fixed), ("HedgeLayer, learned", learned)] {
        let mut service = layer.layer(model);
        group.bench_function(name, |b| b.iter(|| run(&mut service, Call::new(Ask), 2)));
    }
    group.finish();
}

/// What a call through [`TimeoutLayer`] does that one through `tower::timeout` does not, and what both do.
fn parts(c: &mut Criterion) {
    let runtime = runtime();
    let _in_it = runtime.enter();
    let mut group = c.benchmark_group("one part of it");
    group.bench_function("a look at the clock", |b| b.iter(Instant::now));
    let timer = || black_box(sleep(LIMIT));
    group.bench_function("a timer that nobody waits for", |b| b.iter(timer));
    let (journal, ledger) = (Journal::default(), Arc::new(Count::new()));
    group.bench_function("a handle of the journal", |b| b.iter(|| journal.clone()));
    group.bench_function("a handle of the ledger", |b| b.iter(|| ledger.clone()));
    group.bench_function("a count", |b| b.iter(|| ledger.inc()));
    group.finish();
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().build().expect("a runtime")
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = limits, parts, hedges
}
criterion_main!(benches);

//! What a limit costs: beside `tower::timeout`, and with nothing around the service.
//!
//! `cargo bench -p obs-timeout --bench timeout` runs Criterion; `-- --table` prints the quickest of many rounds, which a busy machine
//! does not change.
use std::{
    convert::Infallible,
    future::Future,
    hint::black_box,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use criterion::{BenchmarkGroup, Criterion, criterion_group, measurement::WallTime};
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

/// Calls in a round of the table.
const ROUND: u32 = 10_000;

/// Rounds of the table.
const ROUNDS: u32 = 500;

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

/// What is measured, told to `measure` with a name.
trait Measure {
    fn measure<S: Service<Call<Ask>>>(&mut self, name: &str, service: S, polls: u8);
}

impl Measure for BenchmarkGroup<'_, WallTime> {
    fn measure<S: Service<Call<Ask>>>(&mut self, name: &str, mut service: S, polls: u8) {
        // The envelope is not what is measured: every call is in the same circumstances.
        let context = CallContext::default();
        self.bench_function(name, |b| {
            b.iter(|| {
                let call = Call::with_context(Ask, context.clone());
                run(&mut service, call, polls)
            });
        });
    }
}

/// The quickest of many rounds.
struct Table;

impl Measure for Table {
    fn measure<S: Service<Call<Ask>>>(&mut self, name: &str, mut service: S, polls: u8) {
        let context = CallContext::default();
        let mut quickest = Duration::MAX;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..ROUND {
                let call = Call::with_context(Ask, context.clone());
                black_box(run(&mut service, black_box(call), polls));
            }
            quickest = quickest.min(start.elapsed());
        }
        let each = quickest.as_nanos() as f64 / f64::from(ROUND);
        let bytes = size_of::<S::Future>();
        println!("| {name} | {polls} | {each:.1} | {bytes} |");
    }
}

fn limits(c: &mut Criterion) {
    for (name, polls) in [("ready at once", 1), ("after one wait", 2)] {
        let mut group = c.benchmark_group(name);
        cases(&mut group, polls);
        group.finish();
    }
}

fn cases(to: &mut impl Measure, polls: u8) {
    let runtime = runtime();
    let _in_it = runtime.enter();
    let reader = PeriodicReader::builder(InMemoryMetricExporter::default()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let on = Metrics::new(provider.meter("bench"));
    let off = Metrics::disabled();
    let model = Model { polls };
    to.measure("nothing", model, polls);
    let tower = timeout::Timeout::new(model, LIMIT);
    to.measure("tower::timeout", tower, polls);
    let total = TimeoutLayer::new(LIMIT);
    let quiet = total.clone().metrics(&off);
    let any = quiet.clone().any();
    to.measure("TimeoutLayer::any, metrics off", any.layer(model), polls);
    to.measure("TimeoutLayer, metrics off", quiet.layer(model), polls);
    let loud = total.metrics(&on);
    to.measure("TimeoutLayer, metrics on", loud.layer(model), polls);
    let attempt = AttemptTimeoutLayer::new()
        .first_token(LIMIT)
        .idle(LIMIT)
        .attempt(LIMIT);
    to.measure("AttemptTimeoutLayer", attempt.layer(model), polls);
    let learned = attempt.adaptive_attempt(Adaptive::percentile(99.0));
    to.measure("AttemptTimeoutLayer, learned", learned.layer(model), polls);
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

fn main() {
    if std::env::args().any(|arg| arg == "--table") {
        println!("| layer | polls | ns, quickest of {ROUNDS} rounds | bytes of its future |");
        println!("|---|---:|---:|---:|");
        for polls in [1, 2] {
            cases(&mut Table, polls);
        }
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}

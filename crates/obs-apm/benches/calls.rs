//! What telemetry costs a call: of the layer alone, and of all four.
//!
//! `cargo bench -p obs-apm --bench calls` runs Criterion, and then prints a table of the quickest of many rounds, with
//! allocations counted; `-- --table` prints the table alone.

use std::{
    convert::Infallible,
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use criterion::Criterion;
use obs_apm::{ApmLayer, Config, Environment, Keep, Telemetry};
use obs_cache::{CacheLayer, Memory};
use obs_core::{
    AttemptLayer, BoxError, Call, Error, Fingerprint, LlmRequest, LlmResponse, Price, PriceTable,
    Replay, Role, Usage,
};
use obs_router::{Complexity, Route, RouterLayer};
use obs_timeout::TimeoutLayer;
use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use tokio::{runtime::Runtime, time::Instant};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// Calls in a round.
const ROUND: u64 = 2_000;

/// Rounds for the table.
const ROUNDS: usize = 60;

#[derive(Clone)]
struct Ask {
    model: &'static str,
    question: u64,
}

struct Answer(Usage);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        self.model
    }

    fn set_model(&mut self, model: &str) {
        self.model = if model == "small" { "small" } else { "big" };
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, "a question of a few words");
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("model", self.model.as_bytes())
            .field("question", &self.question.to_le_bytes());
    }
}

impl LlmResponse for Answer {
    type Chunk = Infallible;

    fn usage(&self) -> Option<Usage> {
        Some(self.0)
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"an answer"))
    }

    fn decode(_stored: &Bytes, _streamed: bool) -> Result<Self, BoxError> {
        Ok(answer())
    }
}

fn answer() -> Answer {
    Answer(Usage {
        input: 100,
        output: 20,
        ..Usage::default()
    })
}

/// Takes spans, and does nothing with them.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        drop(black_box(batch));
        Ok(())
    }
}

/// How much is told.
#[derive(Clone, Copy, Debug)]
enum Told {
    Nothing,
    Metrics,
    /// And one trace in a hundred.
    Sampled,
    /// And calls that fail, are late or costly, whatever the sampler says. These are none of them.
    Kept,
    /// And every trace.
    All,
}

impl Told {
    const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Metrics,
        Self::Sampled,
        Self::Kept,
        Self::All,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "ENABLE_APM=false",
            Self::Metrics => "metrics",
            Self::Sampled => "metrics, traces at 1 %",
            Self::Kept => "metrics, traces at 1 %, tail rule",
            Self::All => "metrics, all traces",
        }
    }

    fn telemetry(self) -> Telemetry {
        let ratio = match self {
            Self::All => "1",
            _ => "0.01",
        };
        let config = Config::new()
            .environment(Environment::Production)
            .variables(move |name| match name {
                "OTEL_TRACES_SAMPLER" => Some("traceidratio".to_owned()),
                "OTEL_TRACES_SAMPLER_ARG" => Some(ratio.to_owned()),
                _ => None,
            })
            .no_listener();
        Telemetry::build(match self {
            Self::Nothing => config.disabled(),
            Self::Metrics => config,
            Self::Sampled | Self::All => config.span_exporter(Nowhere),
            Self::Kept => config.span_exporter(Nowhere).keep(Keep::default()),
        })
    }
}

fn prices() -> PriceTable {
    let price = || Price::per_million("1", "2").expect("these are numbers");
    PriceTable::new()
        .with_model("small", price())
        .with_model("big", price())
}

/// Questions that nobody has asked before.
fn ask() -> Ask {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Ask {
        model: "big",
        question: NEXT.fetch_add(1, Ordering::Relaxed),
    }
}

fn always() -> Ask {
    Ask {
        model: "big",
        question: u64::MAX,
    }
}

/// So many calls, one after the other.
async fn run<S, R>(service: &mut S, calls: u64, request: fn() -> R)
where
    S: Service<R, Response = Answer>,
    S::Error: std::fmt::Debug,
{
    for _ in 0..calls {
        let service = service.ready().await.expect("is ready");
        let answer = service.call(request()).await.expect("answers");
        black_box(answer);
    }
}

/// What is measured, told to `measure` with a name.
trait Measure {
    fn measure<S, R>(&mut self, name: &str, service: &mut S, request: fn() -> R)
    where
        S: Service<R, Response = Answer>,
        S::Error: std::fmt::Debug;
}

fn cases(to: &mut impl Measure) {
    let mut bare = service_fn(|_: Ask| async { Ok::<_, Error>(answer()) });
    to.measure("bare service", &mut bare, ask);
    let question = || Call::new(ask());
    let mut enveloped = service_fn(|_: Call<Ask>| async { Ok::<_, Error>(answer()) });
    to.measure("bare service, in its envelope", &mut enveloped, question);
    for told in Told::ALL {
        let telemetry = told.telemetry();
        let apm = ApmLayer::new().telemetry(&telemetry);
        let mut service =
            ServiceBuilder::new()
                .layer(&apm)
                .service(service_fn(|_: Call<Ask>| async {
                    Ok::<_, Error>(answer())
                }));
        let name = format!("apm alone: {}", told.name());
        to.measure(&name, &mut service, question);
    }
    for told in Told::ALL {
        let telemetry = told.telemetry();
        let metrics = telemetry.metrics();
        let apm = ApmLayer::new().telemetry(&telemetry);
        let routes = [
            Route::new("cheap").model("small"),
            Route::new("premium").model("big"),
        ];
        let mut stack = ServiceBuilder::new()
            .layer(&apm)
            .layer(TimeoutLayer::new(Duration::from_secs(30)).metrics(&metrics))
            .layer(CacheLayer::new(Memory::new(8 << 20)).metrics(&metrics))
            .layer(RouterLayer::new(Complexity::default(), routes).metrics(&metrics))
            .layer(apm.attempt_spans())
            .layer(AttemptLayer::new(prices()))
            .service(service_fn(|_: Ask| async { Ok::<_, Error>(answer()) }));
        let name = format!("all layers, a miss: {}", told.name());
        to.measure(&name, &mut stack, question);
        let name = format!("all layers, a hit: {}", told.name());
        to.measure(&name, &mut stack, || Call::new(always()));
    }
}

struct WithCriterion<'a>(&'a mut Criterion, &'a Runtime);

impl Measure for WithCriterion<'_> {
    fn measure<S, R>(&mut self, name: &str, service: &mut S, request: fn() -> R)
    where
        S: Service<R, Response = Answer>,
        S::Error: std::fmt::Debug,
    {
        self.0.bench_function(name, |bench| {
            bench.iter_custom(|calls| {
                let start = Instant::now();
                self.1.block_on(run(service, calls, request));
                start.elapsed()
            });
        });
    }
}

struct Table<'a>(&'a Runtime);

impl Measure for Table<'_> {
    fn measure<S, R>(&mut self, name: &str, service: &mut S, request: fn() -> R)
    where
        S: Service<R, Response = Answer>,
        S::Error: std::fmt::Debug,
    {
        let mut quickest = Duration::MAX;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            self.0.block_on(run(service, ROUND, request));
            quickest = quickest.min(start.elapsed());
        }
        let counted = allocation_counter::measure(|| {
            self.0.block_on(run(service, ROUND, request));
        });
        let each = |n: u64| n as f64 / ROUND as f64;
        println!(
            "| {name} | {:.0} | {:.1} | {:.0} |",
            quickest.as_nanos() as f64 / ROUND as f64,
            each(counted.count_total),
            each(counted.bytes_total),
        );
    }
}

/// A scrape of ten thousand series: ten names with a thousand label sets each.
fn scrape() -> (usize, Duration) {
    const NAMES: [&str; 10] = [
        "a_total", "b_total", "c_total", "d_total", "e_total", "f_total", "g_total", "h_total",
        "i_total", "j_total",
    ];
    let telemetry = Told::Metrics.telemetry();
    for name in NAMES {
        telemetry.metrics().counter(name, "Things.", |tell| {
            for n in 0..1_000 {
                let labels = [
                    KeyValue::new("model", format!("model-{}", n / 10)),
                    KeyValue::new("route", format!("route-{}", n % 10)),
                ];
                tell(&labels, n);
            }
        });
    }
    let mut quickest = Duration::MAX;
    let mut series = 0;
    for _ in 0..20 {
        let start = Instant::now();
        let text = telemetry.render();
        quickest = quickest.min(start.elapsed());
        series = text.lines().filter(|line| line.contains("_total{")).count();
    }
    (series, quickest)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("starts");
    if !std::env::args().any(|arg| arg == "--table") {
        let mut criterion = Criterion::default()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args();
        cases(&mut WithCriterion(&mut criterion, &runtime));
        criterion.final_summary();
    }
    println!("| a call | ns, quickest of {ROUNDS} rounds | allocations | bytes |");
    println!("|---|---:|---:|---:|");
    cases(&mut Table(&runtime));
    let (series, took) = scrape();
    println!("\na scrape of {series} series: {took:?}");
}

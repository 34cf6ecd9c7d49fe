//! What an entry costs a call: without a file, written behind a queue, and written at once, beside a line that one writes oneself.
//!
//! `cargo bench -p obs-ledger --bench calls` runs Criterion, and then prints a table of the quickest of many rounds, with allocations
//! counted on the thread of the calls; `-- --table` prints the table alone.

use std::{
    convert::Infallible,
    fs::File,
    hint::black_box,
    io::{BufWriter, Write},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use criterion::Criterion;
use obs_core::{
    AttemptLayer, Call, Error, Fingerprint, LlmRequest, LlmResponse, Price, PriceTable, Role, Usage,
};
use obs_ledger::{LedgerLayer, LogFile, Record};
use serde::Serialize;
use tokio::{runtime::Runtime, time::Instant};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Calls in a round: fewer than the queue has room for.
const ROUND: u64 = 2_000;

/// Rounds for the table.
const ROUNDS: usize = 60;

/// A prompt of a kilobyte.
const LONG: &str = include_str!("prompt.txt");

/// One of ten words.
const SHORT: &str = "What did Bob promise to do, and by when, please?";

#[derive(Clone)]
struct Ask(&'static str);

struct Answer;

/// What somebody writes who needs tokens, costs and times, and no more.
#[derive(Serialize)]
struct Line<'a> {
    time: u128,
    call: &'a str,
    model: &'a str,
    input: u64,
    output: u64,
    paid: &'a str,
    latency_us: u64,
    outcome: &'a str,
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "small"
    }

    fn set_model(&mut self, _: &str) {}

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, self.0);
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("question", self.0.as_bytes());
    }
}

impl LlmResponse for Answer {
    type Chunk = Infallible;

    fn usage(&self) -> Option<Usage> {
        Some(usage())
    }
}

fn usage() -> Usage {
    Usage {
        input: 250,
        output: 100,
        ..Usage::default()
    }
}

/// One attempt, metered.
fn model() -> impl Service<Call<Ask>, Response = Answer, Error = Error> + Clone {
    let price = Price::per_million("1", "2").expect("these are numbers");
    let prices = PriceTable::new().with_model("small", price);
    AttemptLayer::new(prices).layer(service_fn(|_: Ask| async { Ok::<_, Error>(Answer) }))
}

/// So many calls, one after the other.
async fn run<S>(service: &mut S, calls: u64, prompt: &'static str)
where
    S: Service<Call<Ask>, Response = Answer, Error = Error>,
{
    for _ in 0..calls {
        let service = service.ready().await.expect("is ready");
        let answer = service.call(Call::new(Ask(prompt))).await;
        black_box(answer.expect("answers"));
    }
}

/// What is measured, told to `measure` with a name. `after` comes after each round, and is not measured.
trait Measure {
    fn measure<S>(&mut self, name: &str, service: &mut S, after: &dyn Fn())
    where
        S: Service<Call<Ask>, Response = Answer, Error = Error>;
}

fn file(dir: &Path, name: &str) -> Arc<Mutex<BufWriter<File>>> {
    let file = File::create(dir.join(name)).expect("there is room");
    Arc::new(Mutex::new(BufWriter::with_capacity(64 << 10, file)))
}

fn cases(dir: &Path, to: &mut impl Measure) {
    to.measure("switched off", &mut model(), &|| ());

    let nowhere = LedgerLayer::new(|record: Record| drop(black_box(record)));
    to.measure(
        "an entry, given to nobody",
        &mut nowhere.layer(model()),
        &|| (),
    );

    let writer = LogFile::new(dir.join("queue.jsonl"))
        .open()
        .expect("there is room");
    let mut queued = LedgerLayer::new(writer.clone()).layer(model());
    let drained = || assert!(writer.flush(Duration::from_secs(60)), "it is written");
    to.measure(
        "an entry, to a file behind the queue",
        &mut queued,
        &drained,
    );
    assert_eq!(writer.stats().dropped, 0, "the queue has room for a round");

    let at_once = file(dir, "direct.jsonl");
    let direct = LedgerLayer::new(move |record: Record| {
        let mut file = at_once.lock().expect("nobody panics");
        serde_json::to_writer(&mut *file, &record).expect("can be written");
        file.write_all(b"\n").expect("can be written");
    });
    to.measure(
        "an entry, to a buffered file at once",
        &mut direct.layer(model()),
        &|| (),
    );

    let own = file(dir, "own.jsonl");
    let inner = model();
    let mut by_hand = service_fn(move |call: Call<Ask>| {
        let (mut inner, file, start) = (inner.clone(), own.clone(), Instant::now());
        let journal = call.journal();
        async move {
            let answer = inner.call(call).await?;
            let paid = journal.read().paid().exact().map(|paid| paid.to_string());
            let line = Line {
                time: 1_795_464_654_123,
                call: "call-1",
                model: "small",
                input: usage().input,
                output: usage().output,
                paid: paid.as_deref().unwrap_or_default(),
                latency_us: start.elapsed().as_micros() as u64,
                outcome: "answered",
            };
            let mut file = file.lock().expect("nobody panics");
            serde_json::to_writer(&mut *file, &line).expect("can be written");
            file.write_all(b"\n").expect("can be written");
            Ok(answer)
        }
    });
    to.measure(
        "eight fields by hand, to a buffered file at once",
        &mut by_hand,
        &|| (),
    );
}

struct WithCriterion<'a>(&'a mut Criterion, &'a Runtime, &'static str);

impl Measure for WithCriterion<'_> {
    fn measure<S>(&mut self, name: &str, service: &mut S, after: &dyn Fn())
    where
        S: Service<Call<Ask>, Response = Answer, Error = Error>,
    {
        self.0.bench_function(name, |bench| {
            bench.iter_custom(|calls| {
                let (mut left, mut took) = (calls, Duration::ZERO);
                while left > 0 {
                    let now = left.min(ROUND);
                    let start = Instant::now();
                    self.1.block_on(run(service, now, self.2));
                    took += start.elapsed();
                    after();
                    left -= now;
                }
                took
            });
        });
    }
}

struct Table<'a>(&'a Runtime, &'static str);

impl Measure for Table<'_> {
    fn measure<S>(&mut self, name: &str, service: &mut S, after: &dyn Fn())
    where
        S: Service<Call<Ask>, Response = Answer, Error = Error>,
    {
        let mut quickest = Duration::MAX;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            self.0.block_on(run(service, ROUND, self.1));
            quickest = quickest.min(start.elapsed());
            after();
        }
        let counted = allocation_counter::measure(|| self.0.block_on(run(service, ROUND, self.1)));
        after();
        let each = |n: u64| n as f64 / ROUND as f64;
        println!(
            "| {name} | {:.2} | {:.1} | {:.0} |",
            quickest.as_nanos() as f64 / ROUND as f64 / 1_000.0,
            each(counted.count_total),
            each(counted.bytes_total),
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("starts");
    let dir = tempfile::tempdir().expect("there is room");
    if !std::env::args().any(|arg| arg == "--table") {
        let mut criterion = Criterion::default()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args();
        cases(
            dir.path(),
            &mut WithCriterion(&mut criterion, &runtime, LONG),
        );
        criterion.final_summary();
    }
    for (name, prompt) in [("1 kB", LONG), ("ten words", SHORT)] {
        println!(
            "| a call, with a prompt of {name} | us, quickest of {ROUNDS} rounds | allocations | bytes |"
        );
        println!("|---|---:|---:|---:|");
        cases(dir.path(), &mut Table(&runtime, prompt));
    }
}

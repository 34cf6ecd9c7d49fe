//! What a hit, a key and a miss cost: beside look-ups in bare tables, another cache layer, and a bare client of Redis.
use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use fred::{
    interfaces::{ClientLike, KeysInterface},
    types::{Builder as FredBuilder, config::Config},
};
use obs_cache::{CacheLayer, Clock, Entry, Memory, RedisStore, Store};
use obs_core::{
    Background, BoxError, Call, CallContext, Error, Fingerprint, Key, LlmRequest, LlmResponse,
    Replay, Role, Usage,
};
use obs_metrics::Metrics;
use obs_redis::{Redis, State, testing::Server};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use serde::de::IgnoredAny;
use tower::{Layer, Service, ServiceExt};

const ANSWER: usize = 1024;
const REQUEST: usize = 4096;
const HOUR: Duration = Duration::from_secs(3600);

/// A request whose body is JSON, as over the wire. Clones share it.
#[derive(Clone)]
struct Ask(Bytes);

struct Answer(Bytes);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "gpt-5-mini"
    }
    fn set_model(&mut self, _: &str) {}
    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.json_text_without(&self.0, &["stream", "stream_options"]);
    }
}

impl LlmResponse for Answer {
    type Chunk = Infallible;
    fn usage(&self) -> Option<Usage> {
        None
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        Some(self.0.clone())
    }
    fn decode(stored: &Bytes, _: bool) -> Result<Self, BoxError> {
        Ok(Self(stored.clone()))
    }
}

/// Answers at once.
#[derive(Clone)]
struct Model(Bytes);

impl<R> Service<R> for Model {
    type Response = Answer;
    type Error = Error;
    type Future = Ready<Result<Answer, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        ready(Ok(Answer(self.0.clone())))
    }
}

/// A chat of about so many bytes, in short turns.
fn ask(bytes: usize) -> Ask {
    let turn = |n: usize| {
        let role = if n.is_multiple_of(2) {
            "user"
        } else {
            "assistant"
        };
        let text = "What is it that the others say of this? ".repeat(5);
        format!(r#"{{"role":"{role}","content":"{text}"}}"#)
    };
    let turns: Vec<_> = (0..bytes.div_ceil(235)).map(turn).collect();
    let turns = turns.join(",");
    let text = format!(r#"{{"model":"gpt-5-mini","temperature":0.2,"messages":[{turns}]}}"#);
    Ask(text.into())
}

fn key(ask: &Ask) -> Key {
    let mut key = Fingerprint::new();
    ask.fingerprint(&mut key);
    key.finish()
}

fn answer() -> Bytes {
    Bytes::from(vec![b'x'; ANSWER])
}

/// What is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready"),
    }
}

fn allocations(name: &str, mut run: impl FnMut()) {
    run();
    let counted = allocation_counter::measure(run);
    println!("{name}: {} allocations", counted.count_total);
}

fn memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("memory, answer of 1 kB");
    let (ask, answer) = (ask(300), answer());
    let key_of_it = key(&ask);
    let others = (0..1000_u64).map(|n| Fingerprint::new().field("n", &n.to_le_bytes()).finish());
    let keys: Vec<_> = others.chain([key_of_it]).collect();

    let moka = moka::sync::Cache::new(10_000);
    let quick = quick_cache::sync::Cache::new(10_000);
    let store = Memory::new(64 << 20);
    let clock = Clock::system();
    for key in &keys {
        moka.insert(*key, answer.clone());
        quick.insert(*key, answer.clone());
        let entry = Entry::new(answer.clone(), clock.now(), HOUR);
        store.put(key, entry, clock.now());
    }
    group.bench_function("moka::get", |b| b.iter(|| moka.get(&key_of_it)));
    group.bench_function("quick_cache::get", |b| b.iter(|| quick.get(&key_of_it)));
    group.bench_function("Memory::get", |b| {
        let at = clock.now();
        b.iter(|| now(store.get(&key_of_it, at)));
    });
    group.bench_function("key", |b| b.iter(|| key(&ask)));

    let reader = PeriodicReader::builder(InMemoryMetricExporter::default()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let on = Metrics::new(provider.meter("bench"));
    let context = CallContext::default();
    for (name, metrics) in [
        ("hit through CacheLayer, metrics off", Metrics::disabled()),
        ("hit through CacheLayer", on),
    ] {
        let layer = CacheLayer::new(Memory::new(64 << 20)).metrics(&metrics);
        let mut cache = layer.layer(Model(answer.clone()));
        // Each call has a journal of its own; its making is the caller's.
        let mut hit = || {
            let call = Call::with_context(ask.clone(), context.clone());
            now(cache.call(call)).is_ok()
        };
        assert!(hit() && hit());
        allocations(name, || assert!(hit()));
        group.bench_function(name, |b| b.iter(&mut hit));
        assert_eq!(layer.stats().misses, 1);
    }
    group.bench_function("Call and its context alone", |b| {
        b.iter(|| Call::with_context(ask.clone(), context.clone()));
    });

    let other = tower_resilience_cache::CacheLayer::builder()
        .max_size(10_000)
        .ttl(HOUR)
        .key_extractor(|ask: &Ask| ask.0.clone())
        .build()
        .expect("good settings");
    let mut other = other.layer(tower::service_fn(|_: Ask| {
        ready(Ok::<_, Infallible>(Bytes::from_static(&[b'x'; ANSWER])))
    }));
    let name = "hit through tower-resilience-cache";
    let mut hit = || now(other.call(ask.clone())).is_ok();
    assert!(hit());
    allocations(name, || assert!(hit()));
    group.bench_function(name, |b| b.iter(&mut hit));
    group.finish();
}

fn keys(c: &mut Criterion) {
    let mut group = c.benchmark_group("key of a request of 4 kB");
    let ask = ask(REQUEST);
    println!("the request: {} bytes", ask.0.len());
    group.bench_function("blake3 over the bytes", |b| {
        b.iter(|| blake3::keyed_hash(&[7; 32], &ask.0));
    });
    group.bench_function("parsing to nothing", |b| {
        b.iter(|| serde_json::from_slice::<IgnoredAny>(&ask.0).is_ok());
    });
    group.bench_function("parsing to a value", |b| {
        b.iter(|| serde_json::from_slice::<serde_json::Value>(&ask.0).is_ok());
    });
    allocations("key", || _ = key(&ask));
    group.bench_function("key", |b| b.iter(|| key(&ask)));
    group.finish();
}

fn misses(c: &mut Criterion) {
    let mut group = c.benchmark_group("miss");
    let (answer, context) = (answer(), CallContext::default());
    let mut model = Model(answer.clone());
    group.bench_function("the service alone", |b| {
        b.iter(|| now(Service::call(&mut model, ())).is_ok());
    });
    // Never the same question.
    let mut number = 0_u64;
    let mut next = || {
        number += 1;
        let body = format!(r#"{{"model":"gpt-5-mini","n":{number}}}"#);
        Call::with_context(Ask(body.into()), context.clone())
    };
    group.bench_function("the question alone", |b| b.iter(&mut next));
    let layer = CacheLayer::new(Memory::new(8 << 20)).metrics(&Metrics::disabled());
    let mut cache = layer.layer(Model(answer));
    group.bench_function("through CacheLayer and kept in memory", |b| {
        b.iter(|| now(cache.call(next())).is_ok());
    });
    group.finish();
}

fn redis(c: &mut Criterion) {
    let server = Server::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (ask, answer) = (ask(300), answer());
    let context = CallContext::default();
    let (client, cache, layer) = runtime.block_on(async {
        let config = Config::from_url(&server.url()).expect("a url");
        let client = FredBuilder::from_config(config).build().expect("settings");
        client.init().await.expect("connected");
        let set = client.set::<(), _, _>("bare", answer.clone(), None, None, false);
        set.await.expect("set");
        let redis = Redis::builder(&server.url()).budget(Duration::from_secs(1));
        let redis = redis.connect().expect("settings");
        redis.wait_for(State::Closed).await;
        let background = Background::new(100);
        let store = RedisStore::new(redis, background.clone());
        let layer = CacheLayer::new(store).metrics(&Metrics::disabled());
        let cache = layer.layer(Model(answer.clone()));
        let call = Call::with_context(ask.clone(), context.clone());
        cache.clone().oneshot(call).await.expect("an answer");
        while background.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
        (client, cache, layer)
    });
    let mut group = c.benchmark_group("redis on loopback, answer of 1 kB");
    let shared = Arc::new((ask, context));
    // Each on the runtime's own thread, as in a server.
    group.bench_function("fred::get", |b| {
        b.iter_custom(|rounds| {
            let client = client.clone();
            let run = runtime.spawn(async move {
                let start = tokio::time::Instant::now();
                for _ in 0..rounds {
                    let got = client.get::<Option<Bytes>, _>("bare").await;
                    assert!(got.is_ok_and(|got| got.is_some()));
                }
                start.elapsed()
            });
            runtime.block_on(run).expect("no panic")
        });
    });
    group.bench_function("hit through CacheLayer", |b| {
        b.iter_custom(|rounds| {
            let (mut cache, shared) = (cache.clone(), shared.clone());
            let run = runtime.spawn(async move {
                let start = tokio::time::Instant::now();
                for _ in 0..rounds {
                    let (ask, context) = &*shared;
                    let call = Call::with_context(ask.clone(), context.clone());
                    assert!(cache.call(call).await.is_ok());
                }
                start.elapsed()
            });
            runtime.block_on(run).expect("no panic")
        });
    });
    group.finish();
    assert_eq!(layer.stats().misses, 1, "all were hits");
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = memory, keys, misses, redis
}
criterion_main!(benches);

//! Answers in a real Redis, which is killed, paused and filled with garbage.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use obs_cache::*;
use obs_core::*;
use obs_redis::{Redis, State, testing::Server};
use tokio::{task::yield_now, time::Instant};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::chat::*;

/// Far longer than anything here takes: only what hangs gets there.
const PATIENCE: Duration = Duration::from_secs(20);

struct Gateway {
    store: RedisStore,
    redis: Redis,
    background: Background,
    calls: Arc<AtomicUsize>,
}

fn gateway(server: &Server, budget: u64) -> Gateway {
    let builder = Redis::builder(&server.url()).budget(Duration::from_millis(budget));
    let redis = builder.connect().unwrap();
    let background = Background::new(100);
    Gateway {
        store: RedisStore::new(redis.clone(), background.clone()),
        redis,
        background,
        calls: Arc::default(),
    }
}

/// With a budget that a busy machine keeps.
async fn connected(server: &Server) -> Gateway {
    let gateway = gateway(server, 500);
    gateway.reaches(State::Closed).await;
    gateway
}

impl Gateway {
    async fn reaches(&self, state: State) {
        let wait = tokio::time::timeout(PATIENCE, self.redis.wait_for(state)).await;
        wait.unwrap_or_else(|_| panic!("never {state:?}: {:?}", self.redis.stats()));
    }

    async fn written(&self) {
        let until = Instant::now() + PATIENCE;
        while self.background.in_flight() > 0 {
            assert!(Instant::now() < until, "{:?}", self.store.stats());
            yield_now().await;
        }
    }

    fn cache<S: Store<Get: Send>>(
        &self,
        store: S,
    ) -> impl Service<Call<Req>, Response = Chat, Error = Error, Future: Send> + Clone + use<S>
    {
        let calls = self.calls.clone();
        let attempts = AttemptLayer::new(prices());
        layer(store).layer(attempts.layer(service_fn(move |req: Req| {
            calls.fetch_add(1, SeqCst);
            async move {
                Ok::<_, Error>(match req.stream {
                    true => streamed([text(&req.prompt), stop(), bill(10)]),
                    false => whole(&req.prompt),
                })
            }
        })))
    }

    fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }
}

#[tokio::test]
async fn two_gateways_share_one_cache() {
    let server = Server::new();
    let (one, other) = (connected(&server).await, connected(&server).await);
    let (a, b) = (
        one.cache(one.store.clone()),
        other.cache(other.store.clone()),
    );
    let answer = a.oneshot(asking("hi")).await.unwrap();
    assert_eq!(told(&answer), "hi");
    one.written().await;
    for streams in [false, true] {
        let mut call = asking("hi");
        call.request.stream = streams;
        let journal = call.journal();
        let answer = b.clone().oneshot(call).await.unwrap();
        assert_eq!(read(answer).await, "hi");
        let report = journal.read();
        let note = report.cache.unwrap();
        assert_eq!((note.status, note.saved), (CacheStatus::Hit, Some(usd(50))));
    }
    assert_eq!((one.calls(), other.calls()), (1, 0));
    // Another tenant's question is another question, also there.
    let answer = b.oneshot(asking("hi").tenant("b")).await.unwrap();
    assert_eq!((told(&answer), other.calls()), ("hi", 1));
}

#[tokio::test]
async fn no_key_holds_a_prompt_and_every_key_expires() {
    let server = Server::new();
    let gateway = connected(&server).await;
    let cache = gateway.cache(gateway.store.clone());
    cache
        .oneshot(asking("secret question").tenant("acme"))
        .await
        .unwrap();
    gateway.written().await;
    let key = server.cli(&["KEYS", "*"]);
    let digits = key.strip_prefix("obs:").unwrap();
    assert_eq!(digits.len(), 64);
    assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let left: u64 = server.cli(&["PTTL", &key]).parse().unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
    assert_eq!(gateway.store.stats().written, 1);
}

#[tokio::test]
async fn killed_in_the_midst_of_two_thousand_calls_there_are_two_thousand_answers() {
    let mut server = Server::new();
    let gateway = gateway(&server, 50);
    gateway.reaches(State::Closed).await;
    let cache = gateway.cache(gateway.store.clone());
    let mut answers = 0;
    let start = Instant::now();
    for round in 0..20 {
        match round {
            5 => server.kill(),
            15 => server.start(),
            _ => {}
        }
        let calls: Vec<_> = (0..100)
            .map(|number| {
                let mut call = asking(&format!("{}", (round * 37 + number) % 150));
                call.request.stream = number % 3 == 0;
                tokio::spawn(cache.clone().oneshot(call))
            })
            .collect();
        for call in calls {
            let chat = call.await.unwrap().expect("an answer");
            assert!(!read(chat).await.is_empty());
            answers += 1;
        }
    }
    assert_eq!(answers, 2000);
    assert!(start.elapsed() < PATIENCE);
    assert!(gateway.redis.stats().opened >= 1);
    // It comes back by itself, and is used.
    gateway.reaches(State::Closed).await;
    gateway.written().await;
    let before = gateway.calls();
    for _ in 0..2 {
        cache.clone().oneshot(asking("at last")).await.unwrap();
        gateway.written().await;
    }
    assert_eq!(gateway.calls(), before + 1);
}

#[tokio::test]
async fn absent_at_start_calls_are_answered_and_it_is_used_when_it_appears() {
    let mut server = Server::absent(&[]);
    let gateway = gateway(&server, 500);
    let cache = gateway.cache(gateway.store.clone());
    for _ in 0..3 {
        cache.clone().oneshot(asking("hi")).await.unwrap();
    }
    assert_eq!(gateway.calls(), 3);
    server.start();
    gateway.reaches(State::Closed).await;
    gateway.written().await;
    for _ in 0..3 {
        cache.clone().oneshot(asking("hi")).await.unwrap();
        gateway.written().await;
    }
    assert_eq!(gateway.calls(), 4);
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_budget_once() {
    let server = Server::new();
    let gateway = gateway(&server, 20);
    gateway.reaches(State::Closed).await;
    let layer = layer(gateway.store.clone());
    let cache = layer.layer(service_fn(|_: Call<Req>| async move {
        Ok::<_, Error>(whole("hi"))
    }));
    server.pause();
    let start = Instant::now();
    for number in 0..1000 {
        let call = asking(&number.to_string());
        cache.clone().oneshot(call).await.unwrap();
    }
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    let stats = gateway.redis.stats();
    assert!(stats.timeouts <= 2, "{stats:?}");
    assert_eq!(layer.stats().store_faults, 1000);
    server.resume();
    gateway.reaches(State::Closed).await;
}

#[tokio::test]
async fn garbage_is_a_miss_and_is_removed() {
    let server = Server::new();
    let gateway = connected(&server).await;
    let layer = layer(gateway.store.clone());
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let cache = layer.layer(service_fn(move |_: Call<Req>| {
        count.fetch_add(1, SeqCst);
        async { Ok::<_, Error>(whole("hi")) }
    }));
    let ask = async |prompt: &str| {
        let answer = cache.clone().oneshot(asking(prompt)).await.unwrap();
        assert_eq!(told(&answer), "hi");
        gateway.written().await;
    };
    ask("other").await;
    let others = server.cli(&["KEYS", "*"]);
    ask("p").await;
    let keys = server.cli(&["KEYS", "*"]);
    let key = keys.lines().find(|key| *key != others).unwrap();
    let spoil = |how: &str| match how {
        "truncated" => server.cli(&["SETRANGE", key, "0", "x"]),
        // A value that is in order, of another key.
        "swapped" => server.cli(&["COPY", &others, key, "REPLACE"]),
        "of another type" => {
            let _ = server.cli(&["DEL", key]);
            server.cli(&["LPUSH", key, "x"])
        }
        "empty" => server.cli(&["SET", key, ""]),
        _ => server.cli(&["SET", key, "garbage"]),
    };
    let hows = ["garbage", "truncated", "swapped", "empty"];
    for (number, how) in hows.into_iter().enumerate() {
        let _ = spoil(how);
        ask("p").await;
        assert_eq!(calls.load(SeqCst), number + 3, "{how}: a miss");
        ask("p").await;
        assert_eq!(calls.load(SeqCst), number + 3, "{how}: kept again");
    }
    assert_eq!(layer.stats().store_faults, 4);
    let _ = spoil("of another type");
    ask("p").await;
    assert_eq!(layer.stats().store_faults, 5);
}

#[tokio::test]
async fn a_full_server_and_a_replica_fail_no_call() {
    for setting in [
        ["CONFIG", "SET", "maxmemory", "1"],
        ["REPLICAOF", "127.0.0.1", "1", ""],
    ] {
        let server = Server::new();
        let gateway = connected(&server).await;
        let setting: Vec<_> = setting
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        assert_eq!(server.cli(&setting), "OK");
        let cache = gateway.cache(gateway.store.clone());
        for _ in 0..3 {
            cache.clone().oneshot(asking("hi")).await.unwrap();
            gateway.written().await;
        }
        assert_eq!(gateway.calls(), 3);
        assert_eq!(gateway.store.stats().failed, 3, "{setting:?}");
    }
}

#[tokio::test]
async fn memory_in_front_needs_no_server_for_its_hits() {
    let mut server = Server::new();
    let (one, other) = (connected(&server).await, connected(&server).await);
    let tiered = |gateway: &Gateway| Tiered::new(Memory::new(1 << 20), gateway.store.clone());
    let (a, b) = (one.cache(tiered(&one)), other.cache(tiered(&other)));
    a.clone().oneshot(asking("hi")).await.unwrap();
    one.written().await;
    b.clone().oneshot(asking("hi")).await.unwrap();
    server.kill();
    for cache in [&a, &b] {
        let call = asking("hi");
        let journal = call.journal();
        cache.clone().oneshot(call).await.unwrap();
        assert_eq!(status(&journal), Some(CacheStatus::Hit));
    }
    assert_eq!((one.calls(), other.calls()), (1, 0));
}

#[tokio::test]
async fn what_there_is_no_room_for_is_dropped_and_counted() {
    let server = Server::new();
    let redis = connected(&server).await.redis;
    let store = RedisStore::new(redis, Background::new(1));
    let key = |number: u8| Fingerprint::new().field("n", &[number]).finish();
    let now = Clock::system().now();
    let entry = Entry::new(bytes::Bytes::from_static(b"x"), now, PATIENCE);
    for number in 0..5 {
        store.put(&key(number), entry.clone(), now);
    }
    assert_eq!(store.stats().dropped, 4);
    let until = Instant::now() + PATIENCE;
    while store.stats().written < 1 {
        assert!(Instant::now() < until);
        yield_now().await;
    }
    // What has expired already is not written at all.
    let late = now.after(PATIENCE);
    store.put(&key(9), entry, late);
    assert_eq!((store.stats().dropped, store.stats().written), (4, 1));
}

#[tokio::test]
async fn sealed_answers_are_written_anew_when_the_key_has_changed() {
    let server = Server::new();
    let redis = connected(&server).await.redis;
    let (old, new) = (SealKey::new(1, b"old"), SealKey::new(2, b"new"));
    let gateway = |codec: Codec| {
        let background = Background::new(100);
        let store = RedisStore::with_codec(redis.clone(), background.clone(), codec);
        Gateway {
            store,
            redis: redis.clone(),
            background,
            calls: Arc::default(),
        }
    };
    let ask = async |gateway: &Gateway| {
        let cache = gateway.cache(gateway.store.clone());
        cache.oneshot(asking("words of the answer")).await.unwrap();
        gateway.written().await;
        gateway.calls()
    };
    let before = gateway(Codec::new().seal(old.clone()));
    assert_eq!(ask(&before).await, 1);
    let key = server.cli(&["KEYS", "obs:*"]);
    let held = redis.get(key.clone().into()).await.unwrap().unwrap();
    assert!(!held.windows(5).any(|window| window == b"words"));
    let during = gateway(Codec::new().seal(new.clone()).opens(old));
    assert_eq!(ask(&during).await, 0);
    let left: u64 = server.cli(&["PTTL", &key]).parse().unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
    let after = gateway(Codec::new().seal(new));
    assert_eq!(ask(&after).await, 0, "it was written anew");
    // Who has no key any more: a miss, removed, and written again.
    assert_eq!(ask(&gateway(Codec::new())).await, 1);
}

/// The generation, as this store sees it.
async fn generation(store: &RedisStore, scope: Scope<'_>) -> Generation {
    match store.generation(scope) {
        Reading::Known(generation) => generation,
        Reading::Asking { asking, .. } => asking.await.unwrap(),
    }
}

#[tokio::test]
async fn purges_that_come_together_leave_all_gateways_with_the_same_keys() {
    let server = Server::new();
    let (one, other) = (connected(&server).await, connected(&server).await);
    let tenant = Some("t");
    // The first has counted of the tenant, and not yet of all purges, when the second one comes and is done.
    let mut first = tokio_test::task::spawn(one.store.purge(Purge::Tenant(tenant)));
    tokio_test::assert_pending!(first.poll());
    let until = Instant::now() + PATIENCE;
    while server.cli(&["dbsize"]).trim() != "1" {
        assert!(Instant::now() < until);
        yield_now().await;
    }
    other.store.purge(Purge::Tenant(tenant)).await.unwrap();
    first.await.unwrap();
    let namespace = None;
    let scope = Scope { namespace, tenant };
    let third = connected(&server).await;
    for gateway in [&one, &third] {
        assert_eq!(generation(&gateway.store, scope).await.tenant, 2);
    }
}

//! Deleting, purging, and reports of wrong answers.
use std::{
    collections::VecDeque,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use futures_util::FutureExt;
use obs_cache::*;
use obs_core::*;
use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::chat::*;

/// A cache around a model that numbers its answers.
fn numbered<S: Store<Get: Send>>(
    layer: &CacheLayer<S>,
) -> impl Service<Call<Req>, Response = Chat, Error = Error, Future: Send> + Clone + use<S> {
    let calls = Arc::new(AtomicUsize::new(0));
    layer.layer(service_fn(move |_: Call<Req>| {
        let number = calls.fetch_add(1, SeqCst) + 1;
        ready(Ok::<_, Error>(whole(&number.to_string())))
    }))
}

async fn ask<S>(cache: &S, call: Call<Req>) -> String
where
    S: Service<Call<Req>, Response = Chat, Error = Error> + Clone,
{
    told(&cache.clone().oneshot(call).await.unwrap()).to_owned()
}

/// Asks these one after the other.
async fn each<S>(cache: &S, calls: impl IntoIterator<Item = Call<Req>>) -> Vec<String>
where
    S: Service<Call<Req>, Response = Chat, Error = Error> + Clone,
{
    let mut got = vec![];
    for call in calls {
        got.push(ask(cache, call).await);
    }
    got
}

#[tokio::test]
async fn one_answer_is_deleted_and_no_other() {
    for store in [
        BoxStore::new(Memory::new(1 << 20)),
        BoxStore::new(Shelf::default()),
        BoxStore::new(Tiered::new(Memory::new(1 << 20), Memory::new(1 << 20))),
    ] {
        let layer = layer(store).key(FingerprintSecret::new(b"secret"));
        let (cache, handle) = (numbered(&layer), layer.handle());
        let calls = || {
            let tenants = ["a", "b"].map(|tenant| asking("p").tenant(tenant));
            let others = [asking("p"), asking("p").namespace("n"), asking("q")];
            tenants.into_iter().chain(others)
        };
        for (number, call) in (1..).zip(calls()) {
            assert_eq!(ask(&cache, call).await, number.to_string());
        }
        handle.delete(&asking("p").tenant("a")).await.unwrap();
        handle.delete(&asking("never asked")).await.unwrap();
        let got = each(&cache, calls()).await;
        assert_eq!(got, ["6", "2", "3", "4", "5"]);
    }
}

#[tokio::test]
async fn a_wrong_answer_is_deleted_and_counted() {
    let layer = layer(Memory::new(1 << 20));
    let (cache, handle) = (numbered(&layer), layer.handle());
    assert_eq!(ask(&cache, req(false)).await, "1");
    // Whichever form it was asked in.
    handle.report_bad_hit(&req(true)).await.unwrap();
    assert_eq!(ask(&cache, req(false)).await, "2");
    assert_eq!((handle.stats().bad_hits, layer.stats().bad_hits), (1, 1));
}

#[tokio::test]
async fn a_namespace_is_purged_for_all_tenants_and_no_other_namespace() {
    for store in [
        BoxStore::new(Memory::new(1 << 20)),
        BoxStore::new(Tiered::new(Memory::new(1 << 20), Memory::new(1 << 20))),
    ] {
        let layer = layer(store);
        let (cache, handle) = (numbered(&layer), layer.handle());
        let calls = || {
            [
                req(false).namespace("n"),
                req(false).namespace("n").tenant("t"),
                req(false).namespace(""),
                req(false),
            ]
        };
        let all = async || each(&cache, calls()).await;
        assert_eq!(all().await, ["1", "2", "3", "4"]);
        handle.purge_namespace(Some("n")).await.unwrap();
        assert_eq!(all().await, ["5", "6", "3", "4"]);
        handle.purge_namespace(None).await.unwrap();
        assert_eq!(all().await, ["5", "6", "3", "7"]);
        handle.purge_namespace(Some("n")).await.unwrap();
        assert_eq!(all().await, ["8", "9", "3", "7"]);
        handle.purge_all().await.unwrap();
        assert_eq!(all().await, ["10", "11", "12", "13"]);
        assert_eq!(all().await, ["10", "11", "12", "13"]);
    }
}

#[tokio::test]
async fn a_tenant_is_purged_in_all_namespaces_and_no_other_tenant() {
    for store in [
        BoxStore::new(Memory::new(1 << 20)),
        BoxStore::new(Tiered::new(Memory::new(1 << 20), Memory::new(1 << 20))),
    ] {
        let layer = layer(store);
        let (cache, handle) = (numbered(&layer), layer.handle());
        let calls = || {
            [
                req(false).tenant("t").namespace("n"),
                req(false).tenant("t"),
                req(false).tenant("").namespace("n"),
                req(false).namespace("n"),
                // A namespace is no tenant.
                req(false).tenant("u").namespace("t"),
            ]
        };
        let all = async || each(&cache, calls()).await;
        assert_eq!(all().await, ["1", "2", "3", "4", "5"]);
        handle.purge_tenant(Some("t")).await.unwrap();
        handle.purge_tenant(Some("nobody")).await.unwrap();
        assert_eq!(all().await, ["6", "7", "3", "4", "5"]);
        handle.purge_tenant(None).await.unwrap();
        assert_eq!(all().await, ["6", "7", "3", "8", "5"]);
        // What is deleted afterwards is what is kept now.
        let [first, ..] = calls();
        handle.delete(&first).await.unwrap();
        assert_eq!(all().await, ["9", "7", "3", "8", "5"]);
    }
}

#[tokio::test]
async fn with_a_tenant_its_parts_are_purged_and_a_part_alone() {
    let layer = layer(Memory::new(1 << 20));
    let (cache, handle) = (numbered(&layer), layer.handle());
    let calls = || ["a", "a/b", "a/b/c", "ab"].map(|tenant| req(false).tenant(tenant));
    let all = async || each(&cache, calls()).await;
    assert_eq!(all().await, ["1", "2", "3", "4"]);
    handle.purge_tenant(Some("a/b")).await.unwrap();
    assert_eq!(all().await, ["1", "5", "3", "4"]);
    handle.purge_tenant(Some("a")).await.unwrap();
    assert_eq!(all().await, ["6", "7", "8", "4"]);
}

#[tokio::test]
async fn where_tenants_share_answers_none_of_them_is_purged() {
    let layer = layer(Memory::new(1 << 20)).tenants(Tenants::Together);
    let (cache, handle) = (numbered(&layer), layer.handle());
    assert_eq!(ask(&cache, req(false).tenant("t")).await, "1");
    let error = handle.purge_tenant(Some("t")).await.unwrap_err();
    assert_eq!(error.fault(), StoreFault::Other);
    assert!(handle.purge_tenant(None).await.is_err());
    assert_eq!(ask(&cache, req(false).tenant("t")).await, "1");
}

#[tokio::test]
async fn what_is_under_way_during_a_purge_is_not_found_afterwards() {
    for tenant in [None, Some("t")] {
        let layer = layer(Memory::new(1 << 20));
        let (cache, mut mock) = around(&layer);
        let asked = || {
            let call = req(false);
            tenant.into_iter().fold(call, Call::tenant)
        };
        let mut call = Box::pin(cache.clone().oneshot(asked()));
        assert!((&mut call).now_or_never().is_none());
        match tenant {
            None => layer.handle().purge_all().await.unwrap(),
            tenant => layer.handle().purge_tenant(tenant).await.unwrap(),
        }
        // Who asks now does not join it either.
        let mut after = Box::pin(cache.clone().oneshot(asked()));
        assert!((&mut after).now_or_never().is_none());
        next(&mut mock).await.send_response(whole("old"));
        assert_eq!(told(&call.await.unwrap()), "old");
        next(&mut mock).await.send_response(whole("new"));
        assert_eq!(told(&after.await.unwrap()), "new");
        let again = cache.clone().oneshot(asked()).await.unwrap();
        assert_eq!(told(&again), "new");
    }
}

type Known = Result<Generation, StoreError>;

/// A store whose generations are asked for; the test answers.
#[derive(Clone, Debug, Default)]
struct Asked {
    memory: Arc<Mutex<Option<Memory>>>,
    guess: u64,
    answers: Arc<Mutex<VecDeque<oneshot::Receiver<Known>>>>,
    looked_up: Arc<AtomicUsize>,
}

impl Asked {
    fn of(guess: u64) -> Self {
        let memory = Arc::new(Mutex::new(Some(Memory::new(1 << 20))));
        Self {
            memory,
            guess,
            ..Self::default()
        }
    }

    fn memory(&self) -> Memory {
        self.memory.lock().unwrap().clone().unwrap()
    }

    fn will_answer(&self) -> oneshot::Sender<Known> {
        let (sender, receiver) = oneshot::channel();
        self.answers.lock().unwrap().push_back(receiver);
        sender
    }
}

impl Store for Asked {
    type Get = <Memory as Store>::Get;

    fn get(&self, key: &Key, now: Timestamp) -> Self::Get {
        self.looked_up.fetch_add(1, SeqCst);
        self.memory().get(key, now)
    }

    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        self.memory().put(key, entry, now);
    }

    fn remove(&self, key: &Key) {
        self.memory().remove(key);
    }

    fn generation(&self, _: Scope<'_>) -> Reading {
        let answer = self.answers.lock().unwrap().pop_front().unwrap();
        Reading::Asking {
            guess: tenants(self.guess),
            asking: Box::pin(async { answer.await.unwrap() }),
        }
    }
}

fn tenants(tenant: u64) -> Generation {
    Generation {
        tenant,
        ..Generation::default()
    }
}

#[tokio::test]
async fn an_answer_is_looked_for_while_its_generation_is_asked_for() {
    let store = Asked::of(7);
    let layer = layer(store.clone());
    let cache = numbered(&layer);
    let asks = async |generation: Known, apart: bool| {
        let answer = store.will_answer();
        let directives = match apart {
            true => CacheDirectives::default().no_cache(),
            false => CacheDirectives::default(),
        };
        let before = store.looked_up.load(SeqCst);
        let mut asked = Box::pin(ask(&cache, req(false).cache(directives)));
        assert!(
            (&mut asked).now_or_never().is_none(),
            "not before it is known"
        );
        let looked_up = store.looked_up.load(SeqCst) - before;
        assert_eq!(looked_up, usize::from(!apart));
        answer.send(generation).unwrap();
        let got = asked.await;
        (got, store.looked_up.load(SeqCst) - before)
    };
    assert_eq!(asks(Ok(tenants(7)), false).await, ("1".into(), 1));
    assert_eq!(asks(Ok(tenants(7)), false).await, ("1".into(), 1), "a hit");
    // It was purged: what was found is not given, and what is brought is kept as it is now.
    assert_eq!(asks(Ok(tenants(8)), false).await, ("2".into(), 2));
    assert_eq!(asks(Ok(tenants(8)), false).await, ("2".into(), 2));
    assert_eq!(asks(Ok(tenants(7)), false).await, ("1".into(), 1));
    assert_eq!(asks(Ok(tenants(8)), true).await, ("3".into(), 0));
    assert_eq!(asks(Ok(tenants(8)), false).await, ("3".into(), 2));
    // Nobody can say: neither is given.
    let failed = || Err(StoreFault::Unavailable.into());
    assert_eq!(asks(failed(), false).await, ("4".into(), 2));
}

#[tokio::test]
async fn a_store_that_cannot_purge_says_so() {
    let handle = layer(Shelf::default()).handle();
    let error = handle.purge_all().await.unwrap_err();
    assert_eq!(error.fault(), StoreFault::Other);
    assert!(handle.purge_namespace(Some("n")).await.is_err());
}

#[cfg(feature = "redis")]
mod shared {
    use std::time::Duration;

    use obs_redis::{Redis, State, testing::Server};
    use tokio::{task::yield_now, time::Instant};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn gateway(server: &Server) -> (CacheLayer<Tiered<RedisStore>>, Background) {
        let redis = Redis::builder(&server.url()).budget(Duration::from_millis(500));
        let redis = redis.connect().unwrap();
        let closed = tokio::time::timeout(PATIENCE, redis.wait_for(State::Closed));
        closed.await.expect("connected");
        let background = Background::new(100);
        let store = RedisStore::new(redis, background.clone());
        (layer(Tiered::new(Memory::new(1 << 20), store)), background)
    }

    async fn written(background: &Background) {
        let until = Instant::now() + PATIENCE;
        while background.in_flight() > 0 {
            assert!(Instant::now() < until);
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_purge_reaches_the_other_gateways_and_their_memory() {
        let server = Server::new();
        let ((one, writes), (other, _)) = (gateway(&server).await, gateway(&server).await);
        let (a, b) = (numbered(&one), numbered(&other));
        let call = || req(false).namespace("n");
        assert_eq!(ask(&a, call()).await, "1");
        written(&writes).await;
        assert_eq!(ask(&b, call()).await, "1");
        one.handle().purge_namespace(Some("n")).await.unwrap();
        // Here at once.
        assert_eq!(ask(&a, call()).await, "2");
        written(&writes).await;
        // There within a second and a call, and then it is the same answer.
        let until = Instant::now() + PATIENCE;
        while ask(&b, call()).await != "2" {
            assert!(Instant::now() < until);
            yield_now().await;
        }
        // A gateway that starts later finds nothing that was purged.
        let (late, _) = gateway(&server).await;
        one.handle().purge_all().await.unwrap();
        let c = numbered(&late);
        assert_eq!(late.stats().hits, 0);
        ask(&c, call()).await;
        assert_eq!((late.stats().hits, late.stats().misses), (0, 1));
    }

    #[tokio::test]
    async fn deleting_reaches_the_server_and_fails_when_there_is_none() {
        let mut server = Server::new();
        let (layer, writes) = gateway(&server).await;
        let cache = numbered(&layer);
        ask(&cache, req(false)).await;
        written(&writes).await;
        assert_ne!(server.cli(&["KEYS", "*"]), "");
        layer.handle().delete(&req(false)).await.unwrap();
        assert_eq!(server.cli(&["KEYS", "*"]), "");
        server.kill();
        assert!(layer.handle().delete(&req(false)).await.is_err());
        assert!(layer.handle().purge_all().await.is_err());
    }

    #[tokio::test]
    async fn no_name_in_the_server_tells_a_namespace_or_a_tenant() {
        let server = Server::new();
        let (layer, _) = gateway(&server).await;
        let handle = layer.handle();
        handle.purge_namespace(Some("acme secret")).await.unwrap();
        handle.purge_namespace(None).await.unwrap();
        handle.purge_tenant(Some("acme tenant")).await.unwrap();
        let keys = server.cli(&["KEYS", "*"]);
        assert_eq!(keys.lines().count(), 4, "{keys}");
        assert!(!keys.contains("acme") && keys.contains("obs:gen:none"));
        assert!(keys.contains("obs:gen:purges"), "{keys}");
    }

    #[tokio::test]
    async fn a_server_that_is_absent_from_the_start_leaves_memory_its_hits() {
        let server = Server::absent(&[]);
        let redis = Redis::builder(&server.url()).connect().unwrap();
        let store = RedisStore::new(redis, Background::new(100));
        let layer = layer(Tiered::new(Memory::new(1 << 20), store));
        let cache = numbered(&layer);
        assert_eq!(ask(&cache, req(false)).await, "1");
        assert_eq!(ask(&cache, req(false)).await, "1");
        assert_eq!(layer.stats().hits, 1);
    }
}

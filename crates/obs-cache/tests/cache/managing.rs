//! Deleting, purging, and reports of wrong answers.
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use futures_util::FutureExt;
use obs_cache::*;
use obs_core::*;
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
        let mut got = vec![];
        for call in calls() {
            got.push(ask(&cache, call).await);
        }
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
        let all = async || {
            let mut got = vec![];
            for call in calls() {
                got.push(ask(&cache, call).await);
            }
            got
        };
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
async fn what_is_under_way_during_a_purge_is_not_found_afterwards() {
    let store = Memory::new(1 << 20);
    let layer = layer(store.clone());
    let (cache, mut mock) = around(&layer);
    let mut call = Box::pin(cache.clone().oneshot(req(false)));
    assert!((&mut call).now_or_never().is_none());
    layer.handle().purge_all().await.unwrap();
    next(&mut mock).await.send_response(whole("old"));
    assert_eq!(told(&call.await.unwrap()), "old");
    let again = cache.clone().oneshot(req(false));
    let (got, ()) = tokio::join!(again, async {
        next(&mut mock).await.send_response(whole("new"));
    });
    assert_eq!(told(&got.unwrap()), "new");
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
    async fn no_name_in_the_server_tells_a_namespace() {
        let server = Server::new();
        let (layer, _) = gateway(&server).await;
        let handle = layer.handle();
        handle.purge_namespace(Some("acme secret")).await.unwrap();
        handle.purge_namespace(None).await.unwrap();
        let keys = server.cli(&["KEYS", "*"]);
        assert_eq!(keys.lines().count(), 2, "{keys}");
        assert!(!keys.contains("acme") && keys.contains("obs:gen:none"));
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

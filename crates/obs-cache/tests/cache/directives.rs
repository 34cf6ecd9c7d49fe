//! What a caller asks of the cache.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::FutureExt;
use obs_cache::*;
use obs_core::*;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::chat::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A model that numbers its answers, behind a cache with a time to live of ten minutes.
struct Numbered<S> {
    cache: S,
    store: Shelf,
    wall: Wall,
    layer: CacheLayer<Shelf>,
}

fn numbered()
-> Numbered<impl Service<Call<Req>, Response = Chat, Error = Error, Future: Send> + Clone> {
    let (store, wall, calls) = (Shelf::default(), Wall::new(), Arc::new(AtomicUsize::new(0)));
    let layer = layer(store.clone()).ttl(10 * MINUTE).clock(wall.clock());
    let cache = layer.layer(service_fn(move |_: Call<Req>| {
        let number = calls.fetch_add(1, SeqCst) + 1;
        async move { Ok::<_, BoxError>(whole(&number.to_string())) }
    }));
    Numbered {
        cache,
        store,
        wall,
        layer,
    }
}

impl<S> Numbered<S>
where
    S: Service<Call<Req>, Response = Chat, Error = Error> + Clone,
{
    async fn ask(&self, directives: CacheDirectives) -> (String, Option<CacheStatus>) {
        let call = req(false).cache(directives);
        let journal = call.journal();
        let answer = self.cache.clone().oneshot(call).await;
        let answer = match &answer {
            Ok(chat) => told(chat).to_owned(),
            Err(error) => error.kind().to_string(),
        };
        (answer, status(&journal))
    }

    async fn plain(&self) -> (String, Option<CacheStatus>) {
        self.ask(CacheDirectives::default()).await
    }
}

fn none() -> CacheDirectives {
    CacheDirectives::default()
}

fn is(answer: &str, status: CacheStatus) -> (String, Option<CacheStatus>) {
    (answer.to_owned(), Some(status))
}

#[tokio::test]
async fn no_store_neither_gives_nor_keeps() {
    let numbered = numbered();
    assert_eq!(
        numbered.ask(none().no_store()).await,
        is("1", CacheStatus::Bypass)
    );
    assert!(numbered.store.entries().is_empty());
    assert_eq!(numbered.plain().await, is("2", CacheStatus::Miss));
    assert_eq!(
        numbered.ask(none().no_store()).await,
        is("3", CacheStatus::Bypass)
    );
    assert_eq!(numbered.plain().await, is("2", CacheStatus::Hit));
    assert_eq!(numbered.layer.stats().bypassed, 2);
}

#[tokio::test]
async fn no_cache_asks_again_and_refreshes() {
    let numbered = numbered();
    assert_eq!(numbered.plain().await, is("1", CacheStatus::Miss));
    assert_eq!(
        numbered.ask(none().no_cache()).await,
        is("2", CacheStatus::Bypass)
    );
    assert_eq!(numbered.plain().await, is("2", CacheStatus::Hit));
    let stats = numbered.layer.stats();
    assert_eq!((stats.hits, stats.misses, stats.bypassed), (1, 1, 1));
}

#[tokio::test]
async fn no_cache_joins_nobody_and_is_joined() {
    let (cache, mut handle, store) = setup();
    let mut old = task::spawn(cache.clone().oneshot(req(false)));
    assert_pending!(old.poll());
    let old_call = next(&mut handle).await;
    let again = req(false).cache(none().no_cache());
    let journal = again.journal();
    let mut again = task::spawn(cache.clone().oneshot(again));
    assert_pending!(again.poll());
    let new_call = handle
        .next_request()
        .now_or_never()
        .expect("its own")
        .unwrap()
        .1;
    let mut follower = task::spawn(cache.clone().oneshot(req(false)));
    assert_pending!(follower.poll());
    assert!(handle.next_request().now_or_never().is_none());
    new_call.send_response(whole("new"));
    assert_eq!(told(&assert_ready!(again.poll()).unwrap()), "new");
    assert_eq!(told(&assert_ready!(follower.poll()).unwrap()), "new");
    assert_eq!(
        (status(&journal), cost(&journal)),
        (Some(CacheStatus::Bypass), Some(50))
    );
    old_call.send_response(whole("old"));
    assert_eq!(told(&assert_ready!(old.poll()).unwrap()), "old");
    let stats = cache.stats();
    assert_eq!((stats.bypassed, stats.coalesced, stats.misses), (1, 1, 1));
    assert_eq!(store.entries().len(), 1);
}

#[tokio::test]
async fn only_if_cached_makes_no_call() {
    let numbered = numbered();
    let only = || none().only_if_cached();
    assert_eq!(
        numbered.ask(only()).await,
        is("not_cached", CacheStatus::Miss)
    );
    numbered.plain().await;
    assert_eq!(numbered.ask(only()).await, is("1", CacheStatus::Hit));
    // Nothing else will do, and nothing may be asked.
    let (answer, _) = numbered.ask(only().no_cache()).await;
    assert_eq!(answer, "not_cached");
    let (answer, _) = numbered.ask(only().no_store()).await;
    assert_eq!(answer, "not_cached");
    assert_eq!(numbered.plain().await, is("1", CacheStatus::Hit));
    assert_eq!(numbered.layer.stats().calls(), 6);
    let error = numbered
        .cache
        .clone()
        .oneshot(req(false).cache(only().no_store()));
    let error = error.await.err().unwrap();
    assert!(error.find::<NotCached>().is_some());
}

#[tokio::test]
async fn a_younger_answer_is_asked_for_and_kept_for_all() {
    let numbered = numbered();
    numbered.plain().await;
    numbered.wall.advance(5 * MINUTE);
    assert_eq!(
        numbered.ask(none().max_age(5 * MINUTE)).await,
        is("1", CacheStatus::Hit)
    );
    assert_eq!(
        numbered.ask(none().max_age(4 * MINUTE)).await,
        is("2", CacheStatus::Miss)
    );
    assert_eq!(numbered.plain().await, is("2", CacheStatus::Hit));
}

#[tokio::test]
async fn an_answer_that_stays_fresh_is_asked_for() {
    let numbered = numbered();
    numbered.plain().await;
    numbered.wall.advance(5 * MINUTE);
    let mut asked = none();
    asked.min_fresh = Some(5 * MINUTE);
    assert_eq!(numbered.ask(asked).await, is("1", CacheStatus::Hit));
    asked.min_fresh = Some(6 * MINUTE);
    assert_eq!(numbered.ask(asked).await, is("2", CacheStatus::Miss));
}

#[tokio::test]
async fn a_caller_widens_nothing() {
    let numbered = numbered();
    numbered.plain().await;
    numbered.wall.advance(11 * MINUTE);
    let mut asked = none().max_age(Duration::MAX);
    asked.max_stale = Some(MaxStale::Any);
    assert_eq!(numbered.ask(asked).await, is("2", CacheStatus::Miss));
}

#[tokio::test]
async fn what_is_not_cacheable_goes_by() {
    let numbered = numbered();
    let mut call = req(false);
    call.request.uncacheable = true;
    let journal = call.journal();
    numbered.cache.clone().oneshot(call).await.unwrap();
    assert_eq!(status(&journal), Some(CacheStatus::Bypass));
    assert!(numbered.store.entries().is_empty());
}

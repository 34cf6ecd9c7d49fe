//! Answers that are no longer fresh: while they are renewed, in the place of an error, and on request.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use obs_cache::*;
use obs_core::*;
use obs_metrics::Metrics;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::chat::*;

const MINUTE: Duration = Duration::from_secs(60);

struct Around {
    cache: Cache<Mocked, Shelf>,
    handle: Handle,
    store: Shelf,
    wall: Wall,
    background: Background,
}

/// Ten minutes of freshness, five for renewal, and what else is set.
fn around_(set: impl FnOnce(CacheLayer<Shelf>) -> CacheLayer<Shelf>) -> Around {
    let (store, wall, background) = (Shelf::default(), Wall::new(), Background::new(4));
    let layer = layer(store.clone())
        .ttl(10 * MINUTE)
        .stale_while_revalidate(5 * MINUTE, background.clone())
        .clock(wall.clock());
    let (cache, handle) = around(&set(layer));
    Around {
        cache,
        handle,
        store,
        wall,
        background,
    }
}

impl Around {
    /// Stores this answer, and lets that much time pass.
    async fn store(&mut self, answer: &str, then: Duration) {
        let (got, ()) = tokio::join!(self.cache.clone().oneshot(req(false)), async {
            next(&mut self.handle).await.send_response(whole(answer));
        });
        got.unwrap();
        self.wall.advance(then);
    }

    /// The answer that is there at once.
    fn at_once(&self, call: Call<Req>) -> (String, Report) {
        let journal = call.journal();
        let got = self.cache.clone().oneshot(call).now_or_never();
        let got = got.expect("at once").unwrap();
        (told(&got).to_owned(), journal.read())
    }

    async fn done(&self) {
        // The clock is paused: it moves on when nothing else can.
        let all = async {
            while self.background.in_flight() > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let patience = tokio::time::timeout(20 * MINUTE, all);
        patience.await.expect("it ends");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_is_given_at_once_and_renewed_once() {
    let mut around = around_(|layer| layer);
    around.store("old", 11 * MINUTE).await;
    for _ in 0..3 {
        let (answer, report) = around.at_once(req(false));
        assert_eq!(answer, "old");
        let note = report.cache.unwrap();
        assert_eq!(note.status, CacheStatus::Stale);
        assert_eq!(note.age, Some(11 * MINUTE));
        assert_eq!(note.saved, Some(usd(50)));
        assert!(report.attempts.is_empty());
    }
    let (call, send) = around.handle.next_request().await.unwrap();
    assert_eq!(call.context.purpose, Purpose::Refresh);
    assert!(around.handle.next_request().now_or_never().is_none());
    send.send_response(whole("new"));
    around.done().await;
    let (answer, report) = around.at_once(req(false));
    assert_eq!(answer, "new");
    assert_eq!(report.cache.unwrap().status, CacheStatus::Hit);
    let stats = around.cache.stats();
    assert_eq!((stats.hits, stats.stale, stats.misses), (4, 3, 1));
    assert_eq!((stats.refreshes, stats.refreshes_failed), (1, 0));
    assert_eq!(stats.calls(), 5);
    assert_eq!(stats.saved, usd(4 * 50));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_not_bound_by_the_callers_time_nor_by_what_it_asked() {
    let mut around = around_(|layer| layer.refresh_limit(MINUTE));
    around.store("old", 11 * MINUTE).await;
    let mut asked = CacheDirectives::default();
    asked.max_stale = Some(MaxStale::Any);
    let call = req(false)
        .cache(asked)
        .deadline(Deadline::after(Duration::from_secs(1), Duration::ZERO));
    assert_eq!(around.at_once(call).0, "old");
    let (call, send) = around.handle.next_request().await.unwrap();
    assert_eq!(call.context.cache, CacheDirectives::default());
    assert_eq!(call.context.deadline.remaining(), Some(MINUTE));
    // Never answered: it ends by its own limit.
    around.done().await;
    assert_eq!(around.cache.stats().refreshes_failed, 1);
    drop(send);
}

#[tokio::test(start_paused = true)]
async fn who_wants_nothing_stale_joins_the_refresh_and_pays_nothing() {
    let mut around = around_(|layer| layer);
    around.store("old", 11 * MINUTE).await;
    around.at_once(req(false));
    let fresh = req(false).cache(CacheDirectives::default().max_age(MINUTE));
    let journal = fresh.journal();
    let mut waiting = task::spawn(around.cache.clone().oneshot(fresh));
    assert_pending!(waiting.poll());
    next(&mut around.handle).await.send_response(whole("new"));
    around.done().await;
    let got = assert_ready!(waiting.poll()).unwrap();
    assert_eq!(told(&got), "new");
    assert_eq!(status(&journal), Some(CacheStatus::Coalesced));
    assert_eq!((cost(&journal), saved(&journal)), (Some(0), Some(50)));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_keeps_the_old_answer_and_rests() {
    let mut around = around_(|layer| layer);
    around.store("old", 11 * MINUTE).await;
    for _ in 0..2 {
        assert_eq!(around.at_once(req(false)).0, "old");
        if let Some(Some((_, send))) = around.handle.next_request().now_or_never() {
            send.send_error(Error::new(ErrorKind::Upstream, "down"));
        }
        around.done().await;
    }
    assert_eq!(around.cache.stats().refreshes_failed, 1);
    around.wall.advance(Duration::from_secs(5));
    assert_eq!(around.at_once(req(false)).0, "old");
    next(&mut around.handle).await.send_response(whole("new"));
    around.done().await;
    assert_eq!(around.at_once(req(false)).0, "new");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_without_room_is_counted_and_left_to_the_next() {
    let mut around = around_(|layer| layer);
    around.store("old", 11 * MINUTE).await;
    for _ in 0..4 {
        let forever = std::future::pending();
        around.background.spawn(forever).unwrap();
    }
    for dropped in 1..=2 {
        assert_eq!(around.at_once(req(false)).0, "old");
        assert_eq!(around.cache.stats().refreshes_dropped, dropped);
    }
    assert!(around.handle.next_request().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn who_wants_only_what_is_cached_sets_off_no_call() {
    let mut around = around_(|layer| layer);
    around.store("old", 11 * MINUTE).await;
    let only = req(false).cache(CacheDirectives::default().only_if_cached());
    let (answer, report) = around.at_once(only);
    assert_eq!(answer, "old");
    assert_eq!(report.cache.unwrap().status, CacheStatus::Stale);
    assert_eq!(around.background.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_streamed_answer_is_renewed_too() {
    let mut around = around_(|layer| layer);
    around.store("old", 11 * MINUTE).await;
    let got = around.cache.clone().oneshot(req(true)).await.unwrap();
    assert_eq!(texts(got).await, ["old"]);
    let tx = stream_next(&mut around.handle).await;
    for chunk in [text("n"), text("ew"), stop(), bill(3)] {
        tx.send(Ok(chunk)).unwrap();
    }
    drop(tx);
    around.done().await;
    assert_eq!(around.at_once(req(false)).0, "new");
}

#[tokio::test(start_paused = true)]
async fn beyond_the_window_it_is_asked_for_as_if_there_were_none() {
    let mut around = around_(|layer| layer);
    around.store("old", 15 * MINUTE).await;
    let mut call = task::spawn(around.cache.clone().oneshot(req(false)));
    assert_pending!(call.poll());
    next(&mut around.handle).await.send_response(whole("new"));
    assert_eq!(told(&assert_ready!(call.poll()).unwrap()), "new");
}

#[tokio::test(start_paused = true)]
async fn entries_are_kept_for_as_long_as_they_may_be_of_use() {
    let mut around = around_(|layer| layer.stale_if_error(30 * MINUTE).max_stale(MINUTE));
    around.store("old", Duration::ZERO).await;
    let entry = around.store.entries().remove(0);
    assert_eq!(entry.fresh_until, around.wall.now().after(10 * MINUTE));
    assert_eq!(entry.keep_until, around.wall.now().after(40 * MINUTE));
}

#[tokio::test]
async fn jitter_shortens_the_life_of_each_answer() {
    let (store, wall) = (Shelf::default(), Wall::new());
    let cache = CacheLayer::new(store.clone())
        .metrics(&Metrics::disabled())
        .ttl(100 * MINUTE)
        .clock(wall.clock())
        .layer(service_fn(async |_: Call<Req>| Ok::<_, Error>(whole("x"))));
    for n in 0..50 {
        let call = asking(&n.to_string());
        cache.clone().oneshot(call).await.unwrap();
    }
    let entries = store.entries();
    let lives = entries.iter().map(|e| e.fresh_until.since(e.created));
    let (min, max) = (lives.clone().min().unwrap(), lives.max().unwrap());
    assert!(min >= 95 * MINUTE && max <= 100 * MINUTE, "{min:?} {max:?}");
    assert!(max - min > 2 * MINUTE, "{min:?} {max:?}");
}

#[test]
#[should_panic(expected = "from 0 to 1")]
fn jitter_that_is_no_part_is_refused() {
    let _ = layer(Shelf::default()).jitter(1.5);
}

/// A model that answers once, then fails so.
fn failing(
    kind: ErrorKind,
    set: impl FnOnce(CacheLayer<Shelf>) -> CacheLayer<Shelf>,
) -> (
    impl Service<Call<Req>, Response = Chat, Error = Error, Future: Send> + Clone,
    CacheLayer<Shelf>,
    Wall,
) {
    let (calls, wall) = (Arc::new(AtomicUsize::new(0)), Wall::new());
    let layer = layer(Shelf::default())
        .ttl(10 * MINUTE)
        .stale_if_error(20 * MINUTE)
        .clock(wall.clock());
    let layer = set(layer);
    let model = service_fn(move |_: Req| {
        let first = calls.fetch_add(1, SeqCst) == 0;
        async move {
            match first {
                true => Ok(whole("old")),
                false => Err(Error::new(kind, "down")),
            }
        }
    });
    let attempts = AttemptLayer::new(prices()).layer(model);
    (layer.layer(attempts), layer, wall)
}

#[tokio::test(start_paused = true)]
async fn a_stored_answer_takes_the_place_of_a_fault_of_the_provider() {
    for (kind, is_rescued) in [
        (ErrorKind::Upstream, true),
        (ErrorKind::Connect, true),
        (ErrorKind::Timeout, true),
        (ErrorKind::RateLimited, true),
        (ErrorKind::Overloaded, true),
        (ErrorKind::CutOff, true),
        (ErrorKind::Credentials, true),
        (ErrorKind::Unknown, true),
        (ErrorKind::Caller, false),
        (ErrorKind::Auth, false),
        (ErrorKind::ContextTooLong, false),
        (ErrorKind::ContentFilter, false),
        (ErrorKind::Policy, false),
    ] {
        let (cache, layer, wall) = failing(kind, |layer| layer);
        cache.clone().oneshot(req(false)).await.unwrap();
        wall.advance(11 * MINUTE);
        for streams in [false, true] {
            let call = req(streams);
            let journal = call.journal();
            let got = cache.clone().oneshot(call).await;
            let note = journal.read().cache.unwrap();
            match is_rescued {
                true => {
                    assert_eq!(read(got.unwrap()).await, "old", "{kind}");
                    assert_eq!(note.status, CacheStatus::Stale, "{kind}");
                    assert_eq!(note.age, Some(11 * MINUTE));
                    assert_eq!(note.saved, Some(usd(50)));
                }
                false => {
                    assert_eq!(got.unwrap_err().kind(), kind);
                    assert_eq!(note.status, CacheStatus::Miss);
                }
            }
            // Also the attempt that failed is this call's.
            assert_eq!(journal.read().attempts.len(), 1);
        }
        let stats = layer.stats();
        let wanted = if is_rescued { (2, 1) } else { (0, 3) };
        assert_eq!((stats.stale, stats.misses), wanted, "{kind}");
        assert_eq!(stats.calls(), 3);
        // It is no excuse for ever.
        wall.advance(19 * MINUTE);
        assert!(cache.clone().oneshot(req(false)).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_asks_for_fresh_answers_hears_of_the_error() {
    for directives in ["max-age=900", "min-fresh=1", "max-stale=30", "no-cache"] {
        let (cache, _, wall) = failing(ErrorKind::Upstream, |layer| layer);
        cache.clone().oneshot(req(false)).await.unwrap();
        wall.advance(11 * MINUTE);
        let call = req(false).cache(CacheDirectives::parse(directives).unwrap());
        let got = cache.clone().oneshot(call).await;
        assert_eq!(got.unwrap_err().kind(), ErrorKind::Upstream, "{directives}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_a_call_that_fails_get_the_stored_answer() {
    let mut around = around_(|layer| layer.stale_if_error(30 * MINUTE));
    around.store("old", 20 * MINUTE).await;
    let mut calls: Vec<_> = (0..3)
        .map(|_| task::spawn(around.cache.clone().oneshot(req(false))))
        .collect();
    for call in &mut calls {
        assert_pending!(call.poll());
    }
    let error = Error::new(ErrorKind::Overloaded, "full");
    next(&mut around.handle).await.send_error(error);
    for call in &mut calls {
        assert_eq!(told(&assert_ready!(call.poll()).unwrap()), "old");
    }
    let stats = around.cache.stats();
    assert_eq!((stats.stale, stats.misses), (3, 1));
    assert_eq!(stats.followers_failed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_begun_is_not_replaced() {
    let mut around = around_(|layer| layer.stale_if_error(30 * MINUTE));
    around.store("old", 20 * MINUTE).await;
    let call = req(true);
    let journal = call.journal();
    let (got, tx) = tokio::join!(
        around.cache.clone().oneshot(call),
        stream_next(&mut around.handle)
    );
    tx.send(Ok(text("n"))).unwrap();
    tx.send(Err(Error::new(ErrorKind::CutOff, "cut"))).unwrap();
    let items: Vec<_> = chunks(got.unwrap()).collect().await;
    assert!(items[1].is_err());
    assert_eq!(status(&journal), Some(CacheStatus::Miss));
    assert_eq!(around.cache.stats().stale, 0);
}

#[tokio::test(start_paused = true)]
async fn stale_answers_on_request_are_as_stale_as_the_operator_allows() {
    let (cache, layer, wall) = failing(ErrorKind::Upstream, |layer| {
        layer.stale_if_error(Duration::ZERO).max_stale(5 * MINUTE)
    });
    cache.clone().oneshot(req(false)).await.unwrap();
    wall.advance(13 * MINUTE);
    let ask = async |directives: &str| {
        let call = req(false).cache(CacheDirectives::parse(directives).unwrap());
        cache.clone().oneshot(call).await.is_ok()
    };
    assert!(!ask("").await);
    assert!(ask("max-stale").await);
    assert!(ask("max-stale=240").await);
    assert!(!ask("max-stale=120").await);
    assert!(ask("max-stale, max-age=800").await);
    assert!(!ask("max-age=800").await);
    wall.advance(2 * MINUTE);
    assert!(!ask("max-stale").await);
    assert_eq!(layer.stats().stale, 3);
}

#[tokio::test(start_paused = true)]
async fn a_hot_answer_is_renewed_before_its_time_is_over() {
    let background = Background::new(4);
    let early = background.clone();
    let mut around = around_(move |layer| layer.early_refresh(1e9, early));
    around.background = background;
    // The mean time of a call is known from the first one.
    let asked = tokio::spawn(around.cache.clone().oneshot(req(false)));
    let send = next(&mut around.handle).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    send.send_response(whole("old"));
    asked.await.unwrap().unwrap();
    around.wall.advance(9 * MINUTE);
    for _ in 0..5 {
        let (answer, report) = around.at_once(req(false));
        let note = report.cache.unwrap();
        assert_eq!((&*answer, note.status), ("old", CacheStatus::Hit));
    }
    let (call, send) = around.handle.next_request().await.unwrap();
    assert_eq!(call.context.purpose, Purpose::Refresh);
    assert!(
        around.handle.next_request().now_or_never().is_none(),
        "one at a time"
    );
    send.send_response(whole("new"));
    around.done().await;
    around.wall.advance(2 * MINUTE);
    let (answer, report) = around.at_once(req(false));
    let note = report.cache.unwrap();
    assert_eq!((&*answer, note.status), ("new", CacheStatus::Hit));
    let stats = around.cache.stats();
    assert_eq!((stats.refreshes, stats.stale), (1, 0));
    assert!(stats.refreshes_early >= 1, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn who_wants_no_call_sets_off_no_early_one() {
    let background = Background::new(4);
    let mut around = around_(|layer| layer.early_refresh(1e9, background));
    let asked = tokio::spawn(around.cache.clone().oneshot(req(false)));
    let send = next(&mut around.handle).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    send.send_response(whole("old"));
    asked.await.unwrap().unwrap();
    let directives = CacheDirectives::default().only_if_cached();
    assert_eq!(around.at_once(req(false).cache(directives)).0, "old");
    assert_eq!(around.cache.stats().refreshes_early, 0);
    assert!(around.handle.next_request().now_or_never().is_none());
}

//! What every layer promises.
use std::time::Duration;

use futures_util::FutureExt;
use obs_cache::*;
use obs_core::*;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{
    Layer, Service, ServiceExt,
    limit::ConcurrencyLimit,
    service_fn,
    util::{BoxCloneService, BoxCloneSyncService},
};
use tower_test::mock;

use crate::chat::*;

#[tokio::test]
async fn inner_not_ready_is_pending_then_woken() {
    let (mut cache, mut handle, _) = setup();
    handle.allow(0);
    assert!(cache.ready().now_or_never().unwrap().is_ok());
    let mut call = task::spawn(cache.call(req(false)));
    assert_pending!(call.poll());
    assert!(handle.next_request().now_or_never().is_none());
    handle.allow(1);
    assert!(call.is_woken());
    assert_pending!(call.poll());
    next(&mut handle).await.send_response(whole("x"));
    assert!(call.is_woken());
    assert_eq!(told(&assert_ready!(call.poll()).unwrap()), "x");
}

#[tokio::test]
async fn calls_the_readied_instance() {
    let (mut cache, mut handle) = mock::spawn_layer::<Call<Req>, Chat, _>(layer(Shelf::default()));
    handle.allow(2);
    for prompt in ["a", "b"] {
        assert_ready!(cache.poll_ready()).unwrap();
        let mut call = task::spawn(cache.call(asking(prompt)));
        assert_pending!(call.poll());
        next(&mut handle).await.send_response(whole(prompt));
        assert_eq!(told(&assert_ready!(call.poll()).unwrap()), prompt);
    }
}

#[tokio::test]
async fn clones_do_not_share_readiness() {
    let (inner, mut handle) = mock::pair::<Call<Req>, Chat>();
    handle.allow(9);
    let mut limit = ConcurrencyLimit::new(inner, 1);
    let mut cache = layer(Shelf::default()).layer(limit.clone());
    // Readying the cache, and a hit, take no permit.
    cache.ready().await.unwrap();
    assert!(limit.ready().now_or_never().is_some(), "the permit is free");
    let (got, ()) = tokio::join!(cache.clone().oneshot(req(false)), async {
        // The permit that `limit` has just taken is in the way, until it is given back.
        limit = limit.clone();
        next(&mut handle).await.send_response(whole("x"));
    });
    got.unwrap();
    cache.oneshot(req(false)).now_or_never().unwrap().unwrap();
    assert!(limit.ready().now_or_never().is_some());
}

#[tokio::test]
async fn readiness_error_propagates() {
    let (inner, mut handle) = mock::pair::<Call<Req>, Chat>();
    let cache = layer(Shelf::default()).layer(inner);
    handle.send_error(Error::new(ErrorKind::Overloaded, "full"));
    let error = cache.oneshot(req(false)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
}

#[tokio::test]
async fn dropping_before_call_releases() {
    let (inner, mut handle) = mock::pair::<Call<Req>, Chat>();
    handle.allow(9);
    let limit = ConcurrencyLimit::new(inner, 1);
    let mut cache = layer(Shelf::default()).layer(limit.clone());
    let readied = cache.ready().await.unwrap();
    let call = readied.call(req(false));
    drop(call); // never polled
    assert!(limit.clone().ready().now_or_never().is_some());
    assert_eq!(cache.stats().cancelled, 1);
}

#[tokio::test]
async fn dropping_the_future_cancels_inner() {
    let (inner, mut handle) = mock::pair::<Call<Req>, Chat>();
    handle.allow(9);
    let limit = ConcurrencyLimit::new(inner, 1);
    let cache = layer(Shelf::default()).layer(limit.clone());
    let mut call = task::spawn(cache.clone().oneshot(req(false)));
    assert_pending!(call.poll());
    let reply = next(&mut handle).await;
    assert!(limit.clone().ready().now_or_never().is_none());
    drop(call);
    assert!(limit.clone().ready().now_or_never().is_some());
    let before = cache.stats();
    assert_eq!(before.cancelled, 1);
    reply.send_response(whole("late"));
    assert_eq!(cache.stats(), before);
}

#[tokio::test(start_paused = true)]
async fn ready_at_the_deadline_wins_and_later_is_elapsed() {
    for wins in [true, false] {
        let (cache, mut handle, _) = setup();
        let second = Duration::from_secs(1);
        let call = req(false).deadline(Deadline::after(second, Duration::ZERO));
        let mut call = task::spawn(cache.oneshot(call));
        assert_pending!(call.poll());
        let reply = next(&mut handle).await;
        tokio::time::advance(second - Duration::from_millis(1)).await;
        assert_pending!(call.poll());
        if wins {
            reply.send_response(whole("x"));
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(call.is_woken());
        let answer = assert_ready!(call.poll());
        assert_eq!(answer.is_ok(), wins);
    }
}

#[test]
fn services_are_send_sync() {
    fn both<T: Send + Sync + Clone>() {}
    fn send<T: Send>() {}
    both::<CacheLayer<Tiered<BoxStore>>>();
    both::<Cache<mock::Mock<Call<Req>, Chat>, Memory>>();
    both::<Cache<mock::Mock<Call<Req>, Chat>, BoxStore>>();
    send::<ResponseFuture<mock::Mock<Call<Req>, Chat>, Req, Memory>>();
    send::<ResponseFuture<mock::Mock<Call<Req>, Chat>, Req, Tiered<BoxStore>>>();
    #[cfg(feature = "redis")]
    send::<ResponseFuture<mock::Mock<Call<Req>, Chat>, Req, Tiered<RedisStore>>>();
}

#[test]
fn it_fits_into_handlers_and_boxes() {
    fn send<T: Send>(_: T) {}
    async fn handler(
        service: Cache<BoxCloneSyncService<Call<Req>, Chat, Error>, Memory>,
    ) -> Result<Chat, Error> {
        service.oneshot(req(true)).await
    }
    let _ = |service| send(handler(service));
    let _ = |service: BoxCloneService<Call<Req>, Chat, BoxError>| {
        // Our error before the box, or `Send` is lost.
        let service: BoxCloneService<_, _, Error> = service.map_err(Error::from_any).boxed_clone();
        send(async move {
            layer(Shelf::default())
                .layer(service)
                .oneshot(req(true))
                .await
        })
    };
}

#[tokio::test]
async fn errors_of_other_layers_are_recognised() {
    let inner = service_fn(|_: Call<Req>| async move {
        Err::<Chat, _>(Error::new(ErrorKind::RateLimited, "no"))
    });
    let buffered = tower::buffer::Buffer::new(inner, 4);
    let cache = layer(Shelf::default()).layer(buffered);
    let error = cache.oneshot(req(false)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[test]
fn nothing_is_shown_of_what_was_asked() {
    let (cache, _handle, _) = setup();
    let mut call = cache.clone();
    let future = call.call(asking("secret question"));
    let shown = format!("{cache:?} {future:?}");
    assert!(!shown.contains("secret question"), "{shown}");
}

//! The time of a call, and how routes share it.
use std::time::Duration;

use obs_core::{AttemptLayer, Call, Deadline, Elapsed, Error, ErrorKind, Limit, Outcome};
use obs_metrics::Metrics;
use obs_router::{Backends, Route, RouterLayer};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_layer::Layer;
use tower_test::mock;

use crate::support::*;

const MINUTE: u64 = 60_000;

fn within(call: Call<Ask>, time: Duration) -> Call<Ask> {
    call.deadline(Deadline::at(Instant::now() + time))
}

#[tokio::test(start_paused = true)]
async fn a_silent_first_route_leaves_time_for_the_second() {
    let call = within(ask(), 10 * S);
    let (journal, start) = (call.journal(), Instant::now());
    let script = script([(MINUTE, Ok(whole("a"))), (4_999, Ok(whole("b")))]);
    assert_eq!(
        run(&cheap_first(), &script, call).await.unwrap().text(),
        "b"
    );
    assert_eq!(start.elapsed(), Duration::from_millis(9_999));
    let ends: Vec<_> = outcomes(&journal).into_iter().map(|o| o.2).collect();
    assert_eq!(ends, [Outcome::TimedOut, Outcome::Answered]);
    assert_eq!(
        journal.read().saved_by_route(),
        None,
        "what the first cost is not known"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_shared_among_the_routes_that_are_left() {
    let routes = ["a", "b", "c"].map(|name| Route::new(name).model(name));
    let layer = RouterLayer::new(to("a"), routes).metrics(&Metrics::disabled());
    let call = within(ask(), 12 * S);
    let (journal, start) = (call.journal(), Instant::now());
    // One fails after a second, and leaves its time to the others.
    let script = script([
        (1_000, Err(bad(ErrorKind::Upstream))),
        (MINUTE, Ok(whole("b"))),
        (MINUTE, Ok(whole("c"))),
    ]);
    let error = run(&layer, &script, call).await.unwrap_err();
    assert_eq!(start.elapsed(), 12 * S);
    assert_eq!(
        error.find::<Elapsed>().expect("a limit").limit(),
        Limit::Deadline
    );
    let times = attempts(&journal)
        .into_iter()
        .map(|a| a.ended.expect("ended") - a.started);
    let times: Vec<_> = times.collect();
    assert_eq!(times, [S, 11 * S / 2, 11 * S / 2]);
}

#[tokio::test(start_paused = true)]
async fn the_only_route_has_all_the_time() {
    let layer = RouterLayer::new(to("a"), [Route::new("a")]).metrics(&Metrics::disabled());
    let start = Instant::now();
    let call = within(ask(), 10 * S);
    run(&layer, &script([(9_999, Ok(whole("a")))]), call)
        .await
        .unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(9_999));
}

#[tokio::test(start_paused = true)]
async fn an_expired_call_costs_nothing() {
    let layer = cheap_first();
    let call = within(ask(), Duration::ZERO);
    let journal = call.journal();
    let error = run(&layer, &script([]), call).await.unwrap_err();
    assert_eq!(
        error.find::<Elapsed>().expect("a limit").limit(),
        Limit::Deadline
    );
    assert!(attempts(&journal).is_empty());
    assert_eq!(layer.stats().calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_route_has_a_limit_of_its_own() {
    let [cheap, premium] = routes();
    let layer = RouterLayer::new(to("cheap"), [cheap.limit(2 * S), premium]);
    let layer = layer.metrics(&Metrics::disabled());
    let start = Instant::now();
    let script = script([(MINUTE, Ok(whole("a"))), (20_000, Ok(whole("b")))]);
    assert_eq!(run(&layer, &script, ask()).await.unwrap().text(), "b");
    assert_eq!(start.elapsed(), 22 * S);
}

#[tokio::test(start_paused = true)]
async fn a_routes_limit_that_ends_the_call_is_told_as_that_of_an_attempt() {
    let layer = RouterLayer::new(to("a"), [Route::new("a").limit(2 * S)]);
    let layer = layer.metrics(&Metrics::disabled());
    let error = run(&layer, &script([(MINUTE, Ok(whole("a")))]), ask())
        .await
        .unwrap_err();
    let elapsed = error.find::<Elapsed>().expect("a limit");
    assert_eq!((elapsed.limit(), elapsed.after()), (Limit::Attempt, 2 * S));
}

/// The share ends at the commit point: in the context of a stream it would cut what is well under way.
#[tokio::test(start_paused = true)]
async fn a_committed_stream_outlives_the_share_of_its_route() {
    let slow = || stream((0..6).map(|_| (800, Ok(Tok::Word("a")))).collect());
    let routes = routes().map(|route| route.limit(S));
    let layer = RouterLayer::new(to("cheap"), routes).metrics(&Metrics::disabled());
    let call = within(ask_streamed(), 10 * S);
    let answer = run(&layer, &script([(0, Ok(slow()))]), call).await.unwrap();
    assert_eq!(answer.drain().await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_streams_is_cut_before_its_commit_point() {
    let routes = routes().map(|route| route.limit(S));
    let layer = RouterLayer::new(to("cheap"), routes).metrics(&Metrics::disabled());
    let call = ask_streamed();
    let journal = call.journal();
    let silent = stream(vec![(0, Ok(Tok::Head)), (MINUTE, Ok(Tok::Word("x")))]);
    let script = script([(0, Ok(silent)), (0, Ok(good()))]);
    assert_eq!(
        run(&layer, &script, call)
            .await
            .unwrap()
            .drain()
            .await
            .len(),
        4
    );
    let ends: Vec<_> = outcomes(&journal).into_iter().map(|o| o.2).collect();
    assert_eq!(ends, [Outcome::TimedOut, Outcome::Answered]);
}

/// What is inside sees the share of a plain attempt as its deadline.
#[tokio::test(start_paused = true)]
async fn the_share_is_in_the_context_of_a_plain_attempt() {
    let start = Instant::now();
    let inner = service_fn(move |call: Call<Ask>| async move {
        assert_eq!(call.context.deadline.end(), Some(start + 5 * S));
        Ok::<_, Error>(whole("a"))
    });
    let call = within(ask(), 10 * S);
    cheap_first().layer(inner).oneshot(call).await.unwrap();
}

/// In the context of a stream it would cut what is well under way.
#[tokio::test(start_paused = true)]
async fn the_share_is_not_in_the_context_of_a_streamed_attempt() {
    let start = Instant::now();
    let inner = service_fn(move |call: Call<Ask>| async move {
        assert_eq!(call.context.deadline.end(), Some(start + 10 * S));
        Ok::<_, Error>(good())
    });
    let call = within(ask_streamed(), 10 * S);
    cheap_first().layer(inner).oneshot(call).await.unwrap();
}

/// Its error comes when the whole call's time is up already.
#[tokio::test(start_paused = true)]
async fn no_route_is_tried_after_the_deadline() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    let mut router = cheap_first().layer(inner);
    let mut answer = task::spawn(router.call(within(ask(), 10 * S)));
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("asked");
    advance(11 * S).await;
    send.send_error(bad(ErrorKind::Upstream));
    let error = assert_ready!(answer.poll()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Upstream);
    assert!(task::spawn(handle.next_request()).poll().is_pending());
}

type Any = BoxCloneSyncService<Call<Ask>, Reply, Error>;

/// Waiting for readiness is on no clock inside.
#[tokio::test(start_paused = true)]
async fn a_route_that_is_never_ready_is_left_in_time() {
    let (stuck, mut handle) = mock::pair::<Call<Ask>, Reply>();
    handle.allow(0);
    let fine = service_fn(|_: Call<Ask>| async { Ok::<_, Error>(whole("b")) });
    let backends = Backends::new([
        ("cheap", Any::new(stuck.map_err(Error::from_any))),
        ("premium", Any::new(fine)),
    ]);
    let inner = AttemptLayer::new(prices()).enveloped().layer(backends);
    let start = Instant::now();
    let call = within(ask(), 10 * S);
    let answer = cheap_first().layer(inner).oneshot(call).await.unwrap();
    assert_eq!((answer.text(), start.elapsed()), ("b", 5 * S));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_never_ready_is_bounded_by_the_deadline() {
    let (stuck, mut handle) = mock::pair::<Call<Ask>, Reply>();
    handle.allow(0);
    let mut router = cheap_first().layer(stuck);
    let start = Instant::now();
    let error = router.call(within(ask(), 3 * S)).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Timeout, 3 * S));
}

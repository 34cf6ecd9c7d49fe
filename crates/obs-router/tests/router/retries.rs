//! The same route is asked again after failures that may pass.
use std::time::Duration;

use obs_core::{Call, Deadline, Elapsed, Error, ErrorKind, Limit, Outcome, Purpose};
use obs_metrics::Metrics;
use obs_router::{Breaker, Retries, Route, RouterLayer, Stats};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};
use tower::Service;
use tower_layer::Layer;
use tower_test::mock;

use crate::support::*;

const MINUTE: u64 = 60_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn limited(after: Duration) -> Error {
    bad(ErrorKind::RateLimited).with_retry_after(after)
}

fn within(call: Call<Ask>, time: Duration) -> Call<Ask> {
    call.deadline(Deadline::at(Instant::now() + time))
}

/// The only route.
fn alone() -> RouterLayer<impl obs_router::Policy<Ask> + Copy> {
    RouterLayer::new(to("cheap"), [Route::new("cheap").model("small")])
        .metrics(&Metrics::disabled())
}

fn retries(stats: &Stats, route: &str) -> u64 {
    stats.route(route).expect("a route").retries
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_answered_by_the_same_route() {
    let layer = cheap_first().retries(Retries::new(1));
    let (call, start) = (ask(), Instant::now());
    let journal = call.journal();
    let script = script([(0, Err(bad(ErrorKind::Upstream))), (0, Ok(whole("a")))]);
    assert_eq!(run(&layer, &script, call).await.unwrap().text(), "a");
    assert!(
        (ms(250)..=ms(376)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    let expected = [
        (
            "small".into(),
            Purpose::First,
            Outcome::Failed(ErrorKind::Upstream),
        ),
        ("small".into(), Purpose::Retry, Outcome::Answered),
    ];
    assert_eq!(outcomes(&journal), expected);
    assert_eq!(decisions(&journal).len(), 1, "the route is the same");
    assert_eq!(
        (
            retries(&layer.stats(), "cheap"),
            retries(&layer.stats(), "premium")
        ),
        (1, 0)
    );
    assert_eq!(layer.stats().calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn unset_the_next_route_is_asked_at_once() {
    let start = Instant::now();
    let script = script([(0, Err(bad(ErrorKind::Upstream))), (0, Ok(whole("b")))]);
    let call = ask();
    let journal = call.journal();
    run(&cheap_first(), &script, call).await.unwrap();
    assert_eq!(outcomes(&journal)[1].0, "big");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_waited_for_where_no_other_route_is_left() {
    let layer = alone().retries(Retries::new(1));
    let start = Instant::now();
    let script = script([(0, Err(limited(2 * S))), (0, Ok(whole("a")))]);
    run(&layer, &script, ask()).await.unwrap();
    assert!(
        (2 * S..2 * S + ms(2)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_patience_is_gone_around() {
    let layer = cheap_first().retries(Retries::new(1));
    let start = Instant::now();
    let call = ask();
    let journal = call.journal();
    let script = script([(0, Err(limited(ms(1_001)))), (0, Ok(whole("b")))]);
    run(&layer, &script, call).await.unwrap();
    assert_eq!(
        (outcomes(&journal)[1].0.as_str(), start.elapsed()),
        ("big", Duration::ZERO)
    );
    assert_eq!(retries(&layer.stats(), "cheap"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_within_patience_is_waited_for_although_another_route_is_left() {
    let layer = cheap_first().retries(Retries::new(1).patience(3 * S));
    let start = Instant::now();
    let call = ask();
    let journal = call.journal();
    let script = script([(0, Err(limited(3 * S))), (0, Ok(whole("a")))]);
    run(&layer, &script, call).await.unwrap();
    assert_eq!(outcomes(&journal)[1].0, "small");
    assert!(start.elapsed() >= 3 * S);
}

/// A date that is past, or a second less than the own pause, shortens nothing.
#[tokio::test(start_paused = true)]
async fn a_retry_after_does_not_shorten_the_pause() {
    let layer = alone().retries(Retries::new(1));
    let start = Instant::now();
    let script = script([(0, Err(limited(ms(1)))), (0, Ok(whole("a")))]);
    run(&layer, &script, ask()).await.unwrap();
    assert!(start.elapsed() >= ms(250));
}

#[tokio::test(start_paused = true)]
async fn pauses_double_up_to_the_longest_and_chance_adds_half_at_most() {
    let layer = alone().retries(Retries::new(4).pauses(S, 4 * S));
    let mut firsts = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let call = ask();
        let journal = call.journal();
        let fail = || (0, Err(bad(ErrorKind::Overloaded)));
        let script = script([fail(), fail(), fail(), fail(), (0, Ok(whole("a")))]);
        run(&layer, &script, call).await.unwrap();
        let starts: Vec<_> = attempts(&journal).iter().map(|a| a.started).collect();
        let pauses: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (pause, least) in pauses.iter().zip([1, 2, 4, 4]) {
            // Clocks tick in milliseconds.
            let bounds = least * S..=least * S * 3 / 2 + ms(2);
            assert!(bounds.contains(pause), "{pauses:?}");
        }
        firsts.insert(pauses[0]);
    }
    assert!(
        firsts.len() > 5,
        "callers do not come back at once: {firsts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_route_is_not_asked_again() {
    let [cheap, premium] = routes();
    let layer = RouterLayer::new(to("cheap"), [cheap.limit(S), premium]);
    let layer = layer.metrics(&Metrics::disabled()).retries(Retries::new(3));
    let call = ask();
    let journal = call.journal();
    let script = script([(MINUTE, Ok(whole("a"))), (0, Ok(whole("b")))]);
    run(&layer, &script, call).await.unwrap();
    let models: Vec<_> = outcomes(&journal).into_iter().map(|o| o.0).collect();
    assert_eq!(models, ["small", "big"]);
}

#[tokio::test(start_paused = true)]
async fn what_no_second_try_mends_is_not_tried_again() {
    use ErrorKind::*;
    for kind in [
        Caller,
        Auth,
        Credentials,
        ContextTooLong,
        ContentFilter,
        Timeout,
        Policy,
        Unknown,
    ] {
        let layer = alone().retries(Retries::new(3));
        let script = script([(0, Err(bad(kind)))]);
        let error = run(&layer, &script, ask()).await.unwrap_err();
        assert_eq!((error.kind(), retries(&layer.stats(), "cheap")), (kind, 0));
    }
    for kind in [RateLimited, Connect, Overloaded, Upstream, CutOff] {
        let layer = alone().retries(Retries::new(3));
        let script = script([(0, Err(bad(kind))), (0, Ok(whole("a")))]);
        run(&layer, &script, ask()).await.unwrap();
        assert_eq!(retries(&layer.stats(), "cheap"), 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_pause_goes_past_the_deadline() {
    let layer = alone().retries(Retries::new(1));
    let start = Instant::now();
    let script = script([(0, Err(limited(2 * S)))]);
    let error = run(&layer, &script, within(ask(), 2 * S))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), start.elapsed()),
        (ErrorKind::RateLimited, Duration::ZERO)
    );
    assert_eq!(retries(&layer.stats(), "cheap"), 0);
}

/// A pause that is longer than the share of the route would take the time of the next one.
#[tokio::test(start_paused = true)]
async fn no_pause_goes_past_the_share_of_the_route() {
    let layer = cheap_first().retries(Retries::new(1).patience(MINUTE as u32 * S));
    let start = Instant::now();
    let script = script([(0, Err(limited(6 * S))), (0, Ok(whole("b")))]);
    let call = within(ask(), 10 * S);
    let journal = call.journal();
    run(&layer, &script, call).await.unwrap();
    assert_eq!(
        (outcomes(&journal)[1].0.as_str(), start.elapsed()),
        ("big", Duration::ZERO)
    );
}

/// A retry is on the clock of the call like any attempt.
#[tokio::test(start_paused = true)]
async fn a_retry_ends_with_the_deadline() {
    let layer = alone().retries(Retries::new(1));
    let start = Instant::now();
    let script = script([(0, Err(bad(ErrorKind::Upstream))), (MINUTE, Ok(whole("a")))]);
    let error = run(&layer, &script, within(ask(), 5 * S))
        .await
        .unwrap_err();
    assert_eq!(start.elapsed(), 5 * S);
    assert_eq!(
        error.find::<Elapsed>().expect("a limit").limit(),
        Limit::Deadline
    );
}

#[tokio::test(start_paused = true)]
async fn each_route_has_tries_of_its_own() {
    let layer = cheap_first().retries(Retries::new(2));
    let fail = || (0, Err(bad(ErrorKind::Upstream)));
    let script = script([fail(), fail(), fail(), fail(), fail(), (0, Ok(whole("b")))]);
    let call = ask();
    let journal = call.journal();
    run(&layer, &script, call).await.unwrap();
    let models: Vec<_> = outcomes(&journal).into_iter().map(|o| o.0).collect();
    assert_eq!(models, ["small", "small", "small", "big", "big", "big"]);
    assert_eq!(
        (
            retries(&layer.stats(), "cheap"),
            retries(&layer.stats(), "premium")
        ),
        (2, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn after_the_last_try_the_caller_gets_the_last_error() {
    let layer = alone().retries(Retries::new(1));
    let script = script([
        (0, Err(bad(ErrorKind::Connect))),
        (0, Err(bad(ErrorKind::Overloaded))),
    ]);
    let error = run(&layer, &script, ask()).await.unwrap_err();
    assert_eq!((error.kind(), script.left()), (ErrorKind::Overloaded, 0));
}

/// All calls together: a provider that is down is not hammered by the retries of a thousand callers.
#[tokio::test(start_paused = true)]
async fn the_budget_of_the_layer_refuses_retries_when_all_calls_fail() {
    let layer = alone().retries(Retries::new(1).pauses(ms(1), ms(1)));
    for _ in 0..1_000 {
        let fail = || (0, Err(bad(ErrorKind::Upstream)));
        let script = script([fail(), fail()]);
        run(&layer, &script, ask()).await.unwrap_err();
    }
    let made = retries(&layer.stats(), "cheap");
    // A fifth of a thousand, and ten a second, kept for ten seconds.
    assert!((200..=320).contains(&made), "{made}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_before_its_commit_point_is_asked_for_again() {
    let layer = cheap_first().retries(Retries::new(1));
    let broken = stream(vec![(0, Ok(Tok::Head)), (0, Err(ErrorKind::CutOff))]);
    let script = script([(0, Ok(broken)), (0, Ok(good()))]);
    let call = ask_streamed();
    let journal = call.journal();
    assert_eq!(
        run(&layer, &script, call)
            .await
            .unwrap()
            .drain()
            .await
            .len(),
        4
    );
    let purposes: Vec<_> = outcomes(&journal).into_iter().map(|o| (o.0, o.1)).collect();
    assert_eq!(
        purposes,
        [
            ("small".into(), Purpose::First),
            ("small".into(), Purpose::Retry)
        ]
    );
}

/// The failed attempt is gone before the pause: it may hold a permit.
#[tokio::test(start_paused = true)]
async fn nothing_is_asked_during_the_pause_and_a_dropped_call_is_not_tried_again() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    let layer = alone().retries(Retries::new(1));
    let mut router = layer.layer(inner);
    let mut answer = task::spawn(router.call(ask()));
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("asked");
    send.send_error(bad(ErrorKind::Upstream));
    assert_pending!(answer.poll());
    assert!(task::spawn(handle.next_request()).poll().is_pending());
    drop(answer);
    advance(S).await;
    assert!(task::spawn(handle.next_request()).poll().is_pending());
    let stats = layer.stats();
    assert_eq!((stats.calls(), retries(&stats, "cheap")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn after_the_pause_it_is_asked_once() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    let mut router = alone().retries(Retries::new(1)).layer(inner);
    let mut answer = task::spawn(router.call(ask()));
    assert_pending!(answer.poll());
    let (_, send) = handle.next_request().await.expect("asked");
    send.send_error(bad(ErrorKind::Upstream));
    assert_pending!(answer.poll());
    advance(S).await;
    assert!(answer.is_woken());
    assert_pending!(answer.poll());
    let (again, send) = handle.next_request().await.expect("asked again");
    assert_eq!(again.request.model, "small");
    send.send_response(whole("a"));
    assert_eq!(assert_ready!(answer.poll()).unwrap().text(), "a");
}

/// It would be the sixth failure in a row, of a route that is known to be down.
#[tokio::test(start_paused = true)]
async fn a_route_that_was_left_out_by_this_failure_is_not_retried() {
    let layer = cheap_first()
        .retries(Retries::new(3))
        .breaker(Breaker::new(1));
    let script = script([(0, Err(bad(ErrorKind::Upstream))), (0, Ok(whole("b")))]);
    let start = Instant::now();
    run(&layer, &script, ask()).await.unwrap();
    assert_eq!(
        (retries(&layer.stats(), "cheap"), start.elapsed()),
        (0, Duration::ZERO)
    );
}

/// Where there is nowhere else to go, it is.
#[tokio::test(start_paused = true)]
async fn the_only_route_is_retried_although_it_is_left_out() {
    let layer = alone().retries(Retries::new(1)).breaker(Breaker::new(1));
    let script = script([(0, Err(bad(ErrorKind::Upstream))), (0, Ok(whole("a")))]);
    run(&layer, &script, ask()).await.unwrap();
}

#[test]
#[should_panic(expected = "pauses grow from the first to the longest")]
fn a_first_pause_that_is_longer_than_the_longest_is_refused() {
    let _ = Retries::new(1).pauses(2 * S, S);
}

#[test]
#[should_panic(expected = "the first is not zero")]
fn a_pause_of_zero_is_refused() {
    let _ = Retries::new(1).pauses(Duration::ZERO, S);
}

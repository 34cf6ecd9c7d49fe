//! Routes that keep failing are left out.
use std::time::Duration;

use obs_core::{Call, ChunkStream, Deadline, Elapsed, Error, ErrorKind, Limit};
use obs_metrics::Metrics;
use obs_router::{Breaker, BreakerState, Policy, Reason, Retries, Route, RouterLayer};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, task};
use tower::Service;
use tower_layer::Layer;
use tower_test::mock;

use crate::support::*;

fn layer(breaker: Breaker) -> RouterLayer<impl Policy<Ask> + Copy> {
    cheap_first().breaker(breaker)
}

fn state<P>(layer: &RouterLayer<P>) -> BreakerState {
    // Before the first service there are no figures.
    let stats = layer.stats();
    stats
        .route("cheap")
        .map_or(BreakerState::Closed, |of| of.breaker)
}

fn opened<P>(layer: &RouterLayer<P>) -> bool {
    state(layer) == BreakerState::Open
}

/// A call whose first attempts end so; another route answers after the last of them. Gives the models that were asked.
async fn call<P: Policy<Ask>>(layer: &RouterLayer<P>, errors: &[Error]) -> Vec<String> {
    let fail = |error: &Error| (0, Err(error.clone()));
    let call = ask();
    let journal = call.journal();
    let script = match errors {
        [] => script([(0, Ok(whole("a")))]),
        [one] => return two(layer, (0, Err(one.clone()))).await,
        [one, two, ..] => script([fail(one), fail(two)]),
    };
    let _ = run(layer, &script, call).await;
    assert_eq!(script.left(), 0, "all of them are asked");
    outcomes(&journal).into_iter().map(|o| o.0).collect()
}

/// A first attempt that ends so, and a good answer.
async fn two<P: Policy<Ask>>(
    layer: &RouterLayer<P>,
    first: (u64, Result<Reply, Error>),
) -> Vec<String> {
    let call = ask();
    let journal = call.journal();
    let script = script([first, (0, Ok(whole("b")))]);
    let _ = run(layer, &script, call).await;
    outcomes(&journal).into_iter().map(|o| o.0).collect()
}

fn down() -> Error {
    bad(ErrorKind::Overloaded)
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_so_many_failures_in_a_row_and_the_next_route_serves() {
    let layer = layer(Breaker::new(3));
    for _ in 0..3 {
        assert!(!opened(&layer));
        assert_eq!(call(&layer, &[down()]).await, ["small", "big"]);
    }
    assert!(opened(&layer));
    let journal = {
        let call = ask();
        let journal = call.journal();
        run(&layer, &script([(0, Ok(whole("b")))]), call)
            .await
            .unwrap();
        journal
    };
    assert_eq!(outcomes(&journal)[0].0, "big");
    assert_eq!(
        decisions(&journal),
        [("premium".to_owned(), Reason::Fallback.as_str())]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_between_failures_begins_the_count_anew() {
    let layer = layer(Breaker::new(2));
    for _ in 0..5 {
        call(&layer, &[down()]).await;
        assert_eq!(call(&layer, &[]).await, ["small"]);
    }
    assert!(!opened(&layer));
}

#[tokio::test(start_paused = true)]
async fn failures_are_what_says_something_of_the_route() {
    use ErrorKind::*;
    for (kind, counts) in [
        (Connect, true),
        (Overloaded, true),
        (Upstream, true),
        (CutOff, true),
        (Credentials, true),
        (Unknown, true),
        (Caller, false),
        (Auth, false),
        (ContextTooLong, false),
        (ContentFilter, false),
        (RateLimited, false),
        (Policy, false),
    ] {
        let layer = layer(Breaker::new(1));
        call(&layer, &[bad(kind)]).await;
        assert_eq!(opened(&layer), counts, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_rest_one_call_tries_it_and_an_answer_closes_it() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    let layer = layer(Breaker::new(1));
    let inner = obs_core::AttemptLayer::new(prices())
        .enveloped()
        .layer(inner);
    let mut router = layer.layer(inner);
    let mut first = task::spawn(router.call(ask()));
    assert_pending!(first.poll());
    let (_, send) = handle.next_request().await.expect("asked");
    send.send_error(down());
    assert_pending!(first.poll());
    let (_, send) = handle.next_request().await.expect("the next route");
    send.send_response(whole("b"));
    first.await.unwrap();

    advance(5 * S).await;
    assert_eq!(state(&layer), BreakerState::HalfOpen);
    let mut probe = task::spawn(router.call(ask()));
    assert_pending!(probe.poll());
    let (tried, send) = handle.next_request().await.expect("asked");
    assert_eq!(tried.request.model, "small");
    for _ in 0..3 {
        let mut other = task::spawn(router.call(ask()));
        assert_pending!(other.poll());
        let (asked, send) = handle.next_request().await.expect("asked");
        assert_eq!(asked.request.model, "big", "one probe at a time");
        send.send_response(whole("b"));
        other.await.unwrap();
    }
    send.send_response(whole("a"));
    probe.await.unwrap();
    assert_eq!(state(&layer), BreakerState::Closed);
    let mut next = task::spawn(router.call(ask()));
    assert_pending!(next.poll());
    assert_eq!(
        handle.next_request().await.expect("asked").0.request.model,
        "small"
    );
}

/// Many calls are under way when a provider goes down.
#[tokio::test(start_paused = true)]
async fn what_was_asked_before_it_opened_neither_closes_it_nor_makes_it_longer() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    let layer = layer(Breaker::new(1));
    let inner = obs_core::AttemptLayer::new(prices())
        .enveloped()
        .layer(inner);
    let mut router = layer.layer(inner);
    let mut calls: Vec<_> = (0..3).map(|_| task::spawn(router.call(ask()))).collect();
    let mut asked = Vec::new();
    for call in &mut calls {
        assert_pending!(call.poll());
        asked.push(handle.next_request().await.expect("asked").1);
    }
    let [first, second, third] = asked.try_into().expect("three");
    first.send_error(down());
    assert_pending!(calls[0].poll());
    assert!(opened(&layer));
    advance(3 * S).await;
    second.send_response(whole("a"));
    assert!(calls[1].poll().is_ready());
    assert!(opened(&layer), "it had answered before");
    third.send_error(down());
    assert_pending!(calls[2].poll());
    let stats = layer.stats();
    assert_eq!(stats.route("cheap").expect("a route").errors, 2);
    advance(2 * S).await;
    assert_eq!(state(&layer), BreakerState::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn with_each_probe_that_fails_the_rest_doubles_up_to_the_longest() {
    let layer = layer(Breaker::new(1).rests(5 * S, 15 * S));
    call(&layer, &[down()]).await;
    for rest in [5, 10, 15, 15] {
        advance(rest * S - Duration::from_millis(1)).await;
        assert!(opened(&layer), "{rest}");
        advance(Duration::from_millis(1)).await;
        assert_eq!(state(&layer), BreakerState::HalfOpen, "{rest}");
        assert_eq!(call(&layer, &[down()]).await, ["small", "big"]);
    }
    advance(15 * S).await;
    assert_eq!(call(&layer, &[]).await, ["small"]);
    // It begins with the first rest again.
    call(&layer, &[down()]).await;
    advance(5 * S).await;
    assert_eq!(call(&layer, &[]).await, ["small"]);
}

/// Its caller left, or it fell silent: the route would never be tried again.
#[tokio::test(start_paused = true)]
async fn a_probe_that_never_comes_back_does_not_hold_the_route() {
    let (inner, mut handle) = mock::pair::<Call<Ask>, Reply>();
    let layer = layer(Breaker::new(1));
    call(&layer, &[down()]).await;
    advance(5 * S).await;
    let mut router = layer.layer(inner);
    let mut probe = task::spawn(router.call(ask()));
    assert_pending!(probe.poll());
    drop(handle.next_request().await.expect("asked"));
    drop(probe);
    advance(5 * S).await;
    assert_eq!(call(&layer, &[]).await, ["small"]);
    assert_eq!(state(&layer), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_caller_in_a_hurry_does_not_open_it() {
    let layer = layer(Breaker::new(1));
    for time in [S, 8 * S] {
        let call = ask().deadline(Deadline::at(Instant::now() + time));
        let slow = (60_000, Ok(whole("a")));
        let script = script([slow, (0, Ok(whole("b")))]);
        run(&layer, &script, call).await.unwrap();
        assert_eq!(
            state(&layer),
            BreakerState::Closed,
            "a share of {:?}",
            time / 2
        );
    }
}

#[tokio::test(start_paused = true)]
async fn silence_for_a_fair_time_is_a_failure() {
    let layer = layer(Breaker::new(1));
    let call = ask().deadline(Deadline::at(Instant::now() + 10 * S));
    let script = script([(60_000, Ok(whole("a"))), (0, Ok(whole("b")))]);
    run(&layer, &script, call).await.unwrap();
    assert!(opened(&layer));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_the_route_that_ran_out_is_a_failure_and_the_end_of_the_call_is_none() {
    for (limit, counts) in [
        (Limit::FirstToken, true),
        (Limit::Idle, true),
        (Limit::Connect, true),
        (Limit::Deadline, false),
        (Limit::Total, false),
    ] {
        let layer = layer(Breaker::new(1));
        two(&layer, (0, Err(Elapsed::error(limit, S, Duration::ZERO)))).await;
        assert_eq!(opened(&layer), counts, "{limit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_that_asks_for_a_rest_gets_it_for_a_minute_at_most() {
    for (asked, rests) in [(2, 2), (3_600, 60)] {
        let layer = layer(Breaker::new(5)).retries(Retries::new(1));
        let limited = bad(ErrorKind::RateLimited).with_retry_after(asked * S);
        assert_eq!(call(&layer, &[limited]).await, ["small", "big"]);
        assert!(opened(&layer));
        advance(rests * S - Duration::from_millis(1)).await;
        assert!(opened(&layer));
        advance(Duration::from_millis(1)).await;
        assert_eq!(call(&layer, &[]).await, ["small"]);
        assert_eq!(state(&layer), BreakerState::Closed);
    }
}

/// An answer is possible there, and nowhere else.
#[tokio::test(start_paused = true)]
async fn while_all_routes_are_left_out_the_chosen_one_is_asked() {
    let layer = layer(Breaker::new(1));
    assert_eq!(call(&layer, &[down(), down()]).await, ["small", "big"]);
    let premium = || layer.stats().route("premium").expect("a route").breaker;
    assert_eq!(
        (state(&layer), premium()),
        (BreakerState::Open, BreakerState::Open)
    );
    assert_eq!(call(&layer, &[]).await, ["small"]);
    // What failed there is the answer: the other one is left out.
    let only = script([(0, Err(down()))]);
    assert_eq!(
        run(&layer, &only, ask()).await.unwrap_err().kind(),
        ErrorKind::Overloaded
    );
}

#[tokio::test(start_paused = true)]
async fn a_named_route_without_fallback_is_asked_although_it_is_left_out() {
    let layer = layer(Breaker::new(1)).obey_names("auto");
    call(&layer, &[down()]).await;
    assert!(opened(&layer));
    let named = ask_for("cheap");
    let journal = named.journal();
    run(&layer, &script([(0, Ok(whole("a")))]), named)
        .await
        .unwrap();
    assert_eq!(decisions(&journal), [("cheap".to_owned(), "named")]);
}

/// Who named it would have had it without a router too.
#[tokio::test(start_paused = true)]
async fn what_a_caller_named_stays_the_baseline_when_it_is_gone_around() {
    let [cheap, premium] = routes();
    let routes = [cheap.fallback(["premium"]), premium];
    let layer = RouterLayer::new(to("cheap"), routes).metrics(&Metrics::disabled());
    let layer = layer.breaker(Breaker::new(1)).obey_names("auto");
    call(&layer, &[down()]).await;
    let named = ask_for("cheap");
    let journal = named.journal();
    run(&layer, &script([(0, Ok(whole("b")))]), named)
        .await
        .unwrap();
    // 14 on the small model that was asked for, 140 on the big one that answered.
    assert_eq!(journal.read().saved_by_route(), Some(units(14 - 140)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_token_is_a_failure_where_that_is_set() {
    for (slow, counts) in [(None, false), (Some(S), true), (Some(3 * S), false)] {
        let breaker = Breaker::new(1);
        let layer = layer(slow.map_or(breaker.clone(), |slow| breaker.slow(slow)));
        run(&layer, &script([(2_000, Ok(whole("a")))]), ask())
            .await
            .unwrap();
        assert_eq!(opened(&layer), counts, "{slow:?}");
    }
}

/// The first content says that the route is there; the rest may take minutes.
#[tokio::test(start_paused = true)]
async fn a_probe_that_streams_closes_it_with_its_first_content() {
    let layer = layer(Breaker::new(1));
    call(&layer, &[down()]).await;
    advance(5 * S).await;
    let long = stream(vec![(0, Ok(Tok::Word("a"))), (60_000, Ok(Tok::Stop))]);
    let answer = run(&layer, &script([(0, Ok(long))]), ask_streamed())
        .await
        .unwrap();
    assert_eq!(state(&layer), BreakerState::Closed);
    drop(answer);
}

/// Its beginning is all that a probe shows of a route for a long time.
#[tokio::test(start_paused = true)]
async fn a_probe_that_streams_and_is_slow_does_not_close_it() {
    let layer = layer(Breaker::new(1).slow(S));
    call(&layer, &[down()]).await;
    advance(5 * S).await;
    let slow = stream(vec![(2_000, Ok(Tok::Word("a"))), (0, Ok(Tok::Stop))]);
    let answer = run(&layer, &script([(0, Ok(slow))]), ask_streamed())
        .await
        .unwrap();
    assert_eq!(state(&layer), BreakerState::HalfOpen);
    answer.drain().await;
    advance(9 * S).await;
    assert!(opened(&layer), "for twice as long");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_after_its_beginning_is_a_failure() {
    for (limit, counts) in [
        (Limit::Idle, true),
        (Limit::FirstToken, true),
        (Limit::Attempt, false),
        (Limit::Deadline, false),
        (Limit::Total, false),
    ] {
        let layer = layer(Breaker::new(1));
        let end = Elapsed::error(limit, 20 * S, Duration::ZERO);
        let chunks = [Ok(Tok::Word("a")), Err(end)];
        let chunks = ChunkStream::new(futures_util::stream::iter(chunks));
        let script = script([(0, Ok(Reply::Stream(chunks)))]);
        let answer = run(&layer, &script, ask_streamed());
        let items = answer.await.unwrap().drain().await;
        assert_eq!(items.last(), Some(&Err(ErrorKind::Timeout)));
        assert_eq!(opened(&layer), counts, "{limit:?}");
    }
}

/// Calls that come too late are many while a provider is down.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_over_when_it_comes_is_no_probe() {
    let layer = layer(Breaker::new(1));
    call(&layer, &[down()]).await;
    advance(5 * S).await;
    let late = ask().deadline(Deadline::at(Instant::now()));
    run(&layer, &script([]), late).await.unwrap_err();
    assert_eq!(call(&layer, &[]).await, ["small"]);
    assert_eq!(state(&layer), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_rest_may_be_longer_than_any_clock_shows() {
    let layer = layer(Breaker::new(1).rests(Duration::MAX, Duration::MAX));
    call(&layer, &[down()]).await;
    advance(1_000 * S).await;
    assert!(opened(&layer));
    advance(365 * 24 * 3600 * S).await;
    assert_eq!(call(&layer, &[down()]).await, ["small", "big"]);
    assert!(opened(&layer));
}

#[tokio::test(start_paused = true)]
async fn unset_no_route_is_left_out() {
    let layer = cheap_first();
    for _ in 0..10 {
        assert_eq!(call(&layer, &[down()]).await, ["small", "big"]);
    }
    assert_eq!(state(&layer), BreakerState::Closed);
}

/// Nobody else can answer it, and nobody decides on it.
#[tokio::test(start_paused = true)]
async fn what_passes_through_is_never_left_out() {
    let layer = layer(Breaker::new(1)).obey_names("auto");
    for _ in 0..3 {
        let only = script([(0, Err(down()))]);
        run(&layer, &only, ask_for("another")).await.unwrap_err();
        assert_eq!(only.left(), 0);
    }
}

#[test]
#[should_panic(expected = "a breaker opens after one failure or more")]
fn zero_failures_are_refused() {
    let _ = Breaker::new(0);
}

#[test]
#[should_panic(expected = "rests grow from the first to the longest")]
fn a_first_rest_that_is_longer_than_the_longest_is_refused() {
    let _ = Breaker::new(1).rests(2 * S, S);
}

#[test]
fn a_route_is_one_route_still() {
    assert_eq!(Breaker::default(), Breaker::new(5));
    let names = BreakerState::ALL.map(BreakerState::as_str);
    assert_eq!(names, ["closed", "open", "half_open"]);
    let _ = Route::new("cheap");
}

//! Which attempt wins, and what becomes of the other.
use std::time::Duration;

use super::{Model, attempts, quiet};
use crate::common::{Ask, MS, Reply, S, Tok, call, elapsed, timed};
use futures_util::{FutureExt, StreamExt};
use obs_core::{Call, Deadline, Error, ErrorKind, Limit, Outcome, Purpose};
use obs_timeout::{HedgeLayer, Refusal};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

const ANSWERED: Option<Outcome> = Some(Outcome::Answered);
const CANCELLED: Option<Outcome> = Some(Outcome::Cancelled);
const TIMED_OUT: Option<Outcome> = Some(Outcome::TimedOut);

fn hedge() -> HedgeLayer {
    quiet(2 * S).plain(2 * S)
}

fn whole() -> Result<Reply, Error> {
    Ok(Reply::Billed)
}

fn overloaded() -> Result<Reply, Error> {
    Err(Error::new(ErrorKind::Overloaded, "busy"))
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_attempt_loses_to_the_second() {
    let layer = hedge();
    let model = Model::new([(60_000, whole), (500, whole)]);
    let (call, start) = (call(false), Instant::now());
    let journal = call.journal();
    assert!(matches!(
        model.under(&layer).oneshot(call).await,
        Ok(Reply::Billed)
    ));
    assert_eq!(start.elapsed(), 2_500 * MS);
    assert_eq!(
        attempts(&journal),
        [(Purpose::First, CANCELLED), (Purpose::Hedge, ANSWERED)]
    );
    assert_eq!(model.under_way(), 0);
    // The call pays for both, and of the one that was cancelled nobody knows what it cost.
    let report = journal.read();
    assert_eq!(report.chosen().expect("an answer").purpose, Purpose::Hedge);
    let paid = report.paid();
    assert_eq!(
        (paid.known.to_string().as_str(), paid.unknown),
        ("$0.00012", 1)
    );
    let stats = layer.stats();
    assert_eq!((stats.started, stats.won, stats.lost), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_answers_after_all_wins() {
    let layer = hedge();
    let model = Model::new([(2_300, whole), (500, whole)]);
    let (call, start) = (call(false), Instant::now());
    let journal = call.journal();
    assert!(model.under(&layer).oneshot(call).await.is_ok());
    assert_eq!(start.elapsed(), 2_300 * MS);
    assert_eq!(
        attempts(&journal),
        [(Purpose::First, ANSWERED), (Purpose::Hedge, CANCELLED)]
    );
    assert_eq!(
        journal.read().chosen().expect("an answer").purpose,
        Purpose::First
    );
    assert_eq!(model.under_way(), 0);
    let stats = layer.stats();
    assert_eq!((stats.started, stats.won, stats.lost), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_answer_at_one_moment_the_first_wins() {
    let layer = hedge();
    let model = Model::new([(2_500, whole), (500, whole)]);
    let call = call(false);
    let journal = call.journal();
    assert!(model.under(&layer).oneshot(call).await.is_ok());
    assert_eq!(attempts(&journal)[0], (Purpose::First, ANSWERED));
}

#[tokio::test(start_paused = true)]
async fn a_call_keeps_the_purpose_that_it_came_with() {
    let layer = hedge();
    let model = Model::new([(100, whole)]);
    let mut call = call(false);
    call.context.purpose = Purpose::Fallback;
    let journal = call.journal();
    assert!(model.under(&layer).oneshot(call).await.is_ok());
    assert_eq!(attempts(&journal), [(Purpose::Fallback, ANSWERED)]);
    assert_eq!(layer.stats(), obs_timeout::HedgeStats::default());
}

#[tokio::test(start_paused = true)]
async fn streams_are_decided_by_their_first_content_and_told_from_their_beginning() {
    let layer = quiet(2 * S);
    // The first one has a head in time, but nothing in it.
    let model = Model::new([
        (100, || {
            Ok(timed([(100, Tok::Head), (60_000, Tok::Word("late"))]))
        }),
        (100, || {
            Ok(timed([
                (100, Tok::Head),
                (100, Tok::Word("a")),
                (100, Tok::Word("b")),
                (0, Tok::Stop),
            ]))
        }),
    ]);
    let (call, start) = (call(true), Instant::now());
    let journal = call.journal();
    let mut chunks = model
        .under(&layer)
        .oneshot(call)
        .await
        .expect("an answer")
        .chunks();
    assert_eq!(start.elapsed(), 2_300 * MS);
    assert_eq!(
        attempts(&journal)[0],
        (Purpose::First, CANCELLED),
        "at once, not with the end of the other"
    );
    for expected in [Tok::Head, Tok::Word("a"), Tok::Word("b"), Tok::Stop] {
        assert_eq!(
            chunks.next().await.expect("open").expect("a chunk"),
            expected
        );
    }
    drop(chunks);
    assert_eq!(attempts(&journal)[1], (Purpose::Hedge, ANSWERED));
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_the_loser_is_dropped_at_once() {
    let (sender, slow) = crate::common::stream();
    let slow = std::sync::Mutex::new(Some(slow));
    let inner = service_fn(move |_: Call<Ask>| {
        let slow = slow.lock().unwrap().take();
        std::future::ready(Ok::<_, Error>(
            slow.unwrap_or_else(|| timed([(500, Tok::Word("a"))])),
        ))
    });
    let inner = tower::util::BoxCloneSyncService::new(Shared(std::sync::Arc::new(
        std::sync::Mutex::new(inner),
    )));
    let answer = quiet(2 * S).layer(inner).oneshot(call(true)).await;
    assert!(sender.is_closed(), "its connection is closed");
    assert_eq!(
        answer
            .expect("an answer")
            .chunks()
            .next()
            .await
            .expect("open")
            .expect("a chunk"),
        Tok::Word("a")
    );
}

/// One service for all clones.
struct Shared<S>(std::sync::Arc<std::sync::Mutex<S>>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Service<Call<Ask>>> Service<Call<Ask>> for Shared<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;
    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.0.lock().unwrap().poll_ready(cx)
    }
    fn call(&mut self, call: Call<Ask>) -> S::Future {
        self.0.lock().unwrap().call(call)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_dropped_before_the_end_is_told() {
    // Whoever holds the future holds nothing else.
    for steps in [[60_000, 500], [2_300, 60_000]] {
        let model = Model::new(steps.map(|ms| (ms, whole as _)));
        let mut answer = tokio_test::task::spawn(model.attempts_under(&hedge()).call(call(false)));
        assert!(answer.poll().is_pending());
        sleep(2 * S).await;
        assert!(answer.poll().is_pending());
        assert_eq!(model.under_way(), 2);
        sleep(S / 2).await;
        assert!(answer.poll().is_ready());
        assert_eq!(model.under_way(), 0);
    }
    let model = Model::new([(60_000, whole), (60_000, whole)]);
    let call = call(false).deadline(Deadline::at(Instant::now() + 5 * S));
    let mut answer = tokio_test::task::spawn(model.attempts_under(&hedge()).call(call));
    for _ in 0..5 {
        assert!(answer.poll().is_pending());
        sleep(S).await;
    }
    assert!(answer.poll().is_ready());
    assert_eq!(model.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn plain_answers_are_hedged_only_where_that_is_said() {
    let layer = quiet(2 * S);
    let model = Model::new([(60_000, whole)]);
    let start = Instant::now();
    assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    assert_eq!(start.elapsed(), 60 * S);
    let layer = quiet(2 * S).plain(20 * S);
    model.script([(60_000, whole), (1_000, whole)]);
    let start = Instant::now();
    assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    assert_eq!(start.elapsed(), 21 * S);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_is_not_hedged() {
    for purpose in [Purpose::Refresh, Purpose::Shadow] {
        let layer = hedge();
        let model = Model::new([(60_000, whole)]);
        let mut call = call(false);
        call.context.purpose = purpose;
        assert!(model.under(&layer).oneshot(call).await.is_ok());
        assert_eq!((model.made(), layer.stats().started), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_second_attempt_is_told_at_once() {
    let layer = hedge();
    let model = Model::new([(1_000, overloaded)]);
    let start = Instant::now();
    let error = model
        .under(&layer)
        .oneshot(call(false))
        .await
        .expect_err("busy");
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Overloaded, S));
    assert_eq!(layer.stats().started, 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_one_waits_for_the_other() {
    let layer = hedge();
    let model = Model::new([(2_100, overloaded), (500, whole)]);
    assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    assert_eq!(layer.stats().won, 1);
    model.script([
        (3_000, whole),
        (100, || Err(Error::new(ErrorKind::Caller, "one too many"))),
    ]);
    assert!(model.under(&layer).oneshot(call(false)).await.is_ok());
    let stats = layer.stats();
    assert_eq!((stats.started, stats.won, stats.lost), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn where_both_fail_the_first_ones_error_is_told() {
    let layer = hedge();
    let limited = || Err(Error::new(ErrorKind::RateLimited, "one too many"));
    for first in [3_000, 2_050] {
        let model = Model::new([(first, overloaded), (100, limited)]);
        let error = model
            .under(&layer)
            .oneshot(call(false))
            .await
            .expect_err("both failed");
        assert_eq!(error.kind(), ErrorKind::Overloaded);
    }
    assert_eq!((layer.stats().started, layer.stats().failed), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_request_ends_the_call() {
    let layer = hedge();
    let model = Model::new([
        (2_100, || Err(Error::new(ErrorKind::ContentFilter, "no"))),
        (9_000, whole),
    ]);
    let (call, start) = (call(false), Instant::now());
    let journal = call.journal();
    let error = model
        .under(&layer)
        .oneshot(call)
        .await
        .expect_err("refused");
    assert_eq!(
        (error.kind(), start.elapsed()),
        (ErrorKind::ContentFilter, 2_100 * MS)
    );
    assert_eq!(attempts(&journal)[1], (Purpose::Hedge, CANCELLED));
    assert_eq!(layer.stats().failed, 1);
}

#[tokio::test(start_paused = true)]
async fn there_is_no_second_attempt_when_the_deadline_leaves_no_room() {
    let layer = hedge();
    // The first one has had two seconds; another one would have as many.
    for (room, started) in [(2 * S, 0), (2 * S + MS, 1)] {
        let model = Model::new([(9_000, whole), (9_000, whole)]);
        let start = Instant::now();
        let call = call(false).deadline(Deadline::at(start + 2 * S + room));
        let journal = call.journal();
        let error = model
            .under(&layer)
            .oneshot(call)
            .await
            .expect_err("too slow");
        assert_eq!(
            elapsed(&error),
            (Limit::Deadline, 2 * S + room, Duration::ZERO)
        );
        assert_eq!(layer.stats().started, started);
        assert!(
            attempts(&journal).iter().all(|of| of.1 == TIMED_OUT),
            "{:?}",
            attempts(&journal)
        );
        assert_eq!(model.under_way(), 0);
    }
    let stats = layer.stats();
    assert_eq!((stats.refused_by(Refusal::Deadline), stats.failed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_over_when_it_comes_costs_nothing() {
    let layer = hedge();
    let model = Model::new([]);
    let call = call(true).deadline(Deadline::at(Instant::now()));
    let error = model.under(&layer).oneshot(call).await.expect_err("over");
    assert_eq!(elapsed(&error).0, Limit::Deadline);
    assert_eq!(model.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_never_ready_is_bounded_by_the_deadline() {
    let layer = hedge();
    let (never, _handle) = tower_test::mock::pair::<Call<Ask>, Reply>();
    let never = tower::limit::ConcurrencyLimit::new(never, 0);
    let start = Instant::now();
    for streams in [true, false] {
        let call = call(streams).deadline(Deadline::at(start + 9 * S));
        let error = layer.clone().layer(never.clone()).oneshot(call).await;
        assert_eq!(elapsed(&error.expect_err("never ready")).0, Limit::Deadline);
    }
    // Also where there is nothing to hedge.
    let call = call(false).deadline(Deadline::at(Instant::now() + S));
    let error = quiet(S).layer(never).oneshot(call).await;
    assert_eq!(elapsed(&error.expect_err("never ready")).1, S);
    assert_eq!(start.elapsed(), 10 * S);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_moves_away_is_asked_for_again() {
    let layer = hedge();
    let model = Model::new([(60_000, whole), (60_000, whole)]);
    let start = Instant::now();
    let shared = Deadline::at(start + 5 * S).extendable();
    let mut answer = model
        .under(&layer)
        .oneshot(call(false).deadline(shared.clone()))
        .boxed();
    assert!((&mut answer).now_or_never().is_none());
    sleep(3 * S).await;
    assert!((&mut answer).now_or_never().is_none());
    shared.extend(&Deadline::at(start + 12 * S));
    assert!(answer.await.is_err());
    assert_eq!(start.elapsed(), 12 * S);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_cancels_both_at_once() {
    let layer = hedge();
    let model = Model::new([(60_000, whole), (60_000, whole)]);
    let call = call(false);
    let journal = call.journal();
    let mut answer = model.under(&layer).oneshot(call).boxed();
    assert!((&mut answer).now_or_never().is_none());
    sleep(3 * S).await;
    assert!((&mut answer).now_or_never().is_none());
    assert_eq!(model.under_way(), 2);
    drop(answer);
    assert_eq!(model.under_way(), 0);
    assert_eq!(
        attempts(&journal),
        [(Purpose::First, CANCELLED), (Purpose::Hedge, CANCELLED)]
    );
    let stats = layer.stats();
    assert_eq!((stats.started, stats.cancelled), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_losers_permit_is_free_before_the_answer_is_given_out() {
    let layer = hedge();
    let limit = std::sync::Arc::new(tokio::sync::Semaphore::new(2));
    let model = Model::new([(60_000, whole), (500, whole)]);
    let attempts = model.under(&quiet(Duration::MAX));
    let inner = tower::limit::ConcurrencyLimit::with_semaphore(attempts, limit.clone());
    assert!(layer.layer(inner).oneshot(call(false)).await.is_ok());
    assert_eq!(limit.available_permits(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_waits_for_a_permit_while_the_first_goes_on() {
    let layer = hedge();
    let model = Model::new([(3_000, whole)]);
    let inner = tower::limit::ConcurrencyLimit::new(model.under(&quiet(Duration::MAX)), 1);
    let (call, start) = (call(false), Instant::now());
    let journal = call.journal();
    assert!(layer.layer(inner).oneshot(call).await.is_ok());
    assert_eq!(start.elapsed(), 3 * S);
    assert_eq!(attempts(&journal), [(Purpose::First, ANSWERED)]);
    assert_eq!(layer.stats().lost, 1);
}

//! The limits of one attempt: head, first token, pauses, the whole.
use std::time::Duration;

use crate::common::{Ask, MS, Reply, S, Tok, call, elapsed, stream, timed};
use futures_util::{FutureExt, StreamExt};
use obs_core::{
    AttemptLayer, Call, ChunkStream, Deadline, Error, Journal, Limit, Outcome, PriceTable,
};
use obs_metrics::Metrics;
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};
use tokio::time::{Instant, advance, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

/// These limits around a model that answers with this after so long.
fn model<F>(
    limits: AttemptTimeoutLayer,
    after: Duration,
    reply: F,
) -> impl Service<Call<Ask>, Response = Reply, Error = Error, Future: Send>
where
    F: Fn() -> Reply + Clone + Send + 'static,
{
    ServiceBuilder::new()
        .layer(limits)
        .layer(AttemptLayer::new(PriceTable::new()))
        .service(service_fn(move |_: Ask| {
            let reply = reply.clone();
            async move {
                if !after.is_zero() {
                    sleep(after).await;
                }
                Ok::<_, Error>(reply())
            }
        }))
}

fn outcome(journal: &Journal) -> Option<Outcome> {
    let report = journal.read();
    assert_eq!(report.attempts.len(), 1);
    report.attempts[0].outcome
}

/// What came of a streamed call: chunks, then the limit that was reached if one was, after how long, and how the attempt ended.
async fn read(
    limits: AttemptTimeoutLayer,
    chunks: Vec<(u64, Tok)>,
) -> (usize, Option<Limit>, Duration, Option<Outcome>) {
    let start = Instant::now();
    let call = call(true);
    let journal = call.journal();
    let svc = model(limits, Duration::ZERO, move || timed(chunks.clone()));
    let mut chunks = svc.oneshot(call).await.expect("a head").chunks();
    let mut count = 0;
    loop {
        match tokio::time::timeout(999 * S, chunks.next()).await {
            Ok(Some(Ok(_))) => count += 1,
            Ok(Some(Err(error))) => {
                // What is cut has ended when it is told.
                let outcome = outcome(&journal);
                assert!(chunks.next().await.is_none());
                return (count, Some(elapsed(&error).0), start.elapsed(), outcome);
            }
            Ok(None) => return (count, None, start.elapsed(), outcome(&journal)),
            Err(_) => return (count, None, 999 * S, outcome(&journal)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_is_the_limit_to_connect() {
    let limits = AttemptTimeoutLayer::new().connect(2 * S).first_token(5 * S);
    let start = Instant::now();
    let call = call(true);
    let journal = call.journal();
    let svc = model(limits, 9 * S, || timed([]));
    let error = svc.oneshot(call).await.expect_err("too slow");
    assert_eq!(elapsed(&error), (Limit::Connect, 2 * S, Duration::ZERO));
    assert_eq!(error.to_string(), "no answer began within 2s");
    assert_eq!(start.elapsed(), 2 * S);
    assert_eq!(outcome(&journal), Some(Outcome::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn the_first_token_is_limited_from_the_request_on_and_the_head_is_none() {
    let limits = AttemptTimeoutLayer::new().connect(2 * S).first_token(3 * S);
    // The limit to connect ends with the head.
    let svc = model(limits, S, || timed([(1_900, Tok::Head)]));
    let start = Instant::now();
    let call = call(true);
    let journal = call.journal();
    let mut chunks = svc.oneshot(call).await.expect("a head").chunks();
    assert_eq!(
        chunks.next().await.expect("open").expect("a chunk"),
        Tok::Head
    );
    let error = chunks.next().await.expect("open").expect_err("too slow");
    assert_eq!(elapsed(&error), (Limit::FirstToken, 3 * S, Duration::ZERO));
    assert_eq!(start.elapsed(), 3 * S);
    assert_eq!(outcome(&journal), Some(Outcome::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_is_limited_by_the_first_token_too() {
    let limits = AttemptTimeoutLayer::new().first_token(3 * S);
    let svc = model(limits, 9 * S, || timed([]));
    let error = svc.oneshot(call(true)).await.expect_err("too slow");
    assert_eq!(elapsed(&error).0, Limit::FirstToken);
}

#[tokio::test(start_paused = true)]
async fn a_plain_answer_has_neither_head_nor_first_token_nor_pauses() {
    let limits = AttemptTimeoutLayer::new()
        .connect(MS)
        .first_token(MS)
        .idle(MS);
    let svc = model(limits, 60 * S, || Reply::Whole("hi"));
    assert!(svc.oneshot(call(false)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_chunks_is_limited_after_the_first_content() {
    let word = Tok::Word("a");
    let limits = AttemptTimeoutLayer::new().idle(S);
    assert_eq!(
        read(
            limits.clone(),
            vec![(9_000, Tok::Head), (9_000, word), (1_000, word)]
        )
        .await,
        (3, Some(Limit::Idle), 20 * S, Some(Outcome::TimedOut)),
    );
    // Any chunk shows that the model is there, and each pause has the whole limit.
    let steady = (0..50).map(|n| (999, if n % 2 == 0 { word } else { Tok::Head }));
    let (count, limit, took, _) = read(limits, steady.collect()).await;
    assert_eq!((count, limit), (50, Some(Limit::Idle)));
    assert_eq!(took, Duration::from_millis(50 * 999 + 1_000));
}

#[tokio::test(start_paused = true)]
async fn the_limit_between_chunks_comes_into_force_though_it_is_nearer_than_the_one_before() {
    let limits = AttemptTimeoutLayer::new().first_token(30 * S).idle(S);
    assert_eq!(
        read(limits, vec![(100, Tok::Head), (100, Tok::Word("a"))]).await,
        (2, Some(Limit::Idle), 1_200 * MS, Some(Outcome::TimedOut)),
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_limited_to_its_last_token() {
    let limits = AttemptTimeoutLayer::new().attempt(2 * S).idle(S);
    let slow = (0..9).map(|_| (400, Tok::Word("a"))).collect();
    assert_eq!(
        read(limits.clone(), slow).await,
        (5, Some(Limit::Attempt), 2 * S, Some(Outcome::TimedOut)),
    );
    let call = call(false);
    let journal = call.journal();
    let svc = model(limits, 9 * S, || Reply::Whole("hi"));
    let error = svc.oneshot(call).await.expect_err("too slow");
    assert_eq!(elapsed(&error), (Limit::Attempt, 2 * S, Duration::ZERO));
    assert_eq!(outcome(&journal), Some(Outcome::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_attempt_is_seen_inside() {
    let limits = AttemptTimeoutLayer::new().attempt(2 * S);
    let inner = service_fn(|call: Call<Ask>| async move {
        assert_eq!(call.context.deadline.remaining(), Some(2 * S));
        Ok::<_, Error>(Reply::Whole("hi"))
    });
    let call = call(false).deadline(Deadline::at(Instant::now() + 9 * S));
    assert!(limits.layer(inner).oneshot(call).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stream_in_time_is_left_alone() {
    let limits = AttemptTimeoutLayer::new()
        .connect(S)
        .first_token(S)
        .idle(S)
        .attempt(9 * S);
    let chunks = vec![
        (999, Tok::Word("a")),
        (999, Tok::Word("b")),
        (999, Tok::Stop),
        (999, Tok::Bill),
    ];
    let (count, limit, _, outcome) = read(limits, chunks).await;
    // It stands still then, and all has come: no error.
    assert_eq!((count, limit, outcome), (4, None, Some(Outcome::Answered)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_no_idle_model() {
    let limits = AttemptTimeoutLayer::new().first_token(S).idle(S);
    let (sender, reply) = stream();
    let reply = std::sync::Mutex::new(Some(reply));
    let inner = service_fn(move |_: Call<Ask>| {
        std::future::ready(Ok::<_, Error>(
            reply.lock().unwrap().take().expect("called once"),
        ))
    });
    let mut chunks = limits
        .layer(inner)
        .oneshot(call(true))
        .await
        .expect("a head")
        .chunks();
    for _ in 0..4 {
        sender.send(Ok(Tok::Word("a"))).expect("read");
        sleep(5 * S).await;
        assert!(matches!(chunks.next().await, Some(Ok(_))));
        // Neither does the time count that the reader took after it had waited in vain.
        assert!(chunks.next().now_or_never().is_none());
        sender.send(Ok(Tok::Word("b"))).expect("read");
        sleep(5 * S).await;
        assert!(matches!(chunks.next().await, Some(Ok(_))));
    }
    drop(sender);
    assert!(chunks.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_always_has_a_chunk_ready_is_cut_at_the_limit_of_the_attempt() {
    let limits = AttemptTimeoutLayer::new().attempt(S);
    let svc = model(limits, Duration::ZERO, || {
        let endless = futures_util::stream::repeat_with(|| Ok(Tok::Word("a")));
        Reply::Stream(ChunkStream::new(endless))
    });
    let mut chunks = svc.oneshot(call(true)).await.expect("a head").chunks();
    assert!(matches!(chunks.next().await, Some(Ok(_))));
    advance(S + MS).await;
    let error = chunks.next().await.expect("open").expect_err("over");
    assert_eq!(elapsed(&error).0, Limit::Attempt);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_call_is_obeyed_and_asked_for_again() {
    for limits in [
        AttemptTimeoutLayer::new(),
        AttemptTimeoutLayer::new().attempt(9 * S),
    ] {
        let start = Instant::now();
        let shared = Deadline::at(start + S).extendable();
        let call = call(false).deadline(shared.clone());
        let journal = call.journal();
        let mut answer = model(limits, 99 * S, || Reply::Whole("hi"))
            .oneshot(call)
            .boxed();
        assert!((&mut answer).now_or_never().is_none());
        shared.extend(&Deadline::at(start + 3 * S));
        let error = answer.await.expect_err("over");
        assert_eq!(elapsed(&error), (Limit::Deadline, 3 * S, Duration::ZERO));
        assert_eq!(outcome(&journal), Some(Outcome::TimedOut));
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_deadline_has_passed_is_not_made() {
    let call = call(false).deadline(Deadline::at(Instant::now()));
    let journal = call.journal();
    let svc = model(AttemptTimeoutLayer::new(), Duration::ZERO, || {
        Reply::Whole("hi")
    });
    let error = svc.oneshot(call).await.expect_err("over");
    assert_eq!(elapsed(&error).0, Limit::Deadline);
    assert!(journal.read().attempts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn inside_of_the_limit_on_the_call_both_tell_one_story() {
    let total = TimeoutLayer::new(3 * S)
        .grace(S)
        .metrics(&Metrics::disabled());
    let limits = AttemptTimeoutLayer::new().idle(9 * S);
    for streams in [false, true] {
        let call = call(streams);
        let journal = call.journal();
        let start = Instant::now();
        let after = if streams { Duration::ZERO } else { 99 * S };
        let svc = model(limits.clone(), after, || timed([(0, Tok::Word("a"))]));
        let error = match total.layer(svc).oneshot(call).await {
            Err(error) => error,
            Ok(reply) => {
                let mut chunks = reply.chunks();
                chunks.next().await;
                chunks.next().await.expect("open").expect_err("over")
            }
        };
        assert_eq!(elapsed(&error), (Limit::Total, 3 * S, S));
        assert_eq!(start.elapsed(), 4 * S);
        assert_eq!(outcome(&journal), Some(Outcome::TimedOut));
        assert_eq!(journal.read().late, Some(start + 3 * S));
    }
    assert_eq!(total.stats().failures, 2);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_cancels_the_attempt() {
    let call = call(true);
    let journal = call.journal();
    let limits = AttemptTimeoutLayer::new().idle(S);
    let svc = model(limits, Duration::ZERO, || timed([(0, Tok::Word("a"))]));
    let mut chunks = svc.oneshot(call).await.expect("a head").chunks();
    chunks.next().await;
    drop(chunks);
    assert_eq!(outcome(&journal), Some(Outcome::Cancelled));
}

#[test]
fn without_a_limit_there_is_no_timer() {
    // There is no runtime here: a timer would panic.
    let inner = service_fn(|_: Call<Ask>| std::future::ready(Ok::<_, Error>(timed([]))));
    for limits in [
        AttemptTimeoutLayer::new(),
        AttemptTimeoutLayer::default(),
        AttemptTimeoutLayer::new().attempt(Duration::MAX),
    ] {
        let answer = limits.layer(inner).call(call(true)).now_or_never();
        let mut chunks = answer.expect("ready").expect("a head").chunks();
        assert!(chunks.next().now_or_never().is_none());
    }
}

#[test]
fn a_stream_may_be_polled_where_there_is_no_runtime() {
    // As in a destructor. Until the first content, no limit is in force here.
    let limits = AttemptTimeoutLayer::new().idle(S);
    let inner =
        service_fn(|_: Call<Ask>| std::future::ready(Ok::<_, Error>(timed([(0, Tok::Word("a"))]))));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let answer = runtime.block_on(limits.layer(inner).oneshot(call(true)));
    let mut chunks = answer.expect("a head").chunks();
    assert!(chunks.next().now_or_never().is_some());
    assert!(chunks.next().now_or_never().is_none());
}

#[test]
fn a_limit_of_zero_is_refused() {
    type Setter = fn(AttemptTimeoutLayer, Duration) -> AttemptTimeoutLayer;
    let setters: [Setter; 4] = [
        AttemptTimeoutLayer::connect,
        AttemptTimeoutLayer::first_token,
        AttemptTimeoutLayer::idle,
        AttemptTimeoutLayer::attempt,
    ];
    for set in setters {
        let panic = std::panic::catch_unwind(|| set(AttemptTimeoutLayer::new(), Duration::ZERO));
        let text = panic.expect_err("zero").downcast::<&str>().expect("text");
        assert!(text.contains("expected a duration above zero"), "{text}");
    }
}

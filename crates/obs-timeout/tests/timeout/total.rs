//! The limit on a whole call: late, then over, to the last token.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use crate::common::{Ask, MS, Reply, S, Tok, call, elapsed, stream, timed};
use futures_util::{FutureExt, StreamExt, stream::poll_fn};
use obs_core::{Call, ChunkStream, Deadline, Elapsed, Error, ErrorKind, Limit};
use obs_metrics::Metrics;
use obs_timeout::{Stats, TimeoutLayer, ZeroLimit};
use tokio::time::{Instant, advance, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

fn layer(limit: Duration) -> TimeoutLayer {
    TimeoutLayer::new(limit).metrics(&Metrics::disabled())
}

/// Answers whole after this time.
fn after(
    time: Duration,
) -> impl Service<Call<Ask>, Response = Reply, Error = Error, Future: Send> + Clone {
    service_fn(move |_| async move {
        sleep(time).await;
        Ok(Reply::Whole("hi"))
    })
}

/// Answers with this, at once and for the first call alone.
fn answering(reply: Reply) -> impl Service<Call<Ask>, Response = Reply, Error = Error> {
    let mut reply = Some(reply);
    service_fn(move |_| std::future::ready(Ok(reply.take().expect("called once"))))
}

fn stats(of: &TimeoutLayer) -> [u64; 4] {
    let Stats {
        successes,
        failures,
        cancelled,
        late,
        ..
    } = of.stats();
    [successes, failures, cancelled, late]
}

#[tokio::test(start_paused = true)]
async fn late_is_seen_inside_and_elapsed_outside() {
    let start = Instant::now();
    let seen = Arc::new(Mutex::new(None));
    let inner = service_fn({
        let seen = seen.clone();
        move |call: Call<Ask>| {
            let seen = seen.clone();
            async move {
                let deadline = call.context.deadline;
                deadline.clone().lateness().await;
                let remaining = deadline.remaining();
                *seen.lock().unwrap() = Some((start.elapsed(), deadline.is_late(), remaining));
                std::future::pending::<Result<Reply, Error>>().await
            }
        }
    });
    let layer = layer(3 * S).grace(2 * S);
    let call = call(false);
    let journal = call.journal();
    let error = layer.layer(inner).oneshot(call).await.expect_err("over");
    assert_eq!(start.elapsed(), 5 * S);
    assert_eq!(elapsed(&error), (Limit::Total, 3 * S, 2 * S));
    assert_eq!(
        error.to_string(),
        "the call took longer than its limit of 3s and 2s of grace"
    );
    assert_eq!(*seen.lock().unwrap(), Some((3 * S, true, Some(2 * S))));
    assert_eq!(journal.read().late, Some(start + 3 * S));
    assert_eq!(stats(&layer), [0, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn within_the_grace_is_late_and_well() {
    let layer = layer(3 * S).grace(2 * S);
    let call = call(false);
    let journal = call.journal();
    let start = Instant::now();
    assert!(layer.layer(after(4 * S)).oneshot(call).await.is_ok());
    assert_eq!(journal.read().late, Some(start + 3 * S));
    assert_eq!(stats(&layer), [1, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn in_time_is_not_late() {
    let layer = layer(3 * S).grace(2 * S);
    let call = call(false);
    let journal = call.journal();
    assert!(layer.layer(after(3 * S)).oneshot(call).await.is_ok());
    assert_eq!(journal.read().late, None);
    assert_eq!(stats(&layer), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_before_the_timer_is_looked_at_is_late_all_the_same() {
    let layer = layer(S).grace(S);
    let call = call(false);
    let journal = call.journal();
    let start = Instant::now();
    // Both are due when the task is polled again, and the answer is looked at first.
    let inner = service_fn(|_: Call<Ask>| async {
        advance(3 * S / 2).await;
        Ok::<_, Error>(Reply::Whole("hi"))
    });
    assert!(layer.layer(inner).oneshot(call).await.is_ok());
    assert_eq!(journal.read().late, Some(start + 3 * S / 2));
    assert_eq!(stats(&layer), [1, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_deadline_is_obeyed() {
    let layer = layer(3 * S).grace(S);
    let start = Instant::now();
    let call = call(false).deadline(Deadline::at(start + S));
    let journal = call.journal();
    let error = layer
        .layer(after(9 * S))
        .oneshot(call)
        .await
        .expect_err("over");
    assert_eq!(start.elapsed(), S);
    assert_eq!(elapsed(&error), (Limit::Deadline, S, Duration::ZERO));
    assert_eq!(journal.read().late, Some(start + S));
    assert_eq!(stats(&layer), [0, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_longer_deadline_does_not_lengthen_the_limit() {
    let layer = layer(S);
    let call = call(false).deadline(Deadline::at(Instant::now() + 9 * S));
    let error = layer
        .layer(after(9 * S))
        .oneshot(call)
        .await
        .expect_err("over");
    assert_eq!(elapsed(&error), (Limit::Total, S, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_has_passed_is_not_passed_on() {
    let layer = layer(3 * S);
    let calls = Arc::new(AtomicUsize::new(0));
    let inner = service_fn({
        let calls = calls.clone();
        move |_: Call<Ask>| {
            calls.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<_, Error>(Reply::Whole("hi")))
        }
    });
    let call = call(false).deadline(Deadline::at(Instant::now()));
    let error = layer.layer(inner).oneshot(call).await.expect_err("over");
    assert_eq!(elapsed(&error).0, Limit::Deadline);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_eq!(stats(&layer), [0, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_moved_away_is_asked_for_again() {
    // As the call of a shared flight, which another caller joins while it runs.
    let shared = Deadline::at(Instant::now() + S).extendable();
    let call = call(false).deadline(shared.clone());
    let start = Instant::now();
    let mut answer = layer(5 * S).layer(after(9 * S)).oneshot(call).boxed();
    assert!((&mut answer).now_or_never().is_none());
    shared.extend(&Deadline::at(start + 3 * S));
    let error = answer.await.expect_err("over");
    assert_eq!(start.elapsed(), 3 * S);
    assert_eq!(elapsed(&error).0, Limit::Deadline);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_a_layer_inside_saw_first_is_told_as_ours() {
    let layer = layer(3 * S).grace(S);
    // It holds the same deadline, and is polled before our timer.
    let inner = service_fn(|call: Call<Ask>| async move {
        let start = Instant::now();
        sleep(call.context.deadline.remaining().expect("set by the layer")).await;
        Err::<Reply, _>(Elapsed::of_deadline(start))
    });
    let error = layer
        .layer(inner)
        .oneshot(call(false))
        .await
        .expect_err("over");
    assert_eq!(elapsed(&error), (Limit::Total, 3 * S, S));
    assert_eq!(stats(&layer), [0, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_time_is_a_success_of_this_layer() {
    let layer = layer(3 * S);
    for kind in [ErrorKind::Overloaded, ErrorKind::Timeout] {
        let inner = service_fn(move |_: Call<Ask>| {
            std::future::ready(Err::<Reply, _>(Error::new(kind, "no")))
        });
        let error = layer
            .layer(inner)
            .oneshot(call(false))
            .await
            .expect_err("its own");
        assert_eq!(error.kind(), kind);
    }
    assert_eq!(stats(&layer), [2, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_bounded_to_its_last_token() {
    let layer = layer(3 * S).grace(S);
    let (sender, reply) = stream();
    let call = call(true);
    let journal = call.journal();
    let start = Instant::now();
    let mut chunks = layer
        .layer(answering(reply))
        .oneshot(call)
        .await
        .expect("a head")
        .chunks();
    for _ in 0..3 {
        sleep(S).await;
        sender.send(Ok(Tok::Word("a"))).expect("read");
        assert_eq!(
            chunks.next().await.expect("open").expect("a chunk"),
            Tok::Word("a")
        );
    }
    assert_eq!(stats(&layer), [0, 0, 0, 0], "it is under way");
    let error = chunks
        .next()
        .await
        .expect("no clean end")
        .expect_err("over");
    assert_eq!(start.elapsed(), 4 * S);
    assert_eq!(elapsed(&error), (Limit::Total, 3 * S, S));
    assert!(sender.is_closed(), "what is inside is gone");
    assert!(chunks.next().await.is_none());
    drop(chunks);
    assert_eq!(journal.read().late, Some(start + 3 * S));
    assert_eq!(stats(&layer), [0, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_in_the_grace_is_late_and_well() {
    let layer = layer(3 * S).grace(2 * S);
    let (sender, reply) = stream();
    let call = call(true);
    let journal = call.journal();
    let start = Instant::now();
    let chunks = layer
        .layer(answering(reply))
        .oneshot(call)
        .await
        .expect("a head")
        .chunks();
    let ends = async {
        sleep(4 * S).await;
        sender.send(Ok(Tok::Stop)).expect("read");
        drop(sender);
    };
    let (chunks, ()) = tokio::join!(chunks.collect::<Vec<_>>(), ends);
    assert_eq!(chunks.len(), 1);
    assert_eq!(journal.read().late, Some(start + 3 * S));
    assert_eq!(stats(&layer), [1, 0, 0, 1]);
}

/// With no end to look for, the timer alone tells.
#[tokio::test(start_paused = true)]
async fn a_stream_with_all_the_grace_that_there_is_is_late_all_the_same() {
    let layer = layer(S).grace(Duration::MAX);
    let (sender, reply) = stream();
    let mut chunks = layer
        .layer(answering(reply))
        .oneshot(call(true))
        .await
        .expect("a head")
        .chunks();
    assert!(chunks.next().now_or_never().is_none());
    advance(2 * S).await;
    drop(sender);
    assert!(chunks.next().await.is_none());
    assert_eq!(stats(&layer), [1, 0, 0, 1]);
}

/// Whoever hears of the end finds nothing under way.
#[tokio::test(start_paused = true)]
async fn what_is_cut_is_gone_before_it_is_counted() {
    struct Looks(TimeoutLayer, Arc<Mutex<Vec<[u64; 4]>>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(stats(&self.0));
        }
    }
    let (layer, seen) = (layer(S), Arc::default());
    let looks = || Looks(layer.clone(), Arc::clone(&seen));
    let inner = service_fn(|call: Call<Ask>| {
        let looks = looks();
        async move {
            if call.request.streams {
                let never = poll_fn(move |_| {
                    let _looks = &looks;
                    Poll::Pending
                });
                return Ok::<_, Error>(Reply::Stream(ChunkStream::new(never)));
            }
            let _looks = looks;
            std::future::pending().await
        }
    });
    let mut service = layer.layer(inner);
    assert!(service.call(call(false)).await.is_err());
    let mut chunks = service.call(call(true)).await.expect("a head").chunks();
    assert!(chunks.next().await.expect("open").is_err());
    drop(service);
    assert_eq!(*seen.lock().unwrap(), [[0, 0, 0, 1], [0, 1, 0, 2]]);
    assert_eq!(stats(&layer), [0, 2, 0, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_read_slowly_is_late_as_soon_as_it_is_read() {
    let layer = layer(3 * S).grace(2 * S);
    let reply = timed([(0, Tok::Word("a")), (0, Tok::Word("b"))]);
    let call = call(true);
    let journal = call.journal();
    let answer = layer.layer(answering(reply)).oneshot(call).await;
    let mut chunks = answer.expect("a head").chunks();
    advance(3 * S).await;
    assert!(matches!(chunks.next().await, Some(Ok(_))));
    assert_eq!(journal.read().late, None);
    advance(MS).await;
    assert!(matches!(chunks.next().await, Some(Ok(_))));
    assert_eq!(journal.read().late, Some(Instant::now()));
    assert_eq!(stats(&layer), [0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_always_has_a_chunk_ready_is_cut() {
    let layer = layer(3 * S);
    let endless = futures_util::stream::repeat_with(|| Ok(Tok::Word("a")));
    let reply = Reply::Stream(ChunkStream::new(endless));
    let mut chunks = layer
        .layer(answering(reply))
        .oneshot(call(true))
        .await
        .expect("a head")
        .chunks();
    assert!(matches!(chunks.next().await, Some(Ok(_))));
    advance(3 * S).await;
    assert!(
        matches!(chunks.next().await, Some(Ok(_))),
        "ready at the limit wins"
    );
    advance(MS).await;
    let error = chunks
        .next()
        .await
        .expect("no clean end")
        .expect_err("over");
    assert_eq!(elapsed(&error).0, Limit::Total);
    assert_eq!(stats(&layer), [0, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stands_still_after_its_finish_reason_ends_without_an_error() {
    let layer = layer(3 * S);
    let reply = timed([(0, Tok::Word("a")), (0, Tok::Stop)]);
    let start = Instant::now();
    let chunks = layer
        .layer(answering(reply))
        .oneshot(call(true))
        .await
        .expect("a head")
        .chunks();
    let items: Vec<_> = chunks.map(Result::ok).collect().await;
    assert_eq!(items, [Some(Tok::Word("a")), Some(Tok::Stop)]);
    assert_eq!(start.elapsed(), 3 * S);
    assert_eq!(stats(&layer), [1, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_after_the_finish_reason_cancels_nothing() {
    let layer = layer(3 * S);
    let reply = timed([(0, Tok::Word("a")), (0, Tok::Stop)]);
    let mut chunks = layer
        .layer(answering(reply))
        .oneshot(call(true))
        .await
        .expect("a head")
        .chunks();
    chunks.next().await;
    assert!(matches!(chunks.next().await, Some(Ok(Tok::Stop))));
    drop(chunks);
    assert_eq!(stats(&layer), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_it_is_counted_as_cancelled_once() {
    let layer = layer(3 * S);
    let mut answer = layer.layer(after(S)).oneshot(call(false)).boxed();
    assert!((&mut answer).now_or_never().is_none());
    drop(answer);
    assert_eq!(stats(&layer), [0, 0, 1, 0]);

    let (sender, reply) = stream();
    let mut chunks = layer
        .layer(answering(reply))
        .oneshot(call(true))
        .await
        .expect("a head")
        .chunks();
    sender.send(Ok(Tok::Word("a"))).expect("read");
    chunks.next().await;
    drop(chunks);
    assert!(sender.is_closed());
    assert_eq!(stats(&layer), [0, 0, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_is_counted_as_cancelled() {
    let layer = layer(3 * S);
    let inner = service_fn(|_: Call<Ask>| async {
        sleep(MS).await;
        panic!("inside");
        #[expect(unreachable_code, reason = "says what it would answer")]
        Ok::<_, Error>(Reply::Whole(""))
    });
    let call = layer.layer(inner).oneshot(call(false));
    assert!(tokio::spawn(call).await.is_err());
    assert_eq!(stats(&layer), [0, 0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_in_time_is_a_success_of_this_layer() {
    let layer = layer(3 * S);
    let (sender, reply) = stream();
    let chunks = layer
        .layer(answering(reply))
        .oneshot(call(true))
        .await
        .expect("a head")
        .chunks();
    sender
        .send(Err(Error::new(ErrorKind::CutOff, "reset")))
        .expect("read");
    let items: Vec<_> = chunks.collect().await;
    let [Err(error)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(error.kind(), ErrorKind::CutOff);
    assert_eq!(stats(&layer), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn anything_at_all_can_be_bounded() {
    let layer = layer(S).any();
    let double = service_fn(|n: u64| async move {
        sleep(Duration::from_millis(400 * n)).await;
        Ok::<_, std::io::Error>(2 * n)
    });
    let svc = layer.layer(double);
    assert_eq!(svc.clone().oneshot(2).await.expect("in time"), 4);
    let error = svc.clone().oneshot(3).await.expect_err("over");
    assert_eq!(elapsed(&error), (Limit::Total, S, Duration::ZERO));
    assert_eq!(layer.stats(), svc.stats());
    assert_eq!(layer.stats().rate(), Some(0.5));
}

#[test]
fn a_limit_of_zero_is_refused() {
    let zero: ZeroLimit = TimeoutLayer::try_new(Duration::ZERO).expect_err("zero");
    assert!(zero.to_string().contains("expected a duration above zero"));
    let panic = std::panic::catch_unwind(|| TimeoutLayer::new(Duration::ZERO));
    let text = panic.expect_err("zero").downcast::<String>().expect("text");
    assert_eq!(*text, zero.to_string());
    assert!(TimeoutLayer::try_new(Duration::from_nanos(1)).is_ok());
}

#[test]
fn a_limit_that_no_clock_can_show_makes_no_timer() {
    // There is no runtime here: a timer would panic.
    let mut svc = layer(Duration::MAX).layer(answering(timed([])));
    let mut chunks = svc
        .call(call(true))
        .now_or_never()
        .expect("ready")
        .expect("a head")
        .chunks();
    assert!(chunks.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn set_up_does_not_change_what_others_hold() {
    let first = layer(S);
    let second = first.clone().grace(9 * S);
    let clone = first.clone();
    assert!(
        first
            .layer(after(2 * S))
            .oneshot(call(false))
            .await
            .is_err()
    );
    assert!(
        second
            .layer(after(2 * S))
            .oneshot(call(false))
            .await
            .is_ok()
    );
    assert_eq!(stats(&first), [0, 1, 0, 1]);
    assert_eq!(stats(&clone), [0, 1, 0, 1], "clones count together");
    assert_eq!(stats(&second), [1, 0, 0, 1]);
}

//! Every caller has its own end, whoever it shares a call with.
use futures_util::{StreamExt, stream};
use obs_core::*;
use obs_tests::chat::{Answer, Ask, ask, hi, stop, text, used};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt, service_fn};

use crate::support::{S, Stack, cheap, ledger, outcomes, router, stack, stack_with};

/// A model that takes three seconds: to its answer, or to the end of its stream.
fn slow() -> impl Service<Ask, Response = Answer, Error = Error, Future: Send> + Clone + Send + Sync
{
    service_fn(|ask: Ask| async move {
        if !ask.stream {
            sleep(3 * S).await;
            return Ok(hi(false));
        }
        let chunks = [(0, text("h")), (3, text("i")), (0, stop()), (0, used(10))];
        let chunks = stream::iter(chunks).then(|(seconds, chunk)| async move {
            sleep(seconds * S).await;
            Ok(chunk)
        });
        Ok(Answer::from_stream(ChunkStream::new(chunks)))
    })
}

fn within(streamed: bool, seconds: Option<u32>) -> Call<Ask> {
    let call = ask(streamed);
    match seconds {
        Some(seconds) => call.deadline(Deadline::at(Instant::now() + seconds * S)),
        None => call,
    }
}

/// The result, and after how many seconds it came.
async fn timed(service: Stack, call: Call<Ask>) -> (Result<String, ErrorKind>, u64) {
    let start = Instant::now();
    let read = async { service.oneshot(call).await?.read().await };
    let read = read.await.map_err(|error: Error| error.kind());
    (read, start.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_follower_with_more_time_keeps_the_call_alive_inside_every_layer() {
    for streamed in [false, true] {
        for longer in [Some(5), None] {
            let (service, _) = stack_with(router([cheap()]), slow());
            let calls = [within(streamed, Some(1)), within(streamed, longer)];
            let journals = [calls[0].journal(), calls[1].journal()];
            let [a, b] = calls.map(|call| timed(service.clone(), call));
            let (a, b) = tokio::join!(a, b);
            assert_eq!(a, (Err(ErrorKind::Timeout), 1), "the leader is cut");
            assert_eq!(b, (Ok("hi".into()), 3), "{streamed} {longer:?}");
            assert_eq!(outcomes(&journals[0]), [], "and does not pay");
            assert_eq!(outcomes(&journals[1]), [Outcome::Answered]);
            assert_eq!(ledger(&journals[1]), (Some(10), None, Some(0)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_alone_is_cut_at_its_end_and_the_attempt_has_timed_out() {
    for streamed in [false, true] {
        let (service, layers) = stack_with(router([cheap()]), slow());
        let call = within(streamed, Some(1));
        let journal = call.journal();
        assert_eq!(timed(service, call).await, (Err(ErrorKind::Timeout), 1));
        assert_eq!(outcomes(&journal), [Outcome::TimedOut]);
        assert_eq!(layers.apm.stats().timeout, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_when_the_leader_has_gone_gets_the_shared_answer() {
    let (service, _) = stack_with(router([cheap()]), slow());
    let calls = [within(false, Some(2)), within(false, Some(1))];
    let [a, b] = calls.map(|call| tokio::spawn(timed(service.clone(), call)));
    sleep(3 * S / 2).await;
    let c = tokio::spawn(timed(service.clone(), within(false, Some(5))));
    assert_eq!(a.await.unwrap(), (Err(ErrorKind::Timeout), 2));
    assert_eq!(b.await.unwrap(), (Err(ErrorKind::Timeout), 1));
    // It is there three seconds after the leader asked: one and a half from here.
    assert_eq!(c.await.unwrap(), (Ok("hi".into()), 1));
}

#[tokio::test(start_paused = true)]
async fn a_silent_model_on_two_routes_costs_the_limit_of_the_call_once() {
    for streamed in [false, true] {
        let never = service_fn(|_| std::future::pending::<Result<Answer, Error>>());
        let (service, layers) = stack(never);
        let call = within(streamed, None);
        let journal = call.journal();
        let (got, seconds) = timed(service, call).await;
        assert_eq!(got, Err(ErrorKind::Timeout));
        assert!((60..=70).contains(&seconds), "{seconds} s");
        assert_eq!(
            outcomes(&journal),
            [Outcome::TimedOut; 2],
            "both routes had time"
        );
        assert!(streamed || journal.read().late.is_some());
        assert_eq!(layers.timeout.stats().cancelled, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_never_ready_hangs_nobody() {
    #[derive(Clone)]
    struct Never;
    impl Service<Ask> for Never {
        type Response = Answer;
        type Error = Error;
        type Future = std::future::Pending<Result<Answer, Error>>;
        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Error>> {
            std::task::Poll::Pending
        }
        fn call(&mut self, _: Ask) -> Self::Future {
            std::future::pending()
        }
    }
    let (service, _) = stack(Never);
    let (got, seconds) = timed(service, within(false, None)).await;
    assert_eq!(got, Err(ErrorKind::Timeout));
    assert!(seconds <= 70, "{seconds} s");
}

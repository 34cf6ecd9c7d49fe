//! What the whole stack makes of a provider's faults, one test for each. Time is paused.
use std::time::Duration;

use obs_core::*;
use obs_router::{Breaker, BreakerState, Retries};
use obs_tests::chat::{Ask, ask};
use tokio::time::{Instant, advance};
use tower::ServiceExt;

use crate::{
    scripted::{Act, Script, scripted},
    support::{Layers, Router, S, Stack, cheap, ledger, premium, router},
};

const SHORT: Duration = Duration::from_millis(400);

fn set(router: Router) -> Router {
    router.retries(Retries::new(1)).breaker(Breaker::new(5))
}

/// Two routes, each with what its model does; the second one is well unless told.
struct Faulty {
    stack: Stack,
    layers: Layers,
    script: Script,
}

/// The text or the kind of error, how long it took, and what was told of it.
struct Got {
    read: Result<String, ErrorKind>,
    took: Duration,
    journal: Journal,
}

impl Faulty {
    fn of(router: Router, small: &[Act], big: &[Act]) -> Self {
        let script = Script::of([("small", small), ("big", big)]);
        let (stack, layers) = scripted(set(router), &script);
        Self {
            stack,
            layers,
            script,
        }
    }

    fn first(small: &[Act]) -> Self {
        Self::of(router([cheap(), premium()]), small, &[Act::Good])
    }

    fn alone(small: &[Act]) -> Self {
        Self::of(router([cheap()]), small, &[Act::Good])
    }

    fn complete(small: &[Act]) -> Self {
        let router = router([cheap(), premium()]).commit(Commit::Complete);
        Self::of(router, small, &[Act::Good])
    }

    async fn ask(&self, call: Call<Ask>) -> Got {
        // Nothing comes from the cache.
        let call = call.cache(CacheDirectives::parse("no-store").expect("is one"));
        let (journal, start) = (call.journal(), Instant::now());
        let read = async { self.stack.clone().oneshot(call).await?.read().await };
        let read = read.await.map_err(|error: Error| error.kind());
        Got {
            read,
            took: start.elapsed(),
            journal,
        }
    }

    #[track_caller]
    fn assert_asked(&self, small: usize, big: usize) {
        let asked = |model| self.script.asked(model).len();
        assert_eq!((asked("small"), asked("big")), (small, big));
    }
}

impl Got {
    #[track_caller]
    fn assert_whole(&self) {
        assert_eq!(self.read, Ok("hi".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_once_with_retry_after() {
    for streamed in [false, true] {
        let faulty = Faulty::first(&[Act::Limited(2 * S), Act::Good]);
        let got = faulty.ask(ask(streamed)).await;
        got.assert_whole();
        assert_eq!(got.took, Duration::ZERO, "the next route at once");
        faulty.assert_asked(1, 1);

        let faulty = Faulty::alone(&[Act::Limited(2 * S), Act::Good]);
        let got = faulty.ask(ask(streamed)).await;
        got.assert_whole();
        assert!((2 * S..3 * S).contains(&got.took), "{:?}", got.took);

        let faulty = Faulty::alone(&[Act::Limited(2 * S), Act::Good]);
        let hurry = ask(streamed).deadline(Deadline::at(Instant::now() + S));
        let got = faulty.ask(hurry).await;
        assert_eq!(
            (got.read, got.took),
            (Err(ErrorKind::RateLimited), Duration::ZERO)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_for_ever() {
    for streamed in [false, true] {
        let faulty = Faulty::first(&[Act::Fails(ErrorKind::RateLimited)]);
        let got = faulty.ask(ask(streamed)).await;
        got.assert_whole();
        faulty.assert_asked(2, 1);
        assert!((S / 4..=SHORT).contains(&got.took), "{:?}", got.took);
    }
}

#[tokio::test(start_paused = true)]
async fn an_internal_error_once() {
    for streamed in [false, true] {
        let faulty = Faulty::first(&[Act::Fails(ErrorKind::Upstream), Act::Good]);
        faulty.ask(ask(streamed)).await.assert_whole();
        faulty.assert_asked(2, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn unavailable_for_ever() {
    for streamed in [false, true] {
        let faulty = Faulty::first(&[Act::Fails(ErrorKind::Overloaded)]);
        faulty.ask(ask(streamed)).await.assert_whole();
        faulty.assert_asked(2, 1);

        let faulty = Faulty::alone(&[Act::Fails(ErrorKind::Overloaded)]);
        let got = faulty.ask(ask(streamed)).await;
        assert_eq!(got.read, Err(ErrorKind::Overloaded));
        faulty.assert_asked(2, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn no_connection() {
    for streamed in [false, true] {
        let faulty = Faulty::first(&[Act::Fails(ErrorKind::Connect)]);
        faulty.ask(ask(streamed)).await.assert_whole();
        faulty.assert_asked(2, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn accepted_and_never_answered() {
    let faulty = Faulty::first(&[Act::Silent]);
    let got = faulty.ask(ask(true)).await;
    got.assert_whole();
    assert_eq!(got.took, 10 * S);
    faulty.assert_asked(1, 1);
    // A plain answer has half of the time.
    let faulty = Faulty::first(&[Act::Silent]);
    let got = faulty.ask(ask(false)).await;
    got.assert_whole();
    assert_eq!(got.took, 30 * S);
    faulty.assert_asked(1, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_ever_answers() {
    for streamed in [false, true] {
        let faulty = Faulty::of(router([cheap(), premium()]), &[Act::Silent], &[Act::Silent]);
        let call = ask(streamed).deadline(Deadline::at(Instant::now() + 12 * S));
        let got = faulty.ask(call).await;
        assert_eq!((got.read, got.took), (Err(ErrorKind::Timeout), 12 * S));
        faulty.assert_asked(1, 1);
        assert_eq!(
            faulty.layers.timeout.stats().failures + faulty.layers.timeout.stats().successes,
            1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn headers_at_once_and_the_first_token_after_twenty_seconds() {
    let faulty = Faulty::first(&[Act::Slow(20 * S)]);
    let got = faulty.ask(ask(true)).await;
    got.assert_whole();
    assert_eq!(got.took, 10 * S);
    faulty.assert_asked(1, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_dies() {
    let faulty = Faulty::first(&[Act::Dies(ErrorKind::CutOff)]);
    let got = faulty.ask(ask(true)).await;
    assert_eq!(got.read, Err(ErrorKind::CutOff), "never a stump");
    faulty.assert_asked(1, 0);

    let faulty = Faulty::complete(&[Act::Dies(ErrorKind::CutOff)]);
    let got = faulty.ask(ask(true)).await;
    got.assert_whole();
    faulty.assert_asked(2, 1);
    assert_eq!(
        ledger(&got.journal).0,
        None,
        "nobody knows what the dead ones cost"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_stalls_for_thirty_seconds() {
    let faulty = Faulty::first(&[Act::Stalls(30 * S), Act::Good]);
    let got = faulty.ask(ask(true)).await;
    assert_eq!((got.read, got.took), (Err(ErrorKind::Timeout), 20 * S));
    faulty.ask(ask(true)).await.assert_whole();

    let faulty = Faulty::complete(&[Act::Stalls(30 * S)]);
    let got = faulty.ask(ask(true)).await;
    got.assert_whole();
    assert_eq!(got.took, 20 * S);
    faulty.assert_asked(1, 1);
}

#[tokio::test(start_paused = true)]
async fn the_context_is_too_long() {
    for (window, asked) in [(2_000, 1), (1_000, 0)] {
        let router = router([cheap().context(1_000), premium().context(window)]);
        let faulty = Faulty::of(
            router,
            &[Act::Fails(ErrorKind::ContextTooLong)],
            &[Act::Good],
        );
        let got = faulty.ask(ask(false)).await;
        assert_eq!(got.read.is_ok(), asked == 1);
        faulty.assert_asked(1, asked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_content_filter_refuses() {
    let faulty = Faulty::first(&[Act::Fails(ErrorKind::ContentFilter)]);
    let got = faulty.ask(ask(true)).await;
    assert_eq!(got.read, Err(ErrorKind::ContentFilter));
    faulty.assert_asked(1, 0);
}

/// Twenty calls, one every four seconds.
#[tokio::test(start_paused = true)]
async fn down_for_a_minute() {
    let start = Instant::now();
    let up = start + 60 * S;
    let faulty = Faulty::first(&[Act::Down(up)]);
    let (mut back, state) = (None, || {
        let stats = faulty.layers.router.stats();
        stats.route("cheap").expect("a route").breaker
    });
    for n in 1..=20 {
        let got = faulty.ask(ask(false)).await;
        got.assert_whole();
        let report = got.journal.read();
        if back.is_none() && &*report.chosen().expect("an answer").asked == "small" {
            back = Some(Instant::now());
        }
        if n == 3 {
            assert_eq!(state(), BreakerState::Open, "after five failures");
        }
        advance((start + n * 4 * S).saturating_duration_since(Instant::now())).await;
    }
    let asked = faulty.script.asked("small");
    let in_vain = asked.iter().filter(|at| **at < up).count();
    assert!(
        (6..=9).contains(&in_vain),
        "five until it opened, and few probes: {in_vain}"
    );
    assert!(back.is_some_and(|back| back <= up + 30 * S), "{back:?}");
    assert_eq!(state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn the_next_route_answers_and_is_what_is_told_and_paid() {
    let faulty = Faulty::first(&[Act::Fails(ErrorKind::Overloaded)]);
    let got = faulty.ask(ask(false)).await;
    got.assert_whole();
    let report = got.journal.read();
    let chosen = report.chosen().expect("an answer");
    assert_eq!(
        (&*chosen.asked, chosen.usage.expect("is told").output),
        ("big", 10)
    );
    // Ten tokens of the big model: what was refused cost nothing.
    assert_eq!(ledger(&got.journal).0, Some(100));
    assert_eq!(report.attempts.len(), 3);
}

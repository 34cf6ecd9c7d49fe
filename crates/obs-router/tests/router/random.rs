//! Many calls at once, answered, failed, cut and dropped at random.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{StreamExt, future::join_all};
use obs_core::{
    Attempt, AttemptLayer, AttemptListener, Call, Deadline, Error, ErrorKind, Outcome, Usd,
};
use obs_router::{Breaker, Judge, Policy, Reason, Retries, RouterLayer, Verdict};
use tokio::time::{Instant, sleep, timeout};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use crate::support::*;

/// Steele and Vigna's SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

#[derive(Default)]
struct Heard {
    attempts: AtomicU64,
    errors: AtomicU64,
}

impl AttemptListener for Heard {
    fn ended(&self, attempt: &Attempt) {
        self.attempts.fetch_add(1, Relaxed);
        if !matches!(
            attempt.outcome,
            Some(Outcome::Answered | Outcome::Cancelled)
        ) {
            self.errors.fetch_add(1, Relaxed);
        }
    }
}

/// What this model does is settled by dice that are thrown when it is asked.
async fn model(asked: Ask, dice: u64) -> Result<Reply, Error> {
    let mut dice = Dice(dice);
    sleep(Duration::from_millis(dice.roll(80))).await;
    let kinds = [
        ErrorKind::Upstream,
        ErrorKind::Connect,
        ErrorKind::Caller,
        ErrorKind::CutOff,
    ];
    let kind = kinds[dice.roll(4) as usize];
    match dice.roll(4) {
        0 => Err(bad(kind)),
        1 if asked.stream => Ok(stream(vec![
            (5, Ok(Tok::Head)),
            (dice.roll(20), Ok(Tok::Word("a"))),
            (dice.roll(20), Err(kind)),
        ])),
        _ if asked.stream => Ok(good()),
        _ => Ok(whole("a")),
    }
}

#[tokio::test(start_paused = true)]
async fn counts_are_exact_whatever_becomes_of_the_calls() {
    counts_are_exact(cheap_first()).await;
}

#[tokio::test(start_paused = true)]
async fn counts_are_exact_with_a_judge_retries_and_breakers() {
    let judged = AtomicU64::new(0);
    let judge = move |_: &Call<Ask>, _: &Reply| {
        let nth = judged.fetch_add(1, Relaxed);
        async move {
            sleep(Duration::from_millis(nth % 9)).await;
            assert!(!nth.is_multiple_of(50), "a broken judge");
            Verdict::of(!nth.is_multiple_of(3))
        }
    };
    let pause = Duration::from_millis(5);
    let retries = Retries::new(1).pauses(pause, pause);
    let layer = cheap_first()
        .retries(retries)
        .breaker(Breaker::new(3).rests(4 * pause, 4 * pause));
    let layer = layer.judge(judge);
    counts_are_exact(layer.clone()).await;
    let stats = layer.stats();
    let [cheap, premium] = ["cheap", "premium"].map(|name| stats.route(name).unwrap());
    assert!(premium.decisions(Reason::Cascade) > 20);
    assert!(cheap.retries > 20, "{}", cheap.retries);
}

async fn counts_are_exact<P, J>(layer: RouterLayer<P, J>)
where
    P: Policy<Ask>,
    J: Judge<Ask, Reply>,
{
    const CALLS: u64 = 1_000;
    let next = Arc::new(AtomicU64::new(0));
    let inner = service_fn(move |asked: Ask| model(asked, next.fetch_add(1, Relaxed)));
    let service = layer.layer(AttemptLayer::new(prices()).layer(inner));
    let heard = Arc::new(Heard::default());
    let listener: Arc<dyn AttemptListener> = heard.clone();
    let calls = (0..CALLS).map(|n| {
        let (service, listener) = (service.clone(), &listener);
        async move {
            let mut dice = Dice(n << 32);
            let mut call = if dice.roll(2) == 0 {
                ask()
            } else {
                ask_streamed()
            };
            if dice.roll(3) == 0 {
                let time = Duration::from_millis(dice.roll(100));
                call = call.deadline(Deadline::at(Instant::now() + time));
            }
            let journal = call.journal();
            journal.listen(listener);
            let patience = Duration::from_millis(20 + dice.roll(300));
            let answer = timeout(patience, service.oneshot(call)).await;
            let complete = match answer {
                Ok(Ok(Reply::Stream(mut chunks))) => {
                    let mut complete = true;
                    let most = dice.roll(8);
                    for _ in 0..most {
                        match chunks.next().await {
                            Some(Ok(_)) => {}
                            Some(Err(_)) => complete = false,
                            None => break,
                        }
                    }
                    // The finish reason is the third chunk.
                    complete && most >= 3
                }
                Ok(Ok(Reply::Whole(..))) => true,
                _ => false,
            };
            let report = journal.read();
            assert!(
                report.attempts.iter().all(|a| a.outcome.is_some()),
                "all have ended"
            );
            (complete, report)
        }
    });
    let reports = join_all(calls).await;
    let stats = layer.stats();
    assert_eq!(stats.calls(), CALLS);

    // Each decision that stood in the end, once.
    let ends = |route: &str, reason: Reason| {
        let stood = reports.iter().filter(|(_, report)| {
            let last = report.decisions.last().expect("each was decided");
            *last.route == *route && last.reason == reason.as_str()
        });
        stood.count() as u64
    };
    for of in &stats.routes {
        for reason in Reason::ALL {
            assert_eq!(
                of.decisions(reason),
                ends(&of.route, reason),
                "{} {reason}",
                of.route
            );
        }
    }
    assert!(stats.route("premium").unwrap().decisions(Reason::Fallback) > 20);

    // Each attempt once.
    let sum =
        |figure: fn(&obs_router::RouteStats) -> u64| stats.routes.iter().map(figure).sum::<u64>();
    assert_eq!(sum(|of| of.attempts), heard.attempts.load(Relaxed));
    assert_eq!(sum(|of| of.errors), heard.errors.load(Relaxed));

    // Savings of complete answers only, to the pico-dollar.
    let complete = || {
        reports
            .iter()
            .filter(|(complete, _)| *complete)
            .map(|(_, report)| report)
    };
    let known = complete().filter_map(|report| report.saved_by_route());
    assert_eq!(stats.saved(), known.sum::<Usd>());
    let unknown = complete().filter(|report| report.saved_by_route().is_none());
    assert_eq!(sum(|of| of.savings_unknown), unknown.count() as u64);
    assert!(complete().count() > 200 && complete().count() < CALLS as usize - 200);
}

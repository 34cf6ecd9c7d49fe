//! Whatever two models do, in whatever order: a call ends within its budget, is counted once, and no stump is a success.
use std::time::Duration;

use futures_util::future::join_all;
use obs_core::*;
use obs_router::{Breaker, Retries};
use obs_tests::chat::ask;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use crate::{
    scripted::{Act, Script, scripted},
    support::{S, cheap, outcomes, premium, router},
};

/// Steele and Vigna's SplitMix64: small, and the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn time(&mut self, most_ms: u64) -> Duration {
        Duration::from_millis(self.roll(most_ms))
    }

    fn kind(&mut self) -> ErrorKind {
        use ErrorKind::*;
        let kinds = [
            Caller,
            Credentials,
            ContextTooLong,
            ContentFilter,
            RateLimited,
            Connect,
            Timeout,
            Overloaded,
            Upstream,
            CutOff,
            Unknown,
        ];
        kinds[self.roll(kinds.len() as u64) as usize]
    }

    fn act(&mut self) -> Act {
        match self.roll(8) {
            0 => Act::Fails(self.kind()),
            1 => Act::Limited(self.time(5_000)),
            2 => Act::Silent,
            3 => Act::Slow(self.time(30_000)),
            4 => Act::Dies(self.kind()),
            5 => Act::Stalls(self.time(40_000)),
            _ => Act::Good,
        }
    }

    fn commit(&mut self) -> Commit {
        match self.roll(4) {
            0 => Commit::Complete,
            1 => Commit::After(self.time(3_000)),
            2 => Commit::Tokens(2),
            _ => Commit::FirstContent,
        }
    }
}

/// What became of one call.
#[derive(Debug, PartialEq)]
enum End {
    Whole,
    Failed,
    Left,
}

async fn one(seed: u64) -> [usize; 3] {
    const CALLS: usize = 8;
    let mut dice = Dice(seed);
    let acts = |dice: &mut Dice| (0..12).map(|_| dice.act()).collect::<Vec<_>>();
    let (small, big) = (acts(&mut dice), acts(&mut dice));
    let script = Script::of([("small", &small), ("big", &big)]);
    let mut routes = router([cheap(), premium()]).commit(dice.commit());
    routes = routes.retries(Retries::new(dice.roll(4) as u32));
    if dice.roll(2) == 0 {
        routes = routes.breaker(Breaker::new(1 + dice.roll(3) as u32));
    }
    let (stack, layers) = scripted(routes, &script);
    let calls = (0..CALLS).map(|n| {
        let (stack, mut dice) = (stack.clone(), Dice(seed ^ ((n as u64 + 1) << 40)));
        async move {
            sleep(dice.time(20_000)).await;
            let start = Instant::now();
            let budget = match dice.roll(3) {
                0 => 60 * S,
                _ => Duration::from_millis(50) + dice.time(25_000),
            };
            let mut call = ask(dice.roll(2) == 0).deadline(Deadline::at(start + budget));
            call = call.cache(CacheDirectives::parse("no-store").expect("is one"));
            let journal = call.journal();
            let read = async { stack.oneshot(call).await?.read().await };
            let patience = match dice.roll(5) {
                0 => dice.time(10_000),
                _ => 3_600 * S,
            };
            let end = match timeout(patience, read).await {
                Ok(Ok(said)) => {
                    assert_eq!(said, "hi", "{seed}: a stump is no answer");
                    End::Whole
                }
                Ok(Err(error)) => {
                    let _: Error = error;
                    End::Failed
                }
                Err(_) => End::Left,
            };
            let took = start.elapsed();
            assert!(
                took <= budget + Duration::from_millis(100),
                "{seed}: {took:?} of {budget:?}"
            );
            // Each attempt has ended, too, and only a whole answer has one that was answered.
            let ends = outcomes(&journal);
            let answered = ends.iter().filter(|end| **end == Outcome::Answered).count();
            if end == End::Whole {
                assert_eq!(answered, 1, "{seed}: {ends:?}");
            }
            end
        }
    });
    let ends = join_all(calls).await;
    let count = |of: End| ends.iter().filter(|end| **end == of).count();
    let timeouts = layers.timeout.stats();
    let ended = timeouts.successes + timeouts.failures + timeouts.cancelled;
    assert_eq!(ended, CALLS as u64, "{seed}: each is counted once");
    assert_eq!(timeouts.cancelled, count(End::Left) as u64, "{seed}");
    let routed = layers.router.stats().calls();
    assert_eq!(routed, CALLS as u64, "{seed}: and decided once");
    [count(End::Whole), count(End::Failed), count(End::Left)]
}

#[tokio::test(start_paused = true)]
async fn every_call_ends_in_time_is_counted_once_and_never_yields_a_stump() {
    let mut all = [0; 3];
    for seed in 0..400 {
        for (all, one) in all.iter_mut().zip(one(seed * 7_919).await) {
            *all += one;
        }
    }
    assert!(
        all.iter().all(|ends| *ends > 100),
        "the dice show every side: {all:?}"
    );
}

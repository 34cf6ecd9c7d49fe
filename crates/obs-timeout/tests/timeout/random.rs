//! Whatever a provider does: every call ends in time, is counted once, and no stump is told as an answer.
use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use obs_core::{
    AttemptLayer, Call, ChunkStream, Elapsed, Error, ErrorKind, Limit, Operation, PriceTable,
};
use obs_metrics::Metrics;
use obs_timeout::{Adaptive, AttemptTimeoutLayer, HedgeLayer, TimeoutLayer};
use proptest::{collection::vec, option, prelude::*};
use tokio::time::{Instant, Sleep, sleep};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::common::{Ask, MS, Reply, Tok, call};

const WORDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// What one attempt does.
#[derive(Clone, Debug)]
struct Fault {
    /// After which time it is ready; `None`: never.
    ready: Option<u64>,
    /// After which time its head comes, or the whole plain answer; `None`: never.
    head: Option<u64>,
    /// It refuses.
    refuses: Option<ErrorKind>,
    /// After which time each word comes.
    words: Vec<u64>,
    ends: Ends,
}

#[derive(Clone, Copy, Debug)]
enum Ends {
    Well,
    /// After the finish reason nothing more comes, not even the end.
    Hangs,
    /// The connection breaks before the finish reason.
    Cut,
    /// It stands still before the finish reason.
    Stalls,
    /// A word again and again, without a pause, until nobody listens.
    Babbles,
}

/// What a caller sees.
#[derive(Debug)]
enum Seen {
    Whole,
    Failed(Error),
    Left,
}

fn fault() -> impl Strategy<Value = Fault> {
    let ms = || prop_oneof![Just(0), 1_u64..400, 1_000_u64..9_000];
    let kind = prop_oneof![
        Just(ErrorKind::RateLimited),
        Just(ErrorKind::Upstream),
        Just(ErrorKind::Caller),
        Just(ErrorKind::Timeout),
        Just(ErrorKind::Unknown),
    ];
    let ends = prop_oneof![
        6 => Just(Ends::Well),
        1 => Just(Ends::Hangs),
        2 => Just(Ends::Cut),
        2 => Just(Ends::Stalls),
        1 => Just(Ends::Babbles),
    ];
    (
        option::weighted(0.9, prop_oneof![9 => Just(0), 1 => ms()]),
        option::weighted(0.9, ms()),
        option::weighted(0.2, kind),
        vec(ms(), 0..WORDS.len()),
        ends,
    )
        .prop_map(|(ready, head, refuses, words, ends)| Fault {
            ready,
            head,
            refuses,
            words,
            ends,
        })
}

/// A provider that does one of these things after the other.
struct Provider {
    faults: Arc<Vec<Fault>>,
    next: Arc<AtomicUsize>,
    under_way: Arc<AtomicUsize>,
    /// Of this clone: which one it does, and when it is ready.
    mine: Option<(usize, Pin<Box<Sleep>>)>,
}

impl Clone for Provider {
    fn clone(&self) -> Self {
        let (faults, next, under_way) = (
            self.faults.clone(),
            self.next.clone(),
            self.under_way.clone(),
        );
        Self {
            faults,
            next,
            under_way,
            mine: None,
        }
    }
}

struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Service<Ask> for Provider {
    type Response = Reply;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Reply, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (faults, next) = (&self.faults, &self.next);
        let (at, wait) = self.mine.get_or_insert_with(|| {
            let at = next.fetch_add(1, SeqCst) % faults.len();
            let ms = faults[at].ready.unwrap_or_default();
            (at, Box::pin(sleep(Duration::from_millis(ms))))
        });
        match faults[*at].ready {
            None => Poll::Pending,
            Some(0) => Poll::Ready(Ok(())),
            Some(_) => wait.as_mut().poll(cx).map(Ok),
        }
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        let (at, _) = self.mine.take().expect("called when it is ready");
        let (fault, guard) = (self.faults[at].clone(), UnderWay::new(&self.under_way));
        let under_way = self.under_way.clone();
        async move {
            let _guard = guard;
            match fault.head {
                Some(0) => {}
                Some(ms) => sleep(Duration::from_millis(ms)).await,
                None => std::future::pending().await,
            }
            match (fault.refuses, ask.streams) {
                (Some(kind), _) => Err(Error::new(kind, "no")),
                (None, false) => Ok(Reply::Billed),
                (None, true) => Ok(Reply::Stream(ChunkStream::new(chunks(
                    fault,
                    UnderWay::new(&under_way),
                )))),
            }
        }
        .boxed()
    }
}

fn chunks(fault: Fault, guard: UnderWay) -> impl stream::Stream<Item = Result<Tok, Error>> {
    let told = stream::iter(fault.words.into_iter().zip(WORDS)).then(async |(ms, word)| {
        if ms > 0 {
            sleep(Duration::from_millis(ms)).await;
        }
        Ok(Tok::Word(word))
    });
    let of = |chunks: Vec<Result<Tok, Error>>| stream::iter(chunks);
    let end = match fault.ends {
        Ends::Well => of(vec![Ok(Tok::Stop), Ok(Tok::Bill)]).boxed(),
        Ends::Hangs => of(vec![Ok(Tok::Stop)]).chain(stream::pending()).boxed(),
        Ends::Cut => of(vec![Err(Error::new(ErrorKind::CutOff, "cut"))]).boxed(),
        Ends::Stalls => stream::pending().boxed(),
        // The clock stands still as long as nobody waits: it must go on by itself.
        Ends::Babbles => stream::repeat_with(|| Ok(Tok::Head))
            .then(async |chunk| {
                tokio::time::advance(50 * MS).await;
                chunk
            })
            .boxed(),
    };
    of(vec![Ok(Tok::Head)])
        .chain(told)
        .chain(end)
        .inspect(move |_| {
            let _until_dropped = &guard;
        })
}

#[derive(Clone, Debug)]
struct Limits {
    limit: u64,
    grace: u64,
    connect: Option<u64>,
    first_token: Option<u64>,
    idle: Option<u64>,
    attempt: Option<u64>,
    hedge: u64,
    /// Both are learned from what was seen in the calls before.
    adaptive: bool,
}

fn limits() -> impl Strategy<Value = Limits> {
    let ms = || option::of(1_u64..6_000);
    (
        1_u64..10_000,
        prop_oneof![Just(0), 1_u64..3_000],
        (ms(), ms(), ms(), ms()),
        1_u64..4_000,
        any::<bool>(),
    )
        .prop_map(
            |(limit, grace, (connect, first_token, idle, attempt), hedge, adaptive)| Limits {
                limit,
                grace,
                connect,
                first_token,
                idle,
                attempt,
                hedge,
                adaptive,
            },
        )
}

#[derive(Clone, Debug)]
struct Caller {
    streams: bool,
    /// After which time it leaves, if the call is not over.
    leaves: Option<u64>,
}

fn caller() -> impl Strategy<Value = Caller> {
    (any::<bool>(), option::weighted(0.2, 0_u64..9_000))
        .prop_map(|(streams, leaves)| Caller { streams, leaves })
}

/// Reads to the end, and checks that nothing is missing if the end is a good one.
async fn read(reply: Result<Reply, Error>, stopped: &Cell<bool>) -> Result<Seen, TestCaseError> {
    let mut chunks = match reply {
        Err(error) => return Ok(Seen::Failed(error)),
        Ok(Reply::Stream(chunks)) => chunks,
        Ok(_) => return Ok(Seen::Whole),
    };
    let mut words = 0;
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(Tok::Word(word)) => {
                prop_assert_eq!(
                    word,
                    WORDS[words],
                    "a word is missing, or of another answer"
                );
                words += 1;
            }
            Ok(Tok::Stop) => stopped.set(true),
            Ok(_) => {}
            Err(error) => {
                prop_assert!(
                    chunks.next().await.is_none(),
                    "something came after an error"
                );
                return Ok(Seen::Failed(error));
            }
        }
    }
    prop_assert!(
        stopped.get(),
        "a stump of {words} words was told as an answer"
    );
    Ok(Seen::Whole)
}

async fn check(
    limits: Limits,
    faults: Vec<Fault>,
    callers: Vec<Caller>,
) -> Result<(), TestCaseError> {
    let ms = Duration::from_millis;
    let off = Metrics::disabled();
    let timeout = TimeoutLayer::new(ms(limits.limit))
        .grace(ms(limits.grace))
        .metrics(&off);
    let mut hedge = HedgeLayer::new(ms(limits.hedge))
        .plain(ms(limits.hedge))
        .share(0.5)
        .metrics(&off);
    let mut attempt = AttemptTimeoutLayer::new();
    type Setter = fn(AttemptTimeoutLayer, Duration) -> AttemptTimeoutLayer;
    let setters: [(Setter, Option<u64>); 4] = [
        (AttemptTimeoutLayer::connect, limits.connect),
        (AttemptTimeoutLayer::first_token, limits.first_token),
        (AttemptTimeoutLayer::idle, limits.idle),
        (AttemptTimeoutLayer::attempt, limits.attempt),
    ];
    for (set, limit) in setters {
        attempt = limit.map_or(attempt.clone(), |limit| set(attempt, ms(limit)));
    }
    if limits.adaptive {
        let adaptive = Adaptive::percentile(90.0).warm_up(2).floor(MS);
        hedge = hedge.adaptive(adaptive);
        attempt = attempt
            .adaptive_first_token(adaptive)
            .adaptive_attempt(adaptive);
    }
    let provider = Provider {
        faults: Arc::new(faults),
        next: Arc::default(),
        under_way: Arc::default(),
        mine: None,
    };
    let svc = ServiceBuilder::new()
        .layer(&timeout)
        .layer(&hedge)
        .layer(attempt)
        .layer(AttemptLayer::new(PriceTable::new()))
        .service(provider.clone());
    let budget = ms(limits.limit + limits.grace);
    let (mut failures, mut left) = (0, 0);
    for (n, caller) in callers.iter().enumerate() {
        let call: Call<Ask> = call(caller.streams);
        let (journal, start) = (call.journal(), Instant::now());
        let stopped = Cell::new(false);
        let whole = async { read(svc.clone().oneshot(call).await, &stopped).await };
        let leaves = caller.leaves.map_or(Duration::from_secs(3_600), ms);
        let seen = match tokio::time::timeout(leaves, whole).await {
            // Who has the finish reason has everything.
            Err(_) if stopped.get() => Seen::Whole,
            Err(_) => Seen::Left,
            Ok(seen) => seen?,
        };
        let took = start.elapsed();
        prop_assert!(took <= budget + 100 * MS, "{seen:?} after {took:?}");
        prop_assert_eq!(
            provider.under_way.load(SeqCst),
            0,
            "something goes on after {:?}",
            seen
        );
        let open = journal.with(|report| report.attempts.iter().any(|of| of.outcome.is_none()));
        prop_assert!(!open, "an attempt has no end after {seen:?}");
        match &seen {
            // One of an inner limit too, if that is reached at the very end.
            Seen::Failed(error) if error.kind() == ErrorKind::Timeout && took >= budget => {
                failures += 1;
            }
            Seen::Failed(error) => {
                let total = error.find::<Elapsed>().map(Elapsed::limit) == Some(Limit::Total);
                prop_assert!(!total, "cut after {took:?}");
            }
            Seen::Left => left += 1,
            Seen::Whole => {}
        }
        let stats = timeout.stats_of(Operation::Chat);
        let (all, calls) = (
            stats.successes + stats.failures + stats.cancelled,
            n as u64 + 1,
        );
        prop_assert_eq!(
            (all, stats.failures, stats.cancelled),
            (calls, failures, left),
            "{:?}",
            seen
        );
        let of = hedge.stats();
        prop_assert_eq!(of.started, of.won + of.lost + of.failed + of.cancelled);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_ends_in_time_is_counted_once_and_is_whole_or_an_error(
        limits in limits(),
        faults in vec(fault(), 1..8),
        callers in vec(caller(), 1..6),
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(check(limits, faults, callers))?;
    }
}

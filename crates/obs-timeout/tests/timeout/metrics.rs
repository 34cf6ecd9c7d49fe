//! Each call is counted once, however it ends, and the exporter says what `stats()` says.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::collector::{Collector, at};
use crate::common::{Ask, Reply, S, Tok, call, timed};
use futures_util::{FutureExt, StreamExt};
use obs_core::{Call, Error, ErrorKind, Operation};
use obs_timeout::TimeoutLayer;
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn every_series_is_there_from_the_start() {
    let collector = Collector::new();
    let layer = TimeoutLayer::new(S).metrics(&collector.metrics);
    assert!(collector.series().is_empty(), "it has no service yet");
    let inner = service_fn(|_: Call<Ask>| std::future::pending::<Result<Reply, Error>>());
    let _svc = layer.layer(inner);
    let series = collector.series();
    for operation in Operation::ALL {
        for name in [
            "timeout_successes_total",
            "timeout_failures_total",
            "timeout_cancelled_total",
            "timeout_late_total",
        ] {
            assert_eq!(at(&series, name, operation.as_str()), Some(0.0), "{name}");
        }
        assert_eq!(at(&series, "timeout_rate", operation.as_str()), None);
    }
    let counters = series.keys().filter(|(name, _)| name.ends_with("_total"));
    assert_eq!(counters.count(), 4 * Operation::ALL.len());
}

#[tokio::test(start_paused = true)]
async fn each_end_is_told_by_operation() {
    let collector = Collector::new();
    let layer = TimeoutLayer::new(2 * S)
        .grace(S)
        .metrics(&collector.metrics);
    let slow = |seconds: u64| {
        layer.layer(service_fn(move |_: Call<Ask>| async move {
            sleep(Duration::from_secs(seconds)).await;
            Ok::<_, Error>(Reply::Whole("hi"))
        }))
    };
    let of = |operation| {
        let mut call = call(false);
        call.request.operation = operation;
        call
    };
    assert!(slow(1).oneshot(of(Operation::Chat)).await.is_ok());
    assert!(slow(2).oneshot(of(Operation::Chat)).await.is_ok());
    assert!(slow(9).oneshot(of(Operation::Chat)).await.is_err());
    assert!(slow(9).oneshot(of(Operation::Chat)).await.is_err());
    assert!(slow(2).oneshot(of(Operation::Embeddings)).await.is_ok());
    let mut leaver = slow(2).oneshot(of(Operation::Embeddings)).boxed();
    assert!((&mut leaver).now_or_never().is_none());
    sleep(S / 2).await;
    drop(leaver);

    let series = collector.series();
    let get = |name, operation| at(&series, name, operation);
    assert_eq!(get("timeout_successes_total", "chat"), Some(2.0));
    assert_eq!(get("timeout_failures_total", "chat"), Some(2.0));
    assert_eq!(get("timeout_late_total", "chat"), Some(2.0));
    assert_eq!(get("timeout_rate", "chat"), Some(0.5));
    assert_eq!(get("timeout_execution", "chat"), Some(4.0));
    assert_eq!(get("timeout_execution_sum", "chat"), Some(9.0));
    assert_eq!(get("timeout_successes_total", "embeddings"), Some(1.0));
    assert_eq!(get("timeout_cancelled_total", "embeddings"), Some(1.0));
    assert_eq!(get("timeout_rate", "embeddings"), Some(0.0));
    assert_eq!(get("timeout_execution", "embeddings"), Some(2.0));
    assert_eq!(get("timeout_execution_sum", "embeddings"), Some(2.5));
    assert_eq!(get("timeout_successes_total", "other"), Some(0.0));
    assert_eq!(layer.stats_of(Operation::Chat).rate(), Some(0.5));
    assert_eq!(layer.stats_of(Operation::Other).rate(), None);
    assert_eq!(layer.stats().successes, 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_call_is_another_operation() {
    let collector = Collector::new();
    let layer = TimeoutLayer::new(S).metrics(&collector.metrics).any();
    let inner = service_fn(|n: u8| std::future::ready(Ok::<_, Error>(n)));
    assert_eq!(layer.layer(inner).oneshot(7).await.expect("in time"), 7);
    let series = collector.series();
    assert_eq!(at(&series, "timeout_successes_total", "other"), Some(1.0));
    assert_eq!(at(&series, "timeout_successes_total", "chat"), Some(0.0));
}

/// A source of random numbers that is the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_with_random_ends_are_each_counted_once() {
    const CALLS: u64 = 1_000;
    let collector = Collector::new();
    let layer = TimeoutLayer::new(2 * S)
        .grace(S)
        .metrics(&collector.metrics);
    // How each call ended, as its caller saw it.
    let seen = Arc::new([const { AtomicU64::new(0) }; 3]);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let head = Duration::from_millis(random.below(3_500));
            let gaps: Vec<u64> = (0..random.below(6)).map(|_| random.below(1_000)).collect();
            let fails = random.below(4) == 0;
            let stalls = random.below(4) == 0;
            let mut call = call(random.below(2) == 0);
            call.request.operation = Operation::ALL[random.below(5) as usize];
            let leaves = Duration::from_millis(random.below(12_000));
            let svc = layer.layer(service_fn(move |call: Call<Ask>| {
                let mut chunks: Vec<_> = gaps.iter().map(|ms| (*ms, Tok::Word("a"))).collect();
                async move {
                    sleep(head).await;
                    match (fails, call.request.streams) {
                        (true, _) => Err(Error::new(ErrorKind::Upstream, "no")),
                        (_, false) => Ok(Reply::Whole("hi")),
                        (_, true) => {
                            if !stalls {
                                chunks.push((0, Tok::Stop));
                            }
                            Ok(timed(chunks))
                        }
                    }
                }
            }));
            let seen = seen.clone();
            tokio::spawn(async move {
                let end = tokio::time::timeout(leaves, async {
                    let reply = match svc.oneshot(call).await {
                        Ok(reply @ Reply::Stream(_)) => reply,
                        Ok(Reply::Whole(_) | Reply::Billed) => return Ok(()),
                        Err(error) => return Err(error.kind()),
                    };
                    let mut chunks = reply.chunks();
                    while let Some(chunk) = chunks.next().await {
                        if matches!(chunk.map_err(|e| e.kind())?, Tok::Stop) {
                            break;
                        }
                    }
                    Ok(())
                });
                let index = match end.await {
                    Err(_) => 2,
                    Ok(Err(ErrorKind::Timeout)) => 1,
                    Ok(_) => 0,
                };
                seen[index].fetch_add(1, Relaxed);
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
    let stats = layer.stats();
    let [successes, failures, cancelled] = [0, 1, 2].map(|i| seen[i].load(Relaxed));
    assert_eq!(stats.successes, successes);
    assert_eq!(stats.failures, failures);
    assert_eq!(stats.cancelled, cancelled);
    assert_eq!(successes + failures + cancelled, CALLS);
    for n in [successes, failures, cancelled] {
        assert!(n > 50, "each end should be frequent: {stats:?}");
    }
    assert!(stats.late > failures, "some ended in the grace");

    let series = collector.series();
    let sum = |name: &str| {
        let of = series.iter().filter(|((of, _), _)| of == name);
        of.map(|(_, value)| value).sum::<f64>() as u64
    };
    assert_eq!(sum("timeout_successes_total"), successes);
    assert_eq!(sum("timeout_failures_total"), failures);
    assert_eq!(sum("timeout_cancelled_total"), cancelled);
    assert_eq!(sum("timeout_late_total"), stats.late);
    assert_eq!(sum("timeout_execution"), CALLS);
    for operation in Operation::ALL {
        let stats = layer.stats_of(operation);
        assert_eq!(
            at(&series, "timeout_rate", operation.as_str()),
            stats.rate()
        );
    }
}

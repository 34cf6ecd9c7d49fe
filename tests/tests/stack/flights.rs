//! Calls that share one upstream call: who pays, and what happens when some of them leave.
use futures_util::{FutureExt, StreamExt, future::join_all};
use obs_core::*;
use obs_tests::chat::{ask, channel, hi, stop, text, used};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{ServiceExt, service_fn};

use crate::support::{S, ledger, mocked, next, outcomes, read, reply, stack, status};

const FOLLOWER: (Option<i128>, Option<i128>, Option<i128>) = (Some(0), Some(10), None);
const PAYER: (Option<i128>, Option<i128>, Option<i128>) = (Some(10), None, Some(90));

#[tokio::test]
async fn coalesced_followers_save_what_the_leader_pays() {
    for streamed in [false, true] {
        let (service, layers, mut handle) = mocked();
        // The second one wants it in the other form.
        let calls = [streamed, !streamed, streamed].map(ask);
        let journals: Vec<_> = calls.iter().map(Call::journal).collect();
        let readers = calls.map(|call| read(&service, call));
        let (got, _) = tokio::join!(join_all(readers), reply(&mut handle));
        assert_eq!(got, ["hi"; 3]);
        let ledgers: Vec<_> = journals.iter().map(ledger).collect();
        assert_eq!(ledgers, [PAYER, FOLLOWER, FOLLOWER]);
        for journal in &journals {
            let decisions = journal.read().decisions;
            let routes: Vec<_> = decisions.iter().map(|d| &*d.route).collect();
            assert_eq!(routes, ["cheap"], "told to all, once");
        }
        assert_eq!(status(&journals[2]), Some(CacheStatus::Coalesced));
        let stats = layers.cache.stats();
        assert_eq!((stats.hits, stats.coalesced, stats.misses), (2, 2, 1));
        assert_eq!(stats.saved, Usd::from_pico(20));
    }
}

#[tokio::test]
async fn when_all_leave_the_upstream_call_is_dropped_and_the_attempt_cancelled() {
    for streamed in [false, true] {
        let (service, layers, mut handle) = mocked();
        let calls = [streamed; 3].map(ask);
        let journals: Vec<_> = calls.iter().map(Call::journal).collect();
        let mut tasks = calls.map(|call| task::spawn(service.clone().oneshot(call)));
        for task in &mut tasks {
            assert_pending!(task.poll());
        }
        let (_, send) = next(&mut handle).await;
        let (sender, answer) = channel();
        if streamed {
            send.send_response(answer);
            sender.send(Ok(text("h"))).unwrap();
            for mut task in tasks {
                let mut chunks = assert_ready!(task.poll()).unwrap().chunks();
                assert!(chunks.next().now_or_never().is_some());
            }
            assert!(sender.is_closed(), "upstream is dropped");
        } else {
            drop(tasks);
        }
        let all: Vec<_> = journals.iter().flat_map(outcomes).collect();
        assert_eq!(all, [Outcome::Cancelled], "one payer");
        assert_eq!(layers.apm.stats().cancelled, 3);
        assert_eq!(layers.cache.stats().cancelled, 3);
    }
}

#[tokio::test]
async fn a_leader_that_leaves_hands_over_the_answer_and_the_bill() {
    let (service, layers, mut handle) = mocked();
    let calls = [true, false, true].map(ask);
    let journals: Vec<_> = calls.iter().map(Call::journal).collect();
    let [a, b, c] = calls.map(|call| service.clone().oneshot(call));
    let (mut a, mut b, mut c) = (task::spawn(a), task::spawn(b), task::spawn(c));
    assert_pending!(a.poll());
    assert_pending!(b.poll());
    assert_pending!(c.poll());
    let (_, send) = next(&mut handle).await;
    let (sender, answer) = channel();
    send.send_response(answer);
    sender.send(Ok(text("h"))).unwrap();
    let mut leader = task::spawn(assert_ready!(a.poll()).unwrap().chunks());
    assert!(assert_ready!(leader.poll_next()).is_some());
    assert_pending!(leader.poll_next()); // the last who polled upstream
    drop(leader);
    assert_pending!(b.poll());
    let c = assert_ready!(c.poll()).unwrap();
    for chunk in [text("i"), stop(), used(10)] {
        sender.send(Ok(chunk)).unwrap();
    }
    drop(sender);
    assert!(b.is_woken());
    let b = assert_ready!(b.poll()).unwrap();
    assert_eq!(b.read().await.unwrap(), "hi");
    assert_eq!(c.read().await.unwrap(), "hi");
    let ledgers: Vec<_> = journals.iter().map(ledger).collect();
    assert_eq!(ledgers, [(Some(0), None, None), PAYER, FOLLOWER]);
    let calls = layers.apm.stats();
    assert_eq!((calls.cancelled, calls.success), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_shared_poll_hangs_nobody() {
    let (service, layers) = stack(service_fn(|_| async {
        sleep(S).await;
        if true {
            panic!("a bug upstream");
        }
        Ok::<_, Error>(hi(false))
    }));
    let calls = [false; 3].map(ask);
    let tasks = calls.map(|call| tokio::spawn(service.clone().oneshot(call)));
    let ends = timeout(5 * S, join_all(tasks)).await.expect("no hang");
    let panics = ends.iter().filter(|end| end.is_err()).count();
    let errors = ends.iter().flatten().filter(|end| end.is_err()).count();
    assert_eq!((panics, errors), (1, 2));
    let calls = layers.apm.stats();
    assert_eq!((calls.cancelled, calls.error), (1, 2));
}

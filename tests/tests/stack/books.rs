//! Anything goes, and the books balance.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use obs_core::*;
use obs_tests::chat::{Answer, Ask, ask, hi, stop, text, used};
use tokio::time::{sleep, timeout};
use tower::{ServiceExt, service_fn};

use crate::support::{Layers, S, ledger, stack};

/// Every call ends once in every layer, every attempt has one payer, and what the calls paid and saved is what the
/// layers counted.
fn audit(layers: &Layers, journals: &[Journal], upstream: usize) {
    let calls = journals.len() as u64;
    let apm = layers.apm.stats();
    assert_eq!(apm.calls(), calls, "one end a call: {apm:?}");
    let timeout = layers.timeout.stats();
    let ends = timeout.successes + timeout.failures + timeout.cancelled;
    assert_eq!(ends, calls, "{timeout:?}");
    let cache = layers.cache.stats();
    let ends =
        cache.hits + cache.misses + cache.bypassed + cache.cancelled + cache.followers_failed;
    assert_eq!(ends, calls, "{cache:?}");

    let reports: Vec<_> = journals.iter().map(Journal::read).collect();
    let attempts: Vec<_> = reports.iter().flat_map(|report| &report.attempts).collect();
    assert_eq!(attempts.len(), upstream, "one payer an attempt");
    assert!(attempts.iter().all(|attempt| attempt.outcome.is_some()));
    let paid: Paid = attempts.iter().map(|attempt| attempt.cost).sum();
    assert_eq!(apm.paid, paid, "the listener heard of each attempt once");
    let routed: u64 = layers.router.stats().calls();
    assert!(routed <= calls && routed <= upstream as u64);
    for journal in journals {
        ledger(journal);
    }
}

#[tokio::test(start_paused = true)]
async fn the_books_balance_whatever_happens() {
    let mut seed = 0x2545_f491_u64;
    let mut random = move |n: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % n
    };
    for _ in 0..300 {
        let upstream = Arc::new(AtomicUsize::new(0));
        let dice: Vec<_> = (0..99).map(|_| random(1000)).collect();
        let dice = Arc::new(Mutex::new(dice));
        let roll = move || dice.lock().unwrap().pop().unwrap_or(0);
        let asked = upstream.clone();
        let model = service_fn(move |ask: Ask| {
            asked.fetch_add(1, SeqCst);
            let (roll, first, fate) = (roll.clone(), roll(), roll());
            async move {
                sleep(Duration::from_millis(first)).await;
                match fate {
                    0..150 => return Err(Error::new(ErrorKind::Overloaded, "busy")),
                    150..200 => return Err(Error::new(ErrorKind::Caller, "bad")),
                    200..250 => sleep(90 * S).await,
                    _ if !ask.stream => return Ok(hi(false)),
                    _ => {}
                }
                let mut chunks = [text("h"), text("i"), stop(), used(10)].map(Ok).to_vec();
                if fate < 400 {
                    chunks[(fate % 4) as usize] = Err(Error::new(ErrorKind::CutOff, "cut"));
                }
                let chunks = stream::iter(chunks).then(move |chunk| {
                    let pause = roll() / 2;
                    async move {
                        sleep(Duration::from_millis(pause)).await;
                        chunk
                    }
                });
                Ok(Answer::from_stream(ChunkStream::new(chunks)))
            }
        });
        let (service, layers) = stack(model);
        let mut journals = vec![];
        let mut tasks = vec![];
        for _ in 0..8 {
            let mut call = ask(random(2) == 0);
            if random(3) == 0 {
                let seconds = 2 + random(3) as u32;
                call = call.deadline(Deadline::after(seconds * S, Duration::ZERO));
            }
            call.request.prompt = random(3).to_string();
            journals.push(call.journal());
            let service = service.clone();
            let (start, leave, reads) = (random(1500), random(4000), random(9));
            tasks.push(tokio::spawn(async move {
                sleep(Duration::from_millis(start)).await;
                let work = async {
                    let Ok(Answer::Stream(mut chunks)) = service.oneshot(call).await else {
                        return;
                    };
                    for _ in 0..reads {
                        if chunks.next().await.is_none() {
                            break;
                        }
                    }
                };
                // Many leave early: that is part of it.
                let _ = timeout(Duration::from_millis(leave), work).await;
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        audit(&layers, &journals, upstream.load(SeqCst));
    }
}

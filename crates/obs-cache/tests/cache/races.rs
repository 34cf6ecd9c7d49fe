//! Many at once, who come and go as they like.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::{StreamExt, future::join_all};
use obs_cache::*;
use obs_core::*;
use tokio::{sync::mpsc, task::yield_now, time::timeout};
use tower::{Layer, ServiceExt, service_fn};

use crate::{chat::*, flights::Alive};

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[derive(Default)]
struct Heard(AtomicUsize);

impl AttemptListener for Heard {
    fn ended(&self, _: &Attempt) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Boards while the last member of the flight leaves, on two threads: no deadlock, and no flight is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boarding_races_leaving() {
    let alive = Arc::new(AtomicUsize::new(0));
    let inside = alive.clone();
    let cache = layer(Memory::new(1 << 20)).layer(service_fn(move |_: Call<Req>| {
        let alive = Alive::new(&inside);
        async move {
            let _alive = alive;
            yield_now().await;
            yield_now().await;
            Err::<Chat, _>(Error::new(ErrorKind::Upstream, "no"))
        }
    }));
    let work = (0..4).map(|worker| {
        let cache = cache.clone();
        tokio::spawn(async move {
            for turn in 0..5000_usize {
                let call = cache.clone().oneshot(req(false));
                if (turn + worker) % 3 == 0 {
                    assert!(call.await.is_err());
                } else {
                    let mut call = Box::pin(call);
                    let _ = futures_util::poll!(&mut call);
                    drop(call);
                }
            }
        })
    });
    let work = timeout(Duration::from_secs(60), join_all(work)).await;
    work.expect("no deadlock")
        .into_iter()
        .for_each(|end| end.unwrap());
    assert_eq!(alive.load(SeqCst), 0);
    let stats = cache.stats();
    assert_eq!((stats.calls(), stats.hits), (20_000, 0), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_and_every_attempt_has_one_payer_under_random_drops() {
    let started = Arc::new(AtomicUsize::new(0));
    let alive = Arc::new(AtomicUsize::new(0));
    let mut dice = Dice(0x2545_f491);
    for round in 0..300 {
        let (starts, lives) = (started.clone(), alive.clone());
        let gap = dice.roll(3);
        let heard = Arc::new(Heard::default());
        let layer = layer(Memory::new(1 << 20));
        let attempts = AttemptLayer::new(prices());
        let cache = layer.layer(attempts.layer(service_fn(move |_: Req| {
            starts.fetch_add(1, SeqCst);
            let alive = Alive::new(&lives);
            async move {
                yield_now().await;
                let (tx, mut rx) = mpsc::channel(1);
                tokio::spawn(async move {
                    for number in 0..20 {
                        for _ in 0..gap {
                            yield_now().await;
                        }
                        if tx.send(Ok(text(&format!("{number},")))).await.is_err() {
                            return;
                        }
                    }
                    let _ = tx.send(Ok(stop())).await;
                    let _ = tx.send(Ok(bill(2))).await;
                });
                let chunks = futures_util::stream::poll_fn(move |cx| {
                    let _ = &alive;
                    rx.poll_recv(cx)
                });
                Ok::<_, Error>(Chat::from_stream(ChunkStream::new(chunks)))
            }
        })));
        let (mut tasks, mut journals) = (vec![], vec![]);
        for _ in 0..6 {
            let plain = dice.roll(4) == 0;
            let leave = (dice.roll(2) == 0).then(|| dice.roll(22));
            let call = req(!plain);
            journals.push((leave, call.journal()));
            let listener: Arc<dyn AttemptListener> = heard.clone();
            call.context.journal.listen(&listener);
            let answer = cache.clone().oneshot(call);
            let pause = dice.roll(4);
            tasks.push(tokio::spawn(async move {
                for _ in 0..pause {
                    yield_now().await;
                }
                let want: String = (0..20).map(|number| format!("{number},")).collect();
                match (plain, leave) {
                    (true, Some(_)) => {
                        let _ = timeout(Duration::from_micros(50), answer).await;
                    }
                    (true, None) => assert_eq!(told(&answer.await.unwrap()), want),
                    (false, Some(reads)) => {
                        let mut stream = chunks(answer.await.unwrap());
                        for _ in 0..reads {
                            stream.next().await;
                        }
                    }
                    (false, None) => assert_eq!(read(answer.await.unwrap()).await, want),
                }
            }));
        }
        for task in tasks {
            let end = timeout(Duration::from_secs(30), task).await;
            end.unwrap_or_else(|_| panic!("hang in round {round}"))
                .unwrap();
        }
        drop(cache);
        assert_eq!(alive.load(SeqCst), 0, "leak in round {round}");
        let stats = layer.stats();
        assert_eq!(stats.calls(), 6, "{stats:?} in round {round}");
        let (mut paid, mut savings) = (0, Usd::ZERO);
        for (leave, journal) in journals {
            let report = journal.read();
            paid += report.attempts.len();
            savings += report.saved_by_cache().unwrap_or_default();
            if leave.is_none() {
                assert!(report.paid().exact().is_some() && report.cache.is_some());
            }
        }
        assert_eq!(savings, stats.saved, "in round {round}");
        assert_eq!(
            (paid, heard.0.load(SeqCst)),
            (started.swap(0, SeqCst), paid),
            "each attempt has one payer in round {round}"
        );
    }
}

/// A thousand calls for few questions, some of them dropped: the sum of the outcomes is the number of calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_are_counted_once_each() {
    let layer = layer(Memory::new(1 << 20));
    let cache = layer.layer(service_fn(|call: Call<Req>| async move {
        for _ in 0..5 {
            yield_now().await;
        }
        match &*call.request.prompt {
            "3" => Err(Error::new(ErrorKind::Upstream, "no")),
            _ if call.request.stream => Ok(streamed([text("a"), stop(), bill(1)])),
            _ => Ok(whole("a")),
        }
    }));
    let mut dice = Dice(0x1234_5678);
    let calls = (0..1000).map(|_| {
        let mut call = req(dice.roll(2) == 0);
        call.request.prompt = dice.roll(7).to_string();
        if dice.roll(10) == 0 {
            call.context.cache.no_store = true;
        }
        let (polls, cache) = ((dice.roll(3) == 0).then(|| dice.roll(6) + 1), cache.clone());
        tokio::spawn(async move {
            let mut answer = Box::pin(cache.oneshot(call));
            match polls {
                Some(polls) => {
                    for _ in 0..polls {
                        if futures_util::poll!(&mut answer).is_ready() {
                            return;
                        }
                        yield_now().await;
                    }
                }
                None => {
                    if let Ok(chat) = answer.await {
                        read(chat).await;
                    }
                }
            }
        })
    });
    let calls: Vec<_> = calls.collect();
    for call in join_all(calls).await {
        call.unwrap();
    }
    let stats = layer.stats();
    assert_eq!(stats.calls(), 1000, "{stats:?}");
    assert!(
        stats.hits > 0 && stats.misses > 0 && stats.bypassed > 0,
        "{stats:?}"
    );
}

//! One call for all who ask the same at the same time: whole answers.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use obs_core::*;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::chat::*;

/// Counts what is alive.
pub(crate) struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[tokio::test]
async fn there_is_one_call_and_one_of_them_pays() {
    let (cache, mut handle, _) = setup();
    let calls = [false, true, false].map(req);
    let journals = calls.each_ref().map(Call::journal);
    let mut tasks = calls.map(|call| task::spawn(cache.clone().oneshot(call)));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let reply = next(&mut handle).await;
    assert!(handle.next_request().now_or_never().is_none());
    reply.send_response(whole("z"));
    for task in &tasks {
        assert!(task.is_woken());
    }
    // A follower polls first.
    assert_eq!(told(&assert_ready!(tasks[2].poll()).unwrap()), "z");
    assert_eq!(told(&assert_ready!(tasks[0].poll()).unwrap()), "z");
    assert_eq!(texts(assert_ready!(tasks[1].poll()).unwrap()).await, ["z"]);
    let ledger = journals.map(|journal| (cost(&journal), saved(&journal), status(&journal)));
    let follower = (Some(0), Some(50), Some(CacheStatus::Coalesced));
    assert_eq!(
        ledger,
        [
            (Some(50), None, Some(CacheStatus::Miss)),
            follower,
            follower
        ]
    );
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.hits, stats.coalesced), (1, 2, 2));
    assert_eq!(stats.saved, usd(100));
}

#[tokio::test]
async fn a_hundred_streams_are_one_call_and_all_alike() {
    let (cache, mut handle, _) = setup();
    let mut tasks: Vec<_> = (0..100)
        .map(|_| task::spawn(cache.clone().oneshot(req(true))))
        .collect();
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let tx = stream_next(&mut handle).await;
    for chunk in [text("a"), text("b"), stop(), bill(2)] {
        tx.send(Ok(chunk)).unwrap();
    }
    drop(tx);
    let answers = tasks.into_iter().map(|task| async move {
        let chat = task.into_inner().await.unwrap();
        let all: Vec<_> = futures_util::StreamExt::collect(chunks(chat)).await;
        let bytes = all.into_iter().map(|chunk| chunk.unwrap().data);
        bytes.collect::<Vec<_>>().concat()
    });
    let answers = join_all(answers).await;
    let want = [text("a"), text("b"), stop(), bill(2)].map(|chunk| chunk.data);
    assert!(answers.iter().all(|answer| *answer == want.concat()));
    assert!(handle.next_request().now_or_never().is_none());
    assert_eq!((cache.stats().misses, cache.stats().coalesced), (1, 99));
}

#[tokio::test]
async fn an_error_reaches_all_once_and_is_not_kept() {
    let (cache, mut handle, store) = setup();
    let mut tasks = [false, true].map(|s| task::spawn(cache.clone().oneshot(req(s))));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let error = Error::new(ErrorKind::RateLimited, "slow down");
    next(&mut handle).await.send_error(error);
    for task in &mut tasks {
        let error = assert_ready!(task.poll()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
    }
    assert!(store.entries().is_empty());
    let mut again = task::spawn(cache.clone().oneshot(req(false)));
    assert_pending!(again.poll());
    next(&mut handle).await.send_response(whole("ok"));
    assert!(assert_ready!(again.poll()).is_ok());
    let stats = cache.stats();
    assert_eq!(
        (stats.misses, stats.followers_failed, stats.hits),
        (2, 1, 0)
    );
    assert_eq!(stats.saved, Usd::ZERO);
}

#[tokio::test]
async fn a_leader_that_leaves_hands_over() {
    let (cache, mut handle, _) = setup();
    let calls = [req(false), req(false)];
    let journals = calls.each_ref().map(Call::journal);
    let [leader, heir] = calls.map(|call| task::spawn(cache.clone().oneshot(call)));
    let (mut leader, mut heir) = (leader, heir);
    assert_pending!(leader.poll());
    assert_pending!(heir.poll());
    assert_pending!(leader.poll()); // the last to look at the call
    let reply = next(&mut handle).await;
    drop(leader);
    assert!(!heir.is_woken());
    reply.send_response(whole("w"));
    assert!(heir.is_woken());
    assert_eq!(told(&assert_ready!(heir.poll()).unwrap()), "w");
    assert_eq!(journals.each_ref().map(cost), [Some(0), Some(50)]);
    assert_eq!(status(&journals[1]), Some(CacheStatus::Miss));
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.cancelled), (1, 1));
}

#[tokio::test]
async fn when_all_leave_the_call_is_dropped_and_the_key_is_free() {
    let (alive, starts) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let (a, s) = (alive.clone(), starts.clone());
    let cache = layer(Shelf::default()).layer(service_fn(move |_: Call<Req>| {
        s.fetch_add(1, SeqCst);
        let alive = Alive::new(&a);
        async move {
            let _alive = alive;
            std::future::pending::<()>().await;
            Ok::<_, BoxError>(whole(""))
        }
    }));
    let spawn = || task::spawn(cache.clone().oneshot(req(false)));
    let mut tasks: Vec<_> = (0..3).map(|_| spawn()).collect();
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    tasks.pop();
    drop(tasks.remove(0));
    assert_eq!((alive.load(SeqCst), starts.load(SeqCst)), (1, 1));
    tasks.clear();
    assert_eq!(alive.load(SeqCst), 0);
    let mut another = spawn();
    assert_pending!(another.poll());
    assert_eq!((alive.load(SeqCst), starts.load(SeqCst)), (1, 2));
    assert_eq!(cache.stats().cancelled, 3);
}

#[tokio::test(start_paused = true)]
async fn a_leaders_deadline_is_its_own() {
    let (cache, mut handle, _) = setup();
    let end = Instant::now() + Duration::from_millis(100);
    let calls = [req(false).deadline(Deadline::at(end)), req(false)];
    let journals = calls.each_ref().map(Call::journal);
    let [short, long] = calls.map(|call| tokio::spawn(cache.clone().oneshot(call)));
    let (request, reply) = handle.next_request().await.unwrap();
    let until = request.context.deadline.end();
    assert!(until.is_none(), "the follower has time without end");
    let error = short.await.unwrap().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let elapsed = error.find::<Elapsed>().unwrap();
    assert_eq!(elapsed.limit(), Limit::Deadline);
    tokio::time::advance(Duration::from_secs(5)).await;
    reply.send_response(whole("late"));
    assert_eq!(told(&long.await.unwrap().unwrap()), "late");
    assert_eq!(journals.each_ref().map(cost), [Some(0), Some(50)]);
    let stats = cache.stats();
    assert_eq!((stats.cancelled, stats.misses), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_was_cut_does_not_pay_although_its_future_is_still_there() {
    let attempts = AttemptLayer::new(prices());
    let cache = layer(Shelf::default()).layer(attempts.layer(service_fn(|_: Req| async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok::<_, Error>(whole("hi"))
    })));
    let within = |secs| Deadline::after(Duration::from_secs(secs), Duration::ZERO);
    let calls = [1, 5].map(|secs| req(false).deadline(within(secs)));
    let journals = calls.each_ref().map(Call::journal);
    let [a, b] = calls.map(|call| cache.clone().call(call));
    // No layer around it, which would drop the cut future.
    let mut a = Box::pin(a);
    let (cut, answered) = tokio::join!(a.as_mut(), b);
    assert!(cut.is_err() && answered.is_ok());
    let paid = journals.map(|journal| journal.read().attempts.len());
    assert_eq!(paid, [0, 1]);
    drop(a);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_has_more_time_the_attempt_ends_as_timed_out() {
    let attempts = AttemptLayer::new(prices());
    let cache = layer(Shelf::default()).layer(attempts.layer(service_fn(|_: Req| {
        std::future::pending::<Result<Chat, Error>>()
    })));
    let call = req(false).deadline(Deadline::after(Duration::from_secs(1), Duration::ZERO));
    let journal = call.journal();
    let error = cache.oneshot(call).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let attempts = journal.read().attempts;
    assert_eq!(attempts[0].outcome, Some(Outcome::TimedOut));
}

#[tokio::test]
async fn a_panic_upstream_does_not_hang_the_others() {
    let (tx, rx) = oneshot::channel::<()>();
    let rx = Arc::new(Mutex::new(Some(rx)));
    let cache = layer(Shelf::default()).layer(service_fn(move |_: Call<Req>| {
        let rx = rx.lock().unwrap().take().unwrap();
        async move {
            let _ = rx.await;
            if true {
                panic!("upstream bug");
            }
            Ok::<_, BoxError>(whole(""))
        }
    }));
    let calls = [false; 3].map(|s| tokio::spawn(cache.clone().oneshot(req(s))));
    tokio::task::yield_now().await;
    tx.send(()).unwrap();
    let ends = timeout(Duration::from_secs(5), join_all(calls)).await;
    let ends = ends.expect("no hang");
    let panics = ends.iter().filter(|end| end.is_err()).count();
    let errors = ends.iter().flatten().filter(|end| end.is_err()).count();
    assert_eq!((panics, errors), (1, 2));
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.followers_failed), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_answers_own_code_does_not_either() {
    for streams in [false, true] {
        let store = Shelf::default();
        let cache = layer(store.clone()).layer(service_fn(|call: Call<Req>| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut chat = whole("hi");
            chat.id = 13; // panics when it is encoded
            if call.request.stream {
                chat = streamed([text("h"), text("panic"), stop()]);
            }
            Ok::<_, Error>(chat)
        }));
        let calls = [streams; 3].map(|streams| {
            let answer = cache.clone().oneshot(req(streams));
            tokio::spawn(async move {
                let chat = answer.await?;
                match chat.body {
                    Body::Whole(..) => Ok(()),
                    Body::Stream(mut chunks) => {
                        while let Some(chunk) = futures_util::StreamExt::next(&mut chunks).await {
                            chunk?;
                        }
                        Ok::<_, Error>(())
                    }
                }
            })
        });
        let ends = timeout(Duration::from_secs(5), join_all(calls)).await;
        let ends = ends.expect("no hang");
        let panics = ends.iter().filter(|end| end.is_err()).count();
        let errors = ends.iter().flatten().filter(|end| end.is_err()).count();
        assert_eq!((panics, errors), (1, 2), "{streams}");
        assert!(store.entries().is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_shared_goes_to_its_leader_and_the_others_ask_for_themselves() {
    let (cache, mut handle, store) = setup();
    let calls = [req(true), req(true)];
    let journals = calls.each_ref().map(Call::journal);
    let mut tasks = calls.map(|call| task::spawn(cache.clone().oneshot(call)));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    next(&mut handle)
        .await
        .send_response(ending("odd", Ends::Odd));
    assert_pending!(tasks[1].poll()); // the follower sees it first
    assert_eq!(told(&assert_ready!(tasks[0].poll()).unwrap()), "odd");
    next(&mut handle).await.send_response(whole("own"));
    assert_eq!(told(&assert_ready!(tasks[1].poll()).unwrap()), "own");
    assert_eq!(journals.each_ref().map(cost), [Some(50), Some(50)]);
    let both = [Some(CacheStatus::Miss); 2];
    assert_eq!(journals.each_ref().map(status), both);
    assert_eq!(cache.stats().misses, 2);
    assert!(store.entries().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_cut_by_a_limit_is_shared_by_those_who_wait_and_not_kept() {
    let (cache, mut handle, store) = setup();
    let mut tasks = [false, false].map(|s| task::spawn(cache.clone().oneshot(req(s))));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    next(&mut handle)
        .await
        .send_response(ending("cut", Ends::Length));
    for task in &mut tasks {
        assert_eq!(told(&assert_ready!(task.poll()).unwrap()), "cut");
    }
    assert_eq!(cache.stats().coalesced, 1);
    assert!(store.entries().is_empty());
}

/// Woken while another polls, found the call taken, slept again; then the poller leaves.
#[tokio::test]
async fn a_wake_up_during_anothers_poll_is_not_lost() {
    type Hook = Arc<Mutex<Option<Box<dyn FnMut() + Send>>>>;
    let hook = Hook::default();
    let inside = hook.clone();
    let cache = layer(Shelf::default()).layer(service_fn(move |_: Call<Req>| {
        let inside = inside.clone();
        std::future::poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            let hook = inside.lock().unwrap().take();
            if let Some(mut hook) = hook {
                hook();
            }
            Poll::<Result<Chat, Error>>::Pending
        })
    }));
    let mut a = task::spawn(cache.clone().oneshot(req(false)));
    let b = Arc::new(Mutex::new(task::spawn(cache.clone().oneshot(req(false)))));
    assert_pending!(a.poll());
    assert_pending!(b.lock().unwrap().poll());
    let other = b.clone();
    *hook.lock().unwrap() = Some(Box::new(move || {
        assert_pending!(other.lock().unwrap().poll());
    }));
    assert_pending!(a.poll());
    drop(a);
    assert!(b.lock().unwrap().is_woken());
}

#[tokio::test]
async fn services_of_one_layer_share_the_store_and_not_their_flights() {
    let store = Shelf::default();
    let layer = layer(store);
    let ((a, mut handle_a), (b, mut handle_b)) = (around(&layer), around(&layer));
    let mut one = task::spawn(a.oneshot(req(false)));
    let mut other = task::spawn(b.clone().oneshot(req(false)));
    assert_pending!(one.poll());
    assert_pending!(other.poll());
    next(&mut handle_a).await.send_response(whole("a"));
    assert_eq!(told(&assert_ready!(one.poll()).unwrap()), "a");
    next(&mut handle_b).await.send_response(whole("b"));
    assert_eq!(told(&assert_ready!(other.poll()).unwrap()), "b");
    assert_eq!(layer.stats().misses, 2);
    assert_eq!(told(&b.oneshot(req(false)).await.unwrap()), "b");
    assert_eq!(layer.stats().hits, 1);
}

#[tokio::test]
async fn a_cache_in_a_cache_is_one_call_too() {
    let (inner, mut handle) = around(&layer(Shelf::default()));
    let outer = layer(Shelf::default()).layer(inner);
    let calls = [req(false), req(true)];
    let journals = calls.each_ref().map(Call::journal);
    let mut tasks = calls.map(|call| task::spawn(outer.clone().oneshot(call)));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    next(&mut handle).await.send_response(whole("hi"));
    for mut task in tasks {
        assert_eq!(read(assert_ready!(task.poll()).unwrap()).await, "hi");
    }
    assert_eq!(journals.each_ref().map(cost), [Some(50), Some(0)]);
    assert_eq!(saved(&journals[1]), Some(50));
}

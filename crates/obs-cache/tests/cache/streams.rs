//! One call for all who ask the same at the same time: streams.
use std::{
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream as streams};
use obs_core::*;
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, ServiceExt, service_fn};

use crate::chat::*;

#[tokio::test]
async fn a_stream_is_shared_live_from_its_first_chunk_and_survives_its_leader() {
    let (cache, mut handle, store) = setup();
    let mut call_a = task::spawn(cache.clone().oneshot(req(true)));
    assert_pending!(call_a.poll());
    let tx = stream_next(&mut handle).await;
    let mut a = task::spawn(chunks(assert_ready!(call_a.poll()).unwrap()));
    tx.send(Ok(text("1"))).unwrap();
    assert_eq!(assert_ready!(a.poll_next()).unwrap().unwrap(), text("1"));
    // Late followers: one wants a stream, one the whole.
    let calls = [req(true), req(false)];
    let journals = calls.each_ref().map(Call::journal);
    let [call_b, call_c] = calls.map(|call| task::spawn(cache.clone().oneshot(call)));
    let (mut call_b, mut c) = (call_b, call_c);
    let mut b = task::spawn(chunks(assert_ready!(call_b.poll()).unwrap()));
    assert_pending!(c.poll());
    assert_eq!(assert_ready!(b.poll_next()).unwrap().unwrap(), text("1"));
    assert_pending!(b.poll_next());
    assert_pending!(a.poll_next()); // the last to poll the upstream
    tx.send(Ok(text("2"))).unwrap();
    assert!(a.is_woken() && b.is_woken() && c.is_woken());
    drop((a, call_a)); // woken, and gone without polling
    assert_eq!(assert_ready!(b.poll_next()).unwrap().unwrap(), text("2"));
    assert_pending!(b.poll_next());
    assert_pending!(c.poll());
    for chunk in [stop(), bill(4)] {
        tx.send(Ok(chunk)).unwrap();
    }
    drop(tx);
    assert!(b.is_woken() && c.is_woken());
    assert_eq!(told(&assert_ready!(c.poll()).unwrap()), "12");
    assert!(b.is_woken());
    let mut rest = vec![];
    while let Some(chunk) = assert_ready!(b.poll_next()) {
        rest.push(chunk.unwrap());
    }
    assert_eq!(rest, [stop(), bill(4)]);
    assert_eq!(store.entries().len(), 1);
    let [b, c] = journals;
    let heir = (Some(20), None, Some(CacheStatus::Miss));
    assert_eq!((cost(&b), saved(&b), status(&b)), heir);
    let follower = (Some(0), Some(20), Some(CacheStatus::Coalesced));
    assert_eq!((cost(&c), saved(&c), status(&c)), follower);
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.coalesced, stats.cancelled), (1, 1, 1));
}

#[tokio::test]
async fn a_long_stream_closes_to_newcomers_and_cuts_laggards() {
    let store = Shelf::default();
    let (cache, mut handle) = around(&layer(store.clone()).max_entry_bytes(300));
    let calls = [req(true), req(true)];
    let journals = calls.each_ref().map(Call::journal);
    let mut tasks = calls.map(|call| task::spawn(cache.clone().oneshot(call)));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let tx = stream_next(&mut handle).await;
    let [laggard, reader] =
        tasks.map(|mut task| task::spawn(chunks(assert_ready!(task.poll()).unwrap())));
    let (mut laggard, mut reader) = (laggard, reader);
    for number in 0..20 {
        tx.send(Ok(text(&number.to_string()))).unwrap();
        assert!(assert_ready!(reader.poll_next()).unwrap().is_ok());
    }
    let cut = assert_ready!(laggard.poll_next()).unwrap().unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::CutOff);
    assert!(assert_ready!(laggard.poll_next()).is_none());
    let mut late = task::spawn(cache.clone().oneshot(req(true)));
    assert_pending!(late.poll());
    let own = handle.next_request().now_or_never();
    let _own = own.expect("a flight of its own");
    tx.send(Ok(stop())).unwrap();
    drop(tx);
    assert!(assert_ready!(reader.poll_next()).is_some());
    assert!(assert_ready!(reader.poll_next()).is_none());
    assert!(store.entries().is_empty());
    // The laggard came first, and does not pay, although its stream is still there.
    let attempts = journals.map(|journal| journal.read().attempts.len());
    assert_eq!(attempts, [0, 1]);
    let stats = cache.stats();
    assert_eq!((stats.followers_failed, stats.misses), (1, 1));
    // The first flight has landed, and the key is the second one's.
    let mut joins = task::spawn(cache.clone().oneshot(req(true)));
    assert_pending!(joins.poll());
    assert!(handle.next_request().now_or_never().is_none());
}

#[tokio::test]
async fn who_wants_the_whole_of_a_long_stream_gets_it() {
    let (cache, mut handle) = around(&layer(Shelf::default()).max_entry_bytes(300));
    let mut tasks = [true, false].map(|s| task::spawn(cache.clone().oneshot(req(s))));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let tx = stream_next(&mut handle).await;
    let [mut streamed, mut whole] = tasks;
    let mut stream = task::spawn(chunks(assert_ready!(streamed.poll()).unwrap()));
    let mut want = String::new();
    for number in 0..20 {
        want += &number.to_string();
        tx.send(Ok(text(&number.to_string()))).unwrap();
        assert!(assert_ready!(stream.poll_next()).is_some());
        assert_pending!(whole.poll());
    }
    tx.send(Ok(stop())).unwrap();
    drop(tx);
    assert_eq!(told(&assert_ready!(whole.poll()).unwrap()), want);
    assert_eq!(cache.stats().coalesced, 1);
}

#[tokio::test]
async fn who_wants_a_stream_whole_that_cannot_be_gathered_asks_for_itself() {
    let (cache, mut handle, _) = setup();
    let mut tasks = [true, false].map(|s| task::spawn(cache.clone().oneshot(req(s))));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let tx = stream_next(&mut handle).await;
    for chunk in [text("a"), end(Ends::Odd)] {
        tx.send(Ok(chunk)).unwrap();
    }
    drop(tx);
    let [mut stream, mut whole_] = tasks;
    let stream = assert_ready!(stream.poll()).unwrap();
    assert_eq!(texts(stream).await, ["a"]);
    assert_pending!(whole_.poll());
    next(&mut handle).await.send_response(whole("own"));
    assert_eq!(told(&assert_ready!(whole_.poll()).unwrap()), "own");
    assert_eq!(cache.stats().misses, 2);
}

#[tokio::test]
async fn a_stream_that_ends_before_its_answer_does_is_an_error_for_who_wants_it_whole() {
    let (cache, mut handle, store) = setup();
    let (got, tx) = tokio::join!(cache.oneshot(req(false)), async {
        let tx = stream_next(&mut handle).await;
        tx.send(Ok(text("a"))).unwrap();
        drop(tx);
    });
    let () = tx;
    assert_eq!(got.err().unwrap().kind(), ErrorKind::CutOff);
    assert!(store.entries().is_empty());
}

#[tokio::test]
async fn a_chunk_larger_than_the_buffer_is_still_read() {
    let (cache, mut handle) = around(&layer(Shelf::default()).max_entry_bytes(1));
    let (got, tx) = tokio::join!(cache.oneshot(req(true)), stream_next(&mut handle));
    for chunk in [text("a"), text("b"), stop()] {
        tx.send(Ok(chunk)).unwrap();
    }
    drop(tx);
    assert_eq!(texts(got.unwrap()).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_cuts_its_own_callers_stream_alone() {
    let (cache, mut handle, _) = setup();
    let end = Instant::now() + Duration::from_secs(1);
    let calls = [req(true).deadline(Deadline::at(end)), req(true)];
    let journals = calls.each_ref().map(Call::journal);
    let mut tasks = calls.map(|call| task::spawn(cache.clone().oneshot(call)));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let tx = stream_next(&mut handle).await;
    let [mut short, mut long] = tasks.map(|mut task| chunks(assert_ready!(task.poll()).unwrap()));
    tx.send(Ok(text("a"))).unwrap();
    assert!(short.next().await.unwrap().is_ok());
    let error = short.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), Instant::now()), (ErrorKind::Timeout, end));
    assert!(short.next().await.is_none());
    for chunk in [stop(), bill(1)] {
        tx.send(Ok(chunk)).unwrap();
    }
    drop(tx);
    assert_eq!(long.by_ref().count().await, 3);
    // Its stream is still there, and it does not pay.
    assert_eq!(journals.each_ref().map(cost), [Some(0), Some(5)]);
    assert_eq!((cache.stats().cancelled, cache.stats().misses), (1, 1));
    drop(short);
}

#[tokio::test]
async fn who_asks_while_another_polls_is_woken_by_it() {
    type Hook = Arc<Mutex<Option<Box<dyn FnMut() + Send>>>>;
    let hook = Hook::default();
    let inside = hook.clone();
    let cache = layer(Shelf::default()).layer(service_fn(move |_: Call<Req>| {
        let inside = inside.clone();
        let chunks = streams::poll_fn(move |_| {
            let hook = inside.lock().unwrap().take();
            if let Some(mut hook) = hook {
                hook();
            }
            Poll::Ready(Some(Ok(text("x"))))
        });
        async move { Ok::<_, Error>(Chat::from_stream(ChunkStream::new(chunks))) }
    }));
    let answer = || cache.clone().oneshot(req(true)).now_or_never().unwrap();
    let mut a = task::spawn(chunks(answer().unwrap()));
    let b = Arc::new(Mutex::new(task::spawn(chunks(answer().unwrap()))));
    let other = b.clone();
    *hook.lock().unwrap() = Some(Box::new(move || {
        assert_pending!(other.lock().unwrap().poll_next());
    }));
    assert_eq!(assert_ready!(a.poll_next()).unwrap().unwrap(), text("x"));
    assert!(!a.is_woken());
    let mut b = b.lock().unwrap();
    assert!(b.is_woken());
    assert_eq!(assert_ready!(b.poll_next()).unwrap().unwrap(), text("x"));
}

/// Woken while another polls, found the stream taken, slept again; then the poller leaves.
#[tokio::test]
async fn a_wake_up_during_anothers_poll_is_not_lost() {
    type Hook = Arc<Mutex<Option<Box<dyn FnMut() + Send>>>>;
    let hook = Hook::default();
    let inside = hook.clone();
    let cache = layer(Shelf::default()).layer(service_fn(move |_: Call<Req>| {
        let inside = inside.clone();
        let chunks = streams::poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            let hook = inside.lock().unwrap().take();
            if let Some(mut hook) = hook {
                hook();
            }
            Poll::Pending
        });
        async move { Ok::<_, Error>(Chat::from_stream(ChunkStream::new(chunks))) }
    }));
    let answer = || cache.clone().oneshot(req(true)).now_or_never().unwrap();
    let mut a = task::spawn(chunks(answer().unwrap()));
    let b = Arc::new(Mutex::new(task::spawn(chunks(answer().unwrap()))));
    let other = b.clone();
    *hook.lock().unwrap() = Some(Box::new(move || {
        assert_pending!(other.lock().unwrap().poll_next());
    }));
    assert_pending!(a.poll_next());
    drop(a);
    assert!(b.lock().unwrap().is_woken());
}

#[tokio::test]
async fn the_route_is_known_when_the_answer_begins() {
    let inner = service_fn(|call: Call<Req>| async move {
        call.context.journal.with(|report| {
            report.decisions.push(Decided {
                route: "cheap".into(),
                reason: "short",
                score: None,
                at: Instant::now(),
            });
        });
        call.context.mark_late();
        let (tx, chat) = stream();
        std::mem::forget(tx);
        Ok::<_, Error>(chat)
    });
    let cache = layer(Shelf::default()).layer(inner);
    let calls = [req(true), req(true)];
    let journals = calls.each_ref().map(Call::journal);
    let [leader, follower] = calls.map(|call| cache.clone().oneshot(call));
    let _leader = leader.await.unwrap();
    let _follower = follower.await.unwrap();
    for journal in journals {
        let report = journal.read();
        let routes: Vec<_> = report.decisions.iter().map(|d| &*d.route).collect();
        assert_eq!(routes, ["cheap"]);
        assert!(report.late.is_some());
    }
}

/// A flight is polled by whoever is there, and in the circumstances in which it began.
#[tokio::test]
async fn the_call_stays_in_the_telemetry_context_of_its_leader() {
    use opentelemetry::Context;
    #[derive(Debug, PartialEq, Clone, Copy)]
    struct Caller(&'static str);
    let seen = Arc::new(Mutex::new(vec![]));
    let inside = seen.clone();
    let cache = layer(Shelf::default()).layer(service_fn(move |_: Call<Req>| {
        let inside = inside.clone();
        let mut left = 4;
        let chunks = streams::poll_fn(move |_| {
            let here = Context::current().get::<Caller>().copied();
            inside.lock().unwrap().push(here);
            left -= 1;
            Poll::Ready((left > 0).then(|| Ok(text("x"))))
        });
        async move { Ok::<_, Error>(Chat::from_stream(ChunkStream::new(chunks))) }
    }));
    let within = |name| Context::new().with_value(Caller(name)).attach();
    let mut readers = ["leader", "follower"].map(|name| {
        let _guard = within(name);
        let answer = cache.clone().oneshot(req(true)).now_or_never();
        task::spawn(chunks(answer.unwrap().unwrap()))
    });
    for turn in 0..4 {
        let (index, name) = [(1, "follower"), (0, "leader")][turn % 2];
        let _guard = within(name);
        let _ = assert_ready!(readers[index].poll_next());
    }
    drop(readers);
    let seen = seen.lock().unwrap();
    assert!(
        seen.len() > 1 && seen.iter().all(|at| *at == Some(Caller("leader"))),
        "{seen:?}"
    );
}

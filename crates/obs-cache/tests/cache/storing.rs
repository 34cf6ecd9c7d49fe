//! What is kept, and what is not; and stores that fail.
use std::{future::ready, task::Poll};

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture};
use obs_cache::*;
use obs_core::*;
use tower::{Layer, ServiceExt, service_fn};

use crate::chat::*;

#[tokio::test]
async fn cut_streams_and_errors_are_not_kept_and_a_reader_who_stops_at_the_finish_is() {
    let cut = || Err(Error::new(ErrorKind::CutOff, "cut"));
    // What comes, whether the stream ends, how many items are read, how many entries are kept.
    for (items, ends, reads, kept) in [
        (vec![Ok(text("a")), cut()], true, 9, 0),
        (vec![Ok(text("a"))], true, 9, 0),
        (vec![Ok(text("a")), Ok(stop())], true, 9, 1),
        (vec![Ok(text("a")), Ok(stop())], false, 2, 1),
        (vec![Ok(text("a")), Ok(stop())], false, 1, 0),
        (vec![Ok(text("a")), Ok(stop()), cut()], true, 9, 0),
        (vec![Ok(text("a")), Ok(end(Ends::Length))], true, 9, 0),
        (vec![Ok(text("a")), Ok(end(Ends::Length))], false, 2, 0),
        (vec![Ok(text("a")), Ok(end(Ends::Filter))], true, 9, 0),
        (vec![Ok(text("a")), Ok(end(Ends::Odd))], true, 9, 0),
    ] {
        let what = format!("{items:?} {ends} {reads}");
        let (cache, mut handle, store) = setup();
        let (got, tx) = tokio::join!(cache.oneshot(req(true)), stream_next(&mut handle));
        for item in items {
            tx.send(item).unwrap();
        }
        let _held = (!ends).then_some(tx);
        let mut stream = chunks(got.unwrap());
        for _ in 0..reads {
            if stream.next().await.is_none() {
                break;
            }
        }
        drop(stream);
        assert_eq!(store.entries().len(), kept, "{what}");
    }
}

#[tokio::test]
async fn whole_answers_that_are_cut_by_a_limit_or_a_filter_are_given_and_not_kept() {
    for (ends, kept) in [
        (Ends::Stop, 1),
        (Ends::Not, 0),
        (Ends::Length, 0),
        (Ends::Filter, 0),
        (Ends::Odd, 0),
    ] {
        let store = Shelf::default();
        let cache = layer(store.clone()).layer(service_fn(move |_: Call<Req>| async move {
            Ok::<_, Error>(ending("hi", ends))
        }));
        assert_eq!(told(&cache.oneshot(req(false)).await.unwrap()), "hi");
        assert_eq!(store.entries().len(), kept, "{ends:?}");
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_given_and_not_kept() {
    let long = "x".repeat(500);
    for streams in [false, true] {
        for (limit, kept) in [(2000, 1), (400, 0)] {
            let (store, text_) = (Shelf::default(), long.clone());
            let cache = layer(store.clone()).max_entry_bytes(limit);
            let cache = cache.layer(service_fn(move |call: Call<Req>| {
                let chat = match call.request.stream {
                    true => streamed([text(&text_), stop()]),
                    false => whole(&text_),
                };
                ready(Ok::<_, Error>(chat))
            }));
            let got = cache.oneshot(req(streams)).await.unwrap();
            assert_eq!(read(got).await, long);
            assert_eq!(store.entries().len(), kept, "{streams} {limit}");
        }
    }
}

#[tokio::test]
async fn a_stopgap_is_kept_only_where_the_operator_says_so() {
    for (fallbacks, kept) in [(Fallbacks::Forget, 0), (Fallbacks::Keep, 1)] {
        let store = Shelf::default();
        let inner = service_fn(|call: Call<Req>| async move {
            let context = call.context.child(Purpose::Fallback);
            let call = Call::with_context(call.request, context);
            let model = service_fn(|_: Req| async move { Ok::<_, Error>(whole("stopgap")) });
            AttemptLayer::new(prices()).layer(model).oneshot(call).await
        });
        let cache = layer(store.clone()).fallbacks(fallbacks).layer(inner);
        assert_eq!(told(&cache.oneshot(req(false)).await.unwrap()), "stopgap");
        let entries = store.entries();
        assert_eq!(entries.len(), kept, "{fallbacks:?}");
        assert!(entries.iter().all(|entry| entry.fallback));
    }
}

/// A store that fails in every way.
#[derive(Clone, Copy, Debug)]
enum Broken {
    Fails,
    PanicsAtOnce,
    PanicsLater,
    PanicsWhenWritten,
    HoldsGarbage,
    HoldsWhatPanics,
}

impl Store for Broken {
    type Get = BoxFuture<'static, Result<Option<Entry>, StoreError>>;

    fn get(&self, _: &Key, now: Timestamp) -> Self::Get {
        let holds = |body: &'static [u8]| {
            let body = Bytes::from_static(body);
            let entry = Entry::new(body, now, std::time::Duration::from_secs(60));
            ready(Ok(Some(entry)))
        };
        match self {
            Self::PanicsAtOnce => panic!("in get"),
            Self::PanicsLater => Box::pin(async { panic!("in the future") }),
            Self::Fails => Box::pin(ready(Err(StoreError::new(StoreFault::Timeout, "late")))),
            Self::PanicsWhenWritten => Box::pin(ready(Ok(None))),
            Self::HoldsGarbage => Box::pin(holds(b"garbage")),
            Self::HoldsWhatPanics => Box::pin(holds(b"panic")),
        }
    }

    fn put(&self, _: &Key, _: Entry, _: Timestamp) {
        assert!(!matches!(self, Self::PanicsWhenWritten), "in put");
    }

    fn remove(&self, _: &Key) {
        panic!("in remove");
    }
}

#[tokio::test]
async fn faults_and_panics_of_a_store_are_misses() {
    for (store, faults) in [
        (Broken::Fails, 1),
        (Broken::PanicsAtOnce, 1),
        (Broken::PanicsLater, 1),
        (Broken::PanicsWhenWritten, 0),
        (Broken::HoldsGarbage, 1),
        (Broken::HoldsWhatPanics, 1),
    ] {
        let answer = service_fn(|_: Call<Req>| async move { Ok::<_, Error>(whole("y")) });
        let cache = layer(store).layer(answer);
        let got = cache.clone().oneshot(req(false)).await.unwrap();
        assert_eq!(told(&got), "y", "{store:?}");
        let stats = cache.stats();
        assert_eq!(
            (stats.misses, stats.hits, stats.store_faults),
            (1, 0, faults),
            "{store:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_removed() {
    let (cache, mut handle, store) = setup();
    let ask = async |handle: &mut Handle| {
        let (got, ()) = tokio::join!(cache.clone().oneshot(req(false)), async {
            next(handle).await.send_response(whole("hi"));
        });
        assert_eq!(told(&got.unwrap()), "hi");
    };
    ask(&mut handle).await;
    store.edit(|entry| entry.body = Bytes::from_static(b"garbage"));
    let mut call = Box::pin(cache.clone().oneshot(req(false)));
    assert!(futures_util::poll!(&mut call).is_pending());
    assert!(store.entries().is_empty());
    drop(call);
    let _ = next(&mut handle).await;
    ask(&mut handle).await;
    assert_eq!(store.entries().len(), 1);
}

/// A look-up that takes its time: the call waits for it, and leaves nothing behind when it is dropped.
#[derive(Clone, Debug, Default)]
struct Slow(std::sync::Arc<tokio::sync::Notify>);

impl Store for Slow {
    type Get = BoxFuture<'static, Result<Option<Entry>, StoreError>>;

    fn get(&self, _: &Key, _: Timestamp) -> Self::Get {
        let done = self.0.clone();
        Box::pin(async move {
            done.notified().await;
            Ok(None)
        })
    }
    fn put(&self, _: &Key, _: Entry, _: Timestamp) {}
    fn remove(&self, _: &Key) {}
}

#[tokio::test]
async fn a_call_that_is_dropped_during_its_look_up_is_counted_as_cancelled() {
    let store = Slow::default();
    let answer = service_fn(|_: Call<Req>| async move { Ok::<_, Error>(whole("y")) });
    let cache = layer(store.clone()).layer(answer);
    let mut call = Box::pin(cache.clone().oneshot(req(false)));
    assert_eq!(futures_util::poll!(&mut call).map(|_| ()), Poll::Pending);
    drop(call);
    assert_eq!(cache.stats().cancelled, 1);
    store.0.notify_one();
    assert_eq!(told(&cache.clone().oneshot(req(false)).await.unwrap()), "y");
    assert_eq!((cache.stats().misses, cache.stats().calls()), (1, 2));
}

//! Who pays for a shared call.
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use obs_cache::*;
use obs_core::*;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, ServiceExt, service_fn};

use crate::chat::*;

/// What attempts cost, as they end.
#[derive(Default)]
struct Till(Mutex<Vec<Option<i128>>>);

impl AttemptListener for Till {
    fn ended(&self, attempt: &Attempt) {
        let cost = attempt.cost.map(Usd::pico);
        self.0.lock().unwrap().push(cost);
    }
}

#[tokio::test]
async fn each_attempt_is_told_and_paid_once_whoever_leaves() {
    // Usage before the finish reason, and after it.
    let early = || vec![bill(1), bill(5), stop()];
    let late = || vec![text("a"), stop(), bill(5)];
    for (readers, reads, items, want) in [
        (1, 9, early(), Some(25)),
        (3, 9, early(), Some(25)),
        (3, 9, late(), Some(25)),
        (3, 3, early(), Some(25)), // nobody asks for the end
        (3, 2, late(), Some(25)),  // nobody reads the usage chunk, but it is there
        (3, 2, early(), None),
        (3, 1, late(), None),
        (1, 0, early(), None), // cut: nobody knows
    ] {
        let what = format!("{readers} {reads}");
        let (cache, mut handle, store) = setup();
        let till = Arc::new(Till::default());
        let listener: Arc<dyn AttemptListener> = till.clone();
        let calls: Vec<_> = (0..readers)
            .map(|_| {
                let call = req(true);
                call.context.journal.listen(&listener);
                call
            })
            .collect();
        let journals: Vec<_> = calls.iter().map(Call::journal).collect();
        let mut tasks: Vec<_> = calls
            .into_iter()
            .map(|call| task::spawn(cache.clone().oneshot(call)))
            .collect();
        for task in &mut tasks {
            assert_pending!(task.poll());
        }
        let tx = stream_next(&mut handle).await;
        let streams: Vec<_> = tasks
            .into_iter()
            .map(|mut task| chunks(assert_ready!(task.poll()).unwrap()))
            .collect();
        for chunk in items {
            tx.send(Ok(chunk)).unwrap();
        }
        let _held = (reads != 9).then_some(tx);
        for mut stream in streams {
            for _ in 0..reads {
                let _ = stream.next().await;
            }
        }
        assert_eq!(*till.0.lock().unwrap(), [want], "{what}");
        let attempts: Vec<_> = journals.iter().flat_map(|j| j.read().attempts).collect();
        let costs: Vec<_> = attempts.iter().map(|a| a.cost.map(Usd::pico)).collect();
        assert_eq!(costs, [want], "{what}");
        assert!(attempts[0].outcome.is_some(), "{what}");
        let kept = store.entries().pop().map(|entry| entry.paid.exact());
        assert_eq!(kept, want.map(|pico| Some(usd(pico))), "{what}");
        let stats = cache.stats();
        assert_eq!(stats.calls(), readers, "{what}: {stats:?}");
        match want {
            None => assert_eq!(stats.cancelled, readers, "{what}"),
            Some(_) => assert_eq!((stats.misses, stats.coalesced), (1, readers - 1), "{what}"),
        }
    }
}

#[tokio::test]
async fn usage_that_is_ready_is_taken_for_a_reader_who_stops_at_the_finish() {
    for (is_ready, want) in [(true, Some(50)), (false, None)] {
        let (cache, mut handle, store) = setup();
        let (call, hit) = (req(true), req(false));
        let journals = [call.journal(), hit.journal()];
        let (got, tx) = tokio::join!(cache.clone().oneshot(call), stream_next(&mut handle));
        for chunk in [text("hi"), stop()] {
            tx.send(Ok(chunk)).unwrap();
        }
        if is_ready {
            tx.send(Ok(bill(10))).unwrap();
        }
        let mut stream = chunks(got.unwrap());
        for _ in 0..2 {
            stream.next().await.unwrap().unwrap();
        }
        drop(stream);
        assert_eq!(cost(&journals[0]), want, "unknown is not zero");
        let entry = store.entries().remove(0);
        assert_eq!(entry.paid.exact().map(Usd::pico), want);
        let used = entry.usage.map(|usage| i128::from(usage.output) * 5);
        assert_eq!(used, want, "it is in the entry too");
        assert_eq!(read(cache.clone().oneshot(hit).await.unwrap()).await, "hi");
        assert_eq!((cost(&journals[1]), saved(&journals[1])), (Some(0), want));
        assert_eq!(cache.stats().saved, usd(want.unwrap_or(0)));
    }
}

#[tokio::test]
async fn a_failed_call_saves_nothing() {
    let (cache, mut handle, _) = setup();
    let calls = [req(true), req(true)];
    let journals = calls.each_ref().map(Call::journal);
    let mut tasks = calls.map(|call| task::spawn(cache.clone().oneshot(call)));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let tx = stream_next(&mut handle).await;
    let cut = Error::new(ErrorKind::CutOff, "cut");
    for item in [Ok(bill(5)), Err(cut)] {
        tx.send(item).unwrap();
    }
    for mut task in tasks {
        let items: Vec<_> = chunks(assert_ready!(task.poll()).unwrap()).collect().await;
        assert_eq!(items[1].as_ref().unwrap_err().kind(), ErrorKind::CutOff);
    }
    assert_eq!(journals.each_ref().map(saved), [None, None]);
    assert_eq!(journals.each_ref().map(cost), [None, Some(0)]);
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.followers_failed), (1, 1));
    assert_eq!(stats.saved, Usd::ZERO);
}

#[tokio::test]
async fn unknown_costs_save_an_unknown_amount_and_not_nothing() {
    let attempts = AttemptLayer::new(PriceTable::new());
    let model = service_fn(|_: Req| async move { Ok::<_, BoxError>(whole("hi")) });
    let layer = layer(Memory::new(1 << 20));
    let cache = layer.layer(attempts.layer(model));
    for want in [CacheStatus::Miss, CacheStatus::Hit] {
        let call = req(false);
        let journal = call.journal();
        cache.clone().oneshot(call).await.unwrap();
        assert_eq!((status(&journal), saved(&journal)), (Some(want), None));
    }
    assert_eq!((layer.stats().hits, layer.stats().saved), (1, Usd::ZERO));
}

/// Who has read all of the answer is served, also if it leaves before the usage comes; who is left pays.
#[tokio::test]
async fn a_reader_who_leaves_after_the_finish_was_served() {
    let (cache, mut handle, _) = setup();
    let calls = [req(true), req(true)];
    let journals = calls.each_ref().map(Call::journal);
    let mut tasks = calls.map(|call| task::spawn(cache.clone().oneshot(call)));
    for task in &mut tasks {
        assert_pending!(task.poll());
    }
    let tx = stream_next(&mut handle).await;
    let [mut early, mut late] = tasks.map(|mut task| chunks(assert_ready!(task.poll()).unwrap()));
    for chunk in [text("a"), stop()] {
        tx.send(Ok(chunk)).unwrap();
    }
    for _ in 0..2 {
        early.next().await.unwrap().unwrap();
    }
    drop(early);
    let stats = cache.stats();
    assert_eq!((stats.coalesced, stats.cancelled), (1, 0));
    tx.send(Ok(bill(3))).unwrap();
    drop(tx);
    assert_eq!(late.by_ref().count().await, 3);
    assert_eq!(journals.each_ref().map(cost), [Some(0), Some(15)]);
    assert_eq!(cache.stats().misses, 1);
}

#[tokio::test]
async fn a_guard_declared_after_its_stream_finds_the_journal_complete() {
    struct Guard(Journal, Arc<Mutex<Option<i128>>>);
    impl Drop for Guard {
        fn drop(&mut self) {
            *self.1.lock().unwrap() = cost(&self.0);
        }
    }
    struct Reader {
        _stream: ChunkStream<Chunk>,
        _guard: Guard,
    }
    let attempts = AttemptLayer::new(prices());
    let cache = layer(Shelf::default()).layer(attempts.layer(service_fn(|_: Req| async move {
        let (tx, chat) = stream();
        for chunk in [bill(5), stop()] {
            tx.send(Ok(chunk)).unwrap();
        }
        std::mem::forget(tx);
        Ok::<_, Error>(chat)
    })));
    let call = req(true);
    let seen = Arc::new(Mutex::new(None));
    let guard = Guard(call.journal(), seen.clone());
    let mut stream = chunks(cache.oneshot(call).await.unwrap());
    for _ in 0..2 {
        stream.next().await;
    }
    drop(Reader {
        _stream: stream,
        _guard: guard,
    });
    assert_eq!(*seen.lock().unwrap(), Some(25));
}

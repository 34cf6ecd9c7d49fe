//! What one call pays and saves, whole and streamed.
use futures_util::StreamExt;
use obs_core::*;
use obs_tests::chat::{ask, channel, stop, text, used};
use tower::ServiceExt;

use crate::support::{ledger, mocked, next, read, reply, status};

#[tokio::test]
async fn a_miss_pays_and_a_hit_in_either_form_saves_that() {
    for first in [false, true] {
        let (service, layers, mut handle) = mocked();
        let miss = ask(first);
        let journal = miss.journal();
        let (got, model) = tokio::join!(read(&service, miss), reply(&mut handle));
        assert_eq!((&*got, &*model), ("hi", "small"));
        assert_eq!(ledger(&journal), (Some(10), None, Some(90)));
        assert_eq!(status(&journal), Some(CacheStatus::Miss));
        assert_eq!(&*journal.read().decisions[0].route, "cheap");
        for second in [false, true] {
            let hit = ask(second);
            let journal = hit.journal();
            assert_eq!(read(&service, hit).await, "hi");
            assert_eq!(
                ledger(&journal),
                (Some(0), Some(10), None),
                "{first} {second}"
            );
            let note = journal.read().cache.unwrap();
            assert_eq!(note.route.as_deref(), Some("cheap"), "the stored one");
            assert!(
                journal.read().decisions.is_empty(),
                "a hit never reaches the router"
            );
        }
        assert_eq!(layers.apm.stats().success, 3);
        let cache = layers.cache.stats();
        assert_eq!((cache.hits, cache.misses), (2, 1));
        assert_eq!(cache.saved, Usd::from_pico(20));
        assert_eq!(layers.router.stats().saved(), Usd::from_pico(90));
    }
}

#[tokio::test]
async fn a_fail_over_is_two_attempts_and_is_not_kept() {
    for streamed in [false, true] {
        let (service, _, mut handle) = mocked();
        let call = ask(streamed);
        let journal = call.journal();
        let (got, model) = tokio::join!(read(&service, call), async {
            let (_, send) = next(&mut handle).await;
            send.send_error(Error::new(ErrorKind::Overloaded, "busy"));
            reply(&mut handle).await
        });
        assert_eq!((&*got, &*model), ("hi", "big"));
        assert_eq!(ledger(&journal), (Some(100), None, Some(0)));
        let attempts = journal.read().attempts;
        let purposes: Vec<_> = attempts.iter().map(|a| a.purpose).collect();
        assert_eq!(purposes, [Purpose::First, Purpose::Fallback]);
        // A stopgap does not outlive the outage: the next call asks the cheap route again.
        let (_, model) = tokio::join!(read(&service, ask(streamed)), reply(&mut handle));
        assert_eq!(model, "small");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_an_error_and_is_not_kept() {
    let (service, layers, mut handle) = mocked();
    let call = ask(true);
    let journal = call.journal();
    let (got, ()) = tokio::join!(service.clone().oneshot(call), async {
        let (sender, answer) = channel();
        next(&mut handle).await.1.send_response(answer);
        sender.send(Ok(text("h"))).unwrap();
        let broken = Error::new(ErrorKind::CutOff, "broken");
        sender.send(Err(broken)).unwrap();
    });
    let items: Vec<_> = got.unwrap().chunks().collect().await;
    let end = items.last().unwrap().as_ref().unwrap_err();
    assert_eq!(end.kind(), ErrorKind::CutOff, "no clean end");
    assert_eq!(ledger(&journal), (None, None, None));
    assert_eq!(layers.apm.stats().error, 1);
    let (_, model) = tokio::join!(read(&service, ask(true)), reply(&mut handle));
    assert_eq!(model, "small", "asked again");
}

#[tokio::test]
async fn usage_that_is_ready_is_taken_for_a_reader_who_stops_at_the_finish() {
    for (ready, want) in [(true, Some(10)), (false, None)] {
        let (service, layers, mut handle) = mocked();
        let (call, hit) = (ask(true), ask(false));
        let journals = [call.journal(), hit.journal()];
        let (got, sender) = tokio::join!(service.clone().oneshot(call), async {
            let (sender, answer) = channel();
            next(&mut handle).await.1.send_response(answer);
            sender.send(Ok(text("hi"))).unwrap();
            sender
        });
        sender.send(Ok(stop())).unwrap();
        if ready {
            sender.send(Ok(used(10))).unwrap();
        }
        let mut chunks = got.unwrap().chunks();
        for _ in 0..2 {
            chunks.next().await.unwrap().unwrap();
        }
        drop(chunks);
        assert_eq!(ledger(&journals[0]).0, want, "unknown is not zero");
        assert_eq!(read(&service, hit).await, "hi");
        assert_eq!(ledger(&journals[1]), (Some(0), want, None));
        assert_eq!(layers.apm.stats().success, 2);
    }
}

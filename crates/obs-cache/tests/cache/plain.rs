//! Misses, hits, and what a hit gives.
use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use obs_cache::*;
use obs_core::*;
use tower::{Layer, ServiceExt, service_fn};

use crate::chat::*;

#[tokio::test]
async fn a_miss_pays_and_a_hit_in_either_form_saves_that() {
    let (cache, mut handle, _) = setup();
    let miss = req(false);
    let journal = miss.journal();
    let (got, ()) = tokio::join!(cache.clone().oneshot(miss), async {
        next(&mut handle).await.send_response(whole("hi"));
    });
    assert_eq!(told(&got.unwrap()), "hi");
    assert_eq!(
        (status(&journal), cost(&journal), saved(&journal)),
        (Some(CacheStatus::Miss), Some(50), None)
    );
    for streamed in [false, true] {
        let hit = req(streamed);
        let journal = hit.journal();
        let got = cache.clone().oneshot(hit).now_or_never().expect("at once");
        let got = got.unwrap();
        match streamed {
            true => assert_eq!(texts(got).await, ["hi"]),
            false => assert_eq!(told(&got), "hi"),
        }
        assert_eq!(
            (status(&journal), cost(&journal), saved(&journal)),
            (Some(CacheStatus::Hit), Some(0), Some(50))
        );
        assert!(journal.read().attempts.is_empty());
    }
    assert!(handle.next_request().now_or_never().is_none());
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.saved), (2, 1, usd(100)));
}

#[tokio::test]
async fn a_hit_tells_the_age_the_route_and_what_the_answer_was() {
    let (wall, store) = (Wall::new(), Shelf::default());
    let layer = layer(store.clone()).clock(wall.clock());
    let inner = service_fn(|call: Call<Req>| async move {
        let mut context = call.context.child(Purpose::First);
        context.route = Some("cheap".into());
        let call = Call::with_context(call.request, context);
        let model = service_fn(|_: Req| async move { Ok::<_, Error>(whole("hi")) });
        let attempts = AttemptLayer::new(prices()).layer(model);
        attempts.oneshot(call).await
    });
    let cache = layer.layer(inner);
    cache.clone().oneshot(req(false)).await.unwrap();
    let entry = store.entries().remove(0);
    assert_eq!(entry.model.as_deref(), Some("m"));
    assert_eq!(entry.usage.map(|usage| usage.output), Some(10));
    assert_eq!(
        (entry.created, entry.paid.exact()),
        (wall.now(), Some(usd(50)))
    );
    wall.advance(Duration::from_secs(90));
    let hit = req(false);
    let journal = hit.journal();
    cache.oneshot(hit).await.unwrap();
    let note = journal.read().cache.unwrap();
    assert_eq!(note.age, Some(Duration::from_secs(90)));
    assert_eq!(note.route.as_deref(), Some("cheap"));
}

#[tokio::test]
async fn an_answer_is_given_while_it_is_fresh_and_no_longer() {
    let (wall, calls) = (Wall::new(), Arc::new(std::sync::Mutex::new(0)));
    let count = calls.clone();
    let cache = layer(Memory::new(1 << 20))
        .ttl(Duration::from_secs(60))
        .clock(wall.clock())
        .layer(service_fn(move |_: Call<Req>| {
            *count.lock().unwrap() += 1;
            async { Ok::<_, Error>(whole("hi")) }
        }));
    let ask = async || {
        cache.clone().oneshot(req(false)).await.unwrap();
        *calls.lock().unwrap()
    };
    assert_eq!((ask().await, ask().await), (1, 1));
    wall.advance(Duration::from_millis(59_999));
    assert_eq!(ask().await, 1);
    wall.advance(Duration::from_millis(1));
    assert_eq!((ask().await, ask().await), (2, 2));
}

#[test]
#[should_panic(expected = "leave the layer out")]
fn no_time_to_live_is_refused() {
    let _ = layer(Shelf::default()).ttl(Duration::ZERO);
}

#[tokio::test]
async fn a_streamed_answer_is_forwarded_while_it_is_recorded_and_given_again_whole() {
    let (cache, mut handle, store) = setup();
    let (got, tx) = tokio::join!(cache.clone().oneshot(req(true)), stream_next(&mut handle));
    let mut stream = chunks(got.unwrap());
    tx.send(Ok(text("a"))).unwrap();
    let first = stream.next().now_or_never().expect("at once");
    assert_eq!(first.unwrap().unwrap(), text("a"));
    assert!(store.entries().is_empty());
    for chunk in [text("b"), stop(), bill(3)] {
        tx.send(Ok(chunk)).unwrap();
    }
    drop(tx);
    assert_eq!(stream.by_ref().count().await, 3);
    let entry = store.entries().remove(0);
    assert_eq!(
        (entry.paid.exact(), entry.usage.map(|usage| usage.output)),
        (Some(usd(15)), Some(3))
    );
    assert_eq!(told(&cache.oneshot(req(false)).await.unwrap()), "ab");
}

#[tokio::test]
async fn the_leader_gets_the_answer_itself() {
    for streams in [false, true] {
        let (cache, mut handle, _) = setup();
        let (got, ()) = tokio::join!(cache.oneshot(req(streams)), async {
            let mut chat = match streams {
                true => streamed([text("hi"), stop()]),
                false => whole("hi"),
            };
            chat.id = 7;
            next(&mut handle).await.send_response(chat);
        });
        assert_eq!(got.unwrap().id, 7);
    }
}

/// A user's plain types: what they must write.
#[derive(Clone, Debug, serde::Serialize)]
struct Ask {
    model: String,
    question: String,
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Answer {
    text: String,
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.model
    }
    fn set_model(&mut self, model: &str) {
        self.model = model.into();
    }
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, &self.question);
    }
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.json(self);
    }
}

impl LlmResponse for Answer {
    type Chunk = Infallible;
    fn usage(&self) -> Option<Usage> {
        None
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        serde_json::to_vec(self).ok().map(Into::into)
    }
    fn decode(stored: &Bytes, _: bool) -> Result<Self, BoxError> {
        Ok(serde_json::from_slice(stored)?)
    }
}

#[tokio::test]
async fn plain_types_and_errors_of_any_kind_will_do() {
    let calls = Arc::new(std::sync::Mutex::new(0));
    let count = calls.clone();
    let cache = layer(Memory::new(1 << 20)).layer(service_fn(move |ask: Call<Ask>| {
        *count.lock().unwrap() += 1;
        async move {
            Ok::<_, Infallible>(Answer {
                text: ask.request.question,
            })
        }
    }));
    for question in ["a", "b", "a"] {
        let (model, text) = ("m".into(), question.to_owned());
        let call = Call::new(Ask {
            model,
            question: text,
        });
        let answer = cache.clone().oneshot(call).await.unwrap();
        assert_eq!(answer.text, question);
    }
    assert_eq!(*calls.lock().unwrap(), 2);
}

//! Spans of attempts, and links between calls that share one.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use obs_apm::Propagator;
use obs_core::{
    AttemptLayer, CacheNote, CacheStatus, Call, CallContext, Error, ErrorKind, LlmResponse,
    Outcome, Purpose,
};
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::Sampler;
use tokio::time::sleep;
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::common::{Answer, Ask, Spans, attribute, boxed, error, prices, start, usage, words};

#[tokio::test(start_paused = true)]
async fn an_attempt_is_a_child_of_its_call_and_the_parent_of_what_the_provider_does() {
    let spans = Spans::new();
    let layer = spans.layer().route("cheap", "priced", "anthropic");
    let sent = Arc::new(Mutex::new(http::HeaderMap::new()));
    let mut llm = ServiceBuilder::new()
        .layer(layer.clone())
        .map_request(|mut call: Call<Ask>| {
            call.context.route = Some("cheap".into());
            call
        })
        .layer(layer.attempt_spans())
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(|_: Ask| {
            let sent = sent.clone();
            async move {
                sleep(Duration::from_millis(20)).await;
                let mut sent = sent.lock().expect("not poisoned");
                Propagator::default().inject_trace_headers(&mut sent);
                Ok::<_, Error>(Answer::whole(1_000, 10))
            }
        }));
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    let all = spans.all();
    let [attempt, call] = all.as_slice() else {
        panic!("an attempt and its call, and not {all:?}");
    };
    assert_eq!(attempt.parent_span_id, call.span_context.span_id());
    let (trace, id) = (
        attempt.span_context.trace_id(),
        attempt.span_context.span_id(),
    );
    assert_eq!(trace, call.span_context.trace_id());
    assert_eq!(attempt.span_kind, SpanKind::Client);
    assert_eq!(attempt.name, "chat priced");
    assert_eq!(attempt.end_time, start() + Duration::from_millis(20));
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "anthropic"),
        ("gen_ai.request.model", "priced"),
        ("gen_ai.request.max_tokens", "100"),
        ("gen_ai.response.id", "answer-1"),
        ("gen_ai.response.model", "answering"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.input_tokens", "1000"),
        ("obs.attempt.purpose", "first"),
        ("obs.route", "cheap"),
        ("obs.outcome", "answered"),
        ("obs.cost.usd", "0.00102"),
    ] {
        assert_eq!(attribute(attempt, key).as_deref(), Some(value), "{key}");
    }
    let sent = sent.lock().expect("not poisoned");
    let parent = sent.get("traceparent").expect("it was sent");
    assert_eq!(parent, &format!("00-{trace}-{id}-01"));
}

#[tokio::test(start_paused = true)]
async fn a_streamed_attempt_ends_at_its_last_token_and_a_failed_one_says_why() {
    let spans = Spans::new();
    let layer = spans.layer();
    let mut llm = ServiceBuilder::new()
        .layer(layer.attempt_spans())
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(|ask: Ask| async move {
            match ask.model.as_str() {
                "fails" => Err(boxed(ErrorKind::Overloaded)),
                _ => Ok(Answer::stream(words(
                    3,
                    Duration::from_millis(50),
                    usage(5, 3),
                ))),
            }
        }));
    let mut answer = llm
        .call(Call::new(Ask::of("priced").streamed()))
        .await
        .expect("answers");
    assert!(spans.all().is_empty());
    answer.stream_mut().expect("streams").by_ref().count().await;
    let span = spans.one();
    assert_eq!(span.end_time, start() + Duration::from_millis(200));
    let first = attribute(&span, "gen_ai.response.time_to_first_chunk");
    assert_eq!(first.as_deref(), Some("0.05"));
    let failed = llm.call(Call::new(Ask::of("fails"))).await;
    failed.expect_err("fails");
    let span = spans.all().remove(1);
    assert_eq!(span.status, Status::error(""));
    let told = ["error.type", "obs.error.fault", "obs.outcome"];
    let told = told.map(|key| attribute(&span, key).unwrap_or_default());
    assert_eq!(told, ["overloaded", "provider", "failed"]);
}

#[tokio::test]
async fn where_the_call_is_not_sampled_there_is_none() {
    let spans = Spans::sampled(Sampler::AlwaysOff);
    let layer = spans.layer();
    let mut llm = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(layer.attempt_spans())
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(|_: Ask| async {
            Ok::<_, Error>(Answer::whole(1, 1))
        }));
    let call = Call::new(Ask::of("priced"));
    let journal = call.journal();
    llm.call(call).await.expect("answers");
    assert!(spans.all().is_empty());
    assert_eq!(journal.read().attempts[0].outcome, Some(Outcome::Answered));
}

/// What a cache does: the first caller leads, the second has its answer from it.
struct Sharing {
    leader: Mutex<Option<CallContext>>,
}

impl Sharing {
    fn answer(&self, call: &Call<Ask>) {
        let mut leader = self.leader.lock().expect("not poisoned");
        let flight = leader.get_or_insert_with(|| call.context.fresh(Purpose::First));
        let report = flight.journal.read();
        call.context.inform(&report, &mut 0);
        let status = match report.origin == call.context.journal.read().span {
            true => CacheStatus::Miss,
            false => CacheStatus::Coalesced,
        };
        call.context
            .journal
            .with(|report| report.cache = Some(CacheNote::new(status)));
    }
}

#[tokio::test]
async fn a_follower_is_linked_to_the_call_that_did_the_work() {
    let spans = Spans::new();
    let sharing = Sharing {
        leader: Mutex::default(),
    };
    let mut llm = spans.layer().layer(service_fn(|call: Call<Ask>| {
        sharing.answer(&call);
        async { Ok::<_, Error>(Answer::whole(1, 1)) }
    }));
    for _ in 0..3 {
        llm.call(Call::new(Ask::of("priced")))
            .await
            .expect("answers");
    }
    let all = spans.all();
    let [leader, followers @ ..] = all.as_slice() else {
        panic!("three calls, and not {all:?}");
    };
    assert!(leader.links.is_empty());
    for follower in followers {
        let links: Vec<_> = follower.links.iter().collect();
        let [link] = links.as_slice() else {
            panic!("one link, and not {links:?}");
        };
        assert_eq!(link.span_context.span_id(), leader.span_context.span_id());
        assert_eq!(link.span_context.trace_id(), leader.span_context.trace_id());
        let trace = follower.span_context.trace_id();
        assert_ne!(trace, leader.span_context.trace_id());
    }
}

#[tokio::test]
async fn work_in_the_background_has_a_trace_of_its_own_linked_to_the_call_that_set_it_off() {
    let spans = Spans::new();
    let layer = spans.layer();
    let model = ServiceBuilder::new()
        .layer(layer.attempt_spans())
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(|ask: Ask| async move {
            match ask.model.as_str() {
                "fails" => Err(error(ErrorKind::Upstream)),
                _ => Ok(Answer::whole(1, 1)),
            }
        }));
    // What a cache does that answers with what is stale, and renews it.
    let mut llm = layer.layer(service_fn(move |call: Call<Ask>| {
        let mut model = model.clone();
        async move {
            let refresh = call.context.fresh(Purpose::Refresh);
            let refresh = Call::with_context(call.request.clone(), refresh);
            model.call(refresh).await.expect("answers");
            Ok::<_, Error>(Answer::whole(1, 1))
        }
    }));
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    let all = spans.all();
    let [refresh, call] = all.as_slice() else {
        panic!("a refresh and a call, and not {all:?}");
    };
    assert_eq!(refresh.parent_span_id, SpanId::INVALID);
    let trace = refresh.span_context.trace_id();
    assert_ne!(trace, call.span_context.trace_id());
    let linked: Vec<_> = refresh
        .links
        .iter()
        .map(|link| link.span_context.span_id())
        .collect();
    assert_eq!(linked, [call.span_context.span_id()]);
    let purpose = attribute(refresh, "obs.attempt.purpose");
    assert_eq!(purpose.as_deref(), Some("refresh"));
}

//! What the span of a call tells.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use obs_apm::{ApmLayer, Environment, Telemetry};
use obs_core::{
    AttemptLayer, CacheNote, CacheStatus, Call, Decided, Error, ErrorKind, LlmResponse, Usage,
};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{
        InMemorySpanExporter, Sampler, SdkTracerProvider, SimpleSpanProcessor, Span, SpanData,
        SpanProcessor,
    },
};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, service_fn};

use crate::common::{
    Answer, Ask, SECRET, Spans, Token, attribute, error, prices, quiet, start, telemetry, usage,
    words,
};

/// The stack over what a model does.
macro_rules! stack {
    ($layer:expr, $inner:expr) => {
        ServiceBuilder::new()
            .layer($layer.clone())
            .layer(AttemptLayer::new(prices()).enveloped())
            .service(service_fn($inner))
    };
}

#[tokio::test(start_paused = true)]
async fn a_plain_call_is_told_by_the_conventions() {
    let spans = Spans::new();
    let mut llm = stack!(
        spans.layer().server("openai", "llm.test", 8443),
        |_: Call<Ask>| async {
            sleep(Duration::from_millis(250)).await;
            let mut answer = Answer::whole(1_000, 100);
            answer.usage = Some(Usage {
                cached_input: 400,
                reasoning: 60,
                ..usage(1_000, 100)
            });
            Ok::<_, Error>(answer)
        }
    );
    let mut call = Call::new(Ask::of("priced")).session("talk");
    call.context.id = Some("call-1".into());
    llm.call(call).await.expect("answers");
    let span = spans.one();
    assert_eq!(span.name, "chat priced");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(span.status, Status::Unset);
    assert_eq!(span.start_time, start());
    assert_eq!(span.end_time, start() + Duration::from_millis(250));
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "priced"),
        ("server.address", "llm.test"),
        ("server.port", "8443"),
        ("gen_ai.request.max_tokens", "100"),
        ("gen_ai.request.temperature", "0.5"),
        ("gen_ai.request.stop_sequences", r#"["END","."]"#),
        ("gen_ai.response.id", "answer-1"),
        ("gen_ai.response.model", "answering"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.input_tokens", "1000"),
        ("gen_ai.usage.output_tokens", "100"),
        ("gen_ai.usage.cache_read.input_tokens", "400"),
        ("gen_ai.usage.reasoning.output_tokens", "60"),
        ("gen_ai.conversation.id", "talk"),
        ("obs.call.id", "call-1"),
        ("obs.outcome", "success"),
        ("obs.attempts", "1"),
        ("obs.cost.usd", "0.0012"),
    ] {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
    for key in [
        "error.type",
        "gen_ai.request.stream",
        "gen_ai.request.choice.count",
        "gen_ai.usage.cache_creation.input_tokens",
    ] {
        assert_eq!(attribute(&span, key), None, "{key}");
    }
    let ours = |key: &str| {
        let mut prefixes = ["obs.", "gen_ai.", "server."].into_iter();
        prefixes.any(|prefix| key.starts_with(prefix))
    };
    let mut keys = span
        .attributes
        .iter()
        .map(|attribute| attribute.key.as_str());
    assert!(keys.all(ours), "{:?}", span.attributes);
}

#[tokio::test(start_paused = true)]
async fn a_streamed_call_ends_its_span_at_the_last_token() {
    let spans = Spans::new();
    let mut llm = stack!(spans.layer(), |_: Call<Ask>| async {
        sleep(Duration::from_millis(100)).await;
        let gap = Duration::from_millis(50);
        Ok::<_, Error>(Answer::stream(words(3, gap, usage(5, 3))))
    });
    let call = Call::new(Ask::of("priced").streamed());
    let mut answer = llm.call(call).await.expect("answers");
    assert_eq!(spans.all().len(), 0);
    answer.stream_mut().expect("streams").by_ref().count().await;
    let span = spans.one();
    assert_eq!(span.end_time, start() + Duration::from_millis(300));
    // The head was given out, and from then on nothing else can answer.
    let commit = span.events.iter().find(|event| event.name == "obs.commit");
    let commit = commit.map(|event| event.timestamp);
    assert_eq!(commit, Some(start() + Duration::from_millis(100)));
    for (key, value) in [
        ("gen_ai.request.stream", "true"),
        ("gen_ai.response.time_to_first_chunk", "0.15"),
        ("gen_ai.response.model", "answering"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.output_tokens", "3"),
    ] {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_layers_did_is_told_as_events_with_their_times() {
    let spans = Spans::new();
    // What a cache and a router do.
    let inner = service_fn(|mut call: Call<Ask>| async move {
        sleep(Duration::from_millis(1)).await;
        call.context.journal.with(|report| {
            report.cache = Some(CacheNote::new(CacheStatus::Miss));
        });
        sleep(Duration::from_millis(2)).await;
        call.context.journal.with(|report| {
            report.decisions.push(Decided {
                route: "cheap".into(),
                reason: "simple",
                score: Some(0.25),
                at: Instant::now(),
            });
        });
        call.context.route = Some("cheap".into());
        let mut model = ServiceBuilder::new()
            .layer(AttemptLayer::new(prices()))
            .service(service_fn(|_: Ask| async {
                sleep(Duration::from_millis(10)).await;
                Ok::<_, Error>(Answer::whole(1_000, 0))
            }));
        let context = call.context.clone();
        let answer = model.call(call).await;
        context.mark_late();
        answer
    });
    let mut llm = tower_layer::Layer::layer(&spans.layer(), inner);
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    let span = spans.one();
    let events: Vec<_> = span
        .events
        .iter()
        .map(|event| {
            let at = event.timestamp.duration_since(start()).expect("not before");
            (event.name.as_ref(), at.as_millis())
        })
        .collect();
    assert_eq!(
        events,
        [
            ("obs.cache", 1),
            ("obs.route", 3),
            ("obs.attempt.start", 3),
            ("obs.late", 13),
            ("obs.attempt.end", 13),
        ]
    );
    let told = |index: usize| {
        let attributes = span.events.get(index).map(|event| &event.attributes);
        let attributes = attributes.expect("there is such an event");
        let pairs = attributes.iter();
        let pairs = pairs.map(|a| format!("{}={}", a.key, a.value));
        pairs.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told(0), "obs.cache.status=miss");
    assert_eq!(
        told(1),
        "obs.route=cheap obs.route.reason=simple obs.route.score=0.25"
    );
    assert_eq!(
        told(4),
        "gen_ai.request.model=priced obs.attempt.purpose=first obs.route=cheap obs.outcome=answered obs.cost.usd=0.001"
    );
    for (key, value) in [
        ("obs.cache.status", "miss"),
        ("obs.route", "cheap"),
        ("obs.late", "true"),
    ] {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
}

#[tokio::test]
async fn spans_made_inside_are_its_children_also_while_a_stream_is_read() {
    let spans = Spans::new();
    let tracer = spans.provider.tracer("test");
    let seen = Arc::new(Mutex::new(Vec::<SpanContext>::new()));
    let inner = service_fn({
        let seen = seen.clone();
        move |_: Call<Ask>| {
            let seen = seen.clone();
            let see = move || {
                let current = Context::current().span().span_context().clone();
                seen.lock().expect("not poisoned").push(current);
            };
            // In `call`, in the future, and in the stream.
            see();
            async move {
                see();
                let chunks = stream::iter([Token::default(), Token::default()]);
                let chunks = chunks.inspect(move |_| see()).map(Ok);
                Ok::<_, Error>(Answer::stream(chunks))
            }
        }
    });
    let mut llm = tower_layer::Layer::layer(&spans.layer(), inner);
    let parent = tracer.start("parent");
    let parent = Context::new().with_span(parent);
    let call = {
        let _current = parent.clone().attach();
        llm.call(Call::new(Ask::of("priced")))
    };
    let mut answer = call.await.expect("answers");
    assert!(!Context::current().has_active_span());
    answer.stream_mut().expect("streams").by_ref().count().await;
    assert!(!Context::current().has_active_span());
    let span = spans.one();
    let parent = parent.span().span_context().clone();
    assert_eq!(span.parent_span_id, parent.span_id());
    assert_eq!(span.span_context.trace_id(), parent.trace_id());
    let seen = seen.lock().expect("not poisoned");
    assert_eq!(*seen, vec![span.span_context.clone(); 4]);
}

#[tokio::test]
async fn a_call_that_is_not_sampled_still_passes_its_trace_on() {
    let spans = Spans::sampled(Sampler::AlwaysOff);
    let mut llm = stack!(spans.layer(), |_: Call<Ask>| async {
        let current = Context::current().span().span_context().clone();
        assert!(current.is_valid());
        assert!(!current.is_sampled());
        Ok::<_, Error>(Answer::whole(1, 1))
    });
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    assert_eq!(spans.all(), []);
}

#[tokio::test]
async fn failures_are_marked_and_cancellations_are_not() {
    let spans = Spans::new();
    let mut llm = stack!(spans.layer(), |call: Call<Ask>| async move {
        match call.request.model.as_str() {
            "upstream" => Err(error(ErrorKind::Upstream)),
            "timeout" => Err(error(ErrorKind::Timeout)),
            _ => std::future::pending::<Result<Answer, Error>>().await,
        }
    });
    for model in ["upstream", "timeout"] {
        llm.call(Call::new(Ask::of(model)))
            .await
            .expect_err("fails");
    }
    drop(llm.call(Call::new(Ask::of("dropped"))));
    let told: Vec<_> = spans
        .all()
        .iter()
        .map(|span| {
            let keys = ["obs.outcome", "error.type", "obs.error.fault"];
            let told = keys.map(|key| attribute(span, key).unwrap_or_default());
            (told.join(" "), span.status.clone())
        })
        .collect();
    let failed = Status::error("");
    assert_eq!(
        told,
        [
            ("error upstream provider".to_owned(), failed.clone()),
            ("timeout timeout policy".to_owned(), failed),
            ("cancelled cancelled ".to_owned(), Status::Unset),
        ]
    );
}

#[tokio::test]
async fn neither_prompts_nor_answers_nor_texts_of_errors_are_told() {
    let spans = Spans::new();
    let mut llm = stack!(spans.layer(), |call: Call<Ask>| async move {
        match call.request.model.as_str() {
            "fails" => Err(error(ErrorKind::Upstream)),
            _ => Ok(Answer::stream(stream::iter([Ok(Token {
                text: SECRET,
                ..Token::default()
            })]))),
        }
    });
    llm.call(Call::new(Ask::of("fails")))
        .await
        .expect_err("fails");
    let mut answer = llm
        .call(Call::new(Ask::of("streams")))
        .await
        .expect("answers");
    answer.stream_mut().expect("streams").by_ref().count().await;
    let told = format!("{:?}", spans.all());
    assert!(told.contains("chat fails"));
    assert!(!told.contains(SECRET), "{told}");
}

#[tokio::test]
async fn hits_are_told_with_what_they_saved() {
    let spans = Spans::new();
    let inner = service_fn(|call: Call<Ask>| async move {
        let mut note = CacheNote::new(CacheStatus::Hit);
        note.age = Some(Duration::from_secs(60));
        note.route = Some("premium".into());
        note.saved = Some("0.5".parse().expect("a number"));
        call.context
            .journal
            .with(|report| report.cache = Some(note));
        Ok::<_, Error>(Answer::whole(10, 10))
    });
    let mut llm = tower_layer::Layer::layer(&spans.layer(), inner);
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
    let span = spans.one();
    for (key, value) in [
        ("obs.cache.status", "hit"),
        ("obs.route", "premium"),
        ("obs.saved_by_cache.usd", "0.5"),
        ("obs.cost.usd", "0"),
        ("obs.attempts", "0"),
    ] {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
}

#[tokio::test]
async fn a_hit_that_is_left_early_has_saved_nothing() {
    let spans = Spans::new();
    let inner = service_fn(|call: Call<Ask>| async move {
        let mut note = CacheNote::new(CacheStatus::Hit);
        note.saved = Some("0.5".parse().expect("a number"));
        call.context
            .journal
            .with(|report| report.cache = Some(note));
        Ok::<_, Error>(Answer::stream(futures_util::stream::pending()))
    });
    let mut llm = tower_layer::Layer::layer(&spans.layer(), inner);
    let call = Call::new(Ask::of("priced").streamed());
    drop(llm.call(call).await.expect("a head"));
    let span = spans.one();
    assert_eq!(
        attribute(&span, "obs.outcome").as_deref(),
        Some("cancelled")
    );
    assert_eq!(attribute(&span, "obs.saved_by_cache.usd"), None);
}

/// What somebody else wrote, and not well.
#[derive(Debug)]
struct Broken {
    at_start: bool,
}

impl SpanProcessor for Broken {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {
        assert!(!self.at_start, "a broken processor");
    }

    fn on_end(&self, _span: SpanData) {
        assert!(self.at_start, "a broken processor");
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::test]
async fn a_processor_that_panics_costs_the_span_and_not_the_call() {
    for at_start in [true, false] {
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Broken { at_start })
            .build();
        let layer = ApmLayer::new()
            .telemetry(&telemetry())
            .tracer(provider.tracer("test"));
        let mut llm = stack!(layer, |_: Call<Ask>| async {
            Ok::<_, Error>(Answer::stream(words(1, Duration::ZERO, usage(1, 1))))
        });
        let mut answer = llm
            .call(Call::new(Ask::of("priced")))
            .await
            .expect("answers");
        let chunks = answer.stream_mut().expect("streams");
        assert_eq!(chunks.by_ref().count().await, 2);
        let stats = layer.stats();
        assert_eq!((stats.success, stats.in_flight), (1, 0));
    }
}

#[tokio::test]
async fn in_production_one_in_ten_is_kept_and_every_failure() {
    let exporter = InMemorySpanExporter::default();
    let processor = SimpleSpanProcessor::new(exporter.clone());
    let config = quiet().environment(Environment::Production);
    let telemetry = Telemetry::build(config.span_processor(processor));
    let layer = ApmLayer::new().telemetry(&telemetry);
    let model = |ask: Ask| async move {
        match ask.model.as_str() {
            "fails" => Err(error(ErrorKind::Upstream)),
            _ => Ok(Answer::whole(1, 1)),
        }
    };
    let mut llm = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(layer.attempt_spans())
        .layer(AttemptLayer::new(prices()))
        .service(service_fn(model));
    let spans = |outcome: &str| {
        let spans = exporter.get_finished_spans().expect("not poisoned");
        let spans = spans.iter();
        let kept = spans.filter(|span| attribute(span, "obs.outcome").as_deref() == Some(outcome));
        kept.count()
    };
    for _ in 0..1_000 {
        llm.call(Call::new(Ask::of("works")))
            .await
            .expect("answers");
    }
    for _ in 0..100 {
        llm.call(Call::new(Ask::of("fails")))
            .await
            .expect_err("fails");
    }
    assert_eq!(spans("error"), 100);
    // Five standard deviations of 9.5.
    let kept = spans("success");
    assert!((50..=150).contains(&kept), "{kept} of 1000");
    // Each with its attempt.
    assert_eq!(spans("failed"), 100);
    let all = exporter.get_finished_spans().expect("not poisoned").len();
    assert_eq!(all, 2 * (kept + 100));
}

#[tokio::test]
async fn without_anybody_to_see_them_no_spans_are_made() {
    let telemetry = Telemetry::build(quiet());
    assert!(telemetry.tracer_provider().is_none());
    let layer = ApmLayer::new()
        .telemetry(&telemetry)
        .wall_clock(|| unreachable!("no clock is read"));
    let mut llm = stack!(layer, |_: Call<Ask>| async {
        assert!(!Context::current().has_active_span());
        Ok::<_, Error>(Answer::whole(1, 1))
    });
    llm.call(Call::new(Ask::of("priced")))
        .await
        .expect("answers");
}

#[tokio::test]
async fn a_name_that_is_absurdly_long_is_not_told() {
    let spans = Spans::new();
    let mut llm = stack!(spans.layer(), |_: Call<Ask>| async {
        Ok::<_, Error>(Answer::whole(1, 1))
    });
    llm.call(Call::new(Ask::of(&"x".repeat(1 << 20))))
        .await
        .expect("answers");
    let span = spans.one();
    assert_eq!(span.name, "chat");
    assert_eq!(attribute(&span, "gen_ai.request.model"), None);
}

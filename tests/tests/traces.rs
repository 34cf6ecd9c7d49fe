//! What a trace shows of the whole stack: attempts below their call, and links where another call did the work.
use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use obs_apm::{ApmLayer, Config, Environment, Telemetry};
use obs_cache::{CacheLayer, Clock, Memory};
use obs_core::*;
use obs_router::{Decision, Reason, Route, RouterLayer};
use obs_tests::chat::{Answer, Ask, ask, hi, prices};
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanData};
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};

type Stack = BoxCloneSyncService<Call<Ask>, Answer, Error>;

/// The documented stack, whose cheap route is busy when it is asked so, and whose answers are fresh for ten seconds.
struct Traced {
    stack: Stack,
    exporter: InMemorySpanExporter,
    background: Background,
}

impl Traced {
    fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let telemetry = Telemetry::build(
            Config::new()
                .variables(|_| None)
                .environment(Environment::Staging)
                .span_processor(SimpleSpanProcessor::new(exporter.clone()))
                .no_listener()
                .no_console(),
        );
        let metrics = telemetry.metrics();
        let apm = ApmLayer::new().telemetry(&telemetry);
        let policy = |_: &Ask, _: &CallContext| Decision::new("cheap", Reason::Simple);
        let routes = [
            Route::new("cheap").model("small"),
            Route::new("premium").model("big"),
        ];
        let background = Background::new(8);
        let start = Instant::now();
        let clock = Clock::new(move || std::time::UNIX_EPOCH + start.elapsed());
        let cache = CacheLayer::new(Memory::new(1 << 20))
            .ttl(Duration::from_secs(10))
            .jitter(0.0)
            .clock(clock)
            .stale_while_revalidate(Duration::from_secs(60), background.clone());
        let model = service_fn(|ask: Ask| async move {
            sleep(Duration::from_millis(100)).await;
            match (&*ask.prompt, &*ask.model) {
                ("busy", "small") => Err(Error::new(ErrorKind::Overloaded, "busy")),
                _ => Ok(hi(ask.stream)),
            }
        });
        let stack = ServiceBuilder::new()
            .layer(&apm)
            .layer(TimeoutLayer::new(Duration::from_secs(30)).metrics(&metrics))
            .layer(cache.metrics(&metrics))
            .layer(RouterLayer::new(policy, routes).metrics(&metrics))
            .layer(AttemptTimeoutLayer::new())
            .layer(apm.attempt_spans())
            .layer(AttemptLayer::new(prices()))
            .service(model);
        Self {
            stack: Stack::new(stack),
            exporter,
            background,
        }
    }

    async fn ask(&self, prompt: &str) -> Arc<str> {
        let mut call = ask(false);
        call.request.prompt = prompt.into();
        let journal = call.journal();
        let answer = self.stack.clone().oneshot(call).await.unwrap();
        assert_eq!(answer.read().await.unwrap(), "hi");
        let note = journal.read().cache;
        note.map_or("none", |note| note.status.as_str()).into()
    }

    /// What has ended since.
    fn spans(&self) -> Vec<SpanData> {
        let spans = self.exporter.get_finished_spans().unwrap();
        self.exporter.reset();
        spans
    }
}

fn attribute(span: &SpanData, key: &str) -> String {
    let mut attributes = span.attributes.iter();
    let found = attributes.rfind(|a| a.key.as_str() == key);
    found.map(|a| a.value.to_string()).unwrap_or_default()
}

fn links(span: &SpanData) -> Vec<SpanId> {
    let links = span.links.iter();
    links.map(|link| link.span_context.span_id()).collect()
}

#[tokio::test(start_paused = true)]
async fn attempts_are_below_their_call_also_when_another_route_takes_over() {
    let traced = Traced::new();
    traced.ask("busy").await;
    let spans = traced.spans();
    let [first, second, call] = spans.as_slice() else {
        panic!("two attempts and a call, and not {spans:#?}");
    };
    for attempt in [first, second] {
        assert_eq!(attempt.parent_span_id, call.span_context.span_id());
    }
    let told = |span| {
        let keys = ["obs.route", "obs.attempt.purpose", "obs.outcome"];
        keys.map(|key| attribute(span, key))
    };
    assert_eq!(told(first), ["cheap", "first", "failed"]);
    assert_eq!(told(second), ["premium", "fallback", "answered"]);
    assert_eq!(attribute(first, "error.type"), "overloaded");
}

#[tokio::test(start_paused = true)]
async fn who_shares_a_call_is_linked_to_the_one_that_made_it() {
    let traced = Traced::new();
    let (leader, follower) = join(traced.ask("hello"), traced.ask("hello")).await;
    assert_eq!((&*leader, &*follower), ("miss", "coalesced"));
    let spans = traced.spans();
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let of = |status| {
        let mut found = spans.iter();
        found.find(|span| attribute(span, "obs.cache.status") == status)
    };
    let (leader, follower) = (of("miss").unwrap(), of("coalesced").unwrap());
    assert_eq!(links(leader), []);
    assert_eq!(links(follower), [leader.span_context.span_id()]);
    let attempt = spans.iter().find(|s| s.parent_span_id != SpanId::INVALID);
    let parent = attempt.map(|attempt| attempt.parent_span_id);
    assert_eq!(parent, Some(leader.span_context.span_id()));
    let alone = attribute(follower, "obs.cost.usd");
    assert_eq!(alone, "0");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_linked_to_the_call_that_set_it_off() {
    let traced = Traced::new();
    assert_eq!(&*traced.ask("hello").await, "miss");
    sleep(Duration::from_secs(11)).await;
    traced.spans();
    assert_eq!(&*traced.ask("hello").await, "stale");
    assert!(traced.background.drain(Duration::from_secs(5)).await);
    let spans = traced.spans();
    let [call, refresh] = spans.as_slice() else {
        panic!("a call, and an attempt to refresh, and not {spans:#?}");
    };
    assert_eq!(attribute(call, "obs.cache.status"), "stale");
    assert_eq!(attribute(refresh, "obs.attempt.purpose"), "refresh");
    assert_eq!(links(refresh), [call.span_context.span_id()]);
    assert_eq!(refresh.parent_span_id, SpanId::INVALID);
    let trace = call.span_context.trace_id();
    assert_ne!(refresh.span_context.trace_id(), trace);
}

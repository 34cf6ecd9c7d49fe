//! What travels between agents, and the spans of what they do.

use std::{collections::HashMap, time::Duration};

use http::HeaderMap;
use obs_apm::{Activity, ApmLayer, Config, Propagator, Telemetry};
use obs_core::{Call, Deadline, Elapsed, Error};
use opentelemetry::{
    baggage::BaggageExt,
    trace::{SpanKind, Status, TraceContextExt},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor};

use tower::{Layer, Service, service_fn};

use crate::common::{Answer, Ask, attribute, quiet};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn seen() -> (Telemetry, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    let processor = SimpleSpanProcessor::new(exporter.clone());
    let config: Config = quiet().span_processor(processor);
    (Telemetry::build(config), exporter)
}

fn incoming() -> obs_apm::Incoming {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", TRACE.parse().expect("a value"));
    headers.insert("tracestate", "vendor=1".parse().expect("a value"));
    headers.insert("baggage", "user=ann%20b".parse().expect("a value"));
    headers.insert("x-obs-tenant", "acme".parse().expect("a value"));
    headers.insert("x-obs-session", "talk".parse().expect("a value"));
    headers.insert("x-obs-deadline-ms", "5000".parse().expect("a value"));
    Propagator::default().extract_headers(&headers)
}

#[tokio::test(start_paused = true)]
async fn what_came_along_goes_on_less_the_time_that_was_spent() {
    let incoming = incoming();
    let call = incoming.call("a question");
    assert_eq!(call.context.tenant.as_deref(), Some("acme"));
    assert_eq!(call.context.session.as_deref(), Some("talk"));
    let baggage = incoming
        .context()
        .baggage()
        .get("user")
        .map(ToString::to_string);
    assert_eq!(baggage.as_deref(), Some("ann b"));
    tokio::time::advance(Duration::from_secs(2)).await;
    let mut sent = HeaderMap::new();
    let mut metadata = HashMap::<String, String>::new();
    incoming
        .run(async {
            let propagator = Propagator::default();
            propagator
                .inject_headers(&call.context, &mut sent)
                .expect("time is left");
            propagator
                .inject(&call.context, &mut metadata)
                .expect("time is left");
        })
        .await;
    for (name, value) in [
        ("traceparent", TRACE),
        ("tracestate", "vendor=1"),
        ("baggage", "user=ann%20b"),
        ("x-obs-tenant", "acme"),
        ("x-obs-session", "talk"),
        ("x-obs-deadline-ms", "3000"),
        ("grpc-timeout", "3000000u"),
    ] {
        let header = sent.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header, Some(value), "{name}");
        assert_eq!(
            metadata.get(name).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
}

/// Who the users are is nothing that a provider needs to know.
#[tokio::test]
async fn a_provider_is_told_the_trace_alone() {
    let mut sent = HeaderMap::new();
    incoming()
        .run(async { Propagator::default().inject_trace_headers(&mut sent) })
        .await;
    let told: HashMap<_, _> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told["traceparent"], TRACE);
    assert_eq!(told["tracestate"], "vendor=1");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_no_time_is_left() {
    let call = Call::new("a question").deadline(Deadline::after(Duration::ZERO, Duration::ZERO));
    let mut sent = HashMap::<String, String>::new();
    let error = Propagator::default().inject(&call.context, &mut sent);
    let error = error.expect_err("no time is left");
    assert!(error.find::<Elapsed>().is_some(), "{error}");
}

#[tokio::test]
async fn what_is_none_is_left_out_and_refuses_nobody() {
    let headers: HashMap<String, String> = [
        ("traceparent", "nonsense"),
        ("b3", "nonsense"),
        ("baggage", "=;,=="),
        ("x-obs-deadline-ms", "soon"),
        ("x-obs-tenant", ""),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let incoming = Propagator::default().extract(&headers);
    assert!(!incoming.context().has_active_span());
    assert_eq!(incoming.deadline().end(), None);
    assert_eq!(incoming.tenant(), None);
}

#[tokio::test]
async fn w3c_stands_over_b3_and_b3_is_read_where_it_is_alone() {
    let b3 = "463ac35c9f6413ad48485a3953bb6124-0020000000000001-1";
    let read = |headers: &[(&str, &str)]| {
        let headers: HashMap<String, String> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let incoming = Propagator::default().extract(&headers);
        let span = incoming.context().span().span_context().clone();
        span.trace_id().to_string()
    };
    assert_eq!(read(&[("b3", b3)]), &b3[..32]);
    assert_eq!(read(&[("b3", b3), ("traceparent", TRACE)]), &TRACE[3..35]);
}

#[tokio::test]
async fn what_is_current_where_a_request_comes_in_is_not_its_parent() {
    let current = incoming();
    let _current = current.attach();
    let read = Propagator::default().extract(&HashMap::<String, String>::new());
    assert!(!read.context().has_active_span());
}

#[tokio::test]
async fn agents_and_tools_have_spans_of_the_conventions() {
    let (telemetry, exporter) = seen();
    let incoming = incoming();
    let agent = Activity::agent("planner")
        .agent_id("agent-1")
        .agent_version("2")
        .session("talk")
        .parent(incoming.context())
        .telemetry(&telemetry)
        .start();
    agent
        .run(async {
            let tool = Activity::tool("search")
                .call_id("call-1")
                .tool_type("function")
                .telemetry(&telemetry)
                .start();
            tool.fail("not_found");
            drop(tool);
            let remote = Activity::remote_agent("researcher").telemetry(&telemetry);
            drop(remote.start());
        })
        .await;
    assert_eq!(
        exporter.get_finished_spans().expect("not poisoned").len(),
        2
    );
    drop(agent);
    let spans = exporter.get_finished_spans().expect("not poisoned");
    let [tool, remote, agent] = spans.as_slice() else {
        panic!("three spans, and not {spans:?}");
    };
    let ids: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    let names = [
        "execute_tool search",
        "invoke_agent researcher",
        "invoke_agent planner",
    ];
    assert_eq!(ids, names);
    assert_eq!(agent.parent_span_id.to_string(), "b7ad6b7169203331");
    for child in [tool, remote] {
        assert_eq!(child.parent_span_id, agent.span_context.span_id());
    }
    assert_eq!(agent.span_kind, SpanKind::Internal);
    assert_eq!(remote.span_kind, SpanKind::Client);
    for (span, key, value) in [
        (agent, "gen_ai.operation.name", "invoke_agent"),
        (agent, "gen_ai.agent.name", "planner"),
        (agent, "gen_ai.agent.id", "agent-1"),
        (agent, "gen_ai.agent.version", "2"),
        (agent, "gen_ai.conversation.id", "talk"),
        (tool, "gen_ai.operation.name", "execute_tool"),
        (tool, "gen_ai.tool.name", "search"),
        (tool, "gen_ai.tool.call.id", "call-1"),
        (tool, "gen_ai.tool.type", "function"),
        (tool, "error.type", "not_found"),
    ] {
        assert_eq!(attribute(span, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(tool.status, Status::error(""));
    assert_eq!(agent.status, Status::Unset);
}

#[tokio::test(start_paused = true)]
async fn agents_and_tools_are_timed_and_what_an_agent_asks_is_counted() {
    let telemetry = Telemetry::build(quiet());
    let layer = ApmLayer::new().telemetry(&telemetry);
    let model = || async {
        let answer = |_: Call<Ask>| async { Ok::<_, Error>(Answer::whole(1, 1)) };
        let mut llm = layer.layer(service_fn(answer));
        llm.call(Call::new(Ask::of("model")))
            .await
            .expect("answers");
    };
    model().await; // on nobody's behalf
    let planner = Activity::agent("planner").telemetry(&telemetry).start();
    planner
        .run(async {
            model().await;
            model().await;
            let helper = Activity::agent("helper").telemetry(&telemetry).start();
            helper.run(model()).await;
            helper.fail("lost");
            helper.fail("later");
            drop(helper);
            drop(Activity::remote_agent("far").telemetry(&telemetry).start());
            let tool = Activity::tool("search").telemetry(&telemetry).start();
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(tool);
        })
        .await;
    drop(planner);
    let text = telemetry.render();
    for line in [
        r#"gen_ai_invoke_agent_duration_seconds_sum{gen_ai_agent_name="planner"} 3"#,
        r#"gen_ai_invoke_agent_duration_seconds_bucket{gen_ai_agent_name="planner",le="3.2"} 1"#,
        r#"gen_ai_invoke_agent_duration_seconds_count{error_type="lost",gen_ai_agent_name="helper"} 1"#,
        r#"gen_ai_invoke_agent_inference_calls_sum{gen_ai_agent_name="planner"} 2"#,
        r#"gen_ai_invoke_agent_inference_calls_sum{gen_ai_agent_name="helper"} 1"#,
        r#"gen_ai_invoke_agent_tool_calls_sum{gen_ai_agent_name="planner"} 1"#,
        r#"gen_ai_invoke_agent_tool_calls_sum{gen_ai_agent_name="helper"} 0"#,
        r#"gen_ai_execute_tool_duration_seconds_sum{gen_ai_tool_name="search"} 3"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(!text.contains("far"), "it is timed where it runs");
}

#[tokio::test]
async fn without_anybody_to_see_it_an_activity_ends_nobody_elses_span() {
    let (telemetry, exporter) = seen();
    let outer = Activity::agent("planner").telemetry(&telemetry).start();
    let blind = Telemetry::build(quiet());
    outer
        .run(async {
            let unseen = Activity::tool("search").telemetry(&blind).start();
            unseen.fail("not_found");
        })
        .await;
    assert!(
        exporter
            .get_finished_spans()
            .expect("not poisoned")
            .is_empty()
    );
    drop(outer);
    let spans = exporter.get_finished_spans().expect("not poisoned");
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].status, Status::Unset);
}

#[tokio::test]
async fn a_span_ends_with_its_activity_though_somebody_keeps_its_context() {
    let (telemetry, exporter) = seen();
    let tool = Activity::tool("search").telemetry(&telemetry).start();
    let _kept = tool.context().clone();
    drop(tool);
    let spans = exporter.get_finished_spans().expect("not poisoned");
    assert_eq!(spans.len(), 1);
}

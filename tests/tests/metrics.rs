//! What `/metrics` says, over HTTP, is what was done: names, types, labels and values.
use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use futures_util::{StreamExt, future::join_all};
use obs_apm::{ApmLayer, Config, Telemetry};
use obs_cache::{CacheLayer, Memory};
use obs_core::*;
use obs_metrics::Metrics;
use obs_router::{Decision, Reason, Route, RouterLayer};
use obs_tests::{
    chat::{Answer, Ask, ask, hi, prices},
    scrape::{self, Scrape},
};
use obs_timeout::TimeoutLayer;
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};

type Stack = BoxCloneSyncService<Call<Ask>, Answer, Error>;

/// Telemetry on a free port, with nothing from the environment.
fn telemetry() -> Telemetry {
    let listen = "127.0.0.1:0".parse().unwrap();
    Telemetry::build(
        Config::new()
            .listen(listen)
            .no_console()
            .variables(|_| None),
    )
}

/// A stack whose model answers as the prompt says: `hard` on the premium route, `busy` with an error on the cheap one.
fn stack(metrics: &Metrics, telemetry: &Telemetry) -> Stack {
    let policy = |ask: &Ask, _: &CallContext| {
        let hard = ask.prompt.starts_with("hard");
        let (route, reason) = if hard {
            ("premium", Reason::Complex)
        } else {
            ("cheap", Reason::Simple)
        };
        Decision::new(route, reason)
    };
    let routes = [
        Route::new("cheap").model("small"),
        Route::new("premium").model("big"),
    ];
    let model = service_fn(|ask: Ask| async move {
        tokio::task::yield_now().await;
        match &*ask.prompt {
            "busy" if ask.model == "small" => Err(Error::new(ErrorKind::Overloaded, "busy")),
            "bad" => Err(Error::new(ErrorKind::Caller, "bad")),
            "never" => std::future::pending().await,
            _ => Ok(hi(ask.stream)),
        }
    });
    let service = ServiceBuilder::new()
        .layer(ApmLayer::new().telemetry(telemetry))
        .layer(TimeoutLayer::new(Duration::from_secs(1)).metrics(metrics))
        .layer(CacheLayer::new(Memory::new(1 << 20)).metrics(metrics))
        .layer(RouterLayer::new(policy, routes).metrics(metrics))
        .layer(AttemptLayer::new(prices()))
        .service(model);
    Stack::new(service)
}

async fn scrape(telemetry: &Telemetry) -> (Scrape, String) {
    let text = scrape::get(telemetry.address().expect("it listens")).await;
    (Scrape::parse(&text), text)
}

fn prompt(prompt: &str, streamed: bool) -> Call<Ask> {
    let mut call = ask(streamed);
    call.request.prompt = prompt.into();
    call
}

#[tokio::test]
async fn every_fixed_metric_has_its_name_type_labels_and_value() {
    let telemetry = telemetry();
    let service = stack(&telemetry.metrics(), &telemetry);

    // Before the first call: series of known routes and operations are there, with zeros.
    let (before, _) = scrape(&telemetry).await;
    for series in [
        "router_decisions_total{reason=\"simple\",route=\"cheap\"}",
        "router_decisions_total{reason=\"complex\",route=\"premium\"}",
        "router_errors_total{route=\"cheap\"}",
        "router_execution_seconds_count{route=\"premium\"}",
        "router_cost_savings_usd{route=\"cheap\"}",
        "cache_hits_total{operation=\"chat\"}",
        "cache_misses_total{operation=\"chat\"}",
        "cache_cost_savings_usd{operation=\"chat\"}",
        "timeout_successes_total{operation=\"chat\"}",
        "timeout_failures_total{operation=\"chat\"}",
    ] {
        assert_eq!(before.value(series), Some(0.0), "{series}");
    }

    // easy: a miss and two hits; hard: a miss; busy: a fall-over; never: a timeout; bad: an error.
    for (text, streamed) in [
        ("easy", true),
        ("easy", false),
        ("easy", true),
        ("hard", false),
    ] {
        let answer = service
            .clone()
            .oneshot(prompt(text, streamed))
            .await
            .unwrap();
        assert_eq!(answer.read().await.unwrap(), "hi");
    }
    service
        .clone()
        .oneshot(prompt("busy", false))
        .await
        .unwrap();
    service
        .clone()
        .oneshot(prompt("bad", false))
        .await
        .unwrap_err();
    let error = service
        .clone()
        .oneshot(prompt("never", false))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);

    let (after, text) = scrape(&telemetry).await;
    for (name, kind) in [
        ("router_decisions_total", "counter"),
        ("router_execution_seconds", "histogram"),
        ("router_cost_savings_usd", "counter"),
        ("router_errors_total", "counter"),
        ("cache_hits_total", "counter"),
        ("cache_misses_total", "counter"),
        ("cache_hit_rate", "gauge"),
        ("cache_latency_seconds", "histogram"),
        ("cache_cost_savings_usd", "counter"),
        ("timeout_successes_total", "counter"),
        ("timeout_failures_total", "counter"),
        ("timeout_execution_seconds", "histogram"),
        ("timeout_rate", "gauge"),
        ("gen_ai_client_operation_duration_seconds", "histogram"),
        ("gen_ai_client_token_usage", "histogram"),
        ("llm_cost_usd_total", "counter"),
    ] {
        assert_eq!(
            after.types.get(name).map(String::as_str),
            Some(kind),
            "{name}"
        );
    }
    let pico = |n: f64| n / 1e12;
    for (series, value) in [
        (
            "router_decisions_total{reason=\"simple\",route=\"cheap\"}",
            2.0,
        ),
        (
            "router_decisions_total{reason=\"complex\",route=\"premium\"}",
            1.0,
        ),
        // `busy` and `never`, which was tried there too before its time was up
        (
            "router_decisions_total{reason=\"fallback\",route=\"premium\"}",
            2.0,
        ),
        ("router_errors_total{route=\"cheap\"}", 3.0),
        ("router_errors_total{route=\"premium\"}", 1.0),
        ("router_cost_savings_usd{route=\"cheap\"}", pico(90.0)),
        ("router_cost_savings_usd{route=\"premium\"}", 0.0),
        ("cache_hits_total{operation=\"chat\"}", 2.0),
        ("cache_misses_total{operation=\"chat\"}", 5.0),
        ("cache_hit_rate{operation=\"chat\"}", 2.0 / 7.0),
        (
            "cache_latency_seconds_count{hit=\"true\",operation=\"chat\"}",
            2.0,
        ),
        ("cache_cost_savings_usd{operation=\"chat\"}", pico(20.0)),
        ("timeout_successes_total{operation=\"chat\"}", 6.0),
        ("timeout_failures_total{operation=\"chat\"}", 1.0),
        ("timeout_rate{operation=\"chat\"}", 1.0 / 7.0),
        ("timeout_execution_seconds_count{operation=\"chat\"}", 7.0),
        (
            "cache_latency_seconds_count{hit=\"false\",operation=\"chat\"}",
            5.0,
        ),
        // easy, busy, bad and never; hard, busy and never
        ("router_execution_seconds_count{route=\"cheap\"}", 4.0),
        ("router_execution_seconds_count{route=\"premium\"}", 3.0),
        (
            "llm_cost_usd_total{model=\"small\",route=\"cheap\"}",
            pico(10.0),
        ),
        (
            "llm_cost_usd_total{model=\"big\",route=\"premium\"}",
            pico(200.0),
        ),
    ] {
        let found = after.value(series);
        let close = found.is_some_and(|found| (found - value).abs() <= value.abs() * 1e-9);
        assert!(close, "{series}: {found:?}, not {value}\n{text}");
    }
    assert_eq!(
        after.sum("gen_ai_client_operation_duration_seconds_count"),
        7.0
    );
    assert!(!text.contains("otel_scope"), "no label that is not ours");
    promtool(&text);
    telemetry.shutdown().unwrap();
}

/// Prometheus' own linter reads it. It asks for some names that are fixed to be others; what it cannot parse is an error.
fn promtool(text: &str) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = tool.expect("promtool runs; install it with: apt-get install prometheus");
    let mut input = tool.stdin.take().expect("is piped");
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(1), "it cannot be read: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_exact_under_concurrency_cancellation_and_aborted_streams() {
    const CALLS: usize = 1_000;
    let telemetry = telemetry();
    let service = stack(&telemetry.metrics(), &telemetry);
    let calls = (0..CALLS).map(|n| {
        let service = service.clone();
        let text = ["easy", "hard", "busy", "bad", "never"][n % 5];
        // Some questions are asked by many, some by one alone.
        let call = prompt(
            &if n % 2 == 0 {
                text.into()
            } else {
                format!("hard {n}")
            },
            n % 3 == 0,
        );
        tokio::spawn(async move {
            let work = async {
                if let Ok(Answer::Stream(mut chunks)) = service.oneshot(call).await {
                    // Read to the end, dropped at once, or somewhere between.
                    for _ in 0..n % 7 {
                        if chunks.next().await.is_none() {
                            break;
                        }
                    }
                }
            };
            // Some leave before they are answered.
            let patience = Duration::from_micros((n as u64 * 7919) % 90_000);
            let _ = timeout(patience, work).await;
        })
    });
    for call in join_all(calls).await {
        call.unwrap();
    }
    let (scrape, _) = self::scrape(&telemetry).await;
    let all = CALLS as f64;
    assert_eq!(scrape.sum("llm_calls_total"), all);
    let cache = [
        "cache_hits_total",
        "cache_misses_total",
        "cache_bypass_total",
        "cache_cancelled_total",
        "cache_followers_failed_total",
    ];
    assert_eq!(cache.map(|name| scrape.sum(name)).iter().sum::<f64>(), all);
    let timeouts = [
        "timeout_successes_total",
        "timeout_failures_total",
        "timeout_cancelled_total",
    ];
    assert_eq!(
        timeouts.map(|name| scrape.sum(name)).iter().sum::<f64>(),
        all
    );
    telemetry.shutdown().unwrap();
}

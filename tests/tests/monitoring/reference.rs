//! `docs/metrics.md` says what `/metrics` says: every name, its type, its labels and its help, and no other.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use obs_apm::{Activity, Config, Telemetry};
use obs_core::{Call, Error};
use obs_gateway::settings::{Sources, load};
use obs_learn::{Dataset, Trainer};
use obs_openai::{ChatRequest, ChatResponse};
use obs_tests::scrape;
use obs_timeout::{Adaptive, AttemptTimeoutLayer};
use tower::{Layer, ServiceExt, service_fn};

use crate::{gateway::Gateway, promql};

/// The rows that the reference must have.
fn rows(text: &str) -> BTreeSet<String> {
    let mut help = BTreeMap::new();
    let mut labels = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut kinds = Vec::new();
    for line in text.lines() {
        if let Some((name, text)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            help.insert(name, text);
        } else if let Some(kind) = line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' ')) {
            kinds.push(kind);
        } else {
            let name = promql::metric(line.split(' ').next().unwrap_or(line));
            let of = labels.entry(name).or_default();
            for (before, _) in line.match_indices("=\"").map(|(at, _)| line.split_at(at)) {
                let label = before.rsplit(['{', ',']).next().unwrap_or(before);
                of.extend(Some(label).filter(|label| *label != "le"));
            }
        }
    }
    let rows = kinds.into_iter().map(|(name, kind)| {
        let series = match kind {
            "histogram" => format!("{name}_count"),
            _ => name.to_owned(),
        };
        let labels = labels
            .get(&*series)
            .unwrap_or_else(|| panic!("{name} has no series"));
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!(
            "| `{name}` | {kind} | {} | {} |",
            labels.join(", "),
            help[name]
        )
    });
    rows.collect()
}

/// What an application tells that says what its agents do.
fn agents() -> String {
    let config = Config::new().no_listener().no_console();
    let telemetry = Telemetry::build(config.variables(|_| None));
    for activity in [Activity::agent("planner"), Activity::tool("search")] {
        let failed = activity.clone().telemetry(&telemetry).start();
        failed.fail("lost");
        drop(failed);
        drop(activity.telemetry(&telemetry).start());
    }
    let text = telemetry.render();
    let is_of_agents = |line: &&str| line.contains("_agent_") || line.contains("_tool_");
    let lines = text.lines().filter(is_of_agents);
    lines.map(|line| format!("{line}\n")).collect()
}

/// What limits tell of themselves when enough was learned, which takes a hundred calls in a gateway.
async fn learned() -> String {
    let config = Config::new().no_listener().no_console();
    let telemetry = Telemetry::build(config.variables(|_| None));
    let adaptive = Adaptive::percentile(99.0).warm_up(1);
    let limits = AttemptTimeoutLayer::new().adaptive_attempt(adaptive);
    limits.show_learned(&telemetry.metrics());
    let answer =
        |_: Call<ChatRequest>| async { Ok::<_, Error>(ChatResponse::whole(r#"{"choices": []}"#)) };
    for _ in 0..2 {
        let call = Call::new(ChatRequest::new("m").user("what?"));
        let answered = limits.layer(service_fn(answer)).oneshot(call).await;
        answered.expect("answers");
    }
    let text = telemetry.render();
    let lines = text.lines().filter(|line| line.contains("timeout_limit"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// What a gateway tells that keeps a log of calls, and whose router has learned.
async fn outcomes() -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let mut data = Dataset::new();
    for row in 0..300 {
        let prompt = format!("{} {row}", if row % 3 == 0 { "prove" } else { "say" });
        let cheap = f32::from(u8::from(row % 3 != 0));
        data.push(None, prompt.as_str(), cheap, 1.0)
            .expect("is one");
    }
    let trainer = Trainer::new().folds(2).resamples(100);
    let model = trainer.train(&data, |_, _| ()).expect("a gap").model;
    let [model_file, log] = ["router.json", "calls.jsonl"].map(|name| dir.path().join(name));
    fs::write(&model_file, model.to_json()).expect("room");
    let environment = [
        ("OBS_LOG_FILE", log.to_str().expect("is text")),
        ("OBS_ROUTER_POLICY", "learned"),
        ("OBS_ROUTER_MODEL", model_file.to_str().expect("is text")),
        ("OBS_ROUTER_WISH", "0%"),
        ("OBS_SIMULATED_LATENCY", "0"),
    ]
    .into_iter();
    let sources = Sources {
        environment: environment.collect(),
        ..Sources::default()
    };
    let settings = load(&sources).expect("good settings").settings;
    let config = Config::new().no_listener().no_console();
    let telemetry = Telemetry::build(config.variables(|_| None));
    let gateway = obs_gateway::Gateway::builder(settings).telemetry(telemetry.clone());
    let api = gateway.build().expect("a gateway").router();
    let post = |path: &str, body: String| {
        let request = http::Request::post(path).header("content-type", "application/json");
        let request = request.body(Full::<Bytes>::from(body)).expect("a request");
        api.clone().oneshot(request)
    };
    let body = r#"{"model": "auto", "messages": [{"role": "user", "content": "say so"}]}"#;
    let answer = post("/v1/chat/completions", body.into())
        .await
        .expect("an answer");
    let call = answer.headers()["x-obs-call-id"]
        .to_str()
        .expect("is text")
        .to_owned();
    answer.into_body().collect().await.expect("all of it");
    let body = format!(r#"{{"id": "{call}", "verdict": "bad"}}"#);
    let taken = post("/v1/feedback", body).await.expect("an answer");
    assert_eq!(taken.status(), 202);
    let text = telemetry.render();
    let is_of_them = |line: &&str| line.contains("gateway_log_") || line.contains("router_model_");
    let lines = text.lines().filter(is_of_them);
    lines.map(|line| format!("{line}\n")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_has_a_row_for_every_metric_and_no_other() {
    let mut wanted = BTreeSet::new();
    for variables in [
        &[][..],
        &[(
            "OTEL_SEMCONV_STABILITY_OPT_IN",
            "gen_ai_latest_experimental",
        )][..],
    ] {
        let mut gateway = Gateway::start(variables).await;
        gateway.load().await;
        wanted.extend(rows(&scrape::get(gateway.metrics).await));
    }
    wanted.extend(rows(&agents()));
    wanted.extend(rows(&learned().await));
    wanted.extend(rows(&outcomes().await));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = fs::read_to_string(file).unwrap();
    let found = text.lines().filter(|line| line.starts_with("| `"));
    let found: BTreeSet<_> = found.map(str::to_owned).collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    let other: Vec<_> = found.difference(&wanted).collect();
    let list = |rows: &[&String]| {
        rows.iter()
            .map(|row| format!("\n{row}"))
            .collect::<String>()
    };
    assert!(
        missing.is_empty() && other.is_empty(),
        "docs/metrics.md has no row:{}\nand there is nothing of:{}",
        list(&missing),
        list(&other)
    );
}

//! Every metric that a gateway shows, by name, type and labels: whoever changes one breaks dashboards and alerts of others.
//!
//! Where that is meant, `OBS_BLESS=1 cargo test -p obs-tests --test golden` writes the files anew; say so in the change log.
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::PathBuf,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use obs_apm::{Config, Telemetry};
use obs_gateway::{
    Gateway,
    settings::{Sources, load},
};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A gateway whose Redis is away, so that whatever a store counts is there too.
fn gateway(telemetry: &Telemetry) -> Gateway {
    let sources = Sources {
        environment: [
            ("OBS_SIMULATED_LATENCY", "0"),
            ("OBS_CACHE_STORE", "redis://127.0.0.1:1"),
        ]
        .into_iter()
        .collect(),
        ..Sources::default()
    };
    let settings = load(&sources).map_err(|problems| problems.to_string());
    let gateway = Gateway::builder(settings.unwrap().settings);
    gateway.telemetry(telemetry.clone()).build().unwrap()
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> StatusCode {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(body.to_string()))
        .unwrap();
    let answer = gateway.router().oneshot(request).await.unwrap();
    let status = answer.status();
    answer.into_body().collect().await.unwrap();
    status
}

/// Answers, hits, streams, embeddings and an error.
async fn drive(gateway: &Gateway) {
    let ask = |model: &str, stream: bool| {
        json!({
            "model": model,
            "stream": stream,
            "messages": [{"role": "user", "content": "hello"}],
        })
    };
    let chat = "/v1/chat/completions";
    for (model, stream) in [("auto", false), ("auto", false), ("sim-large", true)] {
        let status = post(gateway, chat, &ask(model, stream)).await;
        assert_eq!(status, StatusCode::OK, "{model}");
    }
    let status = post(gateway, chat, &ask("nobody", false)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let embed = json!({"model": "sim-embed", "input": "hello"});
    post(gateway, "/v1/embeddings", &embed).await;
}

/// Each metric with its type and the names of its labels.
fn outline(text: &str) -> String {
    let mut types = BTreeMap::new();
    let mut labels = BTreeMap::<&str, BTreeSet<&str>>::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            types.insert(name, kind);
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let suffixes = ["_bucket", "_sum", "_count"];
            let family = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
            let family = family.filter(|family| types.contains_key(family));
            let names = labels.entry(family.unwrap_or(name)).or_default();
            if let Some((_, rest)) = line.split_once('{') {
                let mut rest = rest;
                while let Some((name, after)) = rest.split_once("=\"") {
                    names.insert(name.trim_start_matches(','));
                    rest = after_value(after);
                }
            }
        }
    }
    let mut out = String::new();
    for (name, kind) in types {
        let labels = labels.remove(name).unwrap_or_default();
        let labels: Vec<_> = labels.into_iter().filter(|label| *label != "le").collect();
        out.push_str(format!("{name} {kind} {}", labels.join(",")).trim_end());
        out.push('\n');
    }
    out
}

/// What comes after the quote that closes a value.
fn after_value(text: &str) -> &str {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return &text[at + 1..],
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    ""
}

async fn check(file: &str, opt_in: &'static str) {
    let variables =
        move |name: &str| (name == "OTEL_SEMCONV_STABILITY_OPT_IN").then(|| opt_in.to_owned());
    let telemetry = Telemetry::build(
        Config::new()
            .variables(variables)
            .no_listener()
            .no_console(),
    );
    let gateway = gateway(&telemetry);
    drive(&gateway).await;
    let found = outline(&telemetry.render());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(file);
    if env::var_os("OBS_BLESS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (found, expected) = (lines(&found), lines(&expected));
    let gone: Vec<_> = expected.difference(&found).collect();
    let new: Vec<_> = found.difference(&expected).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "{file} says otherwise\n  gone: {gone:#?}\n  new: {new:#?}"
    );
}

#[tokio::test]
async fn the_metrics_are_those_of_the_golden_file() {
    check("metrics.txt", "").await;
}

#[tokio::test]
async fn so_are_those_of_the_latest_conventions() {
    check("metrics-latest.txt", "gen_ai_latest_experimental").await;
}

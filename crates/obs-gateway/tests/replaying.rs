//! The commands that say what would have been saved.
use std::{fs, path::Path, process::ExitCode};

use obs_gateway::settings::Environment;
use serde_json::{Value, json};

const CONFIG: &str = r#"
[cache]
ttl = "1m"
[[providers]]
name = "somebody"
base_url = "http://127.0.0.1:1/v1"
[[routes]]
name = "cheap"
model = "small"
price = { input = "1", output = "2" }
[[routes]]
name = "premium"
model = "large"
price = { input = "10", output = "30" }
"#;
const EASY: &str = "What is the capital of Peru?";
const HARD: &str = "Prove that there are infinitely many primes.";

/// Answered by the premium route: 1,000 tokens in, 500 out.
fn call(name: &str, at: u64, prompt: &str) -> Value {
    json!({
        "v": 1, "call": name, "time": 1_790_000_000_000_u64 + at, "operation": "chat", "model": "auto",
        "key": format!("{:032x}", prompt.len()), "route": "premium",
        "prompt": {"bytes": prompt.len(), "chars": prompt.len(), "pieces": [{"role": "user", "text": prompt}]},
        "attempts": [{
            "route": "premium", "asked": "large", "purpose": "first", "chosen": true, "at_us": 0, "latency_us": 900_000,
            "usage": {"input": 1000, "output": 500}, "cost": "0.025", "outcome": "answered",
        }],
        "paid": "0.025", "latency_us": 900_000, "outcome": "answered",
    })
}

fn run(line: &[&str]) -> ExitCode {
    let line = ["gateway"].iter().chain(line);
    obs_gateway::run(line, Environment::default())
}

fn is_good(code: ExitCode) -> bool {
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}

fn world(dir: &Path) -> [String; 4] {
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let [config, log, json, html] =
        ["gateway.toml", "calls.jsonl", "out.json", "out.html"].map(file);
    fs::write(&config, CONFIG).unwrap();
    let calls = [
        call("one", 0, EASY),
        call("two", 10_000, HARD),
        call("three", 20_000, EASY), // a hit
        call("four", 200_000, EASY), // too old
    ];
    fs::write(&log, calls.map(|call| call.to_string() + "\n").concat()).unwrap();
    [config, log, json, html]
}

#[test]
fn a_log_is_replayed_under_the_settings_to_the_pico_dollar() {
    let dir = tempfile::tempdir().unwrap();
    let [config, log, json, html] = world(dir.path());
    let line = [
        "replay", &log, "--config", &config, "--json", &json, "--html", &html,
    ];
    let line = [
        &line[..],
        &[
            "--what-if",
            "router.threshold=0,1",
            "--what-if",
            "cache.ttl=5m",
        ],
    ]
    .concat();
    assert!(is_good(run(&line)));
    let told: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let of = &told["replayed"];
    // Twice 0.002 on the cheap route and once 0.025; the hit saves 0.002, and 0.023 besides.
    assert_eq!(of["baseline"], "0.1");
    assert_eq!(of["paid"], "0.029");
    assert_eq!(of["saved_by_cache"], "0.002");
    assert_eq!(of["saved_by_router"], "0.046");
    assert_eq!(of["saved_besides"], "0.023");
    assert_eq!((&of["hits"], &of["calls"]), (&json!(1), &json!(4)));
    assert_eq!(told["facts"]["paid"], "0.1");
    let [all_hard, all_easy] = [0, 1].map(|at| &told["what_if"][0]["tried"][at]["replayed"]);
    assert_eq!(all_hard["paid"], "0.075");
    assert_eq!(all_easy["paid"], "0.006");
    assert_eq!(told["what_if"][1]["setting"], "cache.ttl");
    assert_eq!(told["what_if"][1]["tried"][0]["replayed"]["paid"], "0.027");
    let page = fs::read_to_string(&html).unwrap();
    assert!(page.contains("<svg") && page.contains("What if router.threshold"));
}

#[test]
fn what_cannot_be_done_fails() {
    let dir = tempfile::tempdir().unwrap();
    let [config, log, ..] = world(dir.path());
    assert!(!is_good(run(&[
        "replay",
        &log,
        "--config",
        &config,
        "--what-if",
        "router.treshold=0..1"
    ])));
    assert!(!is_good(run(&["replay", "/nowhere", "--config", &config])));
    assert!(!is_good(run(&["prove"])), "there are no data");
    assert!(!is_good(run(&["prove", "--data", "/nowhere"])));
}

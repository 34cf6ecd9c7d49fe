//! The commands that say what would have been saved.
mod common;

use std::{fs, path::Path, process::ExitCode};

use obs_core::Usd;
use obs_gateway::settings::Environment;
use obs_learn::{Dataset, Trainer};
use obs_ledger::{Reader, Record};
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

/// Calls of all kinds, through a gateway with these settings; what its log says was paid, and saved by cache and by router.
async fn recorded(config: &str, log: &Path) -> [Usd; 3] {
    let running = common::start(common::from_file(config, &[])).await;
    for turn in 0..3 {
        for n in 0..12 {
            let text = match n % 3 {
                0 => {
                    format!("Prove that there are infinitely many primes above {n}, step by step.")
                }
                _ => format!("What is the capital of country number {n}?"),
            };
            let model = ["auto", "auto", "auto", "premium"][n % 4];
            let body = match (n + turn) % 2 {
                0 => common::ask(model, &text),
                _ => common::ask_stream(model, &text),
            };
            let response = running.chat(&body).send().await.unwrap();
            assert_eq!(response.status().as_u16(), 200);
            response.bytes().await.unwrap();
        }
    }
    let body = json!({"model": "sim-embedding", "input": "a"});
    let response = running.post("/v1/embeddings", &body).send().await.unwrap();
    response.bytes().await.unwrap();
    let mut running = running;
    running.stop();
    assert!(running.stopped().await);
    let mut sums = [Usd::ZERO; 3];
    for record in Reader::open(log).unwrap() {
        let Record::Call(entry) = record.unwrap() else {
            continue;
        };
        sums[0] += entry.paid;
        sums[1] += entry.saved_by_cache.unwrap_or_default();
        sums[2] += entry.saved_by_router.unwrap_or_default();
    }
    sums
}

#[tokio::test]
async fn a_log_that_is_replayed_as_it_was_recorded_gives_its_own_sums_to_the_pico_dollar() {
    let models = tempfile::tempdir().unwrap();
    let money = format!(
        "policy = \"expected-cost\"\nmodel = {:?}\ntrust_model = true\nanswer_worth = \"0.001\"",
        trained(models.path())
    );
    for (name, router) in [
        ("plain", ""),
        ("sticky", "sticky = true"),
        // No answer of the simulated provider is JSON, so that all cheap ones are sent on.
        ("json", "cascade = \"json\""),
        ("again", "cascade = \"consistency\""),
        ("money", &money),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let [config, log, json] = ["gateway.toml", "calls.jsonl", "out.json"].map(file);
        let text = format!(
            "[simulated]\nlatency = 0\n[log]\nfile = {log:?}\nprompts = true\n[router]\n{router}\n"
        );
        fs::write(&config, &text).unwrap();
        let [paid, by_cache, by_router] = recorded(&text, Path::new(&log)).await;
        let line = ["replay", &log, "--config", &config, "--json", &json].map(str::to_owned);
        let replayed = move || {
            let line: Vec<_> = line.iter().map(String::as_str).collect();
            is_good(run(&line))
        };
        assert!(tokio::task::spawn_blocking(replayed).await.unwrap());
        let told: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        let of = &told["replayed"];
        let usd = |field: &str| of[field].as_str().unwrap().parse::<Usd>().unwrap();
        assert_eq!(usd("paid"), paid, "{name}");
        assert_eq!(usd("saved_by_cache"), by_cache, "{name}");
        assert_eq!(
            usd("saved_by_router") + usd("saved_by_cascade"),
            by_router,
            "{name}"
        );
        assert_eq!(of["calls"], 37);
        assert!(paid > Usd::ZERO && by_cache > Usd::ZERO && by_router != Usd::ZERO);
        let as_recorded = of["judged"]["as_recorded"].as_u64();
        assert_eq!(
            as_recorded.is_some_and(|of| of > 0),
            router.contains("cascade")
        );
    }
}

#[tokio::test]
async fn judges_look_at_the_answers_that_a_log_has() {
    for (answers, by_text) in [(true, true), (false, false)] {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let [config, log, json] = ["gateway.toml", "calls.jsonl", "out.json"].map(file);
        let text = format!(
            "[simulated]\nlatency = 0\n[log]\nfile = {log:?}\nprompts = true\nanswers = {answers}\n"
        );
        fs::write(&config, &text).unwrap();
        recorded(&text, Path::new(&log)).await;
        let line = [
            "replay",
            &log,
            "--config",
            &config,
            "--json",
            &json,
            "--router-cascade",
            "json",
        ]
        .map(str::to_owned);
        let replayed = move || is_good(run(&line.iter().map(String::as_str).collect::<Vec<_>>()));
        assert!(tokio::task::spawn_blocking(replayed).await.unwrap());
        let told: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        let of = |count: &str| told["replayed"]["judged"][count].as_u64().unwrap();
        // No answer of the simulated provider is JSON.
        assert_eq!(of("by_text") > 0, by_text);
        assert_eq!(of("by_text"), of("rejected"));
        assert_eq!(of("unjudged") > 0, !by_text);
    }
}

#[test]
fn a_budget_makes_calls_cheap_until_its_hour_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let [config, log, json, _] = world(dir.path());
    // Twenty calls of two tenants in each of two hours, a minute between them.
    let minute = |n: u64| 60_000 * (n % 20 + 60 * (n / 20));
    let text: String = (0..40)
        .map(|n| {
            let question = format!("{HARD}{}", "!".repeat(n as usize));
            let mut call = call(&format!("call {n}"), minute(n), &question);
            call["tenant"] = json!(["anna", "bert"][n as usize % 2]);
            call.to_string() + "\n"
        })
        .collect();
    fs::write(&log, text).unwrap();
    let by_route = |more: &[&str]| {
        let line = ["replay", &log, "--config", &config, "--json", &json];
        assert!(is_good(run(&[&line[..], more].concat())), "{more:?}");
        let told: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        [0, 1].map(|at| {
            told["replayed"]["by_route"][at]["answers"]
                .as_u64()
                .unwrap()
        })
    };
    assert_eq!(by_route(&[]), [0, 40]);
    // 0.1 dollars are four premium answers.
    let of_all = ["--budget-usd-per-hour", "0.1", "--budget-degrade-from", "0"];
    assert_eq!(by_route(&of_all), [32, 8]);
    let of_each = [
        "--budget-tenant-usd-per-hour",
        "0.1",
        "--budget-degrade-from",
        "0",
    ];
    assert_eq!(by_route(&of_each), [24, 16]);
    let of_a_day = ["--budget-usd-per-day", "0.1", "--budget-degrade-from", "0"];
    assert_eq!(by_route(&of_a_day), [36, 4]);
}

#[test]
fn a_modelled_judge_streams_and_second_attempts_play_their_part() {
    let dir = tempfile::tempdir().unwrap();
    let [config, log, json, _] = world(dir.path());
    let stream = |n: u64, first: u64| {
        let mut call = call(
            &format!("stream {n}"),
            300_000 + n * 10_000,
            &"x".repeat(40 + n as usize),
        );
        call["stream"] = json!(true);
        let attempt = &mut call["attempts"][0];
        attempt["route"] = json!("cheap");
        attempt["asked"] = json!("small");
        attempt["first_token_us"] = json!(first * 1000);
        attempt["latency_us"] = json!((first + 500) * 1000);
        call.to_string() + "\n"
    };
    let mut text = fs::read_to_string(&log).unwrap();
    text.extend((0..20).map(|n| stream(n, 100)));
    text.push_str(&stream(20, 5_000));
    text.push_str("{\"v\":1,\"feedback\":\"one\",\"time\":1790000000000,\"verdict\":\"bad\",\"route\":\"cheap\"}\n");
    fs::write(&log, text).unwrap();
    let played = |more: &[&str]| -> Value {
        let line = ["replay", &log, "--config", &config, "--json", &json];
        assert!(is_good(run(&[&line[..], more].concat())), "{more:?}");
        serde_json::from_slice(&fs::read(&json).unwrap()).unwrap()
    };
    let plain = played(&[]);
    assert_eq!(plain["replayed"]["judged"], Value::Null);
    assert_eq!(plain["replayed"]["first_token_ms"][0], 100);
    // Three digits are told.
    let p99 = |of: &Value| of["replayed"]["p99_ms"].as_u64().unwrap() / 10 * 10;
    assert_eq!(p99(&plain), 5_500);

    let judged = played(&["--judge", "100/0"]);
    // Of one answer there is a verdict.
    let of = &judged["replayed"]["judged"];
    assert_eq!((&of["modelled"], &of["rejected"]), (&json!(1), &json!(1)));
    assert_eq!(judged["replayed"]["saved_by_cascade"], "-0.002");

    let hedged = played(&["--timeout-hedge-after", "1s", "--timeout-hedge-share", "1"]);
    let of = &hedged["replayed"];
    assert_eq!(
        (&of["hedged"]["made"], &of["hedged"]["won"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        p99(&hedged),
        1_600,
        "begun after 1 s, and 0.1 s and 0.5 s more"
    );
    assert_eq!(of["paid_racing"], "0.002");

    let cut = played(&["--timeout-first-token-with-fallback", "2s"]);
    let answers = |of: &Value, at: usize| of["replayed"]["by_route"][at]["answers"].clone();
    assert_eq!((answers(&plain, 1), answers(&cut, 1)), (json!(1), json!(2)));
}

/// A model by structure alone, that foresees gains of long prompts.
fn trained(dir: &Path) -> String {
    let mut data = Dataset::new();
    for n in 0..200_usize {
        let prompt = format!("Spell the number {n}. {}", "And why? ".repeat(n * 7 % 30));
        let cheap = if n * 7 % 30 < 20 { 1.0 } else { 0.0 };
        let features = obs_learn::features(prompt.as_str());
        data.push_features(None, &features, cheap, 1.0).unwrap();
    }
    let model = Trainer::new().train(&data, |_, _| ()).unwrap().model;
    let file = dir.join("router.json");
    fs::write(&file, model.to_json()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn policies_with_a_model_are_replayed_by_prompts_and_by_features_alike() {
    let dir = tempfile::tempdir().unwrap();
    let [config, log, json, _] = world(dir.path());
    let model = trained(dir.path());
    let records = |text: bool| -> String {
        let record = |n: usize| {
            let prompt = format!("Spell the number {n}. {}", "And why? ".repeat(n * 11 % 30));
            let mut call = call(&format!("call {n}"), n as u64 * 60_000, &prompt);
            call["key"] = json!(format!("{n:032x}"));
            if !text {
                let features = obs_learn::features(prompt.as_str());
                call["prompt"] = json!({"bytes": prompt.len(), "features": features.to_vec()});
            }
            call.to_string() + "\n"
        };
        (0..200).map(record).collect()
    };
    let played = |text: bool, more: &[&str]| -> Value {
        fs::write(&log, records(text)).unwrap();
        let line = [
            "replay",
            &log,
            "--config",
            &config,
            "--json",
            &json,
            "--router-model",
            &model,
            "--router-trust-model",
            "true",
        ];
        assert!(is_good(run(&[&line[..], more].concat())), "{more:?}");
        serde_json::from_slice(&fs::read(&json).unwrap()).unwrap()
    };
    let premium = |of: &Value| of["replayed"]["by_route"][1]["answers"].as_u64().unwrap();
    for more in [
        &["--router-policy", "learned", "--router-wish", "30%"][..],
        &[
            "--router-policy",
            "learned",
            "--router-wish",
            "30%",
            "--router-sticky",
            "true",
        ],
        &[
            "--router-policy",
            "expected-cost",
            "--router-answer-worth",
            "0.04",
        ],
    ] {
        let (by_text, by_features) = (played(true, more), played(false, more));
        assert_eq!(by_text["replayed"], by_features["replayed"], "{more:?}");
        assert_eq!(by_features["facts"]["by_features"], 200);
        assert!(
            (20..120).contains(&premium(&by_text)),
            "{more:?}: {}",
            premium(&by_text)
        );
        let told = by_text["about"].to_string();
        assert!(
            told.contains("The model decides as it was trained"),
            "{told}"
        );
    }
    // What a good answer is worth moves calls.
    let worth = |worth| {
        premium(&played(
            false,
            &[
                "--router-policy",
                "expected-cost",
                "--router-answer-worth",
                worth,
            ],
        ))
    };
    assert_eq!(worth("0.0001"), 0);
    assert!(worth("10") > 100);
}

//! The page at the port of the metrics, and what it reads.
mod common;

use std::process::Command;

use axum::body::Body;
use common::{ask, ask_stream, client, settings};
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use obs_apm::{Config, Telemetry};
use obs_gateway::{Gateway, settings::Settings};
use obs_redis::testing::Server;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A gateway, and where its page is.
struct Shown {
    gateway: Gateway,
    base: String,
}

impl Shown {
    fn of(settings: Settings) -> Self {
        let config = Config::new().no_console().variables(|_| None);
        let telemetry = Telemetry::build(config.listen(([127, 0, 0, 1], 0).into()));
        let base = format!("http://{}", telemetry.address().expect("it listens"));
        let builder = Gateway::builder(settings).telemetry(telemetry);
        Self {
            gateway: builder.build().unwrap(),
            base,
        }
    }

    /// The whole answer of a chat, and what its headers said it cost and saved.
    async fn chat(&self, body: &Value) -> (Option<String>, Option<String>) {
        let request =
            Request::post("/v1/chat/completions").header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.gateway.router().oneshot(request).await.unwrap();
        let header = |response: &Response<Body>, name| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let (cost, saved) = (
            header(&response, "x-obs-cost-usd"),
            header(&response, "x-obs-saved-usd"),
        );
        response.into_body().collect().await.unwrap();
        (cost, saved)
    }

    /// The name of a call whose answer was read.
    async fn call(&self, body: &Value) -> String {
        let request =
            Request::post("/v1/chat/completions").header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.gateway.router().oneshot(request).await.unwrap();
        let call = response.headers()["x-obs-call-id"]
            .to_str()
            .unwrap()
            .to_owned();
        response.into_body().collect().await.unwrap();
        call
    }

    async fn get(&self, path: &str) -> String {
        let response = client().get(format!("{}{path}", self.base)).send().await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    async fn live(&self) -> Value {
        serde_json::from_str(&self.get("/live.json").await).unwrap()
    }
}

const EASY: &str = "What is the capital of France?";
const HARD: &str = "Prove that there are infinitely many primes p with p = 3 (mod 4), step by step, and then show \
                    where the same argument fails for p = 1 (mod 4). Give every lemma with its proof.";

#[tokio::test]
async fn it_says_in_words_why_learned_times_to_live_are_what_they_are() {
    let shown = Shown::of(settings(&[("OBS_CACHE_ADAPTIVE_TTL", "true")]));
    shown.chat(&ask("auto", EASY)).await;
    let ttls = &shown.live().await["cache"]["ttls"];
    let ttl = ttls[0].as_str().unwrap();
    assert!(
        ttl.starts_with("chat auto: 3600.0s (as it was set"),
        "{ttls}"
    );
    assert_eq!(ttls.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_is_refused_is_not_shown_as_a_call_whose_caller_left() {
    let shown = Shown::of(settings(&[]));
    let body = json!({"model": "auto", "input": EASY, "previous_response_id": "resp_old"});
    let request = Request::post("/v1/responses").header(CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = shown.gateway.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(shown.live().await["recent"], json!([]));
}

#[tokio::test]
async fn it_tells_what_was_done_and_why() {
    let shown = Shown::of(settings(&[]));
    let (cost, saved_by_route) = shown.chat(&ask("auto", EASY)).await;
    let (_, saved) = shown.chat(&ask("auto", EASY)).await;
    shown.chat(&ask("auto", HARD)).await;
    shown.chat(&ask_stream("cheap", EASY)).await;
    shown.chat(&ask("nobody", EASY)).await;

    let live = shown.live().await;
    let calls = json!({"success": 4, "error": 1, "timeout": 0, "cancelled": 0, "in_flight": 0, "attempts": 4});
    assert_eq!(live["calls"], calls);
    assert_eq!(live["cache"]["hits"], 1);
    assert_eq!(live["cache"]["misses"], 4);
    assert_eq!(live["cache"]["hit_rate"], 0.2);
    assert_eq!(live["cache"]["stores"], json!(["memory"]));
    assert_eq!(live["money"]["saved_by_cache_usd"], saved.clone().unwrap());
    assert_eq!(live["timeouts"]["successes"], 5);
    assert_eq!(live["timeouts"]["total_seconds"], 300.0);
    assert_eq!(live["latency"]["calls"], 5);
    let breaker = |name| json!({"of": "route", "name": name, "state": "closed"});
    assert_eq!(
        live["breakers"],
        json!([breaker("cheap"), breaker("premium")])
    );
    assert_eq!(live["gateway"]["simulated"], true);
    assert_eq!(live["gateway"]["problems"], json!([]));
    let route = |at: usize, name| live["routes"][at][name].clone();
    assert_eq!(route(0, "name"), "cheap");
    assert_eq!(route(0, "model"), "sim-small");
    assert_eq!(route(0, "reasons"), json!({"simple": 1, "named": 1}));
    assert_eq!(route(1, "reasons"), json!({"complex": 1}));
    assert_eq!(
        (route(0, "baseline"), route(1, "baseline")),
        (json!(false), json!(true))
    );
    assert_eq!(route(2, "name"), "other");

    // The last one first.
    let of = |name: &str| -> Vec<Value> {
        let recent = live["recent"].as_array().unwrap().iter();
        recent.map(|call| call[name].clone()).collect()
    };
    assert_eq!(of("model"), ["nobody", "cheap", "auto", "auto", "auto"]);
    assert_eq!(of("cache"), ["miss", "miss", "miss", "hit", "miss"]);
    assert_eq!(of("status"), [404, 200, 200, 200, 200]);
    assert_eq!(of("stream"), [false, true, false, false, false]);
    assert_eq!(of("route")[1..], ["cheap", "premium", "cheap", "cheap"]);
    let [_, named, hard, hit, easy] = &of("decisions")[..] else {
        panic!("five calls")
    };
    assert_eq!(
        *named,
        json!([{"route": "cheap", "reason": "named", "score": null}])
    );
    assert_eq!(
        (&hard[0]["reason"], &easy[0]["reason"]),
        (&json!("complex"), &json!("simple"))
    );
    assert!(hard[0]["score"].as_f64() > easy[0]["score"].as_f64());
    assert_eq!(*hit, json!([]));
    assert_eq!(of("cost_usd")[4], cost.unwrap());
    assert_eq!(of("saved_usd")[4], saved_by_route.unwrap());
    assert_eq!(of("saved_usd")[3], saved.unwrap());
    assert_eq!(of("cost_usd")[3], "0");
}

#[tokio::test]
async fn neither_prompts_nor_answers_nor_tenants_are_shown() {
    let shown = Shown::of(settings(&[]));
    shown.chat(&ask("auto", "Where do zebras live?")).await;
    let live = shown.get("/live.json").await;
    // The simulated answers say so in words.
    for part in ["zebra", "This is", "tenant"] {
        assert!(!live.contains(part), "{part}: {live}");
    }
    // Callers may take anything for the name of a model.
    shown.chat(&ask(&EASY.repeat(5), "Hi")).await;
    let model = shown.live().await["recent"][0]["model"].clone();
    assert_eq!(model.as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn what_was_saved_stands_beside_how_good_answers_were_found() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("calls.jsonl").display().to_string();
    let shown = Shown::of(settings(&[("OBS_LOG_FILE", &log)]));
    let none = shown.live().await;
    assert_eq!(none["money"]["judged"], Value::Null);
    for (question, verdicts) in [
        (EASY, &["good", "bad"][..]),
        (HARD, &["bad"]),
        ("Hi", &["good"]),
    ] {
        let call = shown.call(&ask("auto", question)).await;
        // Who changes their mind is not counted twice.
        for verdict in verdicts {
            let body = json!({"id": call, "verdict": verdict});
            let request = Request::post("/v1/feedback").header(CONTENT_TYPE, "application/json");
            let request = request.body(Body::from(body.to_string())).unwrap();
            let taken = shown.gateway.router().oneshot(request).await.unwrap();
            assert_eq!(taken.status(), 202);
        }
    }
    let live = shown.live().await;
    let all = &live["money"]["judged"];
    assert_eq!(all["answers"], 3);
    let of = |part: &str| all[part].as_f64().unwrap();
    assert!(
        (of("good") - 2.0 / 3.0).abs() < 1e-9 && of("low") < of("good") && of("good") < of("high")
    );
    let routes = live["routes"].as_array().unwrap();
    let judged = |at: usize| {
        (
            &routes[at]["name"],
            &routes[at]["judged"]["answers"],
            &routes[at]["judged"]["good"],
        )
    };
    assert_eq!(judged(0), (&json!("cheap"), &json!(2), &json!(1.0)));
    assert_eq!(judged(1), (&json!("premium"), &json!(1), &json!(0.0)));
    let metrics = shown.get("/metrics").await;
    let counted = |route: &str, verdict: &str| {
        let mut lines = metrics
            .lines()
            .filter(|line| line.starts_with("gateway_verdicts_total"));
        let line = lines.find(|line| {
            [("route", route), ("verdict", verdict), ("by", "caller")]
                .iter()
                .all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
        });
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    assert_eq!(
        (counted("cheap", "good"), counted("cheap", "bad")),
        (Some(2), Some(0))
    );
    assert_eq!(
        (counted("premium", "good"), counted("premium", "bad")),
        (Some(0), Some(1))
    );
}

#[tokio::test]
async fn the_last_fifty_calls_are_shown() {
    let shown = Shown::of(settings(&[]));
    for n in 0..53 {
        shown.chat(&ask("cheap", &format!("Say {n}"))).await;
    }
    let live = shown.live().await;
    assert_eq!(live["recent"].as_array().unwrap().len(), 50);
    assert_eq!(live["calls"]["success"], 53);
}

#[tokio::test]
async fn a_redis_that_is_away_is_shown() {
    let away = Server::absent(&[]);
    let shown = Shown::of(settings(&[("OBS_CACHE_STORE", &away.url())]));
    let live = shown.live().await;
    assert_eq!(live["cache"]["stores"], json!(["memory", "redis"]));
    assert_eq!(live["breakers"][0]["of"], "redis");
    assert_ne!(live["breakers"][0]["state"], "closed");
}

#[tokio::test]
async fn the_page_does_not_keep_a_gateway_that_is_gone() {
    let shown = Shown::of(settings(&[]));
    let Shown { gateway, base } = shown;
    let telemetry = gateway.telemetry().clone();
    drop(gateway);
    let live = client().get(format!("{base}/live.json")).send().await;
    assert_eq!(live.unwrap().text().await.unwrap(), "{}");
    drop(telemetry);
}

#[tokio::test]
async fn the_page_is_one_file_that_loads_nothing_else() {
    let shown = Shown::of(settings(&[]));
    let html = shown.get("/").await;
    assert!(html.contains("default-src 'none'"));
    // Of scripts and styles nothing is left outside.
    for part in [
        "<script src",
        "rel=\"stylesheet\"",
        "@import",
        "url(",
        "import(",
    ] {
        assert!(!html.contains(part), "{part}");
    }
    let links = html.split("href=\"").skip(1);
    let links: Vec<_> = links.filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links, ["data:,", "metrics", "live.json"]);
    let fetches: Vec<_> = html.match_indices("fetch(").collect();
    assert_eq!(fetches.len(), 1);
    assert!(html.contains("fetch(\"live.json\""));
}

/// Where there is a Chromium; elsewhere this says so, and the tests above have to do.
#[tokio::test]
async fn chromium_shows_it_without_complaint() {
    if Command::new("chromium").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `chromium` (apt-get install chromium)");
        return;
    }
    let shown = Shown::of(settings(&[]));
    shown.chat(&ask("auto", EASY)).await;
    shown.chat(&ask("auto", EASY)).await;
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
        ])
        .args(["--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("{}/", shown.base));
    let output = tokio::task::spawn_blocking(move || chromium.output());
    let output = output.await.unwrap().unwrap();
    let (page, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    for part in [
        "<b id=\"hit-rate\">50.0 %</b>",
        "<b id=\"calls\">2</b>",
        "cheap: simple",
        ">live</span>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}\n{log}");
    }
    assert!(page.contains("class=\"uplot"), "the charts are drawn");
    assert!(!log.contains("CONSOLE"), "{log}");
}

//! Time and connections: limits, waiting, leaving, and shutting down. Connections are in memory and the clock is paused.
mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use axum::body::Body;
use common::{ask, ask_stream, events, settings};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use obs_gateway::{
    Gateway,
    listen::{Connector, in_memory},
};
use serde_json::Value;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tower::ServiceExt;

struct InMemory {
    gateway: Gateway,
    connector: Connector,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<bool>,
}

/// The simulated provider takes so many times as long as a real one.
fn slow(times: &str, variables: &[(&str, &str)]) -> InMemory {
    let all: Vec<_> = variables
        .iter()
        .copied()
        .chain([("OBS_SIMULATED_LATENCY", times)])
        .collect();
    serve(Gateway::builder(settings(&all)).build().unwrap())
}

fn serve(gateway: Gateway) -> InMemory {
    let (connector, listener) = in_memory();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = gateway.clone();
    let served = tokio::spawn(async move {
        let stopped = async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        serving.serve(listener, stopped).await
    });
    InMemory {
        gateway,
        connector,
        stop: Some(stop),
        served,
    }
}

impl InMemory {
    async fn send(&self, request: Request<Body>) -> Response<Incoming> {
        let connection = self.connector.connect().await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }

    async fn chat(&self, body: &Value, headers: &[(&str, &str)]) -> Response<Incoming> {
        let mut request = Request::post("/v1/chat/completions")
            .header("host", "gateway")
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    async fn get(&self, path: &str) -> StatusCode {
        let request = Request::get(path)
            .header("host", "gateway")
            .body(Body::empty())
            .unwrap();
        self.send(request).await.status()
    }

    fn metric(&self, line: &str) -> u64 {
        let all = self.gateway.telemetry().render();
        let of = all
            .lines()
            .find_map(|l| l.strip_prefix(line)?.trim().parse().ok());
        of.unwrap_or_else(|| panic!("{line} is not in\n{all}"))
    }
}

fn told<'a>(response: &'a Response<Incoming>, name: &str) -> Option<&'a str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn seconds(of: u64) -> Duration {
    Duration::from_secs(of)
}

#[tokio::test(start_paused = true)]
async fn a_callers_deadline_is_obeyed() {
    let gateway = slow("100", &[]);
    let start = Instant::now();
    let late = gateway
        .chat(&ask("premium", "Hi"), &[("x-obs-deadline-ms", "1500")])
        .await;
    assert_eq!(start.elapsed(), Duration::from_millis(1500));
    assert_eq!(late.status(), 504);
    assert_eq!(told(&late, "x-should-retry"), Some("false"));
    let body: Value = serde_json::from_str(&text(late).await).unwrap();
    assert_eq!(body["error"]["type"], "timeout_error");
}

#[tokio::test(start_paused = true)]
async fn the_whole_call_is_late_at_its_limit_and_cut_after_its_grace() {
    let gateway = slow(
        "100",
        &[("OBS_TIMEOUT_TOTAL", "10s"), ("OBS_TIMEOUT_GRACE", "2s")],
    );
    let start = Instant::now();
    let cut = gateway.chat(&ask("premium", "Hi"), &[]).await;
    assert_eq!(start.elapsed(), seconds(12));
    assert_eq!(
        (cut.status(), told(&cut, "x-obs-late")),
        (StatusCode::GATEWAY_TIMEOUT, Some("true"))
    );
    assert_eq!(
        gateway.metric("timeout_failures_total{operation=\"chat\"}"),
        1
    );

    let gateway = slow(
        "100",
        &[("OBS_TIMEOUT_TOTAL", "10s"), ("OBS_TIMEOUT_GRACE", "10m")],
    );
    let late = gateway.chat(&ask("premium", "Hi"), &[]).await;
    assert_eq!(
        (late.status(), told(&late, "x-obs-late")),
        (StatusCode::OK, Some("true"))
    );
    assert_eq!(
        gateway.metric("timeout_successes_total{operation=\"chat\"}"),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_makes_wait_gets_its_status_and_comments_and_then_its_answer() {
    // Forty seconds or so to the first token.
    let gateway = slow("80", &[("OBS_TIMEOUT_IDLE", "off")]);
    let start = Instant::now();
    let answer = gateway
        .chat(&ask_stream("premium", "Hi"), &[("x-obs-report", "1")])
        .await;
    assert_eq!(start.elapsed(), seconds(15));
    assert_eq!(answer.status(), 200);
    assert_eq!(
        told(&answer, "content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    assert_eq!(told(&answer, "x-obs-cache"), None, "not known yet");
    assert!(told(&answer, "x-obs-call-id").is_some());
    let body = text(answer).await;
    let comments = body.matches(": waiting\n\n").count();
    assert!((2..=3).contains(&comments), "{body}");
    assert!(body.starts_with(": waiting\n\n"));
    assert!(
        body.contains("[simulated by sim-large]") || body.contains("simulated"),
        "{body}"
    );
    assert!(
        body.contains(": x-obs-cache=miss x-obs-route=premium"),
        "{body}"
    );
    assert!(body.ends_with("data: [DONE]\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_waiting_is_an_error_event_without_done() {
    let gateway = slow("100", &[("OBS_TIMEOUT_FIRST_TOKEN", "20s")]);
    let answer = gateway.chat(&ask_stream("premium", "Hi"), &[]).await;
    assert_eq!(answer.status(), 200);
    let body = text(answer).await;
    assert!(!body.contains("data: [DONE]"), "{body}");
    let error: Value = serde_json::from_str(body.split("data: ").last().unwrap().trim()).unwrap();
    assert_eq!(error["error"]["code"], "timeout", "{error}");
}

#[tokio::test(start_paused = true)]
async fn without_keep_alive_a_stream_waits_for_its_status() {
    let gateway = slow(
        "100",
        &[
            ("OBS_TIMEOUT_FIRST_TOKEN", "20s"),
            ("OBS_SERVER_KEEP_ALIVE", "off"),
        ],
    );
    let start = Instant::now();
    let answer = gateway.chat(&ask_stream("premium", "Hi"), &[]).await;
    assert_eq!(
        (start.elapsed(), answer.status()),
        (seconds(20), StatusCode::GATEWAY_TIMEOUT)
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_route_is_left_sooner_while_another_is_left() {
    // More than ten seconds to the first token of the cheap model, less than sixty to that of the premium one.
    let gateway = slow(
        "80",
        &[
            ("OBS_SERVER_KEEP_ALIVE", "off"),
            ("OBS_TIMEOUT_IDLE", "off"),
        ],
    );
    let start = Instant::now();
    let answer = gateway.chat(&ask_stream("auto", "Hi"), &[]).await;
    assert_eq!(told(&answer, "x-obs-route"), Some("premium"));
    let took = start.elapsed();
    assert!(took > seconds(45) && took < seconds(65), "{took:?}");
    assert_eq!(gateway.metric("router_errors_total{route=\"cheap\"}"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_route_has_its_own_time_to_its_first_token() {
    let text = "[simulated]\nlatency = 80\n[timeout]\nidle = \"off\"\n[server]\nkeep_alive = \"off\"\n\
                [[routes]]\nname = \"cheap\"\nmodel = \"sim-small\"\nfirst_token = \"3s\"\nfallback = [\"premium\"]\n\
                [[routes]]\nname = \"premium\"\nmodel = \"sim-large\"\n";
    let gateway = serve(
        Gateway::builder(common::from_file(text, &[]))
            .build()
            .unwrap(),
    );
    let start = Instant::now();
    let answer = gateway.chat(&ask_stream("cheap", "Hi"), &[]).await;
    assert_eq!(told(&answer, "x-obs-route"), Some("premium"));
    let took = start.elapsed();
    // Three seconds, and the premium model's own forty or so.
    assert!(took > seconds(38) && took < seconds(57), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_attempt_has_a_limit_where_one_is_set() {
    let gateway = slow("100", &[("OBS_TIMEOUT_ATTEMPT", "5s")]);
    let start = Instant::now();
    let cut = gateway.chat(&ask("premium", "Hi"), &[]).await;
    assert_eq!(
        (cut.status(), start.elapsed()),
        (StatusCode::GATEWAY_TIMEOUT, seconds(5))
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_for_its_time_to_live_and_no_longer() {
    let now = Arc::new(AtomicU64::new(1_000_000));
    let told_by = now.clone();
    let clock = move || SystemTime::UNIX_EPOCH + seconds(told_by.load(SeqCst));
    let settings = settings(&[("OBS_CACHE_TTL", "1m")]);
    let gateway = serve(
        Gateway::builder(settings)
            .wall_clock(clock)
            .build()
            .unwrap(),
    );
    let cache = async || {
        let answer = gateway.chat(&ask("cheap", "Hi"), &[]).await;
        let age = told(&answer, "age").map(str::to_owned);
        (told(&answer, "x-obs-cache").unwrap().to_owned(), age)
    };
    assert_eq!(cache().await, ("miss".into(), None));
    // Up to a twentieth of the time is taken off by chance.
    now.fetch_add(56, SeqCst);
    assert_eq!(cache().await, ("hit".into(), Some("56".into())));
    now.fetch_add(4, SeqCst);
    assert_eq!(cache().await.0, "miss");
}

#[tokio::test(start_paused = true)]
async fn who_names_a_route_gives_it_the_time_of_one_that_is_alone() {
    let gateway = slow(
        "80",
        &[
            ("OBS_SERVER_KEEP_ALIVE", "off"),
            ("OBS_TIMEOUT_IDLE", "off"),
        ],
    );
    let answer = gateway.chat(&ask_stream("cheap", "Hi"), &[]).await;
    assert_eq!(
        (answer.status(), told(&answer, "x-obs-route")),
        (StatusCode::OK, Some("cheap"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_cut_with_an_error_event() {
    // 20 ms between tokens become 2 s.
    let gateway = slow(
        "100",
        &[
            ("OBS_TIMEOUT_IDLE", "1s"),
            ("OBS_TIMEOUT_FIRST_TOKEN", "10m"),
        ],
    );
    let answer = gateway.chat(&ask_stream("premium", "Hi"), &[]).await;
    let body = text(answer).await;
    assert!(!body.contains("data: [DONE]"), "{body}");
    assert!(
        events(&body).last().unwrap().contains("\"timeout\""),
        "{body}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_cancels_its_call() {
    let gateway = slow("100", &[]);
    let question = ask("premium", "Hi");
    let left = timeout(seconds(1), gateway.chat(&question, &[]));
    assert!(left.await.is_err());
    // What it dropped is seen by the other end.
    sleep(Duration::from_millis(1)).await;
    assert_eq!(
        gateway.metric("timeout_cancelled_total{operation=\"chat\"}"),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_a_408() {
    let gateway = slow("1", &[]);
    let never = Body::from_stream(futures_util::stream::pending::<
        Result<axum::body::Bytes, std::io::Error>,
    >());
    let request = Request::post("/v1/chat/completions")
        .header("host", "gateway")
        .header("content-type", "application/json");
    let start = Instant::now();
    let answer = gateway.send(request.body(never).unwrap()).await;
    assert_eq!(
        (answer.status(), start.elapsed()),
        (StatusCode::REQUEST_TIMEOUT, seconds(120))
    );
}

#[tokio::test(start_paused = true)]
async fn concurrent_equal_questions_are_one_call() {
    let gateway = slow("1", &[]);
    let question = ask("premium", "Hi");
    let asked = (0..10).map(|_| gateway.chat(&question, &[]));
    let answers = futures_util::future::join_all(asked).await;
    let with = |status: &str| {
        answers
            .iter()
            .filter(|a| told(a, "x-obs-cache") == Some(status))
            .count()
    };
    assert_eq!((with("miss"), with("coalesced")), (1, 9));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_finishes_what_is_in_flight_and_takes_nothing_new() {
    let mut gateway = slow("1", &[]);
    assert_eq!(gateway.get("/healthz").await, 200);
    assert_eq!(gateway.get("/readyz").await, 200);
    let question = ask_stream("premium", "Hi");
    let answer = gateway.chat(&question, &[]).await;
    assert_eq!(answer.status(), 200);
    let _ = gateway.stop.take().unwrap().send(());
    sleep(Duration::from_millis(1)).await;
    assert!(gateway.connector.connect().await.is_err(), "nobody listens");
    let ready = Request::get("/readyz").body(Body::empty()).unwrap();
    let ready = gateway.gateway.router().oneshot(ready).await.unwrap();
    assert_eq!(ready.status(), 503);
    let body = text(answer).await;
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(gateway.served.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_callers_that_have_left() {
    let mut gateway = slow("100", &[]);
    let question = ask("premium", "Hi");
    let left = timeout(seconds(1), gateway.chat(&question, &[]));
    assert!(left.await.is_err());
    let _ = gateway.stop.take().unwrap().send(());
    let start = Instant::now();
    assert!(gateway.served.await.unwrap());
    assert!(start.elapsed() < seconds(1));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_after_the_drain_is_dropped() {
    let mut gateway = slow("100", &[("OBS_SERVER_DRAIN", "3s")]);
    let connection = gateway.connector.connect().await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("/v1/chat/completions")
        .header("host", "gateway")
        .header("content-type", "application/json");
    let request = request
        .body(Body::from(ask("premium", "Hi").to_string()))
        .unwrap();
    let call = tokio::spawn(async move { sender.send_request(request).await });
    sleep(seconds(1)).await;
    let _ = gateway.stop.take().unwrap().send(());
    let start = Instant::now();
    assert!(!gateway.served.await.unwrap());
    assert_eq!(start.elapsed(), seconds(3));
    assert!(call.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_500_in_openais_shape_and_the_gateway_goes_on() {
    let broken = Arc::new(AtomicBool::new(false));
    let asked = broken.clone();
    let clock = move || {
        assert!(!asked.load(SeqCst), "the clock is broken");
        SystemTime::UNIX_EPOCH + seconds(1_000_000)
    };
    let gateway = serve(
        Gateway::builder(settings(&[]))
            .wall_clock(clock)
            .build()
            .unwrap(),
    );
    broken.store(true, SeqCst);
    let answer = gateway.chat(&ask("cheap", "Hi"), &[]).await;
    assert_eq!(answer.status(), 500);
    let body: Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(
        (&body["error"]["type"], &body["error"]["code"]),
        (&"server_error".into(), &"internal".into())
    );
    broken.store(false, SeqCst);
    let answer = gateway.chat(&ask("cheap", "Hi"), &[]).await;
    assert_eq!(answer.status(), 200);
    let body: Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(body["created"], 1_000_000);
}

//! What callers and operators are told holds also at the edges: without a cache, with shared streams, for odd requests.
mod common;

use common::{
    Provider, ask, ask_stream, client, error, from_file, header, json_answer, respond, says,
    settings, simulated, start,
};
use obs_gateway::Gateway;
use serde_json::{Value, json};

#[tokio::test]
async fn without_a_cache_only_if_cached_is_refused_and_nothing_is_asked() {
    let (provider, address) = Provider::start([says("m", "Hello")]).await;
    let settings = settings(&[
        ("OPENAI_BASE_URL", &format!("http://{address}/v1")),
        ("OBS_CACHE_STORE", "off"),
    ]);
    let gateway = start(settings).await;
    let asked = gateway
        .chat(&ask("m", "Hi"))
        .header("cache-control", "only-if-cached");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 504);
    assert_eq!(header(&answer, "x-should-retry"), Some("false"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], "not_cached");
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert!(provider.seen().is_empty());
    let answer = gateway.chat(&ask("m", "Hi")).send().await.unwrap();
    assert_eq!(header(&answer, "x-obs-cache"), Some("bypass"));
}

#[tokio::test]
async fn what_is_not_cached_need_not_be_asked_for_again() {
    let gateway = simulated().await;
    let asked = gateway
        .chat(&ask("cheap", "Hi"))
        .header("cache-control", "only-if-cached");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 504);
    assert_eq!(header(&answer, "x-should-retry"), Some("false"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["type"], "invalid_request_error");
    let socket = gateway.get("/v1/realtime").header("upgrade", "websocket");
    let socket = socket.send().await.unwrap();
    assert_eq!(socket.status(), 501);
    assert_eq!(header(&socket, "x-should-retry"), Some("false"));
}

#[tokio::test]
async fn a_refused_key_of_the_operator_need_not_be_tried_again() {
    let refused = json!({"error": {"message": "bad key", "type": "t", "param": null, "code": "c"}});
    let (_provider, address) = Provider::start([json_answer(401, &refused)]).await;
    let settings = settings(&[
        ("OPENAI_BASE_URL", &format!("http://{address}/v1")),
        ("OPENAI_API_KEY", "sk-operator"),
        ("OBS_ROUTER_RETRIES", "0"),
    ]);
    let gateway = start(settings).await;
    let answer = gateway.chat(&ask("m", "Hi")).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(header(&answer, "x-should-retry"), Some("false"));
}

#[tokio::test]
async fn the_head_of_a_shared_stream_tells_no_cost() {
    let gateway = start(settings(&[("OBS_SIMULATED_LATENCY", "0.2")])).await;
    let question = ask_stream("premium", "Why is the sky blue?");
    let ask = || gateway.chat(&question).send();
    let (one, two) = tokio::join!(ask(), ask());
    let both = [one.unwrap(), two.unwrap()];
    let of = |answer| header(answer, "x-obs-cache");
    let shared = both.iter().find(|answer| of(answer) == Some("coalesced"));
    let shared = shared.expect("one of the two");
    assert_eq!(header(shared, "x-obs-cost-usd"), None);
    assert_eq!(header(shared, "x-obs-saved-usd"), None);
    for answer in both {
        answer.text().await.unwrap();
    }
    let hit = ask().await.unwrap();
    assert_eq!(header(&hit, "x-obs-cost-usd"), Some("0"));
}

#[tokio::test]
async fn an_endless_name_of_a_model_is_refused() {
    let gateway = simulated().await;
    let (status, error) = error(gateway.chat(&ask(&"m".repeat(257), "Hi"))).await;
    assert_eq!((status, &error["param"]), (400, &json!("model")));
}

#[tokio::test]
async fn compressed_requests_are_refused_by_the_name_of_the_header() {
    let gateway = simulated().await;
    let chat = |how: &'static str| {
        gateway
            .chat(&ask("cheap", "Hi"))
            .header("content-encoding", how)
    };
    let (status, error) = error(chat("gzip")).await;
    assert_eq!((status, &error["param"]), (415, &json!("content-encoding")));
    assert_eq!(chat("identity").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_time_that_is_left_is_passed_on_to_endpoints_that_are_not_known_here() {
    let (provider, address) = Provider::start([respond(200, &[], "ok")]).await;
    let gateway = start(settings(&[(
        "OPENAI_BASE_URL",
        &format!("http://{address}/v1"),
    )]))
    .await;
    let asked = client()
        .post(gateway.url("/v1/files"))
        .header("x-obs-deadline-ms", "60000")
        .header("x-obs-tenant", "t");
    assert_eq!(asked.send().await.unwrap().status(), 200);
    let seen = &provider.seen()[0].headers;
    let left: u64 = seen["x-obs-deadline-ms"].to_str().unwrap().parse().unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    assert!(!seen.contains_key("x-obs-tenant"));
}

#[tokio::test]
async fn embeddings_stay_with_their_route_although_it_has_a_fallback() {
    let down = json!({"error": {"message": "down", "type": "t", "param": null, "code": "c"}});
    let (provider, address) = Provider::start((0..9).map(|_| json_answer(503, &down))).await;
    let text = format!(
        "router.retries = 0\n[[providers]]\nname = \"p\"\nbase_url = \"http://{address}\"\n\
         [[routes]]\nname = \"small\"\nmodel = \"embed-small\"\nfallback = [\"large\"]\n\
         [[routes]]\nname = \"large\"\nmodel = \"embed-large\"\n"
    );
    let gateway = start(from_file(&text, &[])).await;
    let asked = gateway.post("/v1/embeddings", &json!({"model": "small", "input": "x"}));
    assert_eq!(asked.send().await.unwrap().status(), 503);
    assert!(!provider.seen().is_empty());
    for seen in provider.seen() {
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!(body["model"], "embed-small");
    }
}

#[tokio::test]
async fn certificates_for_redis_that_cannot_be_read_are_refused_by_their_setting() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("missing.pem");
    let settings = settings(&[
        ("OBS_CACHE_STORE", "rediss://127.0.0.1:1"),
        ("OBS_CACHE_CA_FILE", file.to_str().unwrap()),
    ]);
    let refused = Gateway::builder(settings).build().unwrap_err().to_string();
    assert!(
        refused.contains("cache.") && refused.contains("missing.pem"),
        "{refused}"
    );
}

#[tokio::test]
async fn callers_are_told_the_name_of_a_provider_that_is_away_and_not_its_address() {
    let settings = settings(&[("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")]);
    let name = settings.providers[0].name.clone();
    let gateway = start(settings).await;
    let (status, error) = error(gateway.chat(&ask("m", "Hi"))).await;
    let message = error["message"].as_str().unwrap();
    assert_eq!(status, 502);
    assert!(
        message.contains(&format!("provider {name}")) && !message.contains("http://"),
        "{message}"
    );
}

#[tokio::test]
async fn a_whole_answer_to_a_streamed_request_is_told_as_a_stream_with_its_report() {
    let (_provider, address) = Provider::start([says("m", "Hello there")]).await;
    let gateway = start(settings(&[(
        "OPENAI_BASE_URL",
        &format!("http://{address}/v1"),
    )]))
    .await;
    let asked = gateway
        .chat(&ask_stream("m", "Hi"))
        .header("x-obs-report", "1");
    let text = asked.send().await.unwrap().text().await.unwrap();
    assert!(
        text.contains("\"delta\":{\"content\":\"Hello there\"}"),
        "{text}"
    );
    assert!(!text.contains("\"message\""), "{text}");
    assert!(text.contains(": x-obs-cache=miss"), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

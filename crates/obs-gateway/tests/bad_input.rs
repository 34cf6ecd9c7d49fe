//! Bad input is a 4xx that names the field, and the gateway goes on.
mod common;

use common::{ask, client, error, settings, simulated, start};
use serde_json::{Value, json};

#[tokio::test]
async fn bodies_that_are_no_requests_are_refused_by_field() {
    let gateway = simulated().await;
    let message = json!([{"role": "user", "content": "Hi"}]);
    for (body, param, words) in [
        ("", Value::Null, "empty"),
        ("{\"model\": \"cheap\",", Value::Null, "not valid JSON"),
        ("[1, 2]", Value::Null, "expected a JSON object"),
        ("\u{0}", Value::Null, "not valid JSON"),
        ("{}", json!("model"), "missing"),
        (
            "{\"model\": 3, \"messages\": []}",
            json!("model"),
            "number (3)",
        ),
        (
            "{\"model\": \"\", \"messages\": [{}]}",
            json!("model"),
            "empty",
        ),
        ("{\"model\": \"cheap\"}", json!("messages"), "missing"),
        (
            "{\"model\": \"cheap\", \"messages\": []}",
            json!("messages"),
            "empty",
        ),
        (
            "{\"model\": \"cheap\", \"messages\": \"Hi\"}",
            json!("messages"),
            "a string",
        ),
        (
            &json!({"model": "cheap", "messages": message, "stream": "yes"}).to_string(),
            json!("stream"),
            "true or false",
        ),
        (
            &json!({"model": "cheap", "messages": message, "temperature": "hot"}).to_string(),
            json!("temperature"),
            "number",
        ),
    ] {
        let request = client()
            .post(gateway.url("/v1/chat/completions"))
            .header("content-type", "application/json")
            .body(body.to_owned());
        let (status, error) = error(request).await;
        assert_eq!((status, &error["param"]), (400, &param), "{body}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{body}: {error}"
        );
    }
    let (status, input) =
        error(gateway.post("/v1/embeddings", &json!({"model": "sim-embed"}))).await;
    assert_eq!((status, &input["param"]), (400, &json!("input")));
    assert_eq!(
        gateway
            .chat(&ask("cheap", "Hi"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn garbage_in_headers_is_refused_by_the_name_of_the_header() {
    let gateway = simulated().await;
    for (name, value) in [
        ("x-obs-deadline-ms", &b"-5"[..]),
        ("x-obs-deadline-ms", b"soon"),
        ("x-obs-deadline-ms", b"\xff\xfe"),
        ("x-obs-tenant", b"\xe4\xf6"),
        ("x-obs-session", b""),
        ("x-obs-report", b"perhaps"),
        ("cache-control", b"max-age=-1"),
        ("cache-control", b"max-age=soon"),
        ("cache-control", b"min-fresh="),
    ] {
        let value = reqwest::header::HeaderValue::from_bytes(value).unwrap();
        let (status, error) = error(gateway.chat(&ask("cheap", "Hi")).header(name, value)).await;
        assert_eq!(
            (status, &error["param"], &error["code"]),
            (400, &json!(name), &json!("invalid_header"))
        );
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_a_413_that_names_the_setting() {
    let gateway = simulated().await;
    let (status, large) = error(gateway.chat(&ask("cheap", &"x".repeat(50 << 20)))).await;
    assert_eq!((status, &large["code"]), (413, &json!("request_too_large")));
    assert!(
        large["message"]
            .as_str()
            .unwrap()
            .contains("server.max_body"),
        "{large}"
    );
    assert_eq!(
        gateway
            .chat(&ask("cheap", "Hi"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn a_body_of_unknown_length_is_counted_while_it_comes() {
    let gateway = start(settings(&[("OBS_SERVER_MAX_BODY", "1000")])).await;
    let pieces = (0..100).map(|_| Ok::<_, std::io::Error>("x".repeat(100)));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = client()
        .post(gateway.url("/v1/chat/completions"))
        .header("content-type", "application/json")
        .body(body);
    let (status, large) = error(request).await;
    assert_eq!(status, 413);
    assert!(
        large["message"].as_str().unwrap().contains("1000 bytes"),
        "{large}"
    );
}

#[tokio::test]
async fn other_content_types_than_json_are_refused() {
    let gateway = simulated().await;
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let mut request = client()
            .post(gateway.url("/v1/chat/completions"))
            .body(ask("cheap", "Hi").to_string());
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let (status, error) = error(request).await;
        assert_eq!((status, &error["param"]), (415, &json!("content-type")));
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("application/json")
        );
    }
}

#[tokio::test]
async fn web_pages_of_other_origins_are_refused() {
    let gateway = simulated().await;
    let request = gateway
        .chat(&ask("cheap", "Hi"))
        .header("sec-fetch-site", "cross-site");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let options = client().request(
        reqwest::Method::OPTIONS,
        gateway.url("/v1/chat/completions"),
    );
    let options = options
        .header("origin", "http://evil.example")
        .send()
        .await
        .unwrap();
    assert!(
        !options
            .headers()
            .keys()
            .any(|name| name.as_str().starts_with("access-control-"))
    );
}

#[tokio::test]
async fn websockets_are_refused_clearly() {
    let gateway = simulated().await;
    for path in ["/v1/realtime", "/v1/chat/completions", "/"] {
        let request = gateway
            .get(path)
            .header("connection", "upgrade")
            .header("upgrade", "WebSocket");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 501);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], "websocket_unsupported");
    }
}

#[tokio::test]
async fn unknown_paths_are_a_404_that_says_where_the_api_is() {
    let gateway = simulated().await;
    let answer = gateway.get("/chat/completions").send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let body: Value = answer.json().await.unwrap();
    assert!(
        body["error"]["message"].as_str().unwrap().contains("/v1"),
        "{body}"
    );
}

#[tokio::test]
async fn a_cache_only_question_without_an_answer_is_a_504() {
    let gateway = simulated().await;
    let only = || {
        gateway
            .chat(&ask("cheap", "Hi"))
            .header("cache-control", "only-if-cached")
    };
    let (status, error) = error(only()).await;
    assert_eq!((status, &error["code"]), (504, &json!("not_cached")));
    gateway.chat(&ask("cheap", "Hi")).send().await.unwrap();
    let hit = only().send().await.unwrap();
    assert_eq!(
        (hit.status().as_u16(), common::header(&hit, "x-obs-cache")),
        (200, Some("hit"))
    );
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_a_504_and_costs_nothing() {
    let gateway = simulated().await;
    let request = gateway
        .chat(&ask("cheap", "Hi"))
        .header("x-obs-deadline-ms", "0");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 504);
    assert_eq!(common::header(&answer, "x-obs-cost-usd"), Some("0"));
    assert_eq!(common::header(&answer, "x-should-retry"), Some("false"));
}

#[tokio::test]
async fn cache_control_is_obeyed() {
    let gateway = simulated().await;
    let ask = async |directive: &str| {
        let request = gateway
            .chat(&ask("cheap", "Hi"))
            .header("cache-control", directive);
        common::header(&request.send().await.unwrap(), "x-obs-cache")
            .unwrap()
            .to_owned()
    };
    assert_eq!(ask("no-store").await, "bypass");
    assert_eq!(ask("max-age=60").await, "miss", "nothing was stored");
    assert_eq!(ask("max-age=60").await, "hit");
    assert_eq!(
        ask("no-cache").await,
        "bypass",
        "asked again, and stored anew"
    );
}

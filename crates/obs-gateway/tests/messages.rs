//! Anthropic's Messages through the gateway: as they are, cached in either form, routed among their own providers, with errors
//! in their own shape.
mod common;

use std::time::Duration;

use common::{
    Provider, Running, Then, ask, client, from_file, header, json_answer, respond, settings,
    simulated, start,
};
use serde_json::{Value, json};

const MESSAGES: &str = "/v1/messages";

fn question(model: &str, text: &str) -> Value {
    json!({"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": text}]})
}

fn streamed(model: &str, text: &str) -> Value {
    let mut body = question(model, text);
    body["stream"] = true.into();
    body
}

fn message(model: &str, text: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 1000, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1000},
    })
}

fn says(model: &str, text: &str) -> Then {
    json_answer(200, &message(model, text))
}

/// A stream with an event that nobody knows yet.
const EVENTS: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-haiku-5-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1000,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"get_weather\",\"input\":{}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\": \\\"Paris\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":1000}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

fn streams(events: &str) -> Then {
    respond(
        200,
        &[("content-type", "text/event-stream")],
        events.to_owned(),
    )
}

/// A gateway with one provider of each format: two routes for Messages, one for OpenAI's endpoints.
async fn mixed(then: impl IntoIterator<Item = Then>) -> (Running, Provider, Provider) {
    let (anthropic, at) = Provider::start(then).await;
    let (openai, other) = Provider::start([common::says("gpt-4o-mini", "from OpenAI")]).await;
    let file = format!(
        r#"
        [router]
        retries = 0
        [[providers]]
        name = "openai"
        base_url = "http://{other}/v1"
        [[providers]]
        name = "anthropic"
        format = "anthropic"
        base_url = "http://{at}"
        api_key_env = "ANTHROPIC_KEY"
        [[routes]]
        name = "mini"
        model = "gpt-4o-mini"
        [[routes]]
        name = "haiku"
        provider = "anthropic"
        model = "claude-haiku-5-5"
        fallback = ["opus"]
        [[routes]]
        name = "opus"
        provider = "anthropic"
        model = "claude-opus-4-5"
        "#
    );
    let settings = from_file(&file, &[("ANTHROPIC_KEY", "sk-ant-operator")]);
    (start(settings).await, anthropic, openai)
}

async fn refused(gateway: &Running, body: &Value) -> (u16, Value) {
    let got = gateway.post(MESSAGES, body).send().await.unwrap();
    let status = got.status().as_u16();
    assert!(header(&got, "x-obs-call-id").is_some());
    let body: Value = got.json().await.unwrap();
    assert_eq!(body["type"], "error", "{body}");
    assert!(body["error"]["message"].is_string(), "{body}");
    (status, body["error"].clone())
}

#[tokio::test]
async fn a_message_goes_through_byte_for_byte_and_a_hit_is_the_same() {
    let answer = r#"{"id":"msg_1", "type":"message","model":"claude-haiku-5-5","content":[{"type":"hologram","depth":1.0e2},{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2},"new":[1 ,2]}"#;
    let (gateway, provider, _) = mixed([respond(
        200,
        &[
            ("content-type", "application/json"),
            ("request-id", "req_1"),
            ("anthropic-ratelimit-tokens-remaining", "7"),
        ],
        answer,
    )])
    .await;
    let body = "{ \"model\" : \"claude-haiku-5-5\",\"max_tokens\":1e2, \"messages\":[{\"role\":\"user\",\"content\":\"H\\u0069\"}],\"odd\": 1.50}";
    let send = async || {
        let request = client().post(gateway.url(MESSAGES));
        let request = request
            .header("content-type", "application/json")
            .header("anthropic-beta", "b-1");
        request
            .header("x-api-key", "sk-callers")
            .body(body)
            .send()
            .await
            .unwrap()
    };
    let got = send().await;
    assert_eq!(header(&got, "x-obs-cache"), Some("miss"));
    assert_eq!(header(&got, "x-obs-route"), Some("haiku"));
    assert_eq!(header(&got, "request-id"), Some("req_1"));
    assert_eq!(
        header(&got, "anthropic-ratelimit-tokens-remaining"),
        Some("7")
    );
    assert!(
        header(&got, "x-obs-cost-usd").is_some(),
        "the bundled table has its price"
    );
    assert_eq!(got.text().await.unwrap(), answer);
    let seen = &provider.seen()[0];
    assert_eq!(
        (seen.path.as_str(), &seen.body[..]),
        (MESSAGES, body.as_bytes())
    );
    assert_eq!(seen.headers["x-api-key"], "sk-ant-operator");
    assert_eq!(seen.headers["anthropic-beta"], "b-1");
    assert_eq!(seen.headers["anthropic-version"], "2023-06-01");

    let hit = send().await;
    assert_eq!(header(&hit, "x-obs-cache"), Some("hit"));
    assert_eq!(header(&hit, "anthropic-ratelimit-tokens-remaining"), None);
    assert_eq!(hit.text().await.unwrap(), answer);
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn a_stream_goes_through_event_by_event_and_a_plain_request_shares_its_answer() {
    let (gateway, provider, _) = mixed([streams(EVENTS)]).await;
    let first = gateway
        .post(MESSAGES, &streamed("haiku", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        header(&first, "content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    assert_eq!(first.text().await.unwrap(), EVENTS);
    let again = gateway
        .post(MESSAGES, &streamed("haiku", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&again, "x-obs-cache"), Some("hit"));
    assert_eq!(again.text().await.unwrap(), EVENTS);
    let plain = gateway
        .post(MESSAGES, &question("haiku", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&plain, "x-obs-cache"), Some("hit"));
    let plain: Value = plain.json().await.unwrap();
    assert_eq!(
        plain["content"],
        json!([{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}])
    );
    assert_eq!(
        (&plain["stop_reason"], &plain["usage"]["output_tokens"]),
        (&json!("tool_use"), &json!(1000))
    );
    let sent: Value = serde_json::from_slice(&provider.seen()[0].body).unwrap();
    assert_eq!(sent, {
        let mut sent = streamed("claude-haiku-5-5", "Hi");
        sent["model"] = "claude-haiku-5-5".into();
        sent
    });
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn a_plain_answer_is_shared_with_streams() {
    let (gateway, provider, _) = mixed([says("claude-haiku-5-5", "Hello there")]).await;
    gateway
        .post(MESSAGES, &question("haiku", "Hi"))
        .send()
        .await
        .unwrap();
    let stream = gateway
        .post(MESSAGES, &streamed("haiku", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&stream, "x-obs-cache"), Some("hit"));
    let body = stream.text().await.unwrap();
    let names: Vec<_> = body
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert!(!body.contains("[DONE]"), "{body}");
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn an_event_that_nobody_knows_passes() {
    let strange =
        "event: glyph_delta\ndata: {\"type\":\"glyph_delta\",  \"x\":1.50}\n\nevent: message_delta";
    let events = EVENTS.replace("event: message_delta", strange);
    let (gateway, _, _) = mixed([streams(&events)]).await;
    for _ in 0..2 {
        let got = gateway
            .post(MESSAGES, &streamed("haiku", "Hi"))
            .send()
            .await
            .unwrap();
        assert_eq!(got.text().await.unwrap(), events);
    }
}

#[tokio::test]
async fn another_route_of_the_same_format_takes_over() {
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let (gateway, provider, openai) = mixed([
        json_answer(529, &overloaded),
        says("claude-opus-4-5", "from opus"),
        json_answer(529, &overloaded),
        json_answer(529, &overloaded),
    ])
    .await;
    let got = gateway
        .post(MESSAGES, &question("auto", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&got, "x-obs-route"), Some("opus"));
    let got: Value = got.json().await.unwrap();
    assert_eq!(got["content"][0]["text"], "from opus");
    // When nobody is left the provider's own words go to the caller, and no route of another format is asked.
    let got = gateway
        .post(MESSAGES, &question("haiku", "Hi again"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (got.status().as_u16(), header(&got, "x-should-retry")),
        (529, Some("false"))
    );
    assert_eq!(got.json::<Value>().await.unwrap(), overloaded);
    assert_eq!(provider.seen().len(), 4);
    assert!(openai.seen().is_empty());
}

#[tokio::test]
async fn each_endpoint_chooses_among_its_own_routes() {
    let (gateway, provider, openai) = mixed([says("claude-haiku-5-5", "from Anthropic")]).await;
    let got = gateway.chat(&ask("auto", "Hi")).send().await.unwrap();
    assert_eq!(header(&got, "x-obs-route"), Some("mini"));
    let got = gateway
        .post(MESSAGES, &question("auto", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&got, "x-obs-route"), Some("haiku"));
    assert_eq!((provider.seen().len(), openai.seen().len()), (1, 1));
    // A route is refused where its provider would not understand the request.
    let (status, error) = refused(&gateway, &question("mini", "Hi")).await;
    assert_eq!(
        (status, &error["type"]),
        (400, &json!("invalid_request_error"))
    );
    let (status, error) = common::error(gateway.chat(&ask("opus", "Hi"))).await;
    assert_eq!((status, &error["param"]), (400, &json!("model")));
    assert!(
        error["message"].as_str().unwrap().contains("/v1/messages"),
        "{error}"
    );
}

#[tokio::test]
async fn what_the_gateway_refuses_has_anthropics_shape() {
    let gateway = simulated().await;
    let (status, error) = refused(&gateway, &json!({"model": "sim-small", "messages": []})).await;
    assert_eq!(
        (status, &error["type"]),
        (400, &json!("invalid_request_error"))
    );
    assert!(
        error["message"].as_str().unwrap().contains("`messages`"),
        "{error}"
    );
    let (status, error) = refused(&gateway, &question("nobody-has-this", "Hi")).await;
    assert_eq!((status, &error["type"]), (404, &json!("not_found_error")));
    let got = gateway
        .post(MESSAGES, &question("auto", "Hi"))
        .header("x-obs-deadline-ms", "soon")
        .send()
        .await
        .unwrap();
    assert_eq!(got.status(), 400);
    assert_eq!(got.json::<Value>().await.unwrap()["type"], "error");
}

#[tokio::test]
async fn an_error_of_the_providers_goes_through() {
    let error = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}, "request_id": "req_9"});
    let (gateway, _, _) = mixed([respond(
        429,
        &[
            ("content-type", "application/json"),
            ("retry-after", "7"),
            ("request-id", "req_9"),
        ],
        error.to_string(),
    )])
    .await;
    let got = gateway
        .post(MESSAGES, &question("opus", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (got.status().as_u16(), header(&got, "retry-after")),
        (429, Some("7"))
    );
    assert_eq!(header(&got, "request-id"), Some("req_9"));
    assert_eq!(got.json::<Value>().await.unwrap(), error);
}

#[tokio::test]
async fn a_stream_that_fails_ends_with_an_error_event() {
    let cut = EVENTS.split_once("event: content_block_stop").unwrap().0;
    let (gateway, _, _) = mixed([streams(cut)]).await;
    let got = gateway
        .post(MESSAGES, &streamed("opus", "Hi"))
        .send()
        .await
        .unwrap();
    let body = got.text().await.unwrap();
    let (passed, last) = body.split_at(cut.len());
    assert_eq!(passed, cut);
    let data = last
        .strip_prefix("event: error\ndata: ")
        .expect("an error event");
    let error: Value = serde_json::from_str(data.trim_end()).unwrap();
    assert_eq!(
        (&error["type"], &error["error"]["type"]),
        (&json!("error"), &json!("api_error"))
    );
}

#[tokio::test]
async fn a_long_wait_for_the_first_content_is_filled_with_pings() {
    let gateway = start(settings(&[
        ("OBS_SIMULATED_LATENCY", "0.5"),
        ("OBS_SERVER_KEEP_ALIVE", "20ms"),
        ("OBS_ROUTER_COMMIT", "complete"),
    ]))
    .await;
    let got = gateway
        .post(MESSAGES, &streamed("sim-large", "Hi"))
        .send()
        .await
        .unwrap();
    let body = tokio::time::timeout(Duration::from_secs(60), got.text())
        .await
        .unwrap()
        .unwrap();
    assert!(
        body.starts_with("event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        "{body}"
    );
    assert!(
        body.contains("event: message_start")
            && body.ends_with("data: {\"type\":\"message_stop\"}\n\n")
    );
}

#[tokio::test]
async fn what_a_stream_cost_is_told_behind_its_last_event() {
    let (gateway, _, _) = mixed([streams(EVENTS)]).await;
    let request = gateway.post(MESSAGES, &streamed("haiku", "Hi"));
    let got = request.header("x-obs-report", "1").send().await.unwrap();
    let body = got.text().await.unwrap();
    let report = body.strip_prefix(EVENTS).expect("the events as they came");
    assert!(
        report.starts_with(": ") && report.contains("cost"),
        "{report}"
    );
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider() {
    let (gateway, provider, openai) = mixed([json_answer(200, &json!({"input_tokens": 14}))]).await;
    let got = gateway
        .post(
            "/v1/messages/count_tokens",
            &question("claude-haiku-5-5", "Hi"),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(
        got.json::<Value>().await.unwrap(),
        json!({"input_tokens": 14})
    );
    assert_eq!(provider.seen()[0].path, "/v1/messages/count_tokens");
    assert_eq!(provider.seen()[0].headers["x-api-key"], "sk-ant-operator");
    assert!(openai.seen().is_empty());
    let simulated = simulated().await;
    let got = simulated
        .post("/v1/messages/count_tokens", &question("sim-small", "Hello"))
        .send()
        .await
        .unwrap();
    assert!(
        got.json::<Value>().await.unwrap()["input_tokens"]
            .as_u64()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn what_goes_on_in_a_container_is_asked_anew_at_its_route() {
    let answers = [
        says("claude-haiku-5-5", "one"),
        says("claude-haiku-5-5", "two"),
    ];
    let (gateway, provider, _) = mixed(answers).await;
    let mut body = question("haiku", "Hi");
    body["container"] = "container_1".into();
    for expected in ["one", "two"] {
        let got = gateway.post(MESSAGES, &body).send().await.unwrap();
        assert_eq!(header(&got, "x-obs-cache"), Some("bypass"));
        assert_eq!(
            got.json::<Value>().await.unwrap()["content"][0]["text"],
            expected
        );
    }
    let sent: Value = serde_json::from_slice(&provider.seen()[0].body).unwrap();
    assert_eq!(sent["model"], "claude-haiku-5-5", "the model of its route");
    body["model"] = "auto".into();
    let (status, error) = refused(&gateway, &body).await;
    assert_eq!(status, 400);
    assert!(
        error["message"].as_str().unwrap().contains("name"),
        "{error}"
    );
}

#[tokio::test]
async fn the_simulated_provider_speaks_it_too() {
    let gateway = simulated().await;
    let plain = gateway
        .post(MESSAGES, &question("auto", "Why is the sky blue?"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&plain, "x-obs-cache"), Some("miss"));
    assert!(header(&plain, "x-obs-cost-usd").is_some());
    let plain: Value = plain.json().await.unwrap();
    assert_eq!(
        (&plain["type"], &plain["stop_reason"]),
        (&json!("message"), &json!("end_turn"))
    );
    let stream = gateway
        .post(MESSAGES, &streamed("auto", "Why is the sky blue?"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&stream, "x-obs-cache"), Some("hit"));
    let other = gateway
        .post(MESSAGES, &streamed("auto", "And at night?"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&other, "x-obs-cache"), Some("miss"));
    let other = other.text().await.unwrap();
    assert!(
        other.starts_with("event: message_start\n")
            && other.ends_with("{\"type\":\"message_stop\"}\n\n")
    );
    let mut short = question("auto", "Be brief");
    short["max_tokens"] = 2.into();
    let short: Value = gateway
        .post(MESSAGES, &short)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(short["stop_reason"], "max_tokens");
}

#[tokio::test]
async fn a_provider_of_openais_format_gets_messages_as_they_are_where_there_is_no_other() {
    let (provider, at) = Provider::start([says("local", "Hi")]).await;
    let url = format!("http://{at}/v1");
    let gateway = start(settings(&[("OPENAI_BASE_URL", &url)])).await;
    let got = gateway
        .post(MESSAGES, &question("local", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        header(&got, "x-obs-cache"),
        None,
        "it is passed on, and not read"
    );
    assert_eq!(provider.seen()[0].path, MESSAGES);
}

#[tokio::test]
async fn limits_that_only_messages_taught_are_shown() {
    let text = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\
        \"role\":\"assistant\",\"model\":\"claude-haiku-5-5\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\
        \"text\":\"Hi\"}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":\
        {\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let (provider, at) = Provider::start((0..100).map(|_| streams(text))).await;
    let (_, other) = Provider::start([]).await;
    // The interface of the first provider is OpenAI's, and nobody asks there.
    let file = format!(
        "[cache]\nstore = \"off\"\n[timeout]\nadaptive = \"90\"\nadaptive_floor = \"2s\"\n[[providers]]\n\
         name = \"openai\"\nbase_url = \"http://{other}/v1\"\n[[providers]]\nname = \"anthropic\"\n\
         format = \"anthropic\"\nbase_url = \"http://{at}\"\n[[routes]]\nname = \"haiku\"\n\
         provider = \"anthropic\"\nmodel = \"claude-haiku-5-5\""
    );
    let gateway = start(from_file(&file, &[])).await;
    let limit = "timeout_limit_seconds{limit=\"first_token\",operation=\"chat\"}";
    let shown = || gateway.gateway.telemetry().render();
    assert!(!shown().contains(limit));
    for _ in 0..100 {
        let got = gateway.post(MESSAGES, &streamed("haiku", "Hi"));
        assert_eq!(got.send().await.unwrap().text().await.unwrap(), text);
    }
    assert_eq!(provider.seen().len(), 100);
    let shown = shown();
    // The floor, in seconds.
    assert!(shown.contains(&format!("{limit} 2\n")), "{shown}");
}

#[tokio::test]
async fn writes_for_an_hour_and_searches_are_in_the_cost_or_it_is_unknown() {
    let with = |model: &str| {
        let mut answer = message(model, "found");
        answer["usage"] = json!({
            "input_tokens": 1000, "cache_creation_input_tokens": 500, "cache_read_input_tokens": 0, "output_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 500},
            "server_tool_use": {"web_search_requests": 2},
        });
        json_answer(200, &answer)
    };
    let start = EVENTS.replace("claude-haiku-5-5", "claude-opus-4-5").replace(
        "\"usage\":{\"input_tokens\":1000,",
        "\"usage\":{\"input_tokens\":1000,\"cache_creation_input_tokens\":500,\"cache_creation\":{\"ephemeral_1h_input_tokens\":500},",
    );
    let events = start.replace(
        "\"usage\":{\"output_tokens\":1000}",
        "\"usage\":{\"output_tokens\":1,\"server_tool_use\":{\"web_search_requests\":2}}",
    );
    let then = [
        with("claude-opus-4-5"),
        streams(&events),
        with("claude-haiku-4-5"),
    ];
    let (gateway, _anthropic, _openai) = mixed(then).await;
    let plain = gateway.post(MESSAGES, &question("opus", "a"));
    let plain = plain.send().await.unwrap();
    // 1000 · $5 + 500 · $10 a million, and two cents.
    assert_eq!(header(&plain, "x-obs-cost-usd"), Some("0.03"));
    let stream = gateway.post(MESSAGES, &streamed("opus", "b"));
    let stream = stream.header("x-obs-report", "1").send().await.unwrap();
    let stream = stream.text().await.unwrap();
    assert!(stream.contains("x-obs-cost-usd=0.030025"), "{stream}");
    // Of this model the list has no price of a search.
    let other = gateway.post(MESSAGES, &question("claude-haiku-4-5", "c"));
    let other = other.send().await.unwrap();
    assert_eq!(header(&other, "x-obs-cost-usd"), None);
}

#[tokio::test]
async fn metrics_name_the_provider_of_an_interface_for_calls_and_that_of_a_route_for_tokens() {
    let (anthropic, at) = Provider::start([
        json_answer(
            529,
            &json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
        ),
        says("claude-x", "a"),
    ])
    .await;
    let (openai, other) =
        Provider::start(["gpt-4o-mini", "gpt-x"].map(|model| common::says(model, "b"))).await;
    let file = format!(
        r#"
        [simulated]
        latency = 0
        [router]
        policy = "default"
        default = "haiku"
        retries = 0
        [[providers]]
        name = "openai"
        base_url = "http://{other}/v1"
        [[providers]]
        name = "anthropic"
        format = "anthropic"
        base_url = "http://{at}"
        [[providers]]
        name = "sim"
        format = "simulated"
        [[routes]]
        name = "mini"
        model = "gpt-4o-mini"
        [[routes]]
        name = "haiku"
        provider = "anthropic"
        model = "claude-haiku-5-5"
        [[routes]]
        name = "small"
        provider = "sim"
        model = "sim-small"
        "#
    );
    let gateway = start(from_file(&file, &[])).await;
    for request in [
        // Falls over from Anthropic's provider to the simulated one.
        gateway.post(MESSAGES, &question("auto", "one")),
        gateway.post(MESSAGES, &question("claude-x", "two")),
        gateway.chat(&ask("mini", "three")),
        gateway.chat(&ask("gpt-x", "four")),
        gateway.chat(&ask("small", "five")),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
    assert_eq!((anthropic.seen().len(), openai.seen().len()), (2, 2));
    let all = gateway.gateway.telemetry().render();
    let sum = |family: &str, provider: &str| -> f64 {
        let label = format!("gen_ai_provider_name=\"{provider}\"");
        let lines = all
            .lines()
            .filter(|line| line.starts_with(&format!("{family}{{")));
        let of = lines.filter(|line| line.contains(&label));
        of.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    };
    // A call is that of the first provider of its interface, whoever answers it; tokens are those of whom they were asked of.
    let calls = "gen_ai_client_operation_duration_seconds_count";
    let tokens = "gen_ai_client_token_usage_sum";
    for (provider, expected) in [("openai", 3.0), ("anthropic", 2.0), ("sim", 0.0)] {
        assert_eq!(sum(calls, provider), expected, "{provider}: {all}");
    }
    assert_eq!(sum(tokens, "openai"), 4000.0);
    assert_eq!(sum(tokens, "anthropic"), 2000.0);
    assert!(sum(tokens, "sim") > 0.0);
}

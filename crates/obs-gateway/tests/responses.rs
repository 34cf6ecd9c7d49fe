//! OpenAI's Responses through the gateway: as they are, cached in either form, routed, and bound to a provider where they refer to
//! what it keeps.
mod common;

use common::{
    Provider, Running, Then, error, header, json_answer, respond, settings, simulated, start,
};
use serde_json::{Value, json};

const RESPONSES: &str = "/v1/responses";

fn question(model: &str, text: &str) -> Value {
    json!({"model": model, "input": text})
}

fn streamed(model: &str, text: &str) -> Value {
    json!({"model": model, "input": text, "stream": true})
}

fn response(model: &str, text: &str) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": null, "incomplete_details": null,
        "model": model, "odd": 1.5,
        "output": [{"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
                    "content": [{"type": "output_text", "text": text, "annotations": []}]}],
        "usage": {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1000,
                  "output_tokens_details": {"reasoning_tokens": 500}, "total_tokens": 2000},
    })
}

fn says(model: &str, text: &str) -> Then {
    json_answer(200, &response(model, text))
}

fn event(kind: &str, more: Value) -> String {
    let mut data = json!({"type": kind});
    data.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    format!("event: {kind}\ndata: {data}\n\n")
}

/// A stream with an event that nobody knows yet.
fn events(model: &str, text: &str) -> String {
    [
        event("response.created", json!({"sequence_number": 0, "response": {"id": "resp_1", "status": "in_progress", "output": []}})),
        event("response.tomorrow", json!({"sequence_number": 1, "x": 1.5})),
        event("response.output_text.delta", json!({"sequence_number": 2, "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text})),
        event("response.completed", json!({"sequence_number": 3, "response": response(model, text)})),
    ]
    .concat()
}

fn streams(events: &str) -> Then {
    respond(
        200,
        &[("content-type", "text/event-stream")],
        events.to_owned(),
    )
}

async fn with(then: impl IntoIterator<Item = Then>) -> (Running, Provider) {
    let (provider, address) = Provider::start(then).await;
    let settings = settings(&[
        ("OPENAI_BASE_URL", &format!("http://{address}/v1")),
        ("OPENAI_API_KEY", "sk-operator"),
        ("OBS_ROUTER_CHEAP_MODEL", "gpt-4o-mini"),
        ("OBS_ROUTER_PREMIUM_MODEL", "gpt-4o"),
        ("OBS_ROUTER_RETRIES", "0"),
    ]);
    (start(settings).await, provider)
}

#[tokio::test]
async fn a_response_goes_through_and_a_hit_is_the_same() {
    let (gateway, provider) = with([says("gpt-4o-mini", "Hello")]).await;
    let first = gateway
        .post(RESPONSES, &question("auto", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (header(&first, "x-obs-cache"), header(&first, "x-obs-route")),
        (Some("miss"), Some("cheap"))
    );
    assert!(header(&first, "x-obs-cost-usd").is_some());
    let first = first.text().await.unwrap();
    assert_eq!(first, response("gpt-4o-mini", "Hello").to_string());
    let hit = gateway
        .post(RESPONSES, &question("auto", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&hit, "x-obs-cache"), Some("hit"));
    assert_eq!(hit.text().await.unwrap(), first);
    let seen = &provider.seen()[0];
    assert_eq!(seen.path, RESPONSES);
    assert_eq!(seen.headers["authorization"], "Bearer sk-operator");
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn a_stream_goes_through_event_by_event_and_shares_its_answer() {
    let events = events("gpt-4o-mini", "Hello");
    let (gateway, provider) = with([streams(&events)]).await;
    for cache in ["miss", "hit"] {
        let got = gateway
            .post(RESPONSES, &streamed("cheap", "Hi"))
            .send()
            .await
            .unwrap();
        assert_eq!(header(&got, "x-obs-cache"), Some(cache));
        assert_eq!(got.text().await.unwrap(), events);
    }
    let plain = gateway
        .post(RESPONSES, &question("cheap", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&plain, "x-obs-cache"), Some("hit"));
    assert_eq!(
        plain.text().await.unwrap(),
        response("gpt-4o-mini", "Hello").to_string()
    );
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn a_plain_answer_is_shared_with_streams() {
    let (gateway, _) = with([says("gpt-4o-mini", "Hello there")]).await;
    gateway
        .post(RESPONSES, &question("cheap", "Hi"))
        .send()
        .await
        .unwrap();
    let got = gateway
        .post(RESPONSES, &streamed("cheap", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&got, "x-obs-cache"), Some("hit"));
    let body = got.text().await.unwrap();
    assert!(body.starts_with("event: response.created\n"), "{body}");
    let last = body.trim_end().rsplit("\n\n").next().unwrap();
    let data = last
        .strip_prefix("event: response.completed\ndata: ")
        .unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["response"], response("gpt-4o-mini", "Hello there"));
}

#[tokio::test]
async fn a_response_that_fails_is_tried_elsewhere_before_anything_was_given_out() {
    let failed = event(
        "response.failed",
        json!({"response": {"id": "r", "status": "failed", "error": {"code": "server_error", "message": "boom"}, "output": []}}),
    );
    let good = events("gpt-4o", "from premium");
    let (gateway, _) = with([
        streams(&failed),
        streams(&good),
        streams(&failed),
        streams(&failed),
    ])
    .await;
    let got = gateway
        .post(RESPONSES, &streamed("auto", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&got, "x-obs-route"), Some("premium"));
    assert_eq!(got.text().await.unwrap(), good);
    // Where nobody is left it is an error before the stream has begun.
    let (status, error) = error(gateway.post(RESPONSES, &streamed("auto", "Hi again"))).await;
    assert_eq!((status, &error["code"]), (502, &json!("upstream")));
}

#[tokio::test]
async fn a_failure_in_the_middle_goes_through_as_its_event() {
    let failed = event(
        "response.failed",
        json!({"response": {"status": "failed", "error": {"code": "server_error", "message": "boom"}}}),
    );
    let all = events("gpt-4o", "Hello");
    let (begun, _) = all.split_once("event: response.completed").unwrap();
    let (gateway, _) = with([streams(&format!("{begun}{failed}"))]).await;
    let got = gateway
        .post(RESPONSES, &streamed("premium", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(got.text().await.unwrap(), format!("{begun}{failed}"));
}

#[tokio::test]
async fn what_the_provider_keeps_is_asked_anew_at_its_route() {
    for more in [
        json!({"previous_response_id": "resp_0"}),
        json!({"conversation": "conv_0"}),
        json!({"background": true}),
    ] {
        let (gateway, provider) = with([says("gpt-4o", "one"), says("gpt-4o", "two")]).await;
        let mut body = question("premium", "Hi");
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        for _ in 0..2 {
            let got = gateway.post(RESPONSES, &body).send().await.unwrap();
            assert_eq!(
                (got.status().as_u16(), header(&got, "x-obs-cache")),
                (200, Some("bypass")),
                "{more}"
            );
        }
        let sent: Value = serde_json::from_slice(&provider.seen()[1].body).unwrap();
        assert_eq!(sent["model"], "gpt-4o", "the model of its route");
        body["model"] = "auto".into();
        let (status, error) = error(gateway.post(RESPONSES, &body)).await;
        assert_eq!(
            (status, &error["code"]),
            (400, &json!("model_not_chosen")),
            "{more}"
        );
    }
}

#[tokio::test]
async fn what_asks_to_be_stored_is_not_cached() {
    let (gateway, provider) = with([says("gpt-4o", "one"), says("gpt-4o", "two")]).await;
    let mut body = question("premium", "Hi");
    body["store"] = true.into();
    for _ in 0..2 {
        let got = gateway.post(RESPONSES, &body).send().await.unwrap();
        assert_eq!(header(&got, "x-obs-cache"), Some("bypass"));
    }
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_stored_response_is_looked_up_and_deleted_at_the_provider() {
    let (gateway, provider) = with([
        says("gpt-4o", "one"),
        json_answer(200, &json!({"deleted": true})),
    ])
    .await;
    let got = gateway.get("/v1/responses/resp_1").send().await.unwrap();
    assert_eq!(got.json::<Value>().await.unwrap()["id"], "resp_1");
    let gone = common::client()
        .delete(gateway.url("/v1/responses/resp_1"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        gone.json::<Value>().await.unwrap(),
        json!({"deleted": true})
    );
    let seen = provider.seen();
    assert_eq!(
        (&*seen[0].method, &*seen[0].path),
        ("GET", "/v1/responses/resp_1")
    );
    assert_eq!(
        (&*seen[1].method, &*seen[1].path),
        ("DELETE", "/v1/responses/resp_1")
    );
}

#[tokio::test]
async fn a_bad_request_is_refused_by_its_field() {
    let gateway = simulated().await;
    let (status, error) = error(gateway.post(RESPONSES, &json!({"model": "auto"}))).await;
    assert_eq!((status, &error["param"]), (400, &json!("input")));
}

#[tokio::test]
async fn the_simulated_provider_speaks_it_too() {
    let gateway = simulated().await;
    let plain = gateway
        .post(RESPONSES, &question("auto", "Why is the sky blue?"))
        .send()
        .await
        .unwrap();
    assert!(header(&plain, "x-obs-cost-usd").is_some());
    let plain: Value = plain.json().await.unwrap();
    assert_eq!(
        (&plain["object"], &plain["status"]),
        (&json!("response"), &json!("completed"))
    );
    let hit = gateway
        .post(RESPONSES, &streamed("auto", "Why is the sky blue?"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&hit, "x-obs-cache"), Some("hit"));
    let mut short = streamed("auto", "Be brief");
    short["max_output_tokens"] = 2.into();
    let short = gateway
        .post(RESPONSES, &short)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        short.contains("event: response.incomplete\n") && !short.contains("response.completed"),
        "{short}"
    );
    let (status, _) = error(gateway.post(
        RESPONSES,
        &json!({"model": "cheap", "input": "x", "previous_response_id": "r"}),
    ))
    .await;
    assert_eq!(status, 400);
}

/// Two providers, each with its route, and what both have been asked.
async fn two(
    first: impl IntoIterator<Item = Then>,
    second: impl IntoIterator<Item = Then>,
) -> (Running, [Provider; 2], String) {
    let (one, at_one) = Provider::start(first).await;
    let (two, at_two) = Provider::start(second).await;
    let file = format!(
        r#"
        providers = [
            {{ name = "one", base_url = "http://{at_one}/v1" }},
            {{ name = "two", base_url = "http://{at_two}/v1" }},
        ]
        routes = [
            {{ name = "near", provider = "one", model = "small" }},
            {{ name = "far", provider = "two", model = "large" }},
        ]
        "#
    );
    let gateway = start(common::from_file(&file, &[])).await;
    (gateway, [one, two], file)
}

#[tokio::test]
async fn a_response_is_asked_for_gone_on_with_and_deleted_where_it_was_made() {
    for stream in [false, true] {
        let made = match stream {
            false => says("large", "Hello"),
            true => streams(&events("large", "Hello")),
        };
        let kept = || json_answer(200, &response("large", "Hello"));
        let answers = [made, kept(), says("large", "more"), kept()];
        let (gateway, [one, two], file) = two([], answers).await;
        let mut first = question("far", "Hi");
        first["stream"] = stream.into();
        let got = gateway.post(RESPONSES, &first).bearer_auth("anna");
        let got = got.send().await.unwrap();
        assert_eq!(got.status(), 200);
        got.bytes().await.unwrap();
        let new = common::from_file(&format!("{file}\n[router]\nthreshold = 0.9\n"), &[]);
        gateway.gateway.reload(new).unwrap();

        let of = |method: &str, path: &str, key: &str| {
            let url = gateway.url(&format!("{RESPONSES}/{path}"));
            let method = method.parse().unwrap();
            common::client()
                .request(method, url)
                .bearer_auth(key)
                .send()
        };
        let items = of("GET", "resp_1/input_items?limit=2", "anna")
            .await
            .unwrap();
        assert_eq!(items.status(), 200);
        // Who may not have it is told what a provider would say of none.
        let other = of("GET", "resp_1", "bert").await.unwrap();
        assert_eq!(other.status(), 404);
        let told: Value = other.json().await.unwrap();
        assert_eq!(told["error"]["param"], "id");

        let mut more = question("auto", "And?");
        more["previous_response_id"] = "resp_1".into();
        let got = gateway.post(RESPONSES, &more).bearer_auth("anna");
        assert_eq!(got.send().await.unwrap().status(), 200);
        // Nor does another go on with it, whatever model is named, nor name it in another way.
        for model in ["auto", "far", "large"] {
            more["model"] = model.into();
            let refused = gateway.post(RESPONSES, &more).bearer_auth("bert");
            let (status, told) = error(refused).await;
            let code = json!("previous_response_not_found");
            assert_eq!((status, &told["code"]), (400, &code));
        }
        let written = of("GET", "resp%5F1", "bert").await.unwrap();
        assert_eq!(written.status(), 404);
        let compact = format!("{RESPONSES}/compact");
        let refused = gateway.post(&compact, &more).bearer_auth("bert");
        assert_eq!(error(refused).await.0, 404);

        assert_eq!(of("DELETE", "resp_1", "anna").await.unwrap().status(), 200);
        let asked: Vec<_> = two
            .seen()
            .into_iter()
            .map(|seen| (seen.method, seen.path))
            .collect();
        let at = |method: &str, path: &str| (method.to_owned(), path.to_owned());
        assert_eq!(
            asked,
            [
                at("POST", "/v1/responses"),
                at("GET", "/v1/responses/resp_1/input_items?limit=2"),
                at("POST", "/v1/responses"),
                at("DELETE", "/v1/responses/resp_1"),
            ]
        );
        let sent: Value = serde_json::from_slice(&two.seen()[2].body).unwrap();
        assert_eq!(
            sent["model"], "large",
            "the model of the route that made it"
        );
        assert!(one.seen().is_empty());
    }
}

#[tokio::test]
async fn a_response_that_nobody_here_has_made_is_asked_for_at_the_first_provider() {
    let (gateway, [one, _], _) = two([says("small", "Hello")], []).await;
    let url = gateway.url("/v1/responses/resp_old");
    assert_eq!(
        common::client().get(url).send().await.unwrap().status(),
        200
    );
    assert_eq!(one.seen()[0].path, "/v1/responses/resp_old");
}

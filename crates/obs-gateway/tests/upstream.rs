//! The gateway in front of a provider: what goes there, what comes back, and what is kept apart.
mod common;

use common::{
    Provider, Running, Then, ask, ask_stream, chunks, client, completion, error, events, from_file,
    header, json_answer, respond, says, settings, sse, start, streams,
};
use serde_json::{Value, json};

/// A gateway whose provider holds the operator's key, with a cheap and a premium route.
async fn with_key(then: impl IntoIterator<Item = Then>) -> (Running, Provider) {
    let (provider, address) = Provider::start(then).await;
    let settings = settings(&[
        ("OPENAI_BASE_URL", &format!("http://{address}/v1")),
        ("OPENAI_API_KEY", "sk-operator"),
        ("OBS_ROUTER_CHEAP_MODEL", "gpt-4o-mini"),
        ("OBS_ROUTER_PREMIUM_MODEL", "gpt-4o"),
        // Its answers are counted out.
        ("OBS_ROUTER_RETRIES", "0"),
    ]);
    (start(settings).await, provider)
}

/// A gateway that passes each caller's own credential on.
async fn without_key(then: impl IntoIterator<Item = Then>) -> (Running, Provider) {
    let (provider, address) = Provider::start(then).await;
    let settings = settings(&[("OPENAI_BASE_URL", &format!("http://{address}/v1"))]);
    (start(settings).await, provider)
}

fn failure(status: u16, message: &str) -> Then {
    json_answer(
        status,
        &json!({"error": {"message": message, "type": "t", "param": null, "code": "c"}}),
    )
}

#[tokio::test]
async fn a_request_goes_out_byte_for_byte_and_so_does_the_answer_come_back() {
    let body = "{ \"model\" : \"my-model\",\"messages\":[{\"role\":\"user\",\"content\":\"H\\u0069\"}], \"top_k\": 1.50, \"x\":[1 ,2]}";
    let answer = "{\"id\":\"x\",\"object\":\"chat.completion\",\"odd\":1.0e2,\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}";
    let (gateway, provider) = without_key([respond(
        200,
        &[
            ("content-type", "application/json"),
            ("x-request-id", "req-1"),
            ("x-ratelimit-remaining-tokens", "7"),
        ],
        answer,
    )])
    .await;
    let request = client()
        .post(gateway.url("/v1/chat/completions"))
        .header("content-type", "application/json");
    let request = request
        .header("authorization", "Bearer sk-caller")
        .header("x-request-id", "mine");
    let got = request.body(body).send().await.unwrap();
    assert_eq!(header(&got, "x-request-id"), Some("req-1"));
    assert_eq!(header(&got, "x-ratelimit-remaining-tokens"), Some("7"));
    assert_eq!(header(&got, "x-obs-cache"), Some("miss"));
    assert_eq!(
        header(&got, "x-obs-route"),
        None,
        "a model that no route names"
    );
    assert_eq!(
        header(&got, "x-obs-cost-usd"),
        None,
        "an unknown price is no price of zero"
    );
    assert_eq!(got.text().await.unwrap(), answer);
    let seen = &provider.seen()[0];
    assert_eq!(seen.body, body);
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(seen.headers["authorization"], "Bearer sk-caller");
    assert_eq!(seen.headers["x-request-id"], "mine");
    assert!(!seen.headers.contains_key("x-obs-tenant"));

    // A hit has the provider's answer, and not its headers of the moment.
    let request = client()
        .post(gateway.url("/v1/chat/completions"))
        .header("content-type", "application/json");
    let hit = request
        .header("authorization", "Bearer sk-caller")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&hit, "x-obs-cache"), Some("hit"));
    assert_eq!(header(&hit, "x-ratelimit-remaining-tokens"), None);
    assert_eq!(hit.text().await.unwrap(), answer);
}

#[tokio::test]
async fn the_operators_key_takes_the_place_of_the_callers() {
    let (gateway, provider) = with_key([says("gpt-4o-mini", "Hello")]).await;
    let request = gateway
        .chat(&ask("cheap", "Hi"))
        .header("authorization", "Bearer sk-caller");
    let answer = request
        .header("openai-organization", "theirs")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "x-obs-route"), Some("cheap"));
    assert!(
        header(&answer, "x-obs-cost-usd").is_some(),
        "the bundled table has its price"
    );
    let seen = &provider.seen()[0];
    assert_eq!(seen.headers["authorization"], "Bearer sk-operator");
    assert!(!seen.headers.contains_key("openai-organization"));
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(
        body["model"], "gpt-4o-mini",
        "the route's name became its model's"
    );
}

#[tokio::test]
async fn callers_with_other_credentials_never_share_answers() {
    let (gateway, provider) =
        with_key((0..6).map(|n| says("gpt-4o-mini", &format!("answer {n}")))).await;
    let asked = async |headers: &[(&'static str, &'static str)]| {
        let mut request = gateway.chat(&ask("cheap", "Who am I?"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let cache = header(&answer, "x-obs-cache").unwrap().to_owned();
        let body: Value = answer.json().await.unwrap();
        (
            cache,
            body["choices"][0]["message"]["content"]
                .as_str()
                .unwrap()
                .to_owned(),
        )
    };
    let tenants: [&[(&str, &str)]; 6] = [
        &[],
        &[("authorization", "Bearer a")],
        &[("authorization", "Bearer b")],
        &[("x-api-key", "Bearer a")],
        &[("authorization", "Bearer a"), ("x-obs-tenant", "t")],
        &[("x-obs-tenant", "t")],
    ];
    for (n, headers) in tenants.iter().enumerate() {
        assert_eq!(asked(headers).await, ("miss".into(), format!("answer {n}")));
    }
    for (n, headers) in tenants.iter().enumerate() {
        assert_eq!(asked(headers).await, ("hit".into(), format!("answer {n}")));
    }
    assert_eq!(provider.seen().len(), 6);
}

#[tokio::test]
async fn errors_of_the_provider_keep_their_status_and_body() {
    for status in [400, 404, 409, 422] {
        let (gateway, provider) = with_key([failure(status, "theirs")]).await;
        let answer = gateway.chat(&ask("auto", "Hi")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(
            header(&answer, "x-should-retry"),
            None,
            "a caller's own fault"
        );
        let body: Value = answer.json().await.unwrap();
        assert_eq!(
            body,
            json!({"error": {"message": "theirs", "type": "t", "param": null, "code": "c"}})
        );
        assert_eq!(
            provider.seen().len(),
            1,
            "{status} is not taken to another route"
        );
    }
}

#[tokio::test]
async fn a_failing_route_is_replaced_by_the_next_and_the_last_error_is_the_providers() {
    for status in [429, 500, 503] {
        let (gateway, provider) =
            with_key([failure(status, "first"), says("gpt-4o", "Hello")]).await;
        let answer = gateway.chat(&ask("auto", "Hi")).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "x-obs-route")),
            (200, Some("premium"))
        );
        assert_eq!(provider.seen().len(), 2);
    }
    let (gateway, provider) = with_key([failure(500, "first"), failure(503, "second")]).await;
    let answer = gateway.chat(&ask("auto", "Hi")).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(header(&answer, "x-should-retry"), Some("false"));
    assert_eq!(
        answer.json::<Value>().await.unwrap()["error"]["message"],
        "second"
    );
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_named_route_falls_over_along_its_own_list_alone() {
    let (gateway, provider) = with_key([failure(500, "down")]).await;
    let answer = gateway.chat(&ask("cheap", "Hi")).send().await.unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn the_model_of_a_route_is_that_route() {
    let (gateway, provider) = with_key([says("gpt-4o", "Hello")]).await;
    let answer = gateway
        .chat(&ask("gpt-4o", "Hi"))
        .header("x-request-id", "mine")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "x-obs-route"), Some("premium"));
    // The provider has not named it otherwise.
    assert_eq!(header(&answer, "x-request-id"), Some("mine"));
    assert_eq!(provider.seen()[0].headers["x-request-id"], "mine");
}

#[tokio::test]
async fn a_retry_after_comes_through() {
    let (gateway, _provider) = with_key([respond(
        429,
        &[("content-type", "application/json"), ("retry-after", "7")],
        "{\"error\":{\"message\":\"slow\"}}",
    )])
    .await;
    let answer = gateway.chat(&ask("cheap", "Hi")).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "retry-after")),
        (429, Some("7"))
    );
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_a_502_in_openais_shape() {
    let settings = settings(&[("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")]);
    let gateway = start(settings).await;
    let (status, error) = error(gateway.chat(&ask("m", "Hi"))).await;
    assert_eq!((status, &error["code"]), (502, &json!("connect")));
}

#[tokio::test]
async fn a_stream_goes_through_with_usage_asked_for_and_hidden() {
    let (gateway, provider) = with_key([streams("gpt-4o", &["Hel", "lo"])]).await;
    let answer = gateway
        .chat(&ask_stream("premium", "Hi"))
        .send()
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    let all = chunks("gpt-4o", &["Hel", "lo"]);
    assert_eq!(
        text,
        format!("{}data: [DONE]\n\n", sse(&all[..all.len() - 1]))
    );
    let body: Value = serde_json::from_slice(&provider.seen()[0].body).unwrap();
    assert_eq!(body["stream_options"]["include_usage"], true);
    // Who asks for it gets it, from the cache too.
    let mut question = ask_stream("premium", "Hi");
    question["stream_options"] = json!({"include_usage": true});
    let hit = gateway.chat(&question).send().await.unwrap();
    assert_eq!(header(&hit, "x-obs-cache"), Some("hit"));
    assert_eq!(
        hit.text().await.unwrap(),
        format!("{}data: [DONE]\n\n", sse(&all))
    );
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_event_and_is_not_kept() {
    let all = chunks("gpt-4o", &["Hel", "lo"]);
    let stump = || {
        respond(
            200,
            &[("content-type", "text/event-stream")],
            sse(&all[..2]),
        )
    };
    let (gateway, provider) = with_key([stump(), streams("gpt-4o", &["Hel", "lo"])]).await;
    let answer = gateway
        .chat(&ask_stream("premium", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(!text.contains("data: [DONE]"), "{text}");
    let last: Value = serde_json::from_str(events(&text).last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "cut_off", "{last}");
    assert!(last["error"]["message"].is_string());
    let again = gateway
        .chat(&ask_stream("premium", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&again, "x-obs-cache"), Some("miss"));
    again.text().await.unwrap();
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn before_its_first_content_a_broken_stream_is_replaced_unseen() {
    let all = chunks("gpt-4o-mini", &["Hel"]);
    let stump = respond(
        200,
        &[("content-type", "text/event-stream")],
        sse(&all[..1]),
    );
    let (gateway, _provider) = with_key([stump, streams("gpt-4o", &["Hello"])]).await;
    let answer = gateway
        .chat(&ask_stream("auto", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "x-obs-route"), Some("premium"));
    let text = answer.text().await.unwrap();
    assert!(
        text.contains("Hello") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
}

#[tokio::test]
async fn unknown_endpoints_are_passed_on_as_they_are() {
    let (gateway, provider) = with_key([
        respond(
            202,
            &[
                ("content-type", "application/x-odd"),
                ("openai-version", "1"),
                ("x-odd", "yes"),
            ],
            "odd bytes",
        ),
        failure(404, "no such file"),
    ])
    .await;
    let request = client()
        .post(gateway.url("/v1/files?purpose=x&a=%20b"))
        .header("content-type", "multipart/form-data; boundary=b");
    let answer = request
        .header("authorization", "Bearer sk-caller")
        .header("cookie", "c=1")
        .body("--b--")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(header(&answer, "x-odd"), Some("yes"));
    assert_eq!(header(&answer, "x-obs-cost-usd"), None);
    assert!(header(&answer, "x-obs-call-id").is_some());
    assert_eq!(answer.text().await.unwrap(), "odd bytes");
    let seen = &provider.seen()[0];
    assert_eq!(
        (&*seen.method, &*seen.path),
        ("POST", "/v1/files?purpose=x&a=%20b")
    );
    assert_eq!(seen.body, "--b--");
    assert_eq!(seen.headers["authorization"], "Bearer sk-operator");
    assert!(!seen.headers.contains_key("cookie"));
    let gone = gateway.get("/v1/files/f").send().await.unwrap();
    assert_eq!(gone.status(), 404);
    assert_eq!(
        gone.json::<Value>().await.unwrap()["error"]["message"],
        "no such file"
    );
    let metrics = gateway.gateway.telemetry().render();
    assert!(
        metrics.contains("timeout_successes_total{operation=\"other\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn paths_that_lead_out_of_the_api_are_refused() {
    let (gateway, provider) = with_key([]).await;
    // The client would tidy the path up by itself.
    let address = gateway.base.strip_prefix("http://").unwrap().to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut connection = std::net::TcpStream::connect(address).unwrap();
        connection
            .write_all(b"GET /v1/x/../../admin HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn the_time_that_is_left_is_passed_on() {
    let (gateway, provider) = with_key([says("gpt-4o-mini", "Hello")]).await;
    gateway
        .chat(&ask("cheap", "Hi"))
        .header("x-obs-deadline-ms", "60000")
        .send()
        .await
        .unwrap();
    let left: u64 = provider.seen()[0].headers["x-obs-deadline-ms"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_route_of_another_provider_goes_there_and_has_its_own_price() {
    let (first, at_first) = Provider::start([says("m", "from the first")]).await;
    let (second, at_second) = Provider::start([json_answer(
        200,
        &completion("cheap-model", "from the second"),
    )])
    .await;
    let text = format!(
        r#"
        [[providers]]
        name = "first"
        base_url = "http://{at_first}"
        [[providers]]
        name = "second"
        base_url = "http://{at_second}/api/v9/"
        api_key_env = "SECOND_KEY"
        [[routes]]
        name = "cheap"
        provider = "second"
        model = "cheap-model"
        price = {{ input = "1", output = "2" }}
        "#
    );
    let gateway = start(from_file(&text, &[("SECOND_KEY", "k2")])).await;
    let answer = gateway.chat(&ask("auto", "Hi")).send().await.unwrap();
    assert_eq!(
        header(&answer, "x-obs-cost-usd"),
        Some("0.003"),
        "1000 tokens each"
    );
    assert_eq!(second.seen()[0].path, "/api/v9/chat/completions");
    assert_eq!(second.seen()[0].headers["authorization"], "Bearer k2");
    gateway.chat(&ask("m", "Hi")).send().await.unwrap();
    assert_eq!(first.seen()[0].path, "/v1/chat/completions");
}

#[tokio::test]
async fn without_routes_there_is_no_auto() {
    let (_provider, address) = Provider::start([]).await;
    let text =
        format!("routes = []\n[[providers]]\nname = \"p\"\nbase_url = \"http://{address}\"\n");
    let gateway = start(from_file(&text, &[])).await;
    let (status, error) = error(gateway.chat(&ask("auto", "Hi"))).await;
    assert_eq!((status, &error["param"]), (400, &json!("model")));
}

#[tokio::test]
async fn shared_tenants_share_and_trusted_proxies_say_who_asks() {
    let (_provider, address) = Provider::start((0..3).map(|n| says("m", &n.to_string()))).await;
    let url = format!("http://{address}");
    let cache = async |gateway: &Running, headers: &[(&str, &str)]| {
        let mut request = gateway.chat(&ask("m", "Hi"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        header(&request.send().await.unwrap(), "x-obs-cache")
            .unwrap()
            .to_owned()
    };
    let shared = start(settings(&[
        ("OPENAI_BASE_URL", &url),
        ("OBS_SERVER_TENANT", "shared"),
    ]))
    .await;
    assert_eq!(
        cache(&shared, &[("authorization", "Bearer a")]).await,
        "miss"
    );
    assert_eq!(
        cache(
            &shared,
            &[("authorization", "Bearer b"), ("x-obs-tenant", "t")]
        )
        .await,
        "hit"
    );
    let proxied = start(settings(&[
        ("OPENAI_BASE_URL", &url),
        ("OBS_SERVER_TENANT", "header"),
    ]))
    .await;
    assert_eq!(
        cache(
            &proxied,
            &[("authorization", "Bearer a"), ("x-obs-tenant", "t")]
        )
        .await,
        "miss"
    );
    assert_eq!(
        cache(
            &proxied,
            &[("authorization", "Bearer b"), ("x-obs-tenant", "t")]
        )
        .await,
        "hit"
    );
    assert_eq!(
        cache(
            &proxied,
            &[("authorization", "Bearer a"), ("x-obs-tenant", "u")]
        )
        .await,
        "miss"
    );
}

#[tokio::test]
async fn a_later_commit_point_repairs_what_breaks_off_later() {
    let all = chunks("gpt-4o-mini", &["Hel"]);
    let stump = respond(
        200,
        &[("content-type", "text/event-stream")],
        sse(&all[..2]),
    );
    let (_provider, address) = Provider::start([stump, streams("gpt-4o", &["Hello"])]).await;
    let settings = settings(&[
        ("OPENAI_BASE_URL", &format!("http://{address}")),
        ("OBS_ROUTER_COMMIT", "complete"),
        ("OBS_ROUTER_RETRIES", "0"),
    ]);
    let gateway = start(settings).await;
    let answer = gateway
        .chat(&ask_stream("auto", "Hi"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "x-obs-route"), Some("premium"));
    let text = answer.text().await.unwrap();
    assert!(
        !text.contains("\"Hel\"") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
}

#[tokio::test]
async fn the_users_prices_stand_over_the_bundled_ones() {
    let (_provider, address) = Provider::start([says("gpt-4o", "Hello")]).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prices.json");
    std::fs::write(
        &file,
        r#"{"gpt-4o": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}}"#,
    )
    .unwrap();
    let settings = settings(&[
        ("OPENAI_BASE_URL", &format!("http://{address}")),
        ("OBS_PRICES_FILE", file.to_str().unwrap()),
    ]);
    let gateway = start(settings).await;
    let answer = gateway.chat(&ask("gpt-4o", "Hi")).send().await.unwrap();
    assert_eq!(
        header(&answer, "x-obs-cost-usd"),
        Some("0.002"),
        "1000 tokens each"
    );
}

#[tokio::test]
async fn the_policy_its_default_and_the_baseline_are_those_of_the_settings() {
    let policy = ("OBS_ROUTER_POLICY", "default");
    let gateway = start(settings(&[policy])).await;
    let last = gateway.chat(&ask("auto", "Hi")).send().await.unwrap();
    assert_eq!(header(&last, "x-obs-route"), Some("premium"));
    assert_eq!(header(&last, "x-obs-saved-usd"), Some("0"));
    let cheap = [
        ("OBS_ROUTER_DEFAULT", "cheap"),
        ("OBS_ROUTER_BASELINE", "cheap"),
    ];
    let gateway = start(settings(&[policy, cheap[0], cheap[1]])).await;
    let named = gateway.chat(&ask("auto", "Hi")).send().await.unwrap();
    assert_eq!(header(&named, "x-obs-route"), Some("cheap"));
    assert_eq!(header(&named, "x-obs-saved-usd"), Some("0"));
}

#[tokio::test]
async fn an_answer_larger_than_may_be_kept_is_asked_for_again() {
    let gateway = start(settings(&[("OBS_CACHE_MAX_ENTRY", "64")])).await;
    for _ in 0..2 {
        let answer = gateway.chat(&ask("cheap", "Hi")).send().await.unwrap();
        assert_eq!(header(&answer, "x-obs-cache"), Some("miss"));
    }
}

//! Judges of the settings, as callers meet them: schemas that requests ask for, and margins that providers tell.
mod common;

use common::{
    Provider, Running, Then, ask, ask_stream, completion, from_file, header, json_answer, says,
    start, streams,
};
use obs_gateway::settings::{Environment, Sources, load};
use serde_json::{Value, json};

const EASY: &str = "What is the capital of Peru?";
const GOOD: &str = r#"{"capital": "Lima"}"#;
const BAD: &str = r#"{"town": "Lima"}"#;

/// Two routes of one provider, a dollar and ten a million tokens; all its answers have 2,000.
async fn gateway(
    cascade: &str,
    format: &str,
    then: impl IntoIterator<Item = Then>,
) -> (Running, Provider) {
    let (provider, address) = Provider::start(then).await;
    let price = |dollars| format!("price = {{ input = \"{dollars}\", output = \"{dollars}\" }}");
    let settings = format!(
        "[router]\ncascade = \"{cascade}\"\n[cache]\nstore = \"off\"\n\
         [[providers]]\nname = \"p\"\nformat = \"{format}\"\nbase_url = \"http://{address}/v1\"\n\
         [[routes]]\nname = \"cheap\"\nmodel = \"small\"\n{}\n\
         [[routes]]\nname = \"premium\"\nmodel = \"large\"\n{}\n",
        price(1),
        price(10),
    );
    (start(from_file(&settings, &[])).await, provider)
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"capital": {"type": "string"}},
        "required": ["capital"],
        "additionalProperties": false,
    })
}

fn asks_for(schema: &Value, mut body: Value) -> Value {
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}});
    body
}

/// The route that answers, what it cost, and the body.
async fn answered(gateway: &Running, path: &str, body: &Value) -> (String, String, String) {
    let response = gateway.post(path, body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let told = |name| header(&response, name).unwrap_or_default().to_owned();
    let (route, cost) = (told("x-obs-route"), told("x-obs-cost-usd"));
    (route, cost, response.text().await.unwrap())
}

const CHATS: &str = "/v1/chat/completions";

#[tokio::test]
async fn an_answer_that_does_not_obey_its_schema_is_asked_for_again_of_a_better_route() {
    let then = [
        says("small", BAD),
        says("large", GOOD),
        streams("small", &["{\"town\"", ": \"Lima\"}"]),
        streams("large", &["{\"capital\"", ": \"Lima\"}"]),
        says("small", GOOD),
        streams("small", &["{\"capital\"", ": \"Lima\"}"]),
    ];
    let (gateway, provider) = gateway("schema", "openai", then).await;
    let whole = asks_for(&schema(), ask("auto", EASY));
    let streamed = asks_for(&schema(), ask_stream("auto", EASY));

    let (route, cost, body) = answered(&gateway, CHATS, &whole).await;
    assert_eq!((&*route, &*cost), ("premium", "0.022"), "both are paid");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], GOOD);
    let (route, _, body) = answered(&gateway, CHATS, &streamed).await;
    assert_eq!(route, "premium");
    assert!(body.contains("capital") && !body.contains("town"), "{body}");

    let (route, cost, _) = answered(&gateway, CHATS, &whole).await;
    assert_eq!((&*route, &*cost), ("cheap", "0.002"));
    assert_eq!(answered(&gateway, CHATS, &streamed).await.0, "cheap");
    assert_eq!(provider.seen().len(), 6);
}

#[tokio::test]
async fn what_cannot_be_judged_goes_out_as_it_is() {
    let call =
        json!([{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let mut calls = completion("small", "");
    calls["choices"][0]["message"]["tool_calls"] = call;
    calls["choices"][0]["finish_reason"] = "tool_calls".into();
    let bad = || says("small", BAD);
    let then = [bad(), bad(), bad(), bad(), json_answer(200, &calls)];
    let (gateway, provider) = gateway("schema", "openai", then).await;
    let cases = [
        ask("auto", EASY),
        asks_for(
            &json!({"$ref": "http://127.0.0.1:1/schema.json"}),
            ask("auto", EASY),
        ),
        asks_for(&json!({"type": "objekt"}), ask("auto", EASY)),
        asks_for(
            &json!({"description": "x".repeat(70_000)}),
            ask("auto", EASY),
        ),
        asks_for(&schema(), ask("auto", EASY)),
    ];
    for body in &cases {
        assert_eq!(answered(&gateway, CHATS, body).await.0, "cheap");
    }
    assert_eq!(provider.seen().len(), cases.len());
}

#[tokio::test]
async fn refusals_and_cut_answers_do_not_obey() {
    let mut refuses = completion("small", "");
    refuses["choices"][0]["message"] =
        json!({"role": "assistant", "content": null, "refusal": "I can't."});
    let mut cut = completion("small", "{\"capital\": \"Li");
    cut["choices"][0]["finish_reason"] = "length".into();
    for first in [refuses, cut] {
        let then = [json_answer(200, &first), says("large", GOOD)];
        let (gateway, _) = gateway("schema", "openai", then).await;
        let body = asks_for(&schema(), ask("auto", EASY));
        assert_eq!(answered(&gateway, CHATS, &body).await.0, "premium");
    }
}

#[tokio::test]
async fn responses_and_messages_ask_for_schemas_in_their_own_way() {
    let response = |model: &str, text: &str| {
        let part = json!({"type": "output_text", "text": text, "annotations": []});
        json_answer(
            200,
            &json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": model,
                "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}],
                "usage": {"input_tokens": 1000, "output_tokens": 1000, "total_tokens": 2000}}),
        )
    };
    let (openai, _) = gateway(
        "schema",
        "openai",
        [response("small", BAD), response("large", GOOD)],
    )
    .await;
    let body = json!({"model": "auto", "input": EASY, "store": false,
        "text": {"format": {"type": "json_schema", "name": "x", "schema": schema()}}});
    assert_eq!(answered(&openai, "/v1/responses", &body).await.0, "premium");

    let message = |model: &str, text: &str| {
        json_answer(
            200,
            &json!({"id": "msg_1", "type": "message", "role": "assistant", "model": model,
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 1000, "output_tokens": 1000}}),
        )
    };
    let (anthropic, _) = gateway(
        "schema",
        "anthropic",
        [message("small", BAD), message("large", GOOD)],
    )
    .await;
    let body = json!({"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": EASY}],
        "output_config": {"format": {"type": "json_schema", "schema": schema()}}});
    assert_eq!(
        answered(&anthropic, "/v1/messages", &body).await.0,
        "premium"
    );
}

/// How likely the first token was beside the second, in natural logarithms.
fn logprobs(margin: f64) -> Value {
    let likely =
        |token: &str, logprob: f64| json!({"token": token, "logprob": logprob, "bytes": null});
    let mut told = likely("Lima", -0.1);
    told["top_logprobs"] = json!([likely("Lima", -0.1), likely("Quito", -0.1 - margin)]);
    json!({"content": [told], "refusal": null})
}

fn streams_with(margin: f64) -> Then {
    let mut chunks = common::chunks("m", &["Lima"]);
    for chunk in &mut chunks {
        if chunk["choices"][0]["delta"]["content"] == "Lima" {
            chunk["choices"][0]["logprobs"] = logprobs(margin);
        }
    }
    let body = format!("{}data: [DONE]\n\n", common::sse(&chunks));
    common::respond(200, &[("content-type", "text/event-stream")], body)
}

fn says_with(margin: f64) -> Then {
    let mut body = completion("m", "Lima");
    body["choices"][0]["logprobs"] = logprobs(margin);
    json_answer(200, &body)
}

#[tokio::test]
async fn an_answer_that_the_model_was_not_sure_of_is_asked_for_again_of_a_better_route() {
    let then = [
        says_with(0.1),
        says_with(0.1),
        streams_with(0.1),
        streams_with(0.1),
        says_with(0.3),
        streams_with(0.3),
        says("small", "Lima"),
        streams("small", &["Lima"]),
    ];
    let (gateway, _) = gateway("margin:0.2", "openai", then).await;
    let (whole, streamed) = (ask("auto", EASY), ask_stream("auto", EASY));
    for (expected, why) in [
        ("premium", "unsure"),
        ("cheap", "sure"),
        ("cheap", "not told"),
    ] {
        for body in [&whole, &streamed] {
            assert_eq!(answered(&gateway, CHATS, body).await.0, expected, "{why}");
        }
    }
}

#[test]
fn margins_are_numbers_from_zero_up() {
    for value in [
        "margin",
        "margin:",
        "margin:x",
        "margin:-1",
        "margin:NaN",
        "margin:inf",
    ] {
        let sources = Sources {
            environment: [("OBS_ROUTER_CASCADE", value)]
                .into_iter()
                .collect::<Environment>(),
            ..Sources::default()
        };
        let problems = load(&sources).unwrap_err().to_string();
        assert!(problems.contains("margin:0.7"), "{problems}");
    }
}

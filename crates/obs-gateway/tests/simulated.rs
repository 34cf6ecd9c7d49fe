//! The gateway without any configuration: a simulated provider behind the whole stack.
mod common;

use base64::{Engine, prelude::BASE64_STANDARD};
use common::{ask, ask_stream, error, events, header, settings, simulated, start};
use serde_json::{Value, json};

#[tokio::test]
async fn the_same_question_is_a_miss_then_a_hit_that_saves_what_the_miss_cost() {
    let gateway = simulated().await;
    let question = ask("auto", "Why is the sky blue?");
    let miss = gateway.chat(&question).send().await.unwrap();
    assert_eq!(miss.status(), 200);
    assert_eq!(header(&miss, "x-obs-cache"), Some("miss"));
    assert_eq!(header(&miss, "x-obs-route"), Some("cheap"));
    assert_eq!(header(&miss, "age"), None);
    let cost = header(&miss, "x-obs-cost-usd").unwrap().to_owned();
    assert!(cost.starts_with("0.0000"), "{cost}");
    // The cheap route in place of the premium one.
    let saved: f64 = header(&miss, "x-obs-saved-usd").unwrap().parse().unwrap();
    assert!(saved > cost.parse().unwrap());
    let first = miss.bytes().await.unwrap();

    let hit = gateway.chat(&question).send().await.unwrap();
    assert_eq!(header(&hit, "x-obs-cache"), Some("hit"));
    assert_eq!(header(&hit, "x-obs-route"), Some("cheap"));
    assert_eq!(header(&hit, "age"), Some("0"));
    assert_eq!(header(&hit, "x-obs-cost-usd"), Some("0"));
    assert_eq!(header(&hit, "x-obs-saved-usd"), Some(&*cost));
    assert_eq!(hit.bytes().await.unwrap(), first);

    let metrics = gateway.gateway.telemetry().render();
    assert!(
        metrics.contains("cache_hits_total{operation=\"chat\"} 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains(&format!(
            "cache_cost_savings_usd{{operation=\"chat\"}} {cost}"
        )),
        "{metrics}"
    );
}

#[tokio::test]
async fn every_answer_says_that_it_is_simulated_and_depends_on_the_prompt() {
    let gateway = simulated().await;
    let mut texts = Vec::new();
    for question in ["Why is the sky blue?", "Why is the sea blue?"] {
        let answer: Value = gateway
            .chat(&ask("cheap", question))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["system_fingerprint"], "simulated");
        assert_eq!(answer["model"], "sim-small");
        assert_eq!(answer["object"], "chat.completion");
        let text = answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            text.contains("[simulated by sim-small]") && text.contains(question),
            "{text}"
        );
        let usage = &answer["usage"];
        assert_eq!(
            usage["completion_tokens"].as_u64().unwrap(),
            text.len().div_ceil(4) as u64
        );
        texts.push(text);
    }
    assert_ne!(texts[0], texts[1]);
}

#[tokio::test]
async fn a_streamed_answer_is_a_miss_then_a_hit_of_the_same_bytes() {
    let gateway = simulated().await;
    let question = ask_stream("premium", "Tell me something.");
    let miss = gateway.chat(&question).send().await.unwrap();
    assert_eq!(miss.status(), 200);
    assert_eq!(
        header(&miss, "content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    assert_eq!(header(&miss, "x-obs-cache"), Some("miss"));
    assert_eq!(header(&miss, "x-obs-cost-usd"), None, "not known yet");
    let first = miss.text().await.unwrap();
    let hit = gateway.chat(&question).send().await.unwrap();
    assert_eq!(header(&hit, "x-obs-cache"), Some("hit"));
    assert_eq!(header(&hit, "x-obs-route"), Some("premium"));
    assert_eq!(header(&hit, "x-obs-cost-usd"), Some("0"));
    assert!(header(&hit, "x-obs-saved-usd").is_some());
    assert_eq!(hit.text().await.unwrap(), first);

    let events = events(&first);
    assert_eq!(events.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|e| serde_json::from_str(e).unwrap())
        .collect();
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk")
    );
    assert!(
        chunks.iter().all(|chunk| chunk.get("usage").is_none()),
        "nobody asked for usage"
    );
    let text: String = chunks
        .iter()
        .filter_map(|c| c["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert!(text.contains("[simulated by sim-large]"), "{text}");

    // The same answer serves who wants it whole.
    let whole = gateway
        .chat(&ask("premium", "Tell me something."))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&whole, "x-obs-cache"), Some("hit"));
    let whole: Value = whole.json().await.unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], *text);
}

#[tokio::test]
async fn a_stream_tells_its_usage_to_who_asks_and_its_cost_to_who_wants_a_report() {
    let gateway = simulated().await;
    let mut question = ask_stream("cheap", "Hello there");
    question["stream_options"] = json!({"include_usage": true});
    let answer = gateway
        .chat(&question)
        .header("x-obs-report", "1")
        .send()
        .await
        .unwrap();
    let body = answer.text().await.unwrap();
    let events = events(&body);
    let usage: Value = serde_json::from_str(events[events.len() - 2]).unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let (before, last) = body.split_once("\n\n: ").expect("a comment");
    assert!(!before.contains("[DONE]"));
    let (comment, done) = last.split_once("\n\n").unwrap();
    assert!(
        comment.starts_with("x-obs-cache=miss x-obs-route=cheap x-obs-cost-usd=0.0"),
        "{comment}"
    );
    assert!(comment.contains("x-obs-saved-usd="), "{comment}");
    assert_eq!(done, "data: [DONE]\n\n");
}

#[tokio::test]
async fn easy_questions_go_to_the_cheap_route_and_hard_ones_to_the_premium_one() {
    let gateway = simulated().await;
    let route = async |text: &str| {
        let answer = gateway.chat(&ask("auto", text)).send().await.unwrap();
        header(&answer, "x-obs-route").unwrap().to_owned()
    };
    assert_eq!(route("Hi!").await, "cheap");
    let hard = "Prove that there are infinitely many primes p with p = 3 (mod 4), and then generalise the argument \
                to other moduli where it works, explaining in each step which property of the modulus is used.";
    assert_eq!(route(hard).await, "premium");
}

#[tokio::test]
async fn a_threshold_of_zero_sends_everything_to_the_premium_route() {
    let gateway = start(settings(&[("OBS_ROUTER_THRESHOLD", "0")])).await;
    let answer = gateway.chat(&ask("auto", "Hi!")).send().await.unwrap();
    assert_eq!(header(&answer, "x-obs-route"), Some("premium"));
}

#[tokio::test]
async fn an_unknown_model_is_a_404_in_openais_shape() {
    let gateway = simulated().await;
    let (status, error) = error(gateway.chat(&ask("gpt-1", "Hi"))).await;
    assert_eq!(status, 404);
    assert_eq!(error["code"], "model_not_found");
    assert_eq!(error["param"], "model");
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["message"].as_str().unwrap().contains("`gpt-1`"));
}

#[tokio::test]
async fn an_answer_is_cut_where_the_caller_wants_it_to_be() {
    let gateway = simulated().await;
    let mut question = ask("cheap", "Hi");
    question["max_completion_tokens"] = 3.into();
    let answer = gateway.chat(&question).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 3);
    // What was cut is not kept.
    let again = gateway.chat(&question).send().await.unwrap();
    assert_eq!(header(&again, "x-obs-cache"), Some("miss"));
}

#[tokio::test]
async fn several_choices_are_several_answers_and_are_not_kept() {
    let gateway = simulated().await;
    let mut question = ask("cheap", "Hi");
    question["n"] = 2.into();
    let answer = gateway.chat(&question).send().await.unwrap();
    assert_eq!(header(&answer, "x-obs-cache"), Some("bypass"));
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["choices"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_prompt_beyond_the_window_is_refused_as_openai_does() {
    let gateway = simulated().await;
    let long = "word ".repeat(300_000);
    let (status, error) = error(gateway.chat(&ask("premium", &long))).await;
    assert_eq!(status, 400);
    assert_eq!(error["code"], "context_length_exceeded");
}

#[tokio::test]
async fn a_prompt_too_long_for_the_cheap_window_goes_on_to_the_larger_one() {
    let gateway = simulated().await;
    // Above 128 000 tokens, below 256 000. Plain repetition is simple, so the cheap route is asked first.
    let long = format!("{}\n\nwhat is this?", "a,b\n".repeat(150_000));
    let answer = gateway.chat(&ask("auto", &long)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "x-obs-route"), Some("premium"));
}

#[tokio::test]
async fn embeddings_are_vectors_as_numbers_or_as_base64_and_are_kept() {
    let gateway = simulated().await;
    let plain = json!({"model": "sim-embed", "input": ["a cat", "a dog"], "dimensions": 8});
    let miss = gateway.post("/v1/embeddings", &plain).send().await.unwrap();
    assert_eq!(header(&miss, "x-obs-cache"), Some("miss"));
    let miss: Value = miss.json().await.unwrap();
    let hit = gateway.post("/v1/embeddings", &plain).send().await.unwrap();
    assert_eq!(header(&hit, "x-obs-cache"), Some("hit"));
    assert_eq!(hit.json::<Value>().await.unwrap(), miss);
    let vector: Vec<f64> = serde_json::from_value(miss["data"][1]["embedding"].clone()).unwrap();
    assert_eq!(vector.len(), 8);
    assert!((vector.iter().map(|v| v * v).sum::<f64>() - 1.0).abs() < 1e-4);

    let coded = json!({"model": "sim-embed", "input": "a dog", "dimensions": 8, "encoding_format": "base64"});
    let coded: Value = gateway
        .post("/v1/embeddings", &coded)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let bytes = BASE64_STANDARD
        .decode(coded["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let (floats, _) = bytes.as_chunks::<4>();
    let decoded: Vec<f64> = floats
        .iter()
        .map(|b| f32::from_le_bytes(*b).into())
        .collect();
    assert!(
        decoded
            .iter()
            .zip(&vector)
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );
}

#[tokio::test]
async fn embeddings_are_never_moved_to_another_model() {
    let gateway = simulated().await;
    let embed =
        |model: &str| gateway.post("/v1/embeddings", &json!({"model": model, "input": "x"}));
    let (status, auto) = error(embed("auto")).await;
    assert_eq!((status, &auto["param"]), (400, &json!("model")));
    // A chat model makes no vectors, and no other one is tried in its place.
    let (status, chat) = error(embed("cheap")).await;
    assert_eq!((status, &chat["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn the_models_are_auto_the_routes_and_what_is_simulated() {
    let gateway = simulated().await;
    let models: Value = gateway
        .get("/v1/models")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(models["object"], "list");
    let names: Vec<_> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "auto",
            "cheap",
            "premium",
            "sim-small",
            "sim-large",
            "sim-embed"
        ]
    );
    let one: Value = gateway
        .get("/v1/models/sim-small")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&one["id"], &one["owned_by"]),
        (&json!("sim-small"), &json!("simulated"))
    );
    assert_eq!(error(gateway.get("/v1/models/gpt-1")).await.0, 404);
}

#[tokio::test]
async fn what_is_not_simulated_is_clearly_refused() {
    let gateway = simulated().await;
    let (status, error) = error(gateway.get("/v1/files")).await;
    assert_eq!((status, &error["code"]), (404, &json!("unknown_url")));
    assert!(error["message"].as_str().unwrap().contains("simulated"));
}

#[tokio::test]
async fn without_a_cache_everything_is_asked_again() {
    let gateway = start(settings(&[("OBS_CACHE_STORE", "off")])).await;
    for _ in 0..2 {
        let answer = gateway.chat(&ask("cheap", "Hi")).send().await.unwrap();
        assert_eq!(header(&answer, "x-obs-cache"), Some("bypass"));
        assert_ne!(header(&answer, "x-obs-cost-usd"), Some("0"));
    }
}

//! Answers when nothing is wrong.
use fault_server::{FaultServer, Pace, answer_text};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::client::{PROMPT, ask, connect, paced, question, seconds, send, whole};

#[tokio::test(start_paused = true)]
async fn a_plain_answer_has_the_shape_of_openai() {
    let got = ask(&FaultServer::in_memory(), "gpt-5-mini", false).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.headers["content-type"], "application/json");
    let message =
        json!({ "role": "assistant", "content": whole(), "refusal": null, "annotations": [] });
    let details = (
        json!({ "cached_tokens": 0 }),
        json!({ "reasoning_tokens": 0 }),
    );
    let wanted = json!({
        "id": "chatcmpl-fault0",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-5-mini",
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" }],
        "usage": {
            "prompt_tokens": 8,
            "completion_tokens": 12,
            "total_tokens": 20,
            "prompt_tokens_details": details.0,
            "completion_tokens_details": details.1,
        },
        "service_tier": "default",
        "system_fingerprint": "fp_fault",
    });
    assert_eq!(got.json(), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_streamed_answer_has_the_shape_of_openai() {
    let got = ask(&FaultServer::in_memory(), "gpt-5-mini", true).await;
    assert_eq!(
        got.headers["content-type"],
        "text/event-stream; charset=utf-8"
    );
    got.assert_whole();
    let chunks = got.chunks();
    assert_eq!(chunks.len(), 1 + 12 + 1 + 1);
    let head = |chunk: &Value| {
        (
            chunk["id"].clone(),
            chunk["object"].clone(),
            chunk["model"].clone(),
        )
    };
    let wanted = (
        json!("chatcmpl-fault0"),
        json!("chat.completion.chunk"),
        json!("gpt-5-mini"),
    );
    assert!(chunks.iter().all(|chunk| head(chunk) == wanted));
    assert_eq!(
        chunks[0]["choices"][0]["delta"],
        json!({ "role": "assistant", "content": "" })
    );
    assert_eq!(chunks[13]["choices"][0]["delta"], json!({}));
    assert!(
        chunks[..14]
            .iter()
            .all(|chunk| chunk.get("usage") == Some(&Value::Null))
    );
    assert_eq!(chunks[14]["choices"], json!([]));
    assert_eq!(chunks[14]["usage"]["completion_tokens"], 12);
}

#[tokio::test(start_paused = true)]
async fn usage_is_told_in_a_stream_only_when_asked_for() {
    let server = FaultServer::in_memory();
    let mut body = question("m", true);
    body["stream_options"] = Value::Null;
    let got = send(&mut connect(&server).await, &body)
        .await
        .expect("is answered");
    got.assert_whole();
    assert!(
        got.chunks()
            .iter()
            .all(|chunk| chunk.get("usage").is_none())
    );
}

#[tokio::test(start_paused = true)]
async fn the_pace_is_kept() {
    let server = paced();
    let got = ask(&server, "m", true).await;
    assert_eq!(got.head, seconds(0));
    assert_eq!(got.pieces[0].0, seconds(1));
    assert_eq!(got.all.as_millis(), 1000 + 11 * 100);
    let got = ask(&server, "m", false).await;
    assert_eq!(got.head.as_millis(), 1000 + 11 * 100);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_chunks_is_settable() {
    for chunks in [1, 2, 300] {
        let server = FaultServer::builder()
            .pace(Pace::new().chunks(chunks))
            .in_memory();
        let got = ask(&server, "m", true).await;
        assert_eq!(got.said(), answer_text(PROMPT, chunks));
        assert_eq!(got.chunks().len(), chunks as usize + 3);
    }
}

#[tokio::test(start_paused = true)]
async fn the_text_depends_on_the_prompt() {
    let server = FaultServer::in_memory();
    let mut body = question("m", true);
    body["messages"] = json!([
        { "role": "system", "content": "be brief" },
        { "role": "user", "content": [{ "type": "text", "text": "one" }, { "type": "text", "text": " two" }] },
    ]);
    let got = send(&mut connect(&server).await, &body)
        .await
        .expect("is answered");
    assert_eq!(got.said(), answer_text("be brief\none two", 12));
    assert_ne!(got.said(), whole());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_begun_is_gone_on_with() {
    let server = FaultServer::in_memory();
    let text = whole();
    for cut in [10, 40] {
        let mut body = question("m", true);
        let begun = json!({ "role": "assistant", "content": &text[..cut] });
        body["messages"]
            .as_array_mut()
            .expect("is a list")
            .push(begun);
        let got = send(&mut connect(&server).await, &body)
            .await
            .expect("is answered");
        assert_eq!(got.said(), text[cut..]);
    }
}

#[tokio::test(start_paused = true)]
async fn embeddings_depend_on_the_input() {
    let server = FaultServer::in_memory();
    let body = json!({ "model": "e", "input": ["one", "two", "one"] });
    let got = post(&server, Method::POST, "/v1/embeddings", &body.to_string()).await;
    let vectors = got.1["data"].as_array().expect("is a list");
    assert_eq!(vectors.len(), 3);
    assert_eq!(vectors[0]["embedding"], vectors[2]["embedding"]);
    assert_ne!(vectors[0]["embedding"], vectors[1]["embedding"]);
    assert_eq!(got.1["usage"]["total_tokens"], 3);
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_a_model() {
    let got = post(&FaultServer::in_memory(), Method::GET, "/v1/models", "").await;
    let models = got.1["data"].as_array().expect("is a list");
    assert!(
        models
            .iter()
            .any(|model| model["id"] == "fault/stream-dies")
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_are_told_what_is_wrong() {
    let server = FaultServer::in_memory();
    let cases = [
        (
            Method::POST,
            "/v1/chat/completions",
            "{",
            StatusCode::BAD_REQUEST,
            "could not parse the JSON",
        ),
        (
            Method::POST,
            "/v1/chat/completions",
            "{}",
            StatusCode::BAD_REQUEST,
            "must provide a model",
        ),
        (
            Method::GET,
            "/v1/chat/completions",
            "",
            StatusCode::METHOD_NOT_ALLOWED,
            "POST alone",
        ),
        (
            Method::POST,
            "/v1/audio",
            "{}",
            StatusCode::NOT_FOUND,
            "POST /v1/audio",
        ),
    ];
    for (method, path, body, status, part) in cases {
        let (got, error) = post(&server, method, path, body).await;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        assert!(got == status && message.contains(part), "{got} {message}");
    }
}

async fn post(server: &FaultServer, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::from(body.to_owned()));
    let mut sender = connect(server).await;
    let response = sender
        .send_request(request.expect("is a request"))
        .await
        .expect("is answered");
    let status = response.status();
    let bytes = response
        .into_body()
        .collect()
        .await
        .expect("is whole")
        .to_bytes();
    (status, serde_json::from_slice(&bytes).expect("is JSON"))
}

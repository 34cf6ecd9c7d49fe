//! Refusals, and answers that are not said to the end.
use fault_server::FaultServer;
use serde_json::json;

use crate::client::{ask, connect, question, send, whole};

#[tokio::test(start_paused = true)]
async fn refusals_are_400_with_their_code() {
    let server = FaultServer::in_memory();
    let cases = [
        ("bad-request", "invalid_value"),
        ("context-too-long", "context_length_exceeded"),
        ("content-filter", "content_filter"),
    ];
    for (fault, code) in cases {
        let got = ask(&server, &format!("fault/{fault}"), true).await;
        assert_eq!(
            (got.status.as_u16(), got.json()["error"]["code"].as_str()),
            (400, Some(code))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_says_why() {
    let server = FaultServer::in_memory();
    for (fault, reason) in [("length", "length"), ("filtered-answer", "content_filter")] {
        let model = format!("fault/{fault}");
        let streamed = ask(&server, &model, true).await;
        assert_eq!(streamed.finishes(), [reason]);
        assert!(whole().starts_with(&streamed.said()) && streamed.said().len() < whole().len());
        assert!(streamed.text().ends_with("data: [DONE]\n\n"));
        let plain = ask(&server, &model, false).await.json();
        assert_eq!(plain["choices"][0]["finish_reason"], reason);
        assert_eq!(plain["choices"][0]["message"]["content"], streamed.said());
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_prefill_is_refused() {
    let server = FaultServer::in_memory();
    let mut body = question("fault/prefill-refused", true);
    send(&mut connect(&server).await, &body)
        .await
        .expect("is answered")
        .assert_whole();
    body["messages"]
        .as_array_mut()
        .expect("is a list")
        .push(json!({ "role": "assistant", "content": "so far" }));
    let got = send(&mut connect(&server).await, &body)
        .await
        .expect("is answered");
    assert_eq!(got.status, 400);
    assert!(
        got.json()["error"]["message"]
            .as_str()
            .expect("is text")
            .contains("prefill")
    );
}

//! Events that nobody expects.
use fault_server::FaultServer;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::client::{ask, connect, question, request, whole};

#[tokio::test(start_paused = true)]
async fn one_event_in_the_middle_is_not_json() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/bad-event", true).await;
    got.assert_whole();
    let broken: Vec<_> = got
        .data()
        .into_iter()
        .filter(|data| serde_json::from_str::<Value>(data).is_err())
        .collect();
    assert_eq!(broken, [r#"{"id": oops"#, "[DONE]"]);
    let got = ask(&server, "fault/bad-event", false).await;
    assert!(got.error.is_none() && serde_json::from_str::<Value>(&got.text()).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_error_comes_as_an_event_of_a_success() {
    let server = FaultServer::in_memory();
    for (fault, before) in [("error-event", 9), ("error-event-first", 0)] {
        let model = format!("fault/{fault}");
        let got = ask(&server, &model, true).await;
        let chunks = got.chunks();
        assert!(got.status.is_success() && got.error.is_none());
        assert_eq!(
            (chunks.len(), &chunks[before]["error"]["type"]),
            (before + 1, &json!("server_error"))
        );
        let got = ask(&server, &model, false).await;
        assert!(got.status.is_success() && got.json()["error"]["message"].is_string());
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_nothing_in_the_answer() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/empty-choices", true).await;
    assert!(
        got.chunks()
            .iter()
            .all(|chunk| chunk["choices"] == json!([]))
    );
    let got = ask(&server, "fault/empty-choices", false).await.json();
    assert_eq!(
        (&got["choices"], &got["usage"]["completion_tokens"]),
        (&json!([]), &json!(12))
    );

    let got = ask(&server, "fault/no-content", true).await;
    assert_eq!(
        (got.said().as_str(), got.finishes()),
        ("", vec!["stop".into()])
    );
    let got = ask(&server, "fault/no-content", false).await.json();
    assert_eq!(got["choices"][0]["message"]["content"], Value::Null);

    assert_eq!(
        ask(&server, "fault/empty-stream", true).await.text(),
        "data: [DONE]\n\n"
    );
    assert_eq!(ask(&server, "fault/empty-stream", false).await.text(), "{}");
}

#[tokio::test(start_paused = true)]
async fn usage_is_not_told() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/no-usage", true).await;
    got.assert_whole();
    assert!(!got.text().contains("total_tokens"));
    assert_eq!(
        ask(&server, "fault/no-usage", false)
            .await
            .json()
            .get("usage"),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn an_odd_spelling_is_right_for_who_keeps_to_the_specification() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/odd-events", true).await;
    assert!(got.error.is_none() && got.pieces.iter().all(|(_, piece)| piece.len() <= 7));
    let text = got.text();
    let events = text
        .strip_prefix('\u{feff}')
        .expect("begins with a mark")
        .split("\r\n\r\n")
        .filter(|event| !event.is_empty());
    let data: Vec<String> = events
        .map(|event| {
            let lines = event
                .split("\r\n")
                .filter_map(|line| line.strip_prefix("data:"));
            lines
                .map(|line| line.strip_prefix(' ').unwrap_or(line))
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect();
    assert_eq!(data.last().map(String::as_str), Some("[DONE]"));
    let chunks = data[..data.len() - 1]
        .iter()
        .map(|data| serde_json::from_str::<Value>(data).expect("is JSON"));
    let said: String = chunks
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(said, whole());
    let got = ask(&server, "fault/odd-events", false).await;
    assert_eq!(got.json()["choices"][0]["message"]["content"], whole());
}

#[tokio::test(start_paused = true)]
async fn a_line_has_no_end() {
    let server = FaultServer::in_memory();
    for stream in [true, false] {
        let mut sender = connect(&server).await;
        let response = sender
            .send_request(request(&question("fault/endless-line", stream)))
            .await;
        let mut body = response.expect("has a head").into_body();
        let mut length = 0;
        while length < 4 << 20 {
            let data = body
                .frame()
                .await
                .expect("goes on")
                .expect("goes on")
                .into_data()
                .expect("is data");
            assert!(!data.contains(&b'\n'));
            length += data.len();
        }
        drop((sender, body));
        server
            .until(|log| log.under_way("fault/endless-line") == 0)
            .await;
    }
}

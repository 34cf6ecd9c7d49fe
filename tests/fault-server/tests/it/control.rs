//! The server's own pages.
use bytes::Bytes;
use fault_server::FaultServer;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::client::{ask, connect, question, request};

async fn page(server: &FaultServer, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::<Bytes>::from(body.to_owned()));
    let mut sender = connect(server).await;
    let response = sender
        .send_request(request.expect("is a request"))
        .await
        .expect("is answered");
    let status = response.status().as_u16();
    let bytes = response
        .into_body()
        .collect()
        .await
        .expect("is whole")
        .to_bytes();
    (status, serde_json::from_slice(&bytes).expect("is JSON"))
}

#[tokio::test(start_paused = true)]
async fn all_faults_are_listed_with_a_sentence_each() {
    let (status, list) = page(&FaultServer::in_memory(), "GET", "/_faults", "").await;
    let families = list["families"].as_array().expect("is a list");
    let faults: Vec<_> = families
        .iter()
        .flat_map(|family| family["faults"].as_array().expect("is a list"))
        .collect();
    let wanted = fault_server::FAMILIES
        .iter()
        .map(|family| family.faults().len())
        .sum::<usize>();
    assert_eq!((status, faults.len()), (200, wanted));
    assert!(faults.iter().all(|fault| {
        fault["about"]
            .as_str()
            .is_some_and(|about| about.len() > 10)
    }));
}

#[tokio::test(start_paused = true)]
async fn the_log_is_there_without_secrets_and_without_its_own_pages() {
    let server = FaultServer::in_memory();
    let mut first = request(&question("fault/503-once", false));
    first.headers_mut().insert(
        "authorization",
        "Bearer secret".parse().expect("is a value"),
    );
    connect(&server)
        .await
        .send_request(first)
        .await
        .expect("is answered");
    ask(&server, "fault/503-once", true).await;
    let (_, log) = page(&server, "GET", "/_faults/log", "").await;
    assert!(!log.to_string().contains("Bearer"));
    let of = &log["models"]["fault/503-once"];
    assert_eq!(
        (&of["requests"], &of["most_at_once"], &of["client_closed"]),
        (&json!(2), &json!(1), &json!(0))
    );
    let seen = &of["seen"][0];
    assert_eq!(
        (&seen["ending"], &seen["script"], &seen["connection"]),
        (&json!("answered"), &json!("503-once"), &json!(0))
    );
    assert_eq!(
        (&seen["headers"]["authorization"], &seen["body"]),
        (&json!("***"), &question("fault/503-once", false))
    );
    assert_eq!(log["models"].as_object().expect("is an object").len(), 1);
    assert_eq!(log["connections"]["opened"], 3);
}

#[tokio::test(start_paused = true)]
async fn faults_are_set_and_forgotten() {
    let server = FaultServer::in_memory();
    let (status, set) = page(
        &server,
        "POST",
        "/_faults/models",
        r#"{"a": "503-once", "b": "401"}"#,
    )
    .await;
    assert_eq!((status, set), (200, json!({ "set": 2 })));
    assert_eq!(ask(&server, "a", false).await.status, 503);
    assert_eq!(ask(&server, "a", false).await.status, 200);
    assert_eq!(ask(&server, "b", false).await.status, 401);
    page(&server, "POST", "/_faults/reset", "").await;
    assert_eq!(server.log().all().len(), 0);
    assert_eq!(ask(&server, "a", false).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_told_and_change_nothing() {
    let server = FaultServer::in_memory();
    let (status, error) = page(
        &server,
        "POST",
        "/_faults/models",
        r#"{"a": "503", "b": "4o1"}"#,
    )
    .await;
    assert_eq!(status, 400);
    assert!(
        error["error"]["message"]
            .as_str()
            .expect("is text")
            .contains("did you mean `401`?"),
        "{error}"
    );
    assert_eq!(ask(&server, "a", false).await.status, 200);
    assert_eq!(page(&server, "POST", "/_faults/models", "[]").await.0, 400);
    assert_eq!(page(&server, "GET", "/_faults/nothing", "").await.0, 404);
    assert_eq!(page(&server, "GET", "/_faults/reset", "").await.0, 404);
}

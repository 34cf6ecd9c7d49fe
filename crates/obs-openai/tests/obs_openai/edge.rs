//! Answers and errors as a client gets them.
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::StatusCode;
use obs_core::{ChunkStream, Error, ErrorKind};
use obs_openai::{ChatChunk, ChatRequest, EventBody, error_body, error_response};
use serde_json::{Value, json};

const TEXT: &str = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;

fn body(items: Vec<Result<&'static str, Error>>) -> EventBody {
    let items = items.into_iter().map(|item| item.map(ChatChunk::new));
    EventBody::new(ChunkStream::new(stream::iter(items.collect::<Vec<_>>())))
}

fn read(body: &mut EventBody) -> String {
    let events: Vec<Bytes> = body.map(Result::unwrap).collect().now_or_never().unwrap();
    String::from_utf8(events.concat()).unwrap()
}

#[test]
fn a_stream_is_closed_by_done() {
    let mut body = body(vec![Ok(TEXT), Ok(TEXT)]);
    assert_eq!(
        read(&mut body),
        format!("data: {TEXT}\n\ndata: {TEXT}\n\ndata: [DONE]\n\n")
    );
    assert!(body.error().is_none());
}

#[test]
fn usage_is_shown_to_those_who_asked() {
    let hidden = read(&mut body(vec![Ok(TEXT), Ok(USAGE)]));
    assert_eq!(hidden, format!("data: {TEXT}\n\ndata: [DONE]\n\n"));
    let shown = read(&mut body(vec![Ok(TEXT), Ok(USAGE)]).usage(true));
    assert_eq!(
        shown,
        format!("data: {TEXT}\n\ndata: {USAGE}\n\ndata: [DONE]\n\n")
    );
}

#[test]
fn an_error_is_an_event_and_done_does_not_follow() {
    let mut body = body(vec![
        Ok(TEXT),
        Err(Error::new(ErrorKind::CutOff, "it broke")),
        Ok(TEXT),
    ]);
    let text = read(&mut body);
    let (chunk, error) = text.split_once("\n\n").unwrap();
    assert_eq!(chunk, format!("data: {TEXT}"));
    let error: Value = serde_json::from_str(error.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(
        error["error"],
        json!({"message": "it broke", "type": "api_error", "param": null, "code": "cut_off"})
    );
    assert_eq!(body.error().unwrap().kind(), ErrorKind::CutOff);
}

#[test]
fn a_client_asks_for_usage_or_does_not() {
    let asked = |options: Value| {
        let request = ChatRequest::new("m")
            .user("x")
            .stream(true)
            .set("stream_options", options);
        request.unwrap().asked_for_usage()
    };
    assert!(asked(json!({"include_usage": true})));
    assert!(!asked(json!({"include_usage": false})));
    assert!(!asked(json!({})) && !asked(json!(null)));
    assert!(!ChatRequest::new("m").user("x").asked_for_usage());
}

#[test]
fn an_invalid_request_names_its_field() {
    let error = ChatRequest::parse(r#"{"model":"m","messages":[{}]}"#).unwrap_err();
    let response = error_response(&error.into());
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.headers()["content-type"], "application/json");
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["error"]["param"], "messages[0].role");
    assert_eq!(body["error"]["type"], "invalid_request_error");
}

#[test]
fn every_kind_has_a_status() {
    for (kind, status) in [
        (ErrorKind::Caller, 400),
        (ErrorKind::ContextTooLong, 400),
        (ErrorKind::ContentFilter, 400),
        (ErrorKind::Auth, 401),
        (ErrorKind::Policy, 403),
        (ErrorKind::RateLimited, 429),
        (ErrorKind::Unknown, 500),
        (ErrorKind::Credentials, 502),
        (ErrorKind::Connect, 502),
        (ErrorKind::Upstream, 502),
        (ErrorKind::CutOff, 502),
        (ErrorKind::Overloaded, 503),
        (ErrorKind::Timeout, 504),
        (ErrorKind::NotCached, 504),
    ] {
        let response = error_response(&Error::new(kind, "x"));
        assert_eq!(response.status().as_u16(), status, "{kind}");
    }
}

#[test]
fn retry_after_is_told_in_whole_seconds_and_not_too_early() {
    let error =
        Error::new(ErrorKind::RateLimited, "x").with_retry_after(Duration::from_millis(1200));
    assert_eq!(error_response(&error).headers()["retry-after"], "2");
}

#[test]
fn the_operators_credential_is_not_talked_about() {
    let error = Error::new(ErrorKind::Credentials, "key sk-1 was revoked");
    assert!(!String::from_utf8_lossy(&error_body(&error)).contains("sk-1"));
}

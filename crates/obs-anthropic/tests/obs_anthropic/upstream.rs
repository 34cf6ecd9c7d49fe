//! What goes over the wire, and what comes of its answers.
use axum::{Router, body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use obs_anthropic::{
    MessagesRequest, MessagesResponse, UpstreamError, ask, error_response, upstream,
};
use obs_core::{Error, ErrorKind, LlmResponse};
use obs_wire::{Event, Format};
use tokio::{net::TcpListener, sync::mpsc};
use tower::ServiceExt;

use super::fixtures::{TEXT, collect, events, json};

/// Answers everything like this, and tells what came.
async fn provider(
    status: u16,
    kind: &'static str,
    body: &'static str,
) -> (
    String,
    mpsc::UnboundedReceiver<(http::request::Parts, Bytes)>,
) {
    let (note, seen) = mpsc::unbounded_channel();
    let handler = move |request: Request| {
        let note = note.clone();
        async move {
            let (parts, sent) = request.into_parts();
            let sent = axum::body::to_bytes(sent, usize::MAX).await.unwrap();
            let _ = note.send((parts, sent));
            Response::builder()
                .status(status)
                .header("content-type", kind)
                .header("request-id", "req_1")
                .header("anthropic-ratelimit-requests-remaining", "9")
                .header("retry-after", "7")
                .body(Body::from(body))
                .unwrap()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (base, seen)
}

async fn send(base: &str, request: MessagesRequest) -> Result<MessagesResponse, Error> {
    let upstream = upstream(base).no_proxy().api_key("sk-ant-own").build();
    upstream.unwrap().oneshot(request).await
}

fn streamed() -> MessagesRequest {
    ask("m", 10, "Hi").set("stream", true).unwrap()
}

#[tokio::test]
async fn a_request_goes_out_with_the_key_and_the_version() {
    let (base, mut seen) = provider(200, "application/json", TEXT.1).await;
    let caller = HeaderMap::from_iter(
        [
            ("x-api-key", "sk-ant-callers"),
            ("authorization", "Bearer callers"),
            ("anthropic-beta", "context-1m"),
        ]
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        }),
    );
    let request = ask("m", 10, "Hi").headers(&caller);
    let sent = request.body().clone();
    let answer = send(&base, request).await.unwrap();
    assert_eq!(answer.body().unwrap(), TEXT.1);
    assert_eq!(answer.headers()["request-id"], "req_1");
    assert_eq!(
        answer.headers()["anthropic-ratelimit-requests-remaining"],
        "9"
    );
    let (parts, body) = seen.recv().await.unwrap();
    assert_eq!((parts.uri.path(), body), ("/v1/messages", sent));
    assert_eq!(parts.headers["x-api-key"], "sk-ant-own");
    assert_eq!(parts.headers["anthropic-version"], "2023-06-01");
    assert_eq!(parts.headers["anthropic-beta"], "context-1m");
    assert!(!parts.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_callers_version_stands() {
    let (base, mut seen) = provider(200, "application/json", TEXT.1).await;
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static("anthropic-version"),
        HeaderValue::from_static("2030-01-01"),
    )]);
    send(&base, ask("m", 10, "Hi").headers(&headers))
        .await
        .unwrap();
    let (parts, _) = seen.recv().await.unwrap();
    let versions: Vec<_> = parts.headers.get_all("anthropic-version").iter().collect();
    assert_eq!(versions, ["2030-01-01"]);
}

#[tokio::test]
async fn a_stream_is_told_event_by_event() {
    let (base, mut seen) = provider(200, "text/event-stream; charset=utf-8", TEXT.0).await;
    let request = streamed();
    let sent = request.body().clone();
    let (chunks, error) = collect(send(&base, request).await.unwrap()).await;
    assert!(error.is_none());
    let came: Vec<_> = chunks.iter().map(|chunk| chunk.event().clone()).collect();
    assert_eq!(came, events([TEXT.0.as_bytes()]));
    assert_eq!(seen.recv().await.unwrap().1, sent, "nothing is added");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error() {
    const CUT: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n";
    let (base, _) = provider(200, "text/event-stream", CUT).await;
    let (chunks, error) = collect(send(&base, streamed()).await.unwrap()).await;
    assert_eq!(chunks.len(), 1);
    assert_eq!(error.unwrap().kind(), ErrorKind::CutOff);
}

#[tokio::test]
async fn an_error_in_a_stream_is_of_its_own_kind_and_keeps_its_words() {
    const ERROR: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let (base, _) = provider(200, "text/event-stream", ERROR).await;
    let (_, error) = collect(send(&base, streamed()).await.unwrap()).await;
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    let event = obs_anthropic::Messages::error_event(&error);
    assert_eq!(event, ERROR);
}

#[tokio::test]
async fn errors_are_known_by_status_and_type() {
    for (status, body, kind) in [
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ErrorKind::Overloaded,
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#,
            ErrorKind::RateLimited,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            ErrorKind::ContextTooLong,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: required"}}"#,
            ErrorKind::Caller,
        ),
        (
            401,
            r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
            ErrorKind::Credentials,
        ),
        (
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#,
            ErrorKind::Caller,
        ),
        (
            413,
            r#"{"type":"error","error":{"type":"request_too_large","message":"m"}}"#,
            ErrorKind::Caller,
        ),
        (
            500,
            r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
            ErrorKind::Upstream,
        ),
        // In place of an answer.
        (
            200,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            ErrorKind::Overloaded,
        ),
    ] {
        let (base, _) = provider(status, "application/json", body).await;
        let error = send(&base, ask("m", 10, "Hi")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}");
        assert!(error.find::<UpstreamError>().is_some());
        if status == 429 {
            assert_eq!(error.retry_after().unwrap().as_secs(), 7);
        }
        let response = error_response(&error);
        if kind == ErrorKind::Credentials {
            assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
            assert_eq!(
                json(std::str::from_utf8(response.body()).unwrap())["error"]["type"],
                "api_error"
            );
        } else {
            assert_eq!(response.body(), body);
        }
    }
}

#[test]
fn our_own_errors_have_anthropics_shape() {
    for (kind, status, word) in [
        (ErrorKind::Timeout, 504, "timeout_error"),
        (ErrorKind::Connect, 502, "api_error"),
        (ErrorKind::RateLimited, 429, "rate_limit_error"),
        (ErrorKind::Overloaded, 503, "overloaded_error"),
        (ErrorKind::Caller, 400, "invalid_request_error"),
    ] {
        let response = error_response(&Error::new(kind, "what happened"));
        assert_eq!(response.status(), status);
        let body = json(std::str::from_utf8(response.body()).unwrap());
        assert_eq!(
            (&body["type"], &body["error"]["type"]),
            (&"error".into(), &word.into())
        );
        assert_eq!(body["error"]["message"], "what happened");
    }
}

#[test]
fn an_event_is_written_with_its_name() {
    for event in events([TEXT.0.as_bytes()]) {
        let again = events([&event.encode()[..]]);
        assert_eq!(again, [event.clone()] as [Event; 1]);
    }
    assert!(MessagesResponse::whole(TEXT.1).stream_mut().is_none());
}

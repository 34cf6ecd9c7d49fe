//! Every way in which a provider fails has its own error.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, response::IntoResponse};
use futures_util::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use obs_core::{Error, ErrorKind, LlmResponse};
use obs_openai::{
    AnswerError, AnswerFault, ConnectError, Responses, ResponsesRequest, TransportError,
    UpstreamError, error_response,
};
use obs_wire::Format as _;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::ServiceExt;

use crate::provider::{
    ANSWER, Provider, ask, json_answer, question, raw, raw_with, soon, upstream,
};

async fn error_of(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> Error {
    let provider = Provider::new(move |_| answer.clone()).await;
    ask(&provider.base, question()).await.unwrap_err()
}

/// What is wrong with the answer to a question.
async fn fault_of(content_type: &'static str, body: &'static str) -> AnswerFault {
    let error = error_of(([(header::CONTENT_TYPE, content_type)], body)).await;
    assert_eq!(error.kind(), ErrorKind::Upstream);
    error.find::<AnswerError>().unwrap().fault().clone()
}

#[tokio::test]
async fn an_error_keeps_status_headers_and_body() {
    let body = r#"{ "error": {"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"} }"#;
    let headers = [
        ("retry-after", "2"),
        ("x-request-id", "r7"),
        ("set-cookie", "c"),
        ("content-type", "application/json"),
    ];
    let error = error_of((StatusCode::TOO_MANY_REQUESTS, headers, body)).await;
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
    let upstream = error.find::<UpstreamError>().unwrap();
    assert_eq!(upstream.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(upstream.body(), body);
    assert_eq!(upstream.headers()["x-request-id"], "r7");
    assert!(!upstream.headers().contains_key("set-cookie"));
    assert_eq!(
        upstream.detail().code.as_deref(),
        Some("rate_limit_exceeded")
    );
    assert!(
        error
            .to_string()
            .ends_with("answered 429 Too Many Requests: slow down (code rate_limit_exceeded)"),
        "{error}"
    );

    let shown = error_response(&error);
    assert_eq!(
        (shown.status(), shown.body()),
        (StatusCode::TOO_MANY_REQUESTS, &body.into())
    );
    assert_eq!(shown.headers()["retry-after"], "2");
}

#[tokio::test]
async fn a_refused_credential_is_the_fault_of_whose_it_is() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-operator-1.","code":"invalid_api_key"}}"#;
    let provider = Provider::new(move |_| (StatusCode::UNAUTHORIZED, body)).await;
    let error = ask(&provider.base, question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert_eq!(error_response(&error).status(), StatusCode::UNAUTHORIZED);

    let upstream = upstream(&provider.base)
        .api_key("sk-operator-1")
        .build()
        .unwrap();
    let error = upstream.oneshot(question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
    let shown = error_response(&error);
    assert_eq!(
        shown.status(),
        StatusCode::BAD_GATEWAY,
        "the caller cannot mend it"
    );
    let body = error.find::<UpstreamError>().unwrap().body();
    for text in [
        error.to_string(),
        format!("{error:?}"),
        format!("{body:?}"),
        format!("{shown:?}"),
    ] {
        assert!(!text.contains("sk-operator"), "{text}");
    }
}

#[tokio::test]
async fn the_body_of_an_error_is_kept_up_to_a_limit() {
    let provider = Provider::new(|_| (StatusCode::BAD_REQUEST, "x".repeat(5000))).await;
    let upstream = upstream(&provider.base).max_error(100).build().unwrap();
    let error = upstream.oneshot(question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Caller);
    assert_eq!(
        error.find::<UpstreamError>().unwrap().body(),
        &"x".repeat(100)
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut provider =
        Provider::new(|_| (StatusCode::PERMANENT_REDIRECT, [("location", "/elsewhere")])).await;
    let upstream = upstream(&provider.base).api_key("sk-1").build().unwrap();
    let error = upstream.oneshot(question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Upstream);
    assert!(
        error.to_string().contains("redirects are not followed"),
        "{error}"
    );
    provider.next();
    assert!(provider.seen.try_recv().is_err(), "asked once");
}

#[tokio::test]
async fn nobody_listening_is_a_connect_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1?key=secret", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(&base, question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.find::<ConnectError>().is_some());
    assert!(
        error.to_string().contains("refused") && !error.to_string().contains("secret"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_a_connect_error() {
    let base = raw("HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .replace("http://", "https://");
    let error = ask(&base, question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
}

#[tokio::test]
async fn a_connection_that_closes_before_the_answer_is_cut_off() {
    let base = raw("").await;
    let error = soon(ask(&base, question())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CutOff);
    assert!(!error.find::<TransportError>().unwrap().in_answer());
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_cut_off() {
    let base = raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"choices\":[").await;
    let error = soon(ask(&base, question())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CutOff);
    assert!(error.find::<TransportError>().unwrap().in_answer());
}

#[tokio::test]
async fn json_that_stops_in_the_middle_is_cut_off() {
    let half = &ANSWER[..ANSWER.len() / 2];
    let error = error_of(([(header::CONTENT_TYPE, "application/json")], half)).await;
    assert_eq!(error.kind(), ErrorKind::CutOff);
}

#[tokio::test]
async fn what_is_no_answer_is_named() {
    let fault = fault_of("application/json", "{oops}").await;
    assert!(matches!(fault, AnswerFault::Malformed(_)), "{fault:?}");
    assert_eq!(
        fault_of("application/json", r#"{"choices":[]}"#).await,
        AnswerFault::Empty
    );
    let html = fault_of("text/html; charset=utf-8", "<html>").await;
    let expected = AnswerFault::ContentType {
        found: Some("text/html; charset=utf-8".into()),
        expected: "application/json",
    };
    assert_eq!(html, expected);
    let events = fault_of("text/event-stream", "data: {}\n\n").await;
    assert!(
        matches!(events, AnswerFault::ContentType { .. }),
        "nobody asked for a stream"
    );
    let error = error_of((
        [
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ],
        "\u{1f}garbage",
    ))
    .await;
    assert!(
        error.to_string().contains("content encoding `gzip`"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_without_content_type_is_read() {
    let base = raw("HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}").await;
    assert!(soon(ask(&base, question())).await.is_ok());
}

#[tokio::test]
async fn an_error_under_a_status_of_success_is_an_error() {
    let body = r#"{"error":{"message":"busy","code":503}}"#;
    let error = error_of(([(header::CONTENT_TYPE, "application/json")], body)).await;
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(
        error.find::<UpstreamError>().unwrap().status(),
        StatusCode::OK
    );
    let shown = error_response(&error);
    assert_eq!(
        (shown.status(), shown.body()),
        (StatusCode::SERVICE_UNAVAILABLE, &body.into())
    );
}

#[tokio::test]
async fn an_answer_is_not_larger_than_allowed() {
    let long = format!(
        r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#,
        "x".repeat(1000)
    );
    let length = long.len();
    let announced = Provider::new(move |_| json_answer(long.clone())).await;
    let endless = Provider::new(|_| {
        json_answer(Body::from_stream(stream::repeat_with(|| {
            Ok::<_, std::io::Error>("x".repeat(100))
        })))
    })
    .await;
    for base in [&announced.base, &endless.base] {
        let tight = upstream(base).max_answer(length - 1).build().unwrap();
        let error = soon(tight.oneshot(question())).await.unwrap_err();
        let fault = error.find::<AnswerError>().unwrap().fault().clone();
        assert_eq!(fault, AnswerFault::TooLarge { limit: length - 1 });
    }
    let enough = upstream(&announced.base)
        .max_answer(length)
        .build()
        .unwrap();
    assert!(enough.oneshot(question()).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_is_announced_too_large_is_not_waited_for() {
    let base = raw_with(|mut connection| async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9000000000\r\n\r\n";
        let _ = connection.read(&mut [0; 4096]).await;
        let _ = connection.write_all(head.as_bytes()).await;
        std::future::pending::<()>().await;
    })
    .await;
    let error = soon(ask(&base, question())).await.unwrap_err();
    let fault = error.find::<AnswerError>().unwrap().fault().clone();
    assert_eq!(fault, AnswerFault::TooLarge { limit: 64 << 20 });
}

#[tokio::test]
async fn a_provider_that_refuses_to_tell_usage_is_not_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut provider = Provider::new(move |seen| {
        if seen.body.windows(13).any(|bytes| bytes == b"include_usage") {
            count.fetch_add(1, Ordering::Relaxed);
            let body =
                r#"{"error":{"message":"Unrecognized request argument supplied: stream_options"}}"#;
            (StatusCode::BAD_REQUEST, body).into_response()
        } else {
            json_answer(ANSWER)
        }
    })
    .await;
    let upstream = upstream(&provider.base).build().unwrap();
    let request = question().stream(true);
    for _ in 0..3 {
        let answer = upstream.clone().oneshot(request.clone()).await.unwrap();
        assert!(answer.usage().is_some());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    provider.next();
    assert_eq!(provider.next().body, request.body(), "as it came in");

    // The caller's own wish is the caller's own fault.
    let asking = request
        .set("stream_options", serde_json::json!({"include_usage": true}))
        .unwrap();
    let error = upstream.oneshot(asking).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Caller);
}

#[tokio::test]
async fn options_that_a_caller_has_wrong_keep_no_other_usage_unknown() {
    let mut provider = Provider::new(|seen| {
        if seen.body.windows(5).any(|bytes| bytes == b"\"odd\"") {
            let body = r#"{"error":{"message":"Unknown parameter: 'stream_options.odd'."}}"#;
            (StatusCode::BAD_REQUEST, body).into_response()
        } else {
            json_answer(ANSWER)
        }
    })
    .await;
    let upstream = upstream(&provider.base).build().unwrap();
    let request = question().stream(true);
    let odd = request.clone();
    let odd = odd.set("stream_options", serde_json::json!({"odd": 1}));
    let error = upstream.clone().oneshot(odd.unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Caller);
    upstream.oneshot(request).await.unwrap();
    let [_, _, last] = [(); 3].map(|()| provider.next().body);
    assert!(last.windows(13).any(|bytes| bytes == b"include_usage"));
}

#[tokio::test]
async fn an_event_about_the_operators_credential_is_not_shown() {
    let event = "event: error\ndata: {\"type\":\"error\",\"code\":\"invalid_api_key\",\"message\":\"no such key of acme\"}\n\n";
    let provider = Provider::new(move |_| {
        let kind = [(header::CONTENT_TYPE, "text/event-stream")];
        (kind, event).into_response()
    })
    .await;
    let upstream = upstream(&provider.base).api_key("sk-own").build().unwrap();
    let request = serde_json::json!({"model": "m", "input": "Hi", "stream": true});
    let request = ResponsesRequest::try_from(request).unwrap();
    let answer = upstream.oneshot(request).await.unwrap();
    let mut chunks = answer.into_parts().1.into_chunks().unwrap();
    let error = chunks.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
    let shown = Responses::error_event(&error);
    let shown = std::str::from_utf8(&shown).unwrap();
    assert!(!shown.contains("acme"), "{shown}");
    assert!(shown.contains("credential of this gateway"), "{shown}");
}

#[tokio::test]
async fn a_silent_server_holds_nobody_who_leaves() {
    let base = raw_with(|connection| async move {
        let _connection = connection;
        std::future::pending::<()>().await;
    })
    .await;
    let call = ask(&base, question());
    assert!(
        tokio::time::timeout(Duration::from_millis(20), call)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let headers = [
        (
            "retry-after",
            HeaderValue::from_static("Mon, 23 Nov 2026 16:00:30 GMT"),
        ),
        (
            "date",
            HeaderValue::from_static("Mon, 23 Nov 2026 16:00:00 GMT"),
        ),
    ];
    let error = error_of((StatusCode::SERVICE_UNAVAILABLE, headers)).await;
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
}

//! Requests of other endpoints pass through.
use axum::{body::Body, response::IntoResponse};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use obs_core::{Error, ErrorKind};
use obs_openai::ForwardBody;
use tokio::sync::mpsc;

use crate::provider::{Provider, raw, soon, upstream};

fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

async fn forward(base: &str, request: Request<Body>) -> Result<Response<ForwardBody>, Error> {
    upstream(base)
        .api_key("sk-1")
        .build()
        .unwrap()
        .forward(request)
        .await
}

#[tokio::test]
async fn method_path_query_body_and_headers_go_on() {
    let mut provider = Provider::new(|_| {
        let headers = [
            ("x-new", "1"),
            ("content-type", "audio/mpeg"),
            ("set-cookie", "k=v"),
        ];
        (StatusCode::CREATED, headers, "answer").into_response()
    })
    .await;
    let request = request(Method::PUT, "/v1/files/f%201?limit=2")
        .header("content-type", "text/plain")
        .header("accept-encoding", "gzip")
        .header("authorization", "Bearer callers")
        .header("openai-organization", "callers")
        .header("connection", "keep-alive, x-hop")
        .header("x-hop", "1")
        .header("x-obs-tenant", "t")
        .header("cookie", "c")
        .header("te", "trailers")
        .body(Body::from("question"))
        .unwrap();
    let answer = forward(&provider.base, request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(
        (
            &answer.headers()["x-new"],
            &answer.headers()["content-type"]
        ),
        (
            &HeaderValue::from_static("1"),
            &HeaderValue::from_static("audio/mpeg")
        )
    );
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "answer"
    );

    let seen = provider.next();
    assert_eq!(
        (seen.method, seen.uri.to_string()),
        (Method::PUT, "/v1/files/f%201?limit=2".into())
    );
    assert_eq!(seen.body, "question");
    assert_eq!(seen.headers["authorization"], "Bearer sk-1");
    assert_eq!(
        (
            &seen.headers["content-type"],
            &seen.headers["accept-encoding"]
        ),
        (
            &HeaderValue::from_static("text/plain"),
            &HeaderValue::from_static("gzip")
        )
    );
    for gone in [
        "openai-organization",
        "x-hop",
        "x-obs-tenant",
        "cookie",
        "te",
    ] {
        assert!(!seen.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn without_a_key_the_callers_identity_goes_on() {
    let mut provider = Provider::new(|_| "ok").await;
    let request = request(Method::GET, "/v1/models")
        .header("authorization", "Bearer callers")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let upstream = upstream(&provider.base).build().unwrap();
    upstream.forward(request).await.unwrap();
    let seen = provider.next();
    assert_eq!(seen.headers["authorization"], "Bearer callers");
    assert!(
        !seen.headers.contains_key("transfer-encoding"),
        "there is no body"
    );
}

#[tokio::test]
async fn errors_of_the_provider_are_answers() {
    let provider = Provider::new(|_| (StatusCode::NOT_FOUND, "no such file")).await;
    let request = request(Method::GET, "/v1/files/x")
        .body(Body::empty())
        .unwrap();
    let answer = forward(&provider.base, request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "no such file"
    );
}

#[tokio::test]
async fn a_provider_that_repeats_the_key_that_it_refuses_does_not_tell_it() {
    let provider = Provider::new(|seen| {
        let key = seen.headers["authorization"].to_str().unwrap();
        (StatusCode::UNAUTHORIZED, format!("{key} is no key"))
    })
    .await;
    let request = request(Method::GET, "/v1/files/x")
        .body(Body::empty())
        .unwrap();
    let upstream = upstream(&provider.base).api_key("sk-own").build().unwrap();
    let answer = upstream.forward(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Bearer [key] is no key");
}

#[tokio::test]
async fn nothing_leads_out_of_the_base_url() {
    let mut provider = Provider::new(|_| "ok").await;
    for path in ["/v1/../admin", "/v1/%2e%2e/admin", "/../admin"] {
        let request = request(Method::GET, path)
            .body(Full::<Bytes>::default())
            .unwrap();
        let upstream = upstream(&provider.base).build().unwrap();
        let error = upstream.forward(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Caller, "{path}");
    }
    assert!(provider.seen.try_recv().is_err());
}

#[tokio::test]
async fn both_bodies_are_streamed() {
    let provider =
        crate::provider::serve(axum::Router::new().fallback(|body: Body| async { body })).await;
    let (send, receive) = mpsc::channel::<Bytes>(1);
    let body = stream::unfold(receive, |mut receive| async {
        Some((Ok::<_, std::io::Error>(receive.recv().await?), receive))
    });
    let body = Body::from_stream(body);
    let request = request(Method::POST, "/v1/echo").body(body).unwrap();
    let answer = soon(forward(&provider, request)).await.unwrap();
    let mut echo = answer.into_body().into_data_stream();
    for piece in ["a", "b"] {
        send.send(piece.into()).await.unwrap();
        assert_eq!(soon(echo.next()).await.unwrap().unwrap(), piece);
    }
    drop(send);
    assert!(soon(echo.next()).await.is_none());
}

#[tokio::test]
async fn a_body_that_is_cut_off_ends_with_an_error() {
    let base = raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhalf").await;
    let request = request(Method::GET, "/v1/x").body(Body::empty()).unwrap();
    let answer = forward(&base, request).await.unwrap();
    let error = answer.into_body().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CutOff);
}

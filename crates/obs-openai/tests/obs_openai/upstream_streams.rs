//! Streams end well or with an error, and never as a stump.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http::{StatusCode, header};
use obs_core::{Capture, ErrorKind, Finish, LlmChunk, LlmResponse};
use obs_openai::{
    AnswerError, AnswerFault, ChatChunk, Malformed, TransportError, UpstreamBuilder, UpstreamError,
};
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Mutex,
};
use tower::ServiceExt;

use crate::provider::{
    ANSWER, DONE, End, Provider, USAGE, ask, collect, events, finish_chunk, json_answer, question,
    raw_with, soon, text_chunk, upstream,
};

/// How a stream of these pieces comes out.
async fn stream(pieces: &[String], end: End) -> (Vec<ChatChunk>, Option<obs_core::Error>) {
    stream_by(pieces, end, |builder| builder).await
}

async fn stream_by(
    pieces: &[String],
    end: End,
    settings: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder,
) -> (Vec<ChatChunk>, Option<obs_core::Error>) {
    let pieces = pieces.to_vec();
    let provider = Provider::new(move |_| events(&pieces, end)).await;
    let upstream = settings(upstream(&provider.base)).build().unwrap();
    let answer = upstream.oneshot(question().stream(true)).await.unwrap();
    soon(collect(answer)).await
}

fn text(chunks: &[ChatChunk]) -> String {
    chunks.iter().map(LlmChunk::text).collect()
}

fn recorded(chunks: &[ChatChunk]) -> Option<Bytes> {
    let mut recorder = Default::default();
    chunks.iter().for_each(|chunk| chunk.record(&mut recorder));
    ChatChunk::recorded(recorder)
}

#[tokio::test]
async fn chunks_come_byte_for_byte_with_their_facts() {
    let pieces = [
        text_chunk("a"),
        text_chunk("b"),
        finish_chunk("stop"),
        USAGE.into(),
        DONE.into(),
    ];
    let (chunks, error) = stream(&pieces, End::Close).await;
    assert!(error.is_none());
    let data: Vec<_> = chunks
        .iter()
        .map(|chunk| format!("data: {}\n\n", std::str::from_utf8(chunk.data()).unwrap()))
        .collect();
    assert_eq!(data, pieces[..4]);
    assert_eq!((text(&chunks), chunks[0].model()), ("ab".into(), Some("m")));
    assert!(chunks[0].is_content() && !chunks[2].is_content());
    assert_eq!(chunks[2].finish(), Some(Finish::Stop));
    assert_eq!(chunks[3].usage().unwrap().output, 2);
    assert!(recorded(&chunks).is_some());
}

#[tokio::test]
async fn the_head_of_a_stream_keeps_its_headers() {
    let provider =
        Provider::new(|_| ([("x-request-id", "r1")], events(&[DONE.into()], End::Close))).await;
    let answer = ask(&provider.base, question().stream(true)).await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "r1");
}

#[tokio::test]
async fn usage_is_asked_for_where_the_caller_did_not() {
    let mut provider = Provider::new(|_| json_answer(ANSWER)).await;
    let mut sent = async |request: &str, settings: fn(UpstreamBuilder) -> UpstreamBuilder| {
        let request = obs_openai::ChatRequest::parse(request.to_owned()).unwrap();
        let upstream = settings(upstream(&provider.base)).build().unwrap();
        upstream.oneshot(request).await.unwrap();
        String::from_utf8(provider.next().body.to_vec()).unwrap()
    };
    let body = |rest: &str| format!(r#"{{ "model":"m", "messages":[{{"role":"user"}}]{rest} }} "#);
    let added = r#","stream_options":{"include_usage":true}"#;
    for (given, expected) in [
        (r#""#, r#""#),
        (r#","stream":false"#, r#","stream":false"#),
        (
            r#","stream":true,"stream_options":{ "include_usage" : true }"#,
            r#","stream":true,"stream_options":{ "include_usage" : true }"#,
        ),
        (
            r#","stream":true,"stream_options":null"#,
            r#","stream":true,"stream_options":{"include_usage":true}"#,
        ),
        (
            r#","stream_options":{ },"stream":true"#,
            r#","stream_options":{"include_usage":true},"stream":true"#,
        ),
        (
            r#","stream":true,"stream_options":{"x":1 }"#,
            r#","stream":true,"stream_options":{"x":1 ,"include_usage":true}"#,
        ),
        (
            r#","stream":true,"stream_options":{"include_usage":false,"x":1}"#,
            r#","stream":true,"stream_options":{"include_usage":true,"x":1}"#,
        ),
    ] {
        assert_eq!(sent(&body(given), |builder| builder).await, body(expected));
    }
    let streamed = body(r#","stream":true"#);
    let expected =
        format!(r#"{{ "model":"m", "messages":[{{"role":"user"}}],"stream":true {added}}} "#);
    assert_eq!(sent(&streamed, |builder| builder).await, expected);
    assert_eq!(
        sent(&streamed, UpstreamBuilder::without_stream_usage).await,
        streamed
    );
}

#[tokio::test]
async fn a_plain_answer_to_a_streamed_request_is_taken() {
    let provider = Provider::new(|_| json_answer(ANSWER)).await;
    let mut answer = ask(&provider.base, question().stream(true)).await.unwrap();
    assert!(answer.stream_mut().is_none());
    assert_eq!(answer.body().unwrap(), ANSWER);
}

#[tokio::test]
async fn a_stream_of_another_type_is_refused() {
    let provider =
        Provider::new(|_| ([(header::CONTENT_TYPE, "text/html")], "<html>").into_response()).await;
    let error = ask(&provider.base, question().stream(true))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Upstream);
    assert!(error.to_string().contains("text/html"), "{error}");
}

#[tokio::test]
async fn a_stream_without_done_ends_well_after_its_finish_reason() {
    let pieces = [text_chunk("a"), finish_chunk("stop"), USAGE.into()];
    let (chunks, error) = stream(&pieces, End::Close).await;
    assert!(error.is_none());
    assert_eq!((chunks.len(), recorded(&chunks).is_some()), (3, true));
}

#[tokio::test]
async fn a_stream_that_stays_open_after_its_usage_ends_at_once() {
    let pieces = [text_chunk("a"), finish_chunk("stop"), USAGE.into()];
    let patient = |builder: UpstreamBuilder| builder.linger(Duration::from_secs(3600));
    let (chunks, error) = stream_by(&pieces, End::Hang, patient).await;
    assert!(error.is_none());
    assert_eq!(chunks.len(), 3);
    let done = [text_chunk("a"), DONE.into()];
    let (chunks, error) = stream_by(&done, End::Hang, patient).await;
    assert!(error.is_none() && chunks.len() == 1);
}

#[tokio::test]
async fn usage_is_waited_for_a_while_after_the_finish_reason() {
    let pieces = [text_chunk("a"), finish_chunk("stop")];
    let brief = |builder: UpstreamBuilder| builder.linger(Duration::from_millis(10));
    let (chunks, error) = stream_by(&pieces, End::Hang, brief).await;
    assert!(error.is_none());
    assert_eq!(chunks.len(), 2);
    let unasked = |builder: UpstreamBuilder| {
        builder
            .linger(Duration::from_secs(3600))
            .without_stream_usage()
    };
    let (chunks, error) = stream_by(&pieces, End::Hang, unasked).await;
    assert!(
        error.is_none() && chunks.len() == 2,
        "nobody waits for what was not asked for"
    );
}

#[tokio::test]
async fn a_stream_that_ends_before_its_finish_reason_is_cut_off() {
    for end in [End::Close, End::Abort] {
        let (chunks, error) = stream(&[text_chunk("a"), text_chunk("b")], end).await;
        let error = error.expect("it is a stump");
        assert_eq!(
            (text(&chunks), error.kind()),
            ("ab".into(), ErrorKind::CutOff),
            "{end:?}"
        );
        assert!(error.find::<TransportError>().unwrap().in_answer());
        assert!(recorded(&chunks).is_none());
    }
    let half = text_chunk("b");
    let (chunks, error) = stream(
        &[text_chunk("a"), half[..half.len() / 2].into()],
        End::Close,
    )
    .await;
    assert_eq!(
        (chunks.len(), error.unwrap().kind()),
        (1, ErrorKind::CutOff)
    );
    let (_, error) = stream(&[], End::Close).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::CutOff);
}

#[tokio::test]
async fn what_breaks_after_the_finish_reason_takes_nothing_away() {
    let (chunks, error) = stream(&[text_chunk("a"), finish_chunk("stop")], End::Abort).await;
    assert!(error.is_none());
    assert!(recorded(&chunks).is_some());
}

#[tokio::test]
async fn done_without_a_finish_reason_ends_well_and_is_not_kept() {
    let (chunks, error) = stream(&[text_chunk("a"), DONE.into()], End::Close).await;
    assert!(error.is_none());
    assert!(recorded(&chunks).is_none());
}

#[tokio::test]
async fn done_without_any_choice_is_no_answer() {
    let (_, error) = stream(&[USAGE.into(), DONE.into()], End::Close).await;
    let error = error.unwrap();
    assert_eq!(
        error.find::<AnswerError>().unwrap().fault(),
        &AnswerFault::Empty
    );
}

#[tokio::test]
async fn the_last_event_needs_no_blank_line() {
    let finish = finish_chunk("stop");
    let (chunks, error) = stream(&[text_chunk("a"), finish.trim_end().into()], End::Close).await;
    assert!(error.is_none() && chunks.len() == 2);
}

#[tokio::test]
async fn an_error_in_the_stream_ends_it_with_its_kind() {
    let body = r#"{"error":{"message":"slow down","code":429},"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#;
    let (chunks, error) = stream(
        &[text_chunk("a"), format!("data: {body}\n\n"), DONE.into()],
        End::Close,
    )
    .await;
    let error = error.unwrap();
    assert_eq!((chunks.len(), error.kind()), (1, ErrorKind::RateLimited));
    let upstream = error.find::<UpstreamError>().unwrap();
    assert_eq!(
        (upstream.status(), upstream.body()),
        (StatusCode::OK, &body.into())
    );
    let named = "event: error\ndata: {\"message\":\"boom\"}\n\n";
    let (_, error) = stream(&[named.into()], End::Close).await;
    let error = error.unwrap();
    assert_eq!(
        error
            .find::<UpstreamError>()
            .unwrap()
            .detail()
            .message
            .as_deref(),
        Some("boom")
    );
}

#[tokio::test]
async fn an_event_that_is_no_json_ends_the_stream_unless_told() {
    let pieces = [
        text_chunk("a"),
        "data: {oops\n\n".into(),
        text_chunk("b"),
        finish_chunk("stop"),
        DONE.into(),
    ];
    let (chunks, error) = stream(&pieces, End::Close).await;
    let error = error.unwrap();
    assert_eq!(
        (text(&chunks), error.kind()),
        ("a".into(), ErrorKind::Upstream)
    );
    assert!(matches!(
        error.find::<AnswerError>().unwrap().fault(),
        AnswerFault::Malformed(_)
    ));

    let provider = Provider::new(move |_| events(&pieces, End::Close)).await;
    let upstream = upstream(&provider.base)
        .malformed(Malformed::Skip)
        .build()
        .unwrap();
    let answer = upstream
        .clone()
        .oneshot(question().stream(true))
        .await
        .unwrap();
    let (chunks, error) = collect(answer).await;
    assert!(error.is_none());
    assert_eq!((text(&chunks), upstream.skipped_events()), ("ab".into(), 1));
    assert!(recorded(&chunks).is_none(), "nobody knows what is missing");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_no_json() {
    let provider = Provider::new(|_| {
        (
            [(header::CONTENT_TYPE, "text/event-stream")],
            &b"data: {\"x\":\"\xff\"}\n\n"[..],
        )
    })
    .await;
    let answer = ask(&provider.base, question().stream(true)).await.unwrap();
    assert_eq!(collect(answer).await.1.unwrap().kind(), ErrorKind::Upstream);
}

#[tokio::test]
async fn sizes_are_bounded() {
    let long = text_chunk(&"x".repeat(1000));
    let (_, error) = stream_by(&[text_chunk("a"), long.clone()], End::Hang, |b| {
        b.max_event(500)
    })
    .await;
    assert_eq!(
        error.unwrap().find::<AnswerError>().unwrap().fault(),
        &AnswerFault::EventTooLong { limit: 500 }
    );
    let (_, error) = stream_by(&["data: ".into(), "x".repeat(2000)], End::Hang, |b| {
        b.max_event(500)
    })
    .await;
    assert!(error.is_some(), "a line without end");
    let many = vec![long; 10];
    let (chunks, error) = stream_by(&many, End::Hang, |b| b.max_answer(5000)).await;
    assert!(chunks.len() < 5);
    assert_eq!(
        error.unwrap().find::<AnswerError>().unwrap().fault(),
        &AnswerFault::TooLarge { limit: 5000 }
    );
}

#[tokio::test]
async fn only_the_last_of_several_choices_to_finish_ends_the_answer() {
    let finish = |index: u32| {
        format!(
            "data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n"
        )
    };
    let pieces = [finish(0), finish(1)];
    let provider = Provider::new(move |_| events(&pieces, End::Close)).await;
    let request = question().stream(true).set("n", 2).unwrap();
    let answer = ask(&provider.base, request.clone()).await.unwrap();
    let (chunks, error) = collect(answer).await;
    assert!(error.is_none());
    let reasons: Vec<_> = chunks.iter().map(LlmChunk::finish).collect();
    assert_eq!(reasons, [None, Some(Finish::Stop)]);

    let half = [finish(0)];
    let provider = Provider::new(move |_| events(&half, End::Close)).await;
    let answer = ask(&provider.base, request).await.unwrap();
    assert_eq!(
        collect(answer).await.1.unwrap().kind(),
        ErrorKind::CutOff,
        "one is missing"
    );
}

#[tokio::test]
async fn chunks_are_given_out_as_they_come() {
    let (more, mut next) = tokio::sync::mpsc::channel::<String>(1);
    let next = Arc::new(Mutex::new(async move || next.recv().await));
    let base = raw_with(move |mut connection| {
        let next = Arc::clone(&next);
        async move {
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).await.unwrap();
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            connection.write_all(head.as_bytes()).await.unwrap();
            while let Some(piece) = (next.lock().await)().await {
                connection.write_all(piece.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let mut answer = ask(&base, question().stream(true)).await.unwrap();
    let chunks = answer.stream_mut().unwrap();
    for text in ["a", "b"] {
        let chunk = text_chunk(text);
        let (first, second) = chunk.split_at(20);
        more.send(first.to_owned()).await.unwrap();
        more.send(second.to_owned()).await.unwrap();
        let chunk = soon(chunks.next()).await.unwrap().unwrap();
        assert_eq!(chunk.text(), text);
    }
    drop(more);
    let end = soon(chunks.next()).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), ErrorKind::CutOff);
    assert!(
        soon(chunks.next()).await.is_none(),
        "nothing comes after it"
    );
}

#[tokio::test]
async fn the_end_of_the_body_is_read_so_that_the_connection_can_be_used_again() {
    let (finish, finished) = tokio::sync::mpsc::channel::<()>(1);
    let finished = Arc::new(Mutex::new(finished));
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let base = raw_with(move |mut connection| {
        let finished = Arc::clone(&finished);
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut request = [0; 4096];
            while connection.read(&mut request).await.unwrap_or(0) > 0 {
                let events = format!("{}{USAGE}{DONE}", finish_chunk("stop"));
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{events}\r\n",
                    events.len()
                );
                connection.write_all(answer.as_bytes()).await.unwrap();
                finished.lock().await.recv().await;
                let _ = connection.write_all(b"0\r\n\r\n").await;
            }
        }
    })
    .await;
    let upstream = upstream(&base).build().unwrap();
    for _ in 0..2 {
        let answer = upstream.clone().oneshot(question().stream(true)).await;
        let mut answer = answer.unwrap();
        let chunks = answer.stream_mut().unwrap();
        for _ in 0..2 {
            soon(chunks.next()).await.unwrap().unwrap();
        }
        assert!(
            chunks.next().now_or_never().is_none(),
            "the body has not ended"
        );
        finish.send(()).await.unwrap();
        assert!(soon(chunks.next()).await.is_none());
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// A stream of these events, cut anywhere and ended anyhow, is whole or an error.
#[test]
fn a_stump_is_never_an_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let whole: String = [
        text_chunk("a"),
        ": wait\n\n".into(),
        text_chunk("b"),
        finish_chunk("stop"),
        USAGE.into(),
        DONE.into(),
    ]
    .concat();
    let finish = finish_chunk("stop");
    let complete = whole.find(&finish).unwrap() + finish.trim_end().len();
    let strategy = (0..=whole.len(), 1..40usize, any::<bool>());
    proptest!(ProptestConfig::with_cases(48), |((length, size, abort) in strategy)| {
        let bytes = &whole.as_bytes()[..length];
        let pieces: Vec<_> = bytes.chunks(size).map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect();
        let end = if abort { End::Abort } else { End::Close };
        let (chunks, error) = runtime.block_on(stream(&pieces, end));
        match error {
            None => {
                prop_assert!(length >= complete, "a stump of {} bytes", length);
                prop_assert_eq!(text(&chunks), "ab");
            }
            Some(error) => {
                prop_assert!(length < complete || abort, "{}", error);
                prop_assert_eq!(error.kind(), ErrorKind::CutOff);
                prop_assert!(recorded(&chunks).is_none());
            }
        }
    });
}

//! Responses: requests, events, kept answers and errors.
use bytes::Bytes;
use futures_util::StreamExt;
use http::StatusCode;
use obs_core::{
    Capture, Error, ErrorKind, Fingerprint, Finish, LlmChunk, LlmRequest, LlmResponse, Price,
    PriceTable, Replay, Role, Usage,
};
use obs_openai::{
    Responses, ResponsesAnswer, ResponsesChunk, ResponsesRequest, error_response, sse::Decoder,
};
use obs_wire::{Event, Format, Recorder};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::provider::{Provider, upstream};

const TEXT: (&str, &str) = (
    include_str!("../fixtures/responses-text.sse"),
    include_str!("../fixtures/responses-text.json"),
);
const CALL: (&str, &str) = (
    include_str!("../fixtures/responses-call.sse"),
    include_str!("../fixtures/responses-call.json"),
);

fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut decoder = Decoder::new(1 << 20);
    let mut all = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        all.extend(std::iter::from_fn(|| decoder.next_event()).map(Result::unwrap));
    }
    all
}

fn record(events: &[Event]) -> Option<Bytes> {
    let mut recorder = Recorder::default();
    for event in events {
        ResponsesChunk::of(event.clone()).record(&mut recorder);
    }
    ResponsesChunk::recorded(recorder)
}

fn whole(entry: &Bytes) -> Value {
    let answer = ResponsesAnswer::decode(entry, false).unwrap();
    serde_json::from_slice(answer.body().unwrap()).unwrap()
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn collect(mut answer: ResponsesAnswer) -> (Vec<ResponsesChunk>, Option<Error>) {
    let mut chunks = std::mem::take(answer.stream_mut().expect("a stream"));
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => all.push(chunk),
            Err(error) => return (all, Some(error)),
        }
    }
    (all, None)
}

fn request(more: &Value) -> ResponsesRequest {
    let mut body = json!({"model": "m", "input": "Hi"});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    ResponsesRequest::try_from(body).unwrap()
}

async fn answered(
    status: u16,
    kind: &'static str,
    body: &'static str,
) -> Result<ResponsesAnswer, Error> {
    let provider = Provider::new(move |_| {
        (
            StatusCode::from_u16(status).unwrap(),
            [("content-type", kind)],
            body,
        )
    })
    .await;
    let stream = kind.contains("event");
    let upstream = upstream(&provider.base).build().unwrap();
    upstream.oneshot(request(&json!({"stream": stream}))).await
}

#[tokio::test]
async fn what_was_recorded_comes_back_in_both_forms() {
    for (sse, response) in [TEXT, CALL] {
        let came = events([sse.as_bytes()]);
        let entry = record(&came).expect("it is complete");
        let answer = ResponsesAnswer::decode(&entry, true).unwrap();
        let (chunks, _) = collect(answer).await;
        let bytes: Vec<_> = chunks.iter().map(|chunk| chunk.event().encode()).collect();
        assert_eq!(bytes.concat(), sse.as_bytes());
        let answer = ResponsesAnswer::decode(&entry, false).unwrap();
        assert_eq!(answer.body().unwrap(), response);
    }
}

#[tokio::test]
async fn a_response_is_split_into_the_documented_events() {
    for (sse, response) in [TEXT, CALL] {
        let entry = ResponsesAnswer::whole(response).encode().unwrap();
        let (chunks, _) = collect(ResponsesAnswer::decode(&entry, true).unwrap()).await;
        let split: Vec<_> = chunks.iter().map(|chunk| chunk.event().clone()).collect();
        // The same kinds in the same order, but for events that a response does not hold and for how texts are cut.
        let kinds = |events: &[Event]| {
            let mut names: Vec<_> = events
                .iter()
                .map(|event| event.name.clone().unwrap())
                .collect();
            names.retain(|name| {
                !name.ends_with(b".delta")
                    && !name.ends_with(b"searching")
                    && !name.ends_with(b"annotation.added")
            });
            names
        };
        assert_eq!(kinds(&split), kinds(&events([sse.as_bytes()])));
        for (number, event) in split.iter().enumerate() {
            let data: Value = serde_json::from_slice(&event.data).unwrap();
            assert_eq!(data["sequence_number"], number);
            assert_eq!(
                data["type"].as_str().unwrap().as_bytes(),
                event.name.as_deref().unwrap()
            );
        }
        assert_eq!(whole(&record(&split).unwrap()), read(response));
    }
}

#[test]
fn what_the_layers_ask_of_an_answer_is_told() {
    let usage = Usage {
        input: 300,
        cached_input: 256,
        cache_write: 0,
        output: 80,
        reasoning: 64,
        ..Usage::default()
    };
    let answer = ResponsesAnswer::whole(TEXT.1);
    assert_eq!(answer.usage(), Some(usage));
    assert_eq!(answer.model(), Some("gpt-6-luna-2026-08-01"));
    assert_eq!(answer.id(), Some("resp_text"));
    assert_eq!(answer.finish(), Some(Finish::Stop));
    let mut text = String::new();
    answer.visit_text(&mut |piece| text.push_str(piece));
    assert_eq!(text, "Paris, ü\n");
    assert_eq!(
        ResponsesAnswer::whole(CALL.1).finish(),
        Some(Finish::ToolCalls)
    );

    let chunks: Vec<_> = events([TEXT.0.as_bytes()])
        .into_iter()
        .map(ResponsesChunk::of)
        .collect();
    assert_eq!(
        chunks.iter().map(LlmChunk::text).collect::<String>(),
        "Paris, ü\n"
    );
    assert_eq!(chunks.iter().find_map(LlmChunk::usage), Some(usage));
    assert_eq!(chunks[0].model(), Some("gpt-6-luna-2026-08-01"));
    let first = chunks.iter().position(LlmChunk::is_content);
    assert_eq!(first, Some(4), "the first delta");
    assert_eq!(
        chunks.iter().position(|c| c.finish().is_some()),
        Some(chunks.len() - 1)
    );
}

#[test]
fn searches_of_the_web_are_counted_and_cost_what_is_said_or_nobody_knows_what() {
    let whole = ResponsesAnswer::whole(CALL.1).usage().unwrap();
    let chunks = events([CALL.0.as_bytes()]).into_iter();
    let streamed = chunks.map(ResponsesChunk::of).find_map(|of| of.usage());
    assert_eq!((whole.searches, streamed), (1, Some(whole)));
    let cost = |price: Price| {
        let prices = PriceTable::new().with_route("here", price);
        prices.cost(Some("here"), "m", &whole)
    };
    let price = Price::per_million("1", "1").unwrap();
    assert_eq!(cost(price.clone()), None, "fees that nobody knows");
    let known = cost(price.per_search("0.01").unwrap()).unwrap();
    assert_eq!(known.to_string(), "$0.010051");
}

#[test]
fn what_is_not_complete_is_not_kept() {
    let of = |status: &str, details: Value| {
        let mut response = read(TEXT.1);
        response["status"] = status.into();
        response["incomplete_details"] = details;
        ResponsesAnswer::whole(response.to_string())
    };
    for (status, details, finish) in [
        (
            "incomplete",
            json!({"reason": "max_output_tokens"}),
            Some(Finish::Length),
        ),
        (
            "incomplete",
            json!({"reason": "content_filter"}),
            Some(Finish::ContentFilter),
        ),
        ("incomplete", Value::Null, Some(Finish::Other)),
        ("cancelled", Value::Null, Some(Finish::Other)),
        ("queued", Value::Null, None),
        ("in_progress", Value::Null, None),
    ] {
        let answer = of(status, details);
        assert_eq!(answer.finish(), finish, "{status}");
        assert!(answer.encode().is_none(), "{status}");
    }
    let came = events([TEXT.0.as_bytes()]);
    assert!(record(&came[..came.len() - 1]).is_none());
    let cut = TEXT
        .0
        .replace("event: response.completed", "event: response.incomplete");
    let cut = cut.replace(
        r#"{"type":"response.completed""#,
        r#"{"type":"response.incomplete""#,
    );
    assert!(record(&events([cut.as_bytes()])).is_none());
}

#[test]
fn an_empty_output_is_made_of_the_items() {
    let mut response = read(CALL.1);
    response["output"] = json!([]);
    let item = |index: u64, id: &str| json!({"type": "response.output_item.done", "output_index": index, "item": {"id": id}});
    let all = [
        item(1, "b"),
        item(0, "a"),
        json!({"type": "response.completed", "response": response}),
    ];
    let all = all.map(|data| Event {
        name: None,
        data: data.to_string().into(),
    });
    let entry = record(&all).unwrap();
    assert_eq!(whole(&entry)["output"], json!([{"id": "a"}, {"id": "b"}]));
}

#[test]
fn what_the_provider_keeps_is_neither_cached_nor_moved() {
    for (more, cacheable, movable) in [
        (json!({}), true, true),
        (json!({"store": false}), true, true),
        (json!({"store": true}), false, true),
        (json!({"previous_response_id": "resp_1"}), false, false),
        (json!({"previous_response_id": null}), true, true),
        (json!({"conversation": "conv_1"}), false, false),
        (json!({"conversation": {"id": "conv_1"}}), false, false),
        (json!({"background": true}), false, false),
        (json!({"temperature": 1.5}), false, true),
    ] {
        let request = request(&more);
        assert_eq!(
            (request.cacheable(), request.is_movable()),
            (cacheable, movable),
            "{more}"
        );
    }
}

#[test]
fn the_form_makes_no_difference_and_the_rest_does() {
    let key = |more: Value| {
        let mut fingerprint = Fingerprint::new();
        request(&more).fingerprint(&mut fingerprint);
        fingerprint.finish().to_string()
    };
    let plain = key(json!({}));
    assert_eq!(
        plain,
        key(json!({"stream": true, "stream_options": {"include_obfuscation": false}}))
    );
    assert_ne!(plain, key(json!({"instructions": "x"})));
    assert_ne!(plain, key(json!({"max_output_tokens": 3})));
}

#[test]
fn all_that_the_model_reads_is_visited() {
    let request = request(&json!({
        "instructions": "Be brief.",
        "input": [
            {"role": "developer", "content": "d"},
            {"role": "user", "content": [{"type": "input_text", "text": "u"}, {"type": "input_image", "image_url": "data:"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "r"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a\":1}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
        ],
    }));
    let mut seen = Vec::new();
    request.visit_prompt(&mut |role, text| seen.push((role, text.to_owned())));
    let expected = [
        (Role::System, "Be brief."),
        (Role::System, "d"),
        (Role::User, "u"),
        (Role::Assistant, "r"),
        (Role::Assistant, "{\"a\":1}"),
        (Role::Tool, "42"),
    ];
    assert_eq!(seen, expected.map(|(role, text)| (role, text.to_owned())));
}

#[test]
fn what_is_wrong_is_refused_by_its_name() {
    for (body, param) in [
        (r#"{"model":"m"}"#, "input"),
        (r#"{"model":"m","input":[]}"#, "input"),
        (r#"{"model":"m","input":""}"#, "input"),
        (r#"{"model":"m","input":3}"#, "input"),
        (r#"{"input":"x"}"#, "model"),
        (r#"{"model":"m","input":"x","background":1}"#, "background"),
    ] {
        let error = ResponsesRequest::parse(body).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}");
    }
    for body in [
        r#"{"model":"m","prompt":{"id":"p"}}"#,
        r#"{"model":"m","previous_response_id":"r"}"#,
    ] {
        assert!(ResponsesRequest::parse(body).is_ok(), "{body}");
    }
}

#[tokio::test]
async fn a_stream_goes_through_as_it_is() {
    let answer = answered(200, "text/event-stream", TEXT.0).await.unwrap();
    let (chunks, error) = collect(answer).await;
    assert!(error.is_none());
    let bytes: Vec<_> = chunks.iter().map(|chunk| chunk.event().encode()).collect();
    assert_eq!(bytes.concat(), TEXT.0.as_bytes());
}

#[tokio::test]
async fn a_failure_is_of_its_own_kind_and_its_event_goes_on() {
    for (event, kind) in [
        (
            "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}}\n\n",
            ErrorKind::RateLimited,
        ),
        (
            "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\",\"param\":null,\"sequence_number\":1}\n\n",
            ErrorKind::Upstream,
        ),
    ] {
        let answer = answered(200, "text/event-stream", event).await.unwrap();
        let (_, error) = collect(answer).await;
        let error = error.expect("it fails");
        assert_eq!(error.kind(), kind);
        assert_eq!(Responses::error_event(&error), event);
    }
    let failed = r#"{"id":"r","object":"response","status":"failed","error":{"code":"server_error","message":"m"},"output":[]}"#;
    let error = answered(200, "application/json", failed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Upstream);
    let response = error_response(&error);
    assert_eq!(
        (response.status(), &**response.body()),
        (StatusCode::BAD_GATEWAY, failed.as_bytes())
    );
}

#[test]
fn our_own_error_is_an_event_that_every_client_takes_for_one() {
    let error = Error::new(ErrorKind::Timeout, "too late");
    let all = events([&Responses::error_event(&error)[..]]);
    assert_eq!(all[0].name.as_deref(), Some(&b"error"[..]));
    let data: Value = serde_json::from_slice(&all[0].data).unwrap();
    assert_eq!(
        (&data["type"], &data["message"]),
        (&json!("error"), &json!("too late"))
    );
    assert_eq!(data["error"]["message"], "too late");
}

proptest! {
    #[test]
    fn the_pieces_do_not_matter(places in prop::collection::vec(any::<prop::sample::Index>(), 0..24)) {
        let bytes = TEXT.0.as_bytes();
        let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(events(pieces), events([bytes]));
    }
}

#[test]
fn the_schema_that_an_answer_is_to_obey_is_told() {
    let format = json!({"type": "json_schema", "name": "x", "schema": {"type": "object"}});
    let asks = request(&json!({"text": {"verbosity": "low", "format": format}}));
    assert_eq!(asks.answer_schema(), Some(r#"{"type":"object"}"#));
    for more in [
        json!({}),
        json!({"text": {"format": {"type": "json_object"}}}),
        json!({"text": {"format": {"type": "json_schema", "schema": true}}}),
    ] {
        assert_eq!(request(&more).answer_schema(), None, "{more}");
    }
}

//! Answers are kept as they came, and come back in either form.
use bytes::Bytes;
use obs_anthropic::{MessagesChunk, MessagesResponse};
use obs_core::{Capture, Finish, LlmChunk, LlmResponse, Replay, Usage};
use obs_wire::{Event, Recorder};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::{ALL, SEARCH, TEXT, TOOLS, collect, events, json as read};

fn record(events: &[Event]) -> Option<Bytes> {
    let mut recorder = Recorder::default();
    for event in events {
        MessagesChunk::of(event.clone()).record(&mut recorder);
    }
    MessagesChunk::recorded(recorder)
}

fn whole(entry: &Bytes) -> Value {
    let answer = MessagesResponse::decode(entry, false).unwrap();
    serde_json::from_slice(answer.body().unwrap()).unwrap()
}

async fn streamed(entry: &Bytes) -> Vec<Event> {
    let answer = MessagesResponse::decode(entry, true).unwrap();
    let (chunks, error) = collect(answer).await;
    assert!(error.is_none());
    chunks.iter().map(|chunk| chunk.event().clone()).collect()
}

#[tokio::test]
async fn a_stream_comes_back_byte_for_byte_with_the_names_of_its_events() {
    for (sse, _) in ALL {
        let came = events([sse.as_bytes()]);
        let entry = record(&came).expect("it is complete");
        let again = streamed(&entry).await;
        assert_eq!(again, came);
        let bytes: Vec<_> = again.iter().map(Event::encode).collect();
        assert_eq!(bytes.concat(), sse.as_bytes());
    }
}

#[test]
fn a_stream_comes_back_as_the_message_that_it_amounts_to() {
    for (sse, message) in ALL {
        let entry = record(&events([sse.as_bytes()])).unwrap();
        assert_eq!(whole(&entry), read(message));
    }
}

#[tokio::test]
async fn a_message_comes_back_as_it_came_or_as_a_stream_that_amounts_to_it() {
    for (_, message) in ALL {
        let entry = MessagesResponse::whole(message).encode().unwrap();
        let answer = MessagesResponse::decode(&entry, false).unwrap();
        assert_eq!(answer.body().unwrap(), message);
        let stream = streamed(&entry).await;
        assert_eq!(stream[0].name.as_deref(), Some(&b"message_start"[..]));
        assert_eq!(stream.last().unwrap().data, r#"{"type":"message_stop"}"#);
        let entry = record(&stream).expect("it is complete");
        assert_eq!(whole(&entry), read(message));
    }
}

#[test]
fn usage_includes_what_the_prompt_cache_did() {
    let expected = Usage {
        input: 2112,
        cached_input: 2000,
        cache_write: 100,
        output: 15,
        reasoning: 0,
        ..Usage::default()
    };
    let (sse, message) = TEXT;
    assert_eq!(MessagesResponse::whole(message).usage(), Some(expected));
    let told = events([sse.as_bytes()]).into_iter();
    let told = told.filter_map(|event| MessagesChunk::of(event).usage());
    assert_eq!(told.reduce(Usage::max), Some(expected));
}

#[test]
fn what_the_layers_ask_of_an_answer_is_told() {
    let answer = MessagesResponse::whole(TEXT.1);
    assert_eq!(answer.model(), Some("claude-haiku-5-5-20260701"));
    assert_eq!(answer.id(), Some("msg_01Text"));
    assert_eq!(answer.finish(), Some(Finish::Stop));
    let mut text = String::new();
    answer.visit_text(&mut |piece| text.push_str(piece));
    assert_eq!(text, "Paris, ü\n");
    assert_eq!(
        MessagesResponse::whole(TOOLS.1).finish(),
        Some(Finish::ToolCalls)
    );
    let chunks: Vec<_> = events([SEARCH.0.as_bytes()])
        .into_iter()
        .map(MessagesChunk::of)
        .collect();
    assert_eq!(chunks[0].model(), Some("claude-opus-5-5"));
    assert_eq!(chunks[0].id(), Some("msg_01Search"));
    assert_eq!(
        chunks.iter().map(LlmChunk::text).collect::<String>(),
        "It rains."
    );
    assert_eq!(chunks.iter().find_map(LlmChunk::finish), Some(Finish::Stop));
    assert!(!chunks[0].is_content() && chunks[1].is_content());
}

#[test]
fn what_is_not_complete_is_not_kept() {
    for reason in [
        "max_tokens",
        "refusal",
        "pause_turn",
        "model_context_window_exceeded",
        "tomorrow",
    ] {
        let (sse, message) = TEXT;
        let message = message.replace("end_turn", reason);
        assert!(
            MessagesResponse::whole(message).encode().is_none(),
            "{reason}"
        );
        let sse = sse.replace("end_turn", reason);
        assert!(record(&events([sse.as_bytes()])).is_none(), "{reason}");
    }
    let came = events([TEXT.0.as_bytes()]);
    for end in 0..came.len() {
        assert!(record(&came[..end]).is_none(), "{end} events");
    }
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "m"}});
    assert!(
        MessagesResponse::whole(error.to_string())
            .encode()
            .is_none()
    );
}

#[test]
fn what_is_not_known_is_kept_and_given_to_streams_alone() {
    let strange =
        "event: glyph_delta\ndata: {\"type\":\"glyph_delta\",\"index\":0}\n\nevent: message_delta";
    let sse = TEXT.0.replace("event: message_delta", strange);
    let entry = record(&events([sse.as_bytes()])).expect("it is complete");
    assert!(MessagesResponse::decode(&entry, true).is_ok());
    let error = MessagesResponse::decode(&entry, false)
        .unwrap_err()
        .to_string();
    assert!(error.contains("glyph_delta"), "{error}");
    // A block of a kind that is not known needs no delta.
    let message = TEXT.1.replace(
        r#"[{"type":"text""#,
        r#"[{"type":"hologram","depth":1e2},{"type":"text""#,
    );
    let entry = MessagesResponse::whole(message.clone()).encode().unwrap();
    let mut recorder = Recorder::default();
    for event in events_of(&entry) {
        MessagesChunk::of(event).record(&mut recorder);
    }
    let entry = MessagesChunk::recorded(recorder).unwrap();
    assert_eq!(whole(&entry), read(&message));
}

/// Of an entry, without waiting: nothing of it has to come.
fn events_of(entry: &Bytes) -> Vec<Event> {
    let answer = MessagesResponse::decode(entry, true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (chunks, _) = runtime.block_on(collect(answer));
    chunks.iter().map(|chunk| chunk.event().clone()).collect()
}

#[test]
fn a_tool_whose_input_was_cut_is_no_answer() {
    let sse = TOOLS.0.replace(r#"\"days\": 2}"}}"#, r#"\"days\": "}}"#);
    let entry = record(&events([sse.as_bytes()])).unwrap();
    assert!(MessagesResponse::decode(&entry, false).is_err());
}

fn block() -> impl Strategy<Value = Value> {
    let text = "[a-zé \\n\"\\\\]{0,90}";
    prop_oneof![
        text.prop_map(|text| json!({"type": "text", "text": text})),
        (text, text).prop_map(|(text, cited)| {
            json!({"type": "text", "text": text, "citations": [{"cited_text": cited}, {"n": 1.50}]})
        }),
        (text, "[a-z]{0,9}").prop_map(|(thinking, signature)| {
            json!({"type": "thinking", "thinking": thinking, "signature": signature})
        }),
        (text, any::<i64>()).prop_map(|(key, n)| {
            json!({"type": "tool_use", "id": "t", "name": "f", "input": {key: [n, null, {"a": true}]}})
        }),
        Just(json!({"type": "mcp_tool_use", "id": "t", "name": "f", "server_name": "s", "input": {}})),
        text.prop_map(|data| json!({"type": "redacted_thinking", "data": data})),
    ]
}

proptest! {
    #[test]
    fn every_message_survives_the_way_through_a_stream(blocks in prop::collection::vec(block(), 0..6)) {
        let message = json!({
            "id": "m", "type": "message", "role": "assistant", "model": "x", "content": blocks,
            "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 2},
        });
        let entry = MessagesResponse::whole(message.to_string()).encode().unwrap();
        let entry = record(&events_of(&entry)).expect("it is complete");
        prop_assert_eq!(whole(&entry), message);
    }
}

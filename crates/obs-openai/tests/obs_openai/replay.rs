//! Kept answers come back as they were recorded, or say the same in the other form.
use bytes::Bytes;
use futures_util::StreamExt;
use obs_core::{Capture, ChunkStream, Finish, LlmResponse, Replay};
use obs_openai::{ChatChunk, ChatResponse, EmbeddingResponse};
use proptest::prelude::*;
use serde_json::{Value, json};

fn record(chunks: &[Bytes]) -> Option<Bytes> {
    let mut recorder = Default::default();
    for chunk in chunks {
        ChatChunk::new(chunk.clone()).record(&mut recorder);
    }
    ChatChunk::recorded(recorder)
}

fn bytes(chunks: &[Value]) -> Vec<Bytes> {
    chunks
        .iter()
        .map(|chunk| chunk.to_string().into())
        .collect()
}

fn streamed(entry: &Bytes) -> Vec<Bytes> {
    let mut answer = ChatResponse::decode(entry, true).unwrap();
    let chunks: ChunkStream<_> = std::mem::take(answer.stream_mut().unwrap());
    let chunks = futures_util::FutureExt::now_or_never(chunks.collect::<Vec<_>>()).unwrap();
    chunks
        .into_iter()
        .map(|chunk| chunk.unwrap().data().clone())
        .collect()
}

fn whole(entry: &Bytes) -> Value {
    let answer = ChatResponse::decode(entry, false).unwrap();
    serde_json::from_slice(answer.body().unwrap()).unwrap()
}

fn chunk(choices: Value) -> Value {
    json!({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": choices, "usage": null})
}

fn delta(delta: Value, finish: Option<&str>) -> Value {
    chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
}

fn usage() -> Value {
    let mut chunk = chunk(json!([]));
    chunk["usage"] = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    chunk
}

#[test]
fn a_stream_comes_back_byte_for_byte() {
    let odd = Bytes::from(
        r#"{ "choices":[{"index":0,"delta":{"content":"h\u0069"},"finish_reason":"stop"}],  "x":1.0e3}"#,
    );
    let chunks = [
        bytes(&[delta(json!({"role": "assistant"}), None)]),
        vec![odd],
        bytes(&[usage()]),
    ]
    .concat();
    let entry = record(&chunks).unwrap();
    assert_eq!(streamed(&entry), chunks);
}

#[test]
fn a_whole_answer_comes_back_byte_for_byte() {
    let body = r#"{ "choices" : [{"finish_reason":"stop","message":{"content":"hi"}}], "x":1.0 }"#;
    let entry = ChatResponse::whole(body).encode().unwrap();
    let answer = ChatResponse::decode(&entry, false).unwrap();
    assert_eq!(answer.body().unwrap(), body);
    assert!(answer.headers().is_empty());
    assert_eq!(answer.finish(), Some(Finish::Stop));
}

#[test]
fn what_is_not_complete_is_not_kept() {
    let head = delta(json!({"content": "hi"}), None);
    let kept = |last: Value| record(&bytes(&[head.clone(), last])).is_some();
    assert!(kept(delta(json!({}), Some("stop"))));
    assert!(kept(delta(json!({}), Some("tool_calls"))));
    for reason in ["length", "content_filter", "error", "what", ""] {
        assert!(!kept(delta(json!({}), Some(reason))), "{reason}");
    }
    assert!(!kept(usage()), "no finish reason");
    assert!(record(&[]).is_none());
    let error = json!({"error": {"message": "x"}, "choices": []});
    assert!(
        record(&bytes(&[
            head.clone(),
            delta(json!({}), Some("stop")),
            error
        ]))
        .is_none()
    );
    let other = chunk(json!([{"index": 1, "delta": {"content": "x"}, "finish_reason": null}]));
    let half = [other, delta(json!({}), Some("stop"))];
    assert!(
        record(&bytes(&half)).is_none(),
        "the other choice has not ended"
    );
}

#[test]
fn a_whole_answer_that_is_not_complete_is_not_kept() {
    let encode =
        |choices: Value| ChatResponse::whole(json!({"choices": choices}).to_string()).encode();
    let choice = |reason: Value| json!({"message": {"content": "x"}, "finish_reason": reason});
    assert!(encode(json!([choice(json!("stop"))])).is_some());
    assert!(encode(json!([choice(json!("length"))])).is_none());
    assert!(encode(json!([choice(json!("content_filter"))])).is_none());
    assert!(encode(json!([choice(json!(null))])).is_none());
    assert!(encode(json!([choice(json!("stop")), choice(json!("length"))])).is_none());
    assert!(encode(json!([choice(json!("stop")), choice(json!(null))])).is_none());
    assert!(encode(json!([])).is_none());
    assert!(ChatResponse::whole("oops").encode().is_none());
}

#[test]
fn a_stream_becomes_the_whole_answer() {
    let mut padded = delta(json!({"content": "Hel"}), None);
    padded["obfuscation"] = json!("xyz");
    let chunks = [
        delta(
            json!({"role": "assistant", "content": "", "refusal": null}),
            None,
        ),
        padded,
        delta(json!({"content": "lo", "obfuscation": "x"}), None),
        delta(json!({}), Some("stop")),
        usage(),
    ];
    let entry = record(&bytes(&chunks)).unwrap();
    assert_eq!(
        whole(&entry),
        json!({
            "id": "c1", "object": "chat.completion", "created": 7, "model": "m",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": null},
                "finish_reason": "stop",
            }],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        })
    );
}

#[test]
fn fragments_of_tool_calls_are_put_together() {
    let call = |call: Value| delta(json!({"tool_calls": [call]}), None);
    let chunks = [
        delta(json!({"role": "assistant", "content": null}), None),
        call(
            json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}),
        ),
        call(json!({"index": 0, "function": {"arguments": "{\"x\""}})),
        call(
            json!({"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}),
        ),
        call(json!({"index": 0, "function": {"arguments": ":1}"}})),
        delta(json!({}), Some("tool_calls")),
    ];
    let entry = record(&bytes(&chunks)).unwrap();
    let message = &whole(&entry)["choices"][0]["message"];
    assert_eq!(message["content"], json!(null));
    assert_eq!(
        message["tool_calls"],
        json!([
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ])
    );
}

#[test]
fn tool_calls_without_index_are_told_apart_by_their_id() {
    let call = |call: Value| delta(json!({"tool_calls": [call]}), None);
    let chunks = [
        call(json!({"id": "a", "function": {"name": "f", "arguments": "{}"}})),
        call(json!({"id": "b", "function": {"name": "g", "arguments": "{"}})),
        call(json!({"function": {"arguments": "}"}})),
        delta(json!({}), Some("tool_calls")),
    ];
    let entry = record(&bytes(&chunks)).unwrap();
    let calls = &whole(&entry)["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls[0]["function"]["arguments"], "{}");
    assert_eq!(
        calls[1],
        json!({"id": "b", "function": {"name": "g", "arguments": "{}"}})
    );
}

#[test]
fn unknown_fields_are_kept_where_they_agree() {
    let mut first = delta(json!({"content": "x", "annotations": [1]}), None);
    first["provider"] = json!("p");
    first["x_groq"] = json!({"id": "r"});
    let mut last = delta(json!({}), Some("stop"));
    last["provider"] = json!("p");
    last["x_groq"] = json!({"id": "r", "usage": {"queue_time": 0.5}});
    last["choices"][0]["stop_reason"] = json!(128_009);
    let entry = record(&bytes(&[first, last])).unwrap();
    let whole = whole(&entry);
    assert_eq!(whole["provider"], "p");
    assert_eq!(
        whole["x_groq"],
        json!({"id": "r", "usage": {"queue_time": 0.5}})
    );
    assert_eq!(whole["choices"][0]["stop_reason"], 128_009);
    assert_eq!(whole["choices"][0]["message"]["annotations"], json!([1]));
}

#[test]
fn what_cannot_be_said_in_the_other_form_is_refused() {
    let end = delta(json!({}), Some("stop"));
    let differs = |first: Value, second: Value| {
        let entry = record(&bytes(&[
            delta(first, None),
            delta(second, None),
            end.clone(),
        ]))
        .unwrap();
        assert_eq!(
            streamed(&entry).len(),
            3,
            "as a stream it is as good as ever"
        );
        ChatResponse::decode(&entry, false).is_err()
    };
    assert!(differs(json!({"thought": "a"}), json!({"thought": "b"})));
    assert!(differs(
        json!({"audio": {"data": "x"}}),
        json!({"audio": {"data": "y"}})
    ));
    assert!(differs(
        json!({"content": [{"text": "a"}]}),
        json!({"content": [{"text": "b"}]})
    ));
    let body = json!({"choices": [{"message": {"audio": {"data": "x"}}, "finish_reason": "stop"}]});
    let entry = ChatResponse::whole(body.to_string()).encode().unwrap();
    assert!(ChatResponse::decode(&entry, true).is_err());
}

#[test]
fn a_whole_answer_becomes_a_stream_of_several_chunks() {
    let text =
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen";
    let body = json!({
        "id": "c1", "object": "chat.completion", "created": 7, "model": "m", "provider": "p",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text, "reasoning_content": "hm"},
            "logprobs": {"content": [{"token": "one", "logprob": -0.10}]},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    });
    let entry = ChatResponse::whole(body.to_string()).encode().unwrap();
    let chunks: Vec<Value> = streamed(&entry)
        .iter()
        .map(|c| serde_json::from_slice(c).unwrap())
        .collect();
    assert!(
        chunks.iter().all(|c| c["object"] == "chat.completion.chunk"
            && c["id"] == "c1"
            && c["model"] == "m")
    );
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let content: Vec<_> = chunks
        .iter()
        .filter_map(|c| c["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert!(content.len() > 1, "clients expect pieces");
    assert_eq!(content.concat(), text);
    let [.., finish, usage] = &chunks[..] else {
        panic!()
    };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        (&usage["choices"], &usage["usage"]),
        (&json!([]), &body["usage"])
    );
    assert_eq!(whole(&record(&streamed(&entry)).unwrap()), body);
}

#[test]
fn numbers_keep_their_spelling_in_the_other_form() {
    let end = r#"{"choices":[{"index":0,"delta":{"content":"x"},"logprobs":{"content":[{"logprob":-0.10000000000000000000001}]},"finish_reason":"stop"}],"created":1.50}"#;
    let entry = record(&[end.into()]).unwrap();
    let answer = ChatResponse::decode(&entry, false).unwrap();
    let text = std::str::from_utf8(answer.body().unwrap()).unwrap();
    assert!(
        text.contains("-0.10000000000000000000001") && text.contains("1.50"),
        "{text}"
    );
}

#[test]
fn embeddings_are_kept_as_they_are() {
    let body = r#"{"object":"list","data":[{"embedding":[0.10]}],"model":"e","usage":{"prompt_tokens":2,"total_tokens":2}}"#;
    let answer = EmbeddingResponse::new(body);
    assert_eq!(
        (answer.model(), answer.usage().unwrap().input),
        (Some("e"), 2)
    );
    let entry = answer.encode().unwrap();
    let again = EmbeddingResponse::decode(&entry, true).unwrap();
    assert_eq!(again.body(), body);
    assert!(EmbeddingResponse::new(r#"{"error":{}}"#).encode().is_none());
    assert!(EmbeddingResponse::decode(&entry.slice(..20), false).is_err());
}

/// One choice of an answer, and how its texts are cut into deltas.
fn choice() -> impl Strategy<Value = (Value, Vec<Value>)> {
    let text = prop::option::of("\\PC{0,40}");
    let call = ("[a-z]{1,4}", "[a-z]{1,4}", "\\PC{0,20}");
    let calls = prop::collection::vec(call, 0..3);
    (text.clone(), text.clone(), text, calls, 1..9usize).prop_map(
        |(content, refusal, reasoning, calls, size)| {
            let mut message = json!({"role": "assistant", "content": content});
            let mut deltas = vec![json!({"role": "assistant", "content": null})];
            let texts = [("content", content), ("refusal", refusal), ("reasoning_content", reasoning)];
            for (key, text) in texts {
                let Some(text) = text else { continue };
                let chars: Vec<_> = text.chars().collect();
                let mut pieces: Vec<String> = chars.chunks(size).map(|c| c.iter().collect()).collect();
                if pieces.is_empty() {
                    pieces.push(String::new());
                }
                deltas.extend(pieces.iter().map(|piece| json!({key: piece})));
                message[key] = json!(text);
            }
            for (index, (id, name, arguments)) in calls.iter().enumerate() {
                let call = json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
                let mut first = call.clone();
                first["index"] = json!(index);
                first["function"]["arguments"] = json!("");
                deltas.push(json!({"tool_calls": [first]}));
                let chars: Vec<_> = arguments.chars().collect();
                deltas.extend(chars.chunks(size).map(|piece| {
                    let piece: String = piece.iter().collect();
                    json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
                }));
                match &mut message["tool_calls"] {
                    Value::Array(calls) => calls.push(call),
                    empty => *empty = json!([call]),
                }
            }
            (message, deltas)
        },
    )
}

proptest! {
    #[test]
    fn both_forms_say_the_same(choices in prop::collection::vec(choice(), 1..3), mix in any::<u64>()) {
        let mut queues: Vec<_> = choices
            .iter()
            .enumerate()
            .map(|(index, (_, deltas))| {
                let mut queue: Vec<_> = deltas
                    .iter()
                    .map(|delta| json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": null}))
                    .collect();
                queue.push(json!({"index": index, "delta": {}, "logprobs": null, "finish_reason": "stop"}));
                queue.reverse();
                queue
            })
            .collect();
        // The choices of an answer come in turns, in any order.
        let (mut chunks, mut mix) = (Vec::new(), mix);
        while queues.iter().any(|queue| !queue.is_empty()) {
            let at = usize::try_from(mix % 7).unwrap() % queues.len();
            mix = mix.rotate_left(5).wrapping_mul(31).wrapping_add(1);
            if let Some(choice) = queues[at].pop() {
                chunks.push(chunk(json!([choice])));
            }
        }
        chunks.push(usage());
        let expected = json!({
            "id": "c1", "object": "chat.completion", "created": 7, "model": "m",
            "choices": choices.iter().enumerate().map(|(index, (message, _))| {
                json!({"index": index, "message": message, "logprobs": null, "finish_reason": "stop"})
            }).collect::<Vec<_>>(),
            "usage": usage()["usage"],
        });

        let chunks = bytes(&chunks);
        let recorded = record(&chunks).unwrap();
        prop_assert_eq!(streamed(&recorded), chunks);
        prop_assert_eq!(&whole(&recorded), &expected);

        // And once around: as a whole answer, kept, streamed, recorded, and whole again.
        let kept = ChatResponse::decode(&recorded, false).unwrap().encode().unwrap();
        let again = record(&streamed(&kept)).unwrap();
        prop_assert_eq!(&whole(&again), &expected);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80), form in 0..3usize) {
        let head: &[u8] = [&b"\x01w{"[..], b"\x01s\x02\x00\x00\x00{}", b""][form];
        let entry = Bytes::from([head, &bytes].concat());
        for streamed in [false, true] {
            if let Ok(mut answer) = ChatResponse::decode(&entry, streamed)
                && let Some(chunks) = answer.stream_mut()
            {
                let chunks = std::mem::take(chunks);
                futures_util::FutureExt::now_or_never(chunks.collect::<Vec<_>>()).unwrap();
            }
        }
    }
}

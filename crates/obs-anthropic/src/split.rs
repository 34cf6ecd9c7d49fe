//! From a message to a stream that says the same.
use bytes::Bytes;
use obs_core::BoxError;
use obs_wire::{Event, Members, Writer, json, pieces};

/// Splits a message into the events that are documented.
pub(crate) fn split(body: &str) -> Result<Vec<Event>, BoxError> {
    let mut message = Members::read(body)?;
    let content = message.take("content").unwrap_or("[]");
    let usage = message.take("usage").unwrap_or("{}");
    let reason = message.take("stop_reason").unwrap_or("null");
    let sequence = message.take("stop_sequence").unwrap_or("null");
    let mut events = Vec::new();
    push(&mut events, "message_start", |to| {
        to.key("message");
        to.object(|to| {
            message.write(to);
            to.field("content", "[]");
            to.field("stop_reason", "null");
            to.field("stop_sequence", "null");
            to.field("usage", usage);
        });
    });
    let (mut index, mut result) = (0, Ok(()));
    json::items(content, |item| {
        if result.is_ok() {
            result = block(&mut events, index, item);
        }
        index += 1;
    })?;
    result?;
    push(&mut events, "message_delta", |to| {
        to.key("delta");
        to.object(|to| {
            to.field("stop_reason", reason);
            to.field("stop_sequence", sequence);
        });
        to.field("usage", usage);
    });
    push(&mut events, "message_stop", |_| ());
    Ok(events)
}

fn block(events: &mut Vec<Event>, index: usize, block: &str) -> Result<(), BoxError> {
    let members = Members::read(block)?;
    let kind = members.get("type").and_then(json::text).unwrap_or_default();
    // What comes in deltas is empty at first.
    let mut emptied: Vec<(&str, Option<String>)> = Vec::new();
    let mut deltas: Vec<Vec<(&str, &str, String)>> = Vec::new();
    let mut grows = |key: &'static str, kind: &'static str| {
        if let Some(text) = members.get(key).and_then(json::filled_text) {
            emptied.push((key, Some("\"\"".to_owned())));
            let parts = pieces(&text).into_iter();
            deltas.push(parts.map(|part| (kind, key, json::quoted(part))).collect());
        }
    };
    match &*kind {
        "text" => {
            let cited = members
                .get("citations")
                .filter(|c| !json::is_hollow(c) && !json::is_null(c));
            grows("text", "text_delta");
            if let Some(cited) = cited {
                emptied.push(("citations", Some("[]".to_owned())));
                let mut all = Vec::new();
                json::items(cited, |citation| {
                    all.push(("citations_delta", "citation", citation.to_owned()));
                })?;
                deltas.push(all);
            }
        }
        "thinking" => {
            grows("thinking", "thinking_delta");
            if let Some(signature) = members.get("signature").and_then(json::filled_text) {
                emptied.push(("signature", Some("\"\"".to_owned())));
                deltas.push(vec![(
                    "signature_delta",
                    "signature",
                    json::quoted(&signature),
                )]);
            }
        }
        kind if kind.ends_with("tool_use") => {
            if let Some(input) = members.get("input").filter(|input| !json::is_hollow(input)) {
                emptied.push(("input", Some("{}".to_owned())));
                deltas.push(vec![(
                    "input_json_delta",
                    "partial_json",
                    json::quoted(input),
                )]);
            }
        }
        // Results of tools, redacted thinking, and what is not known here come at once.
        _ => {}
    }
    let index = index.to_string();
    push(events, "content_block_start", |to| {
        to.field("index", &index);
        to.key("content_block");
        to.object(|to| members.write_with(to, &emptied));
    });
    for (kind, key, value) in deltas.into_iter().flatten() {
        push(events, "content_block_delta", |to| {
            to.field("index", &index);
            to.key("delta");
            to.object(|to| {
                to.string("type", kind);
                to.field(key, &value);
            });
        });
    }
    push(events, "content_block_stop", |to| to.field("index", &index));
    Ok(())
}

fn push(events: &mut Vec<Event>, name: &'static str, inside: impl FnOnce(&mut Writer)) {
    let mut out = Writer::default();
    out.object(|to| {
        to.string("type", name);
        inside(to);
    });
    events.push(Event {
        name: Some(Bytes::from_static(name.as_bytes())),
        data: out.finish().into(),
    });
}

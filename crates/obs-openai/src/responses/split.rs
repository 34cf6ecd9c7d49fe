//! From a response to a stream that says the same.
use bytes::Bytes;
use obs_core::BoxError;
use obs_wire::{Event, Members, Writer, json, pieces};

/// The events so far, which are numbered.
#[derive(Default)]
struct Events(Vec<Event>);

/// Where an event belongs.
#[derive(Clone, Copy)]
struct Place<'a> {
    item: &'a str,
    output: usize,
    /// Of a part, and what counts the parts.
    part: Option<(&'static str, usize)>,
}

/// Splits a response into the events that are documented.
pub(super) fn split(body: &str) -> Result<Vec<Event>, BoxError> {
    let body = body.trim_ascii();
    let response = Members::read(body)?;
    let mut events = Events::default();
    let mut begun = Writer::default();
    begun.object(|to| {
        let status = Some("\"in_progress\"".to_owned());
        let empty = Some("[]".to_owned());
        let null = Some("null".to_owned());
        response.write_with(
            to,
            &[("status", status), ("output", empty), ("usage", null)],
        );
    });
    let begun = begun.finish();
    for kind in ["response.created", "response.in_progress"] {
        events.push(kind, |to| to.field("response", &begun));
    }
    let (mut index, mut result) = (0, Ok(()));
    json::items(response.get("output").unwrap_or("[]"), |item| {
        if result.is_ok() {
            result = events.item(index, item);
        }
        index += 1;
    })?;
    result?;
    let status = response.get("status").and_then(json::text);
    let end = match status.as_deref() {
        Some("incomplete") => "response.incomplete",
        Some("failed") => "response.failed",
        _ => "response.completed",
    };
    events.push(end, |to| to.field("response", body));
    Ok(events.0)
}

impl Events {
    fn item(&mut self, output: usize, item: &str) -> Result<(), BoxError> {
        let members = Members::read(item)?;
        let text = |key: &str| members.get(key).and_then(json::text).unwrap_or_default();
        let (kind, id) = (text("type"), text("id"));
        let place = Place {
            item: &id,
            output,
            part: None,
        };
        // What comes in pieces is empty at first.
        let emptied = match &*kind {
            "message" => vec![("content", "[]")],
            "reasoning" => vec![("summary", "[]"), ("content", "[]")],
            "function_call" => vec![("arguments", "\"\"")],
            "custom_tool_call" => vec![("input", "\"\"")],
            _ => Vec::new(),
        };
        let mut instead: Vec<_> = emptied
            .into_iter()
            .filter(|(key, _)| members.get(key).is_some_and(|value| !json::is_null(value)))
            .map(|(key, empty)| (key, Some(empty.to_owned())))
            .collect();
        if members.get("status").is_some() {
            instead.push(("status", Some("\"in_progress\"".to_owned())));
        }
        self.at(
            "response.output_item.added",
            Place { item: "", ..place },
            |to| {
                to.key("item");
                to.object(|to| members.write_with(to, &instead));
            },
        );
        match &*kind {
            "message" => self.parts(place, "content", members.get("content"))?,
            "reasoning" => {
                self.parts(place, "summary", members.get("summary"))?;
                self.parts(place, "content", members.get("content"))?;
            }
            "function_call" => {
                self.text(
                    "response.function_call_arguments",
                    "arguments",
                    place,
                    &text("arguments"),
                );
            }
            "custom_tool_call" => {
                self.text(
                    "response.custom_tool_call_input",
                    "input",
                    place,
                    &text("input"),
                );
            }
            _ => {}
        }
        self.at(
            "response.output_item.done",
            Place { item: "", ..place },
            |to| {
                to.field("item", item);
            },
        );
        Ok(())
    }

    fn parts(&mut self, place: Place<'_>, of: &str, parts: Option<&str>) -> Result<(), BoxError> {
        let Some(parts) = parts.filter(|parts| !json::is_null(parts)) else {
            return Ok(());
        };
        let (mut index, mut result) = (0, Ok(()));
        json::items(parts, |part| {
            if result.is_ok() {
                result = self.part(place, of, index, part);
            }
            index += 1;
        })?;
        result
    }

    fn part(
        &mut self,
        place: Place<'_>,
        of: &str,
        index: usize,
        part: &str,
    ) -> Result<(), BoxError> {
        let members = Members::read(part)?;
        let kind = members.get("type").and_then(json::text).unwrap_or_default();
        let (frame, counts) = match of {
            "summary" => ("response.reasoning_summary_part", "summary_index"),
            _ => ("response.content_part", "content_index"),
        };
        let place = Place {
            part: Some((counts, index)),
            ..place
        };
        let (event, key) = match &*kind {
            "output_text" => ("response.output_text", "text"),
            "refusal" => ("response.refusal", "refusal"),
            "summary_text" => ("response.reasoning_summary_text", "text"),
            "reasoning_text" => ("response.reasoning_text", "text"),
            _ => ("", ""),
        };
        let mut instead = Vec::new();
        if members.get(key).is_some() {
            instead.push((key, Some("\"\"".to_owned())));
        }
        let notes = members
            .get("annotations")
            .filter(|notes| !json::is_hollow(notes));
        if notes.is_some() {
            instead.push(("annotations", Some("[]".to_owned())));
        }
        self.at(&format!("{frame}.added"), place, |to| {
            to.key("part");
            to.object(|to| members.write_with(to, &instead));
        });
        if let Some(text) = members.get(key).and_then(json::text) {
            self.text(event, key, place, &text);
        }
        if let Some(notes) = notes {
            let mut at = 0;
            json::items(notes, |note| {
                self.at("response.output_text.annotation.added", place, |to| {
                    to.field("annotation_index", &at.to_string());
                    to.field("annotation", note);
                });
                at += 1;
            })?;
        }
        self.at(&format!("{frame}.done"), place, |to| to.field("part", part));
        Ok(())
    }

    /// Its deltas, and the whole of it.
    fn text(&mut self, event: &str, key: &str, place: Place<'_>, text: &str) {
        let has_logprobs = event == "response.output_text";
        for piece in pieces(text).into_iter().filter(|piece| !piece.is_empty()) {
            self.at(&format!("{event}.delta"), place, |to| {
                to.string("delta", piece);
                if has_logprobs {
                    to.field("logprobs", "[]");
                }
            });
        }
        self.at(&format!("{event}.done"), place, |to| {
            to.string(key, text);
            if has_logprobs {
                to.field("logprobs", "[]");
            }
        });
    }

    fn at(&mut self, kind: &str, place: Place<'_>, inside: impl FnOnce(&mut Writer)) {
        self.push(kind, |to| {
            if !place.item.is_empty() {
                to.string("item_id", place.item);
            }
            to.field("output_index", &place.output.to_string());
            if let Some((counts, index)) = place.part {
                to.field(counts, &index.to_string());
            }
            inside(to);
        });
    }

    fn push(&mut self, kind: &str, inside: impl FnOnce(&mut Writer)) {
        let mut out = Writer::default();
        out.object(|to| {
            to.string("type", kind);
            to.field("sequence_number", &self.0.len().to_string());
            inside(to);
        });
        self.0.push(Event {
            name: Some(Bytes::copy_from_slice(kind.as_bytes())),
            data: out.finish().into(),
        });
    }
}

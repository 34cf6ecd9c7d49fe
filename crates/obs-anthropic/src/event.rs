//! What is read of an event, in one pass.
use obs_wire::{
    EventFacts, Mark, Piece,
    json::{self, Kind},
};

use crate::{stop::finish, usage::usage};

/// How far a stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    started: bool,
    /// There is a stop reason.
    ended: bool,
    /// It is a good one.
    complete: bool,
    /// `message_stop` has come.
    closed: bool,
    damaged: bool,
}

pub(crate) fn read(data: &str) -> Result<EventFacts<Progress>, serde_json::Error> {
    let (mut facts, mut kind) = (EventFacts::<Progress>::default(), None);
    let (mut message, mut block, mut delta) = (None, None, None);
    json::fields(data, |key, value| match &*key {
        "type" => kind = json::filled_text(value),
        "message" => message = Some(value),
        "content_block" => block = Some(value),
        "delta" => delta = Some(value),
        "usage" => facts.usage = usage(value).map(Box::new),
        "error" => facts.is_error = !json::is_null(value),
        _ => {}
    })?;
    match kind.as_deref() {
        Some("message_start") => {
            facts.mark.started = true;
            if let Some(message) = message.filter(|m| Kind::of(m) == Kind::Object) {
                // It was read with the event.
                let _ = json::fields(message, |key, value| match &*key {
                    "id" => facts.id = Piece::of(data, value),
                    "model" => facts.model = Piece::of(data, value),
                    "usage" => facts.usage = usage(value).map(Box::new),
                    _ => {}
                });
            }
        }
        Some("content_block_start") => facts.is_content = block.is_some_and(says_something),
        Some("content_block_delta") => {
            if let Some(delta) = delta.filter(|d| Kind::of(d) == Kind::Object) {
                read_delta(data, delta, &mut facts);
            }
        }
        Some("message_delta") => {
            let reason = &mut |reason: &str| {
                let finish = finish(reason);
                facts.finish = Some(finish);
                facts.mark.ended = true;
                facts.mark.complete = finish.is_complete();
            };
            json::text_field(delta.unwrap_or("null"), "stop_reason", reason);
        }
        Some("message_stop") => facts.mark.closed = true,
        Some("error") => facts.is_error = true,
        // `content_block_stop`, `ping`, and what is not known here.
        _ => {}
    }
    Ok(facts)
}

/// Whether a block begins with content: an empty text is none, the call of a tool is.
fn says_something(block: &str) -> bool {
    let (mut is_text, mut is_filled) = (false, false);
    json::field(block, "type", &mut |kind| {
        is_text = matches!(kind, "\"text\"" | "\"thinking\"");
    });
    for key in ["text", "thinking"] {
        json::text_field(block, key, &mut |_| is_filled = true);
    }
    !is_text || is_filled
}

fn read_delta(data: &str, delta: &str, facts: &mut EventFacts<Progress>) {
    // It was read with the event.
    let _ = json::fields(delta, |key, value| {
        if key == "type" {
            return;
        }
        facts.is_content |= match Kind::of(value) {
            Kind::Text => value != "\"\"",
            Kind::Array | Kind::Object => !json::is_hollow(value),
            _ => false,
        };
        if key == "text" {
            facts.text = Piece::of(data, value);
        }
    });
}

impl Mark for Progress {
    fn add(&mut self, next: &Self) {
        // The last stop reason counts.
        if next.ended {
            self.complete = next.complete;
        }
        self.started |= next.started;
        self.ended |= next.ended;
        self.closed |= next.closed;
        self.damaged |= next.damaged;
    }

    fn has_begun(&self) -> bool {
        self.started
    }

    fn has_ended(&self, _: u64) -> bool {
        self.started && self.ended
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    /// From its start to its stop.
    fn is_complete(&self) -> bool {
        self.started && self.complete && self.closed && !self.damaged
    }

    fn damage(&mut self) {
        self.damaged = true;
    }
}

#[cfg(test)]
mod tests {
    use obs_core::LlmChunk;

    use super::*;
    use crate::MessagesChunk;

    fn chunk(data: &str) -> MessagesChunk {
        MessagesChunk::new(data.to_owned())
    }

    fn delta(delta: &str) -> MessagesChunk {
        chunk(&format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#
        ))
    }

    #[test]
    fn what_the_model_writes_is_content() {
        let text = delta(r#"{"type":"text_delta","text":"a\nb"}"#);
        assert!(text.is_content());
        assert_eq!(text.text(), "a\nb");
        for filled in [
            r#"{"type":"thinking_delta","thinking":"hm"}"#,
            r#"{"type":"input_json_delta","partial_json":"{\"a"}"#,
            r#"{"type":"citations_delta","citation":{"type":"char_location"}}"#,
            r#"{"type":"delta_of_tomorrow","glyphs":"x"}"#,
        ] {
            assert!(delta(filled).is_content() && delta(filled).text().is_empty());
        }
        for block in [
            r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#,
            r#"{"type":"redacted_thinking","data":"x"}"#,
        ] {
            let start =
                format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
            assert!(chunk(&start).is_content(), "{block}");
        }
    }

    #[test]
    fn beginnings_and_pings_are_no_content() {
        for empty in [
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"event_of_tomorrow","what":"ever"}"#,
            r#"{"type":"content_block_delta","delta":[]}"#,
            r#"{"type":3,"message":[],"usage":"x"}"#,
            "{}",
        ] {
            let chunk = chunk(empty);
            assert!(!chunk.is_content() && chunk.finish().is_none(), "{empty}");
        }
    }

    #[test]
    fn a_message_ends_with_its_reason_and_closes_with_its_stop() {
        let mut progress = Progress::default();
        let mut see = |data: &str| {
            progress.add(&read(data).unwrap().mark);
            (
                progress.has_ended(1),
                progress.is_closed(),
                progress.is_complete(),
            )
        };
        assert_eq!(
            see(r#"{"type":"message_start","message":{}}"#),
            (false, false, false)
        );
        let end = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}"#;
        assert_eq!(see(end), (true, false, false));
        assert_eq!(see(r#"{"type":"message_stop"}"#), (true, true, true));
        progress.damage();
        assert!(!progress.is_complete());
    }

    #[test]
    fn a_cut_message_is_not_complete() {
        let mut progress = Progress::default();
        for data in [
            r#"{"type":"message_start","message":{}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}"#,
            r#"{"type":"message_stop"}"#,
        ] {
            progress.add(&read(data).unwrap().mark);
        }
        assert!(progress.has_ended(1) && !progress.is_complete());
    }
}

//! What is read of an event, in one pass.
use obs_core::Finish;
use obs_wire::{
    EventFacts, Mark, Piece,
    json::{self, Kind},
};

use super::searches::searches;
use crate::usage::usage;

/// How far a stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponsesProgress {
    begun: bool,
    /// `response.completed` or `response.incomplete` has come.
    ended: bool,
    complete: bool,
    damaged: bool,
}

pub(super) fn read(data: &str) -> Result<EventFacts<ResponsesProgress>, serde_json::Error> {
    let (mut facts, mut kind) = (EventFacts::<ResponsesProgress>::default(), None);
    let (mut response, mut item) = (None, None);
    let mut delta = None;
    json::fields(data, |key, value| match &*key {
        "type" => kind = json::filled_text(value),
        "response" => response = Some(value).filter(|value| Kind::of(value) == Kind::Object),
        "item" => item = Some(value),
        "delta" | "partial_image_b64" => delta = Some(value),
        "error" => facts.is_error = !json::is_null(value),
        _ => {}
    })?;
    if let Some(response) = response {
        facts.mark.begun = true;
        let mut searched = 0;
        // It was read with the event.
        let _ = json::fields(response, |key, value| match &*key {
            "id" => facts.id = Piece::of(data, value),
            "model" => facts.model = Piece::of(data, value),
            "usage" => facts.usage = usage(value).map(Box::new),
            "output" if Kind::of(value) == Kind::Array => searched = searches(value),
            _ => {}
        });
        if let Some(usage) = &mut facts.usage {
            usage.searches = searched;
        }
    }
    match kind.as_deref().unwrap_or_default() {
        ended @ ("response.completed" | "response.incomplete") => {
            facts.finish = response.and_then(super::finish).or(Some(Finish::Other));
            facts.mark.ended = true;
            facts.mark.complete =
                ended == "response.completed" && facts.finish.is_some_and(Finish::is_complete);
        }
        "response.failed" | "error" => facts.is_error = true,
        "response.output_item.added" => {
            json::text_field(item.unwrap_or("null"), "type", &mut |kind| {
                facts.is_content = super::is_call(kind);
            });
        }
        kind => {
            facts.is_content = delta.is_some_and(|delta| match Kind::of(delta) {
                Kind::Text => delta != "\"\"",
                Kind::Array | Kind::Object => !json::is_hollow(delta),
                _ => false,
            });
            if kind == "response.output_text.delta" {
                facts.text = delta.map_or(Piece::None, |delta| Piece::of(data, delta));
            }
        }
    }
    Ok(facts)
}

impl Mark for ResponsesProgress {
    fn add(&mut self, next: &Self) {
        self.begun |= next.begun;
        self.ended |= next.ended;
        self.complete |= next.complete;
        self.damaged |= next.damaged;
    }

    fn has_begun(&self) -> bool {
        self.begun
    }

    fn has_ended(&self, _: u64) -> bool {
        self.ended
    }

    /// The event that tells the end is the last one.
    fn is_closed(&self) -> bool {
        self.ended
    }

    fn is_complete(&self) -> bool {
        self.complete && !self.damaged
    }

    fn damage(&mut self) {
        self.damaged = true;
    }
}

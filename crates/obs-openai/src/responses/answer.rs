//! What is read of a whole response, in one pass.
use obs_core::Finish;
use obs_wire::{
    AnswerFacts, Found, Piece,
    json::{self, Kind},
};

use super::searches::searches;
use crate::usage::usage;

pub(super) fn read(body: &str) -> Result<AnswerFacts, serde_json::Error> {
    let mut facts = AnswerFacts::default();
    let (mut has_output, mut is_error, mut is_done) = (false, false, false);
    let mut searched = 0;
    json::fields(body, |key, value| match &*key {
        "id" => facts.id = Piece::of(body, value),
        "model" => facts.model = Piece::of(body, value),
        "usage" => facts.usage = usage(value),
        "output" if Kind::of(value) == Kind::Array => {
            has_output = true;
            searched = searches(value);
        }
        "status" => is_done = value == "\"completed\"",
        "error" => is_error = !json::is_null(value),
        _ => {}
    })?;
    if let Some(usage) = &mut facts.usage {
        usage.searches = searched;
    }
    facts.found = match (has_output, is_error) {
        (_, true) => Found::Error,
        (true, false) => Found::Answer,
        (false, false) => Found::Nothing,
    };
    if facts.found == Found::Answer {
        facts.finish = super::finish(body);
        facts.is_complete = is_done && facts.finish.is_some_and(Finish::is_complete);
    }
    Ok(facts)
}

/// Visits the texts of the messages of a response.
pub(super) fn visit_text(body: &str, visit: &mut dyn FnMut(&str)) {
    json::each(body, "output", &mut |item| {
        json::each(item, "content", &mut |part| {
            let mut is_answer = false;
            json::text_field(part, "type", &mut |kind| {
                is_answer = matches!(kind, "output_text" | "refusal");
            });
            if is_answer {
                json::text_field(part, "text", visit);
                json::text_field(part, "refusal", visit);
            }
        });
    });
}

//! What is read of a whole answer, in one pass.
use obs_core::Finish;
use obs_wire::{
    AnswerFacts, Found, Piece,
    json::{self, Kind},
};

use crate::{stop::finish, usage::usage};

pub(crate) fn read(body: &str) -> Result<AnswerFacts, serde_json::Error> {
    let mut facts = AnswerFacts::default();
    let (mut has_content, mut is_error) = (false, false);
    json::fields(body, |key, value| match &*key {
        "id" => facts.id = Piece::of(body, value),
        "model" => facts.model = Piece::of(body, value),
        "usage" => facts.usage = usage(value),
        "stop_reason" => facts.finish = json::filled_text(value).map(|reason| finish(&reason)),
        "content" => has_content = Kind::of(value) == Kind::Array,
        "error" => is_error = !json::is_null(value),
        _ => {}
    })?;
    facts.found = match (has_content, is_error) {
        (_, true) => Found::Error,
        (true, false) => Found::Answer,
        (false, false) => Found::Nothing,
    };
    facts.is_complete =
        facts.found == Found::Answer && facts.finish.is_some_and(Finish::is_complete);
    Ok(facts)
}

/// Visits the texts of a message.
pub(crate) fn visit_text(body: &str, visit: &mut dyn FnMut(&str)) {
    json::each(body, "content", &mut |block| {
        json::text_field(block, "text", visit);
    });
}

//! What is read of a whole answer, in one pass.
use obs_core::Finish;
use obs_wire::{
    AnswerFacts, Found, Piece,
    json::{self, Kind},
};

use crate::{
    finish::{finish, worse},
    usage::usage,
};

#[derive(Default)]
struct Choices {
    all: usize,
    /// How many of them have a finish reason.
    finished: usize,
    finish: Option<Finish>,
}

pub(super) fn read(body: &str) -> Result<AnswerFacts, serde_json::Error> {
    let (mut facts, mut choices, mut is_error) =
        (AnswerFacts::default(), Choices::default(), false);
    json::fields(body, |key, value| match &*key {
        "id" => facts.id = Piece::of(body, value),
        "model" => facts.model = Piece::of(body, value),
        "usage" => facts.usage = usage(value),
        "error" => is_error = !json::is_null(value),
        "choices" if Kind::of(value) == Kind::Array => {
            // It was read with the answer.
            let _ = json::items(value, |choice| choices.add(choice));
        }
        _ => {}
    })?;
    facts.finish = choices.finish;
    // Every choice is.
    facts.is_complete = choices.all > 0
        && choices.finished == choices.all
        && choices.finish.is_some_and(Finish::is_complete)
        && !is_error;
    facts.found = match (choices.all, is_error) {
        (1.., _) => Found::Answer,
        (0, true) => Found::Error,
        (0, false) => Found::Nothing,
    };
    Ok(facts)
}

impl Choices {
    fn add(&mut self, choice: &str) {
        self.all += 1;
        if Kind::of(choice) != Kind::Object {
            return;
        }
        json::text_field(choice, "finish_reason", &mut |reason| {
            self.finished += 1;
            self.finish = Some(worse(self.finish, finish(reason)));
        });
    }
}

/// Visits the text of the messages of a whole answer.
pub(super) fn visit_text(body: &str, visit: &mut dyn FnMut(&str)) {
    json::each(body, "choices", &mut |choice| {
        json::field(choice, "message", &mut |message| {
            json::text_field(message, "content", visit);
            json::text_field(message, "refusal", visit);
        });
    });
}

//! What is read of a whole answer, in one pass.
use std::str;

use obs_core::{Finish, Usage};

use crate::{
    chunk::Piece,
    finish::{finish, worse},
    json::{self, Kind},
    usage::usage,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct WholeFacts {
    pub(crate) usage: Option<Usage>,
    pub(crate) model: Piece,
    pub(crate) finish: Option<Finish>,
    /// How many of the choices have a finish reason.
    finished: usize,
    choices: usize,
    has_data: bool,
    is_error: bool,
}

/// Why a body is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It ends before the JSON does.
    Stump(String),
    Malformed(String),
    /// It is an error object.
    Error,
    /// Neither choices nor embeddings.
    Empty,
}

impl WholeFacts {
    /// `Err`: it is no JSON object.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Problem> {
        let whole = str::from_utf8(body)
            .map_err(|error| Problem::Malformed(format!("no valid UTF-8: {error}")))?;
        let mut facts = Self::default();
        let read = json::fields(whole, |key, value| match &*key {
            "model" => facts.model = Piece::of(whole, value),
            "usage" => facts.usage = usage(value),
            "error" => facts.is_error = !json::is_null(value),
            "data" => facts.has_data = Kind::of(value) == Kind::Array,
            "choices" if Kind::of(value) == Kind::Array => {
                // It was read with the answer.
                let _ = json::items(value, |choice| facts.choice(choice));
            }
            _ => {}
        });
        match read {
            Ok(()) => Ok(facts),
            Err(error) if error.is_eof() => {
                Err(Problem::Stump(format!("the JSON is incomplete: {error}")))
            }
            Err(error) => Err(Problem::Malformed(format!("no valid JSON: {error}"))),
        }
    }

    /// The facts of what is really an answer.
    pub(crate) fn of_answer(body: &[u8]) -> Result<Self, Problem> {
        let facts = Self::read(body)?;
        if facts.choices > 0 || facts.has_data {
            Ok(facts)
        } else if facts.is_error {
            Err(Problem::Error)
        } else {
            Err(Problem::Empty)
        }
    }

    /// Whether every choice is complete.
    pub(crate) fn is_complete(&self) -> bool {
        self.choices > 0
            && self.finished == self.choices
            && self.finish.is_some_and(Finish::is_complete)
            && !self.is_error
    }

    fn choice(&mut self, choice: &str) {
        self.choices += 1;
        if Kind::of(choice) != Kind::Object {
            return;
        }
        // It was read with the answer.
        let _ = json::fields(choice, |key, value| {
            if let ("finish_reason", Some(reason)) = (&*key, json::filled_text(value)) {
                self.finished += 1;
                self.finish = Some(worse(self.finish, finish(&reason)));
            }
        });
    }
}

/// Visits the text of the messages of a whole answer.
pub(crate) fn visit_text(body: &[u8], visit: &mut dyn FnMut(&str)) {
    let Ok(whole) = str::from_utf8(body) else {
        return;
    };
    each(whole, "choices", &mut |choices| {
        if Kind::of(choices) == Kind::Array {
            // A body that is no JSON has no text.
            let _ = json::items(choices, |choice| {
                each(choice, "message", &mut |message| {
                    each(message, "content", &mut |text| {
                        if let Some(text) = json::filled_text(text) {
                            visit(&text);
                        }
                    });
                    each(message, "refusal", &mut |text| {
                        if let Some(text) = json::filled_text(text) {
                            visit(&text);
                        }
                    });
                });
            });
        }
    });
}

fn each(object: &str, key: &str, visit: &mut dyn FnMut(&str)) {
    if Kind::of(object.trim_ascii_start()) == Kind::Object {
        // A body that is no JSON has no text.
        let _ = json::fields(object, |name, value| {
            if name == key {
                visit(value);
            }
        });
    }
}

//! What is read of the body of a request.
use std::ops::Range;

use obs_core::Role;
use obs_wire::{
    Expect, InvalidRequest, View, check_field,
    json::{self, Kind},
};

use super::input;

/// The fields that we know. What is not listed is left to the provider.
const FIELDS: &[(&str, Expect)] = &[
    ("input", Expect::TextOrArray),
    ("stream", Expect::Flag),
    ("stream_options", Expect::Object),
    ("store", Expect::Flag),
    ("background", Expect::Flag),
    ("previous_response_id", Expect::Text),
    ("conversation", Expect::TextOrObject),
    ("temperature", Expect::Number),
    ("top_p", Expect::Number),
    ("max_output_tokens", Expect::Count),
    ("max_tool_calls", Expect::Count),
    ("parallel_tool_calls", Expect::Flag),
    ("tools", Expect::Array),
    ("tool_choice", Expect::TextOrObject),
    ("include", Expect::Array),
    ("reasoning", Expect::Object),
    ("text", Expect::Object),
    ("metadata", Expect::Object),
];

/// What is read of the body of a request.
#[derive(Debug, Default)]
pub struct ResponsesFields {
    input: Option<Range<usize>>,
    instructions: Option<Range<usize>>,
    stream: bool,
    /// It asks to be stored, and does not only let it happen.
    store: bool,
    temperature: Option<f64>,
    /// What the answer is to obey.
    schema: Option<Range<usize>>,
    /// It goes on with what the provider keeps, or without its caller.
    is_bound: bool,
    /// There is something that stands for an input.
    has_source: bool,
}

impl View for ResponsesFields {
    fn field(&mut self, key: &str, value: &str, at: Range<usize>) -> Result<(), InvalidRequest> {
        check_field(FIELDS, key, value)?;
        let is_set = !json::is_null(value);
        match key {
            "input" if is_set => self.input = Some(at),
            "instructions" => self.instructions = Some(at),
            "stream" => self.stream = value == "true",
            "store" => self.store = value == "true",
            "background" => self.is_bound |= value == "true",
            "previous_response_id" | "conversation" if is_set => {
                self.is_bound = true;
                self.has_source = true;
            }
            "prompt" if is_set => self.has_source = true,
            "temperature" => self.temperature = json::number(value),
            "text" => {
                self.schema = None;
                json::field(value, "format", &mut |format| {
                    self.schema = json::schema_of(format, value, &at);
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn complete(&self) -> Result<(), InvalidRequest> {
        if self.input.is_none() && !self.has_source {
            let expected = "a text or an array of items";
            return Err(InvalidRequest::missing("input", expected));
        }
        Ok(())
    }

    fn check(&self, body: &str) -> Result<(), InvalidRequest> {
        match self.input.clone() {
            Some(at) if !self.has_source && is_empty(&body[at.clone()]) => {
                let problem = "is empty: expected a text or an array of items";
                Err(InvalidRequest::field("input", problem))
            }
            _ => Ok(()),
        }
    }

    fn streams(&self) -> bool {
        self.stream
    }

    fn cacheable(&self) -> bool {
        !self.is_bound && !self.store && self.temperature.is_none_or(|t| t <= 1.0)
    }

    fn answer_schema(&self) -> Option<Range<usize>> {
        self.schema.clone()
    }

    fn movable(&self) -> bool {
        !self.is_bound
    }

    fn visit_prompt(&self, body: &str, visit: &mut dyn FnMut(Role, &str)) {
        if let Some(text) = self
            .instructions
            .clone()
            .and_then(|at| json::filled_text(&body[at]))
        {
            visit(Role::System, &text);
        }
        if let Some(at) = self.input.clone() {
            input::visit(&body[at], visit);
        }
    }
}

fn is_empty(input: &str) -> bool {
    match Kind::of(input) {
        Kind::Array => json::is_hollow(input),
        _ => json::filled_text(input).is_none(),
    }
}

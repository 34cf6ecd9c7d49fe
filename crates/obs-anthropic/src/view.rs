//! What is read of the body of a request.
use std::ops::Range;

use obs_core::Role;
use obs_wire::{
    Expect, InvalidRequest, View, check_field,
    json::{self, Kind},
};

use crate::prompt;

/// The fields that we know. What is not listed is left to the provider.
const FIELDS: &[(&str, Expect)] = &[
    ("max_tokens", Expect::Count),
    ("system", Expect::TextOrArray),
    ("stream", Expect::Flag),
    ("temperature", Expect::Number),
    ("top_p", Expect::Number),
    ("top_k", Expect::Integer),
    ("stop_sequences", Expect::Array),
    ("tools", Expect::Array),
    ("tool_choice", Expect::Object),
    ("thinking", Expect::Object),
    ("metadata", Expect::Object),
];

/// What is read of the body of a request.
#[derive(Debug, Default)]
pub struct Fields {
    messages: Option<Range<usize>>,
    system: Option<Range<usize>>,
    stream: bool,
    /// It goes on in a container, or in several conversations of one.
    has_container: bool,
    /// What the answer is to obey.
    schema: Option<Range<usize>>,
}

impl Fields {
    fn messages<'a>(&self, body: &'a str) -> &'a str {
        let at = self.messages.clone();
        &body[at.expect("a body without messages is refused")]
    }
}

impl View for Fields {
    fn field(&mut self, key: &str, value: &str, at: Range<usize>) -> Result<(), InvalidRequest> {
        check_field(FIELDS, key, value)?;
        match key {
            "messages" => {
                if Kind::of(value) != Kind::Array {
                    let expected = "an array of messages";
                    return Err(InvalidRequest::wrong("messages", expected, value));
                }
                self.messages = Some(at);
            }
            "system" => self.system = Some(at),
            "stream" => self.stream = value == "true",
            "output_config" => {
                self.schema = None;
                json::field(value, "format", &mut |format| {
                    self.schema = json::schema_of(format, value, &at);
                });
            }
            "container" => self.has_container = !json::is_null(value),
            _ => {}
        }
        Ok(())
    }

    fn complete(&self) -> Result<(), InvalidRequest> {
        match self.messages {
            Some(_) => Ok(()),
            None => Err(InvalidRequest::missing("messages", "an array of messages")),
        }
    }

    fn check(&self, body: &str) -> Result<(), InvalidRequest> {
        if json::is_hollow(self.messages(body)) {
            let problem = "is empty: expected at least one message";
            return Err(InvalidRequest::field("messages", problem));
        }
        Ok(())
    }

    fn streams(&self) -> bool {
        self.stream
    }

    fn cacheable(&self) -> bool {
        !self.has_container
    }

    fn answer_schema(&self) -> Option<Range<usize>> {
        self.schema.clone()
    }

    fn movable(&self) -> bool {
        !self.has_container
    }

    fn visit_prompt(&self, body: &str, visit: &mut dyn FnMut(Role, &str)) {
        if let Some(at) = self.system.clone() {
            prompt::content(&body[at], Role::System, visit);
        }
        prompt::messages(self.messages(body), visit);
    }
}

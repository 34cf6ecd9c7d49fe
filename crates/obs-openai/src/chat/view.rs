//! What is read of the body of a chat.
use std::ops::Range;

use obs_core::Role;
use obs_wire::{
    Edit, Expect, InvalidRequest, View, check_field,
    json::{self, Kind},
};

use super::{begun, messages};

/// The fields that we know. What is not listed is left to the provider.
const FIELDS: &[(&str, Expect)] = &[
    ("stream", Expect::Flag),
    ("stream_options", Expect::Object),
    ("temperature", Expect::Number),
    ("top_p", Expect::Number),
    ("presence_penalty", Expect::Number),
    ("frequency_penalty", Expect::Number),
    ("n", Expect::Positive),
    ("max_tokens", Expect::Count),
    ("max_completion_tokens", Expect::Count),
    ("top_logprobs", Expect::Count),
    ("logprobs", Expect::Flag),
    ("seed", Expect::Integer),
    ("stop", Expect::TextOrArray),
    ("tools", Expect::Array),
    ("functions", Expect::Array),
    ("tool_choice", Expect::TextOrObject),
    ("function_call", Expect::TextOrObject),
    ("parallel_tool_calls", Expect::Flag),
    ("response_format", Expect::Object),
    ("logit_bias", Expect::Object),
    ("user", Expect::Text),
];

/// What is read of the body of a chat.
#[derive(Debug, Default)]
pub struct Chat {
    pub(super) messages: Option<Range<usize>>,
    stream: bool,
    /// Objects and nulls.
    stream_options: Vec<(Range<usize>, Options)>,
    /// How many choices are asked for.
    choices: Option<u64>,
    temperature: Option<f64>,
    /// What the answer is to obey.
    schema: Option<Range<usize>>,
}

/// What `stream_options` holds.
#[derive(Clone, Debug)]
enum Options {
    Null,
    Hollow,
    /// All values of `include_usage`, and whether the last one is `true`.
    Object(Vec<Range<usize>>, bool),
}

impl Chat {
    pub(super) fn messages<'a>(&self, body: &'a str) -> &'a str {
        let at = self.messages.clone();
        &body[at.expect("a body without messages is refused")]
    }
}

impl View for Chat {
    fn field(&mut self, key: &str, value: &str, at: Range<usize>) -> Result<(), InvalidRequest> {
        check_field(FIELDS, key, value)?;
        match key {
            "messages" => {
                messages::check(value)?;
                self.messages = Some(at);
            }
            "stream" => self.stream = value == "true",
            "stream_options" => {
                let options = Options::read(value, &at)?;
                self.stream_options.push((at, options));
            }
            // One that is no machine integer is more than one.
            "n" => self.choices = json::number(value).map(|n| n as u64),
            "temperature" => self.temperature = json::number(value),
            "response_format" => self.schema = json::schema_of(value, value, &at),
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
        self.choices() <= 1 && self.temperature.is_none_or(|t| t <= 1.0)
    }

    fn choices(&self) -> u64 {
        self.choices.unwrap_or(1)
    }

    fn answer_schema(&self) -> Option<Range<usize>> {
        self.schema.clone().filter(|_| self.choices() == 1)
    }

    fn asked_for_usage(&self) -> bool {
        let last = self.stream_options.last();
        matches!(last, Some((_, Options::Object(_, true))))
    }

    fn ask_for_usage(&self, end: usize) -> Vec<Edit> {
        let mut edits = Vec::new();
        for (at, options) in &self.stream_options {
            match options {
                Options::Null | Options::Hollow => {
                    edits.push(Edit::new(at.clone(), r#"{"include_usage":true}"#));
                }
                Options::Object(values, _) if values.is_empty() => {
                    let end = at.end - 1;
                    edits.push(Edit::new(end..end, r#","include_usage":true"#));
                }
                Options::Object(values, _) => {
                    edits.extend(values.iter().map(|at| Edit::new(at.clone(), "true")));
                }
            }
        }
        if edits.is_empty() {
            let value = r#"{"include_usage":true}"#;
            edits.push(Edit::append(end, "stream_options", value));
        }
        edits
    }

    fn go_on(&self, body: &str, begun: &str) -> Option<Edit> {
        begun::go_on(self, body, begun)
    }

    fn visit_prompt(&self, body: &str, visit: &mut dyn FnMut(Role, &str)) {
        messages::visit(self.messages(body), visit);
    }
}

impl Options {
    fn read(value: &str, at: &Range<usize>) -> Result<Self, InvalidRequest> {
        if json::is_null(value) {
            return Ok(Self::Null);
        }
        if json::is_hollow(value) {
            return Ok(Self::Hollow);
        }
        let (mut values, mut asked, mut wrong) = (Vec::new(), false, None);
        let read = json::fields(value, |key, option| {
            if key == "include_usage" {
                if !matches!(Kind::of(option), Kind::Flag | Kind::Null) {
                    wrong = Some(InvalidRequest::wrong(
                        "stream_options.include_usage",
                        "true or false",
                        option,
                    ));
                }
                asked = option == "true";
                let inside = json::place(value, option);
                values.push(at.start + inside.start..at.start + inside.end);
            }
        });
        debug_assert!(read.is_ok(), "it was read with the body");
        wrong.map_or(Ok(Self::Object(values, asked)), Err)
    }
}

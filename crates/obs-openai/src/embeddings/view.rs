//! What is read of the body of a request for embeddings.
use std::ops::Range;

use obs_core::Role;
use obs_wire::{
    Expect, InvalidRequest, View, check_field,
    json::{self, Kind},
};

/// The fields that we know. What is not listed is left to the provider.
const FIELDS: &[(&str, Expect)] = &[
    ("dimensions", Expect::Positive),
    ("encoding_format", Expect::Text),
    ("user", Expect::Text),
];

/// What is read of the body.
#[derive(Debug, Default)]
pub struct Embedding {
    input: Option<Range<usize>>,
}

impl Embedding {
    fn input<'a>(&self, body: &'a str) -> &'a str {
        let at = self.input.clone();
        &body[at.expect("a body without input is refused")]
    }
}

impl View for Embedding {
    fn field(&mut self, key: &str, value: &str, at: Range<usize>) -> Result<(), InvalidRequest> {
        check_field(FIELDS, key, value)?;
        if key == "input" {
            self.input = Some(at);
        }
        Ok(())
    }

    fn complete(&self) -> Result<(), InvalidRequest> {
        match self.input {
            Some(_) => Ok(()),
            None => Err(InvalidRequest::missing("input", "text to embed")),
        }
    }

    fn check(&self, body: &str) -> Result<(), InvalidRequest> {
        let input = self.input(body);
        match Kind::of(input) {
            Kind::Text if input != "\"\"" => Ok(()),
            Kind::Array if !json::is_hollow(input) => check_items(input),
            Kind::Text | Kind::Array => {
                let problem = "is empty: expected text, or an array of texts or of tokens";
                Err(InvalidRequest::field("input", problem))
            }
            _ => {
                let expected = "a string, or an array of strings or of tokens";
                Err(InvalidRequest::wrong("input", expected, input))
            }
        }
    }

    fn visit_prompt(&self, body: &str, visit: &mut dyn FnMut(Role, &str)) {
        let mut text = |value: &str| {
            if let Some(text) = json::filled_text(value) {
                visit(Role::User, &text);
            }
        };
        let input = self.input(body);
        if Kind::of(input) == Kind::Array {
            // It was read with the body: there is nothing left to go wrong.
            let _ = json::items(input, text);
        } else {
            text(input);
        }
    }
}

/// Strings, tokens, or arrays of tokens.
fn check_items(input: &str) -> Result<(), InvalidRequest> {
    let (mut index, mut wrong) = (0, None);
    let read = json::items(input, |item| {
        let fits = match Kind::of(item) {
            Kind::Text | Kind::Array => true,
            Kind::Number => json::count(item).is_some(),
            _ => false,
        };
        if !fits && wrong.is_none() {
            let expected = "a string, a token, or an array of tokens";
            wrong = Some(InvalidRequest::wrong(
                format!("input[{index}]"),
                expected,
                item,
            ));
        }
        index += 1;
    });
    debug_assert!(read.is_ok(), "it was read with the body");
    wrong.map_or(Ok(()), Err)
}

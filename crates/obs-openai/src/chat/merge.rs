//! From a stream to the whole answer that would have come instead.
use obs_core::BoxError;
use obs_wire::{
    Event, Members, Unlike, Writer,
    json::{self, Kind},
};

use super::message::{Message, each};

#[derive(Debug, Default)]
struct Answer<'a> {
    choices: Vec<Choice<'a>>,
    usage: Option<&'a str>,
    others: Members<'a>,
}

#[derive(Debug)]
struct Choice<'a> {
    index: u64,
    message: Message<'a>,
    finish_reason: Option<&'a str>,
    logprobs: Logprobs<'a>,
    others: Members<'a>,
}

/// Arrays of tokens, by the kind of text that they belong to.
#[derive(Debug, Default)]
struct Logprobs<'a> {
    /// There is such a field, be it null.
    seen: bool,
    lists: Vec<(String, Option<Vec<&'a str>>)>,
}

/// Puts the chunks of a complete stream together.
pub(super) fn merge(events: &[Event]) -> Result<String, BoxError> {
    let mut answer = Answer::default();
    for event in events {
        answer.add(std::str::from_utf8(&event.data)?)?;
    }
    if answer.choices.is_empty() {
        return Err("the kept stream has no choices".into());
    }
    let mut out = Writer::default();
    out.object(|to| answer.write(to));
    Ok(out.finish())
}

impl<'a> Answer<'a> {
    fn add(&mut self, chunk: &'a str) -> Result<(), BoxError> {
        let mut choices = None;
        each(chunk, |key, value| {
            match &*key {
                "choices" => choices = Some(value),
                "usage" if json::is_null(value) => {}
                "usage" => self.usage = Some(value),
                // Padding that hides the length of tokens.
                "object" | "obfuscation" => {}
                "error" if json::is_null(value) => {}
                "error" => return Err(Unlike::new("error")),
                "id" | "created" | "model" => self.others.add_first(key, value),
                _ => return self.others.add(key, value),
            }
            Ok(())
        })?;
        let mut result = Ok(());
        if let Some(choices) = choices.filter(|choices| Kind::of(choices) == Kind::Array) {
            json::items(choices, |choice| {
                if result.is_ok() {
                    result = self.add_choice(choice);
                }
            })?;
        }
        result
    }

    fn add_choice(&mut self, choice: &'a str) -> Result<(), BoxError> {
        let mut index = 0;
        json::fields(choice, |key, value| {
            if key == "index" {
                index = json::count(value).unwrap_or(0);
            }
        })?;
        let at = self.choices.binary_search_by_key(&index, |c| c.index);
        let at = at.unwrap_or_else(|at| {
            self.choices.insert(at, Choice::new(index));
            at
        });
        self.choices[at].add(choice)
    }

    fn write(&self, to: &mut Writer) {
        to.string("object", "chat.completion");
        self.others.write(to);
        to.key("choices");
        to.array(|to| self.choices.iter().for_each(|choice| choice.write(to)));
        if let Some(usage) = self.usage {
            to.field("usage", usage);
        }
    }
}

impl<'a> Choice<'a> {
    fn new(index: u64) -> Self {
        Self {
            index,
            message: Message::default(),
            finish_reason: None,
            logprobs: Logprobs::default(),
            others: Members::default(),
        }
    }

    fn add(&mut self, choice: &'a str) -> Result<(), BoxError> {
        let mut delta = None;
        each(choice, |key, value| {
            match &*key {
                "index" => {}
                "delta" => delta = (!json::is_null(value)).then_some(value),
                "finish_reason" if json::is_null(value) => {}
                "finish_reason" => self.finish_reason = Some(value),
                "logprobs" => return self.logprobs.add(value),
                _ => return self.others.add(key, value),
            }
            Ok(())
        })?;
        delta.map_or(Ok(()), |delta| self.message.add(delta))
    }

    fn write(&self, to: &mut Writer) {
        to.object(|to| {
            to.field("index", &self.index.to_string());
            to.key("message");
            to.object(|to| self.message.write(to));
            self.logprobs.write(to);
            to.field("finish_reason", self.finish_reason.unwrap_or("null"));
            self.others.write(to);
        });
    }
}

impl<'a> Logprobs<'a> {
    fn add(&mut self, value: &'a str) -> Result<(), Unlike> {
        self.seen = true;
        match Kind::of(value) {
            Kind::Null => return Ok(()),
            Kind::Object => {}
            _ => return Err(Unlike::new("logprobs")),
        }
        let mut result = Ok(());
        // It is a piece of what was read before.
        let _ = json::fields(value, |key, list| {
            let at = self.lists.iter().position(|(name, _)| *name == key);
            let at = at.unwrap_or_else(|| {
                self.lists.push((key.into_owned(), None));
                self.lists.len() - 1
            });
            match Kind::of(list) {
                Kind::Null => {}
                Kind::Array => {
                    let tokens = self.lists[at].1.get_or_insert_default();
                    let _ = json::items(list, |token| tokens.push(token));
                }
                _ => result = Err(Unlike::new("logprobs")),
            }
        });
        result
    }

    fn write(&self, to: &mut Writer) {
        if !self.seen {
            return;
        }
        if self.lists.is_empty() {
            return to.field("logprobs", "null");
        }
        to.key("logprobs");
        to.object(|to| {
            for (key, tokens) in &self.lists {
                let Some(tokens) = tokens else {
                    to.field(key, "null");
                    continue;
                };
                to.key(key);
                to.array(|to| tokens.iter().for_each(|token| to.value(token)));
            }
        });
    }
}

//! From a whole answer to a stream that says the same.
use bytes::Bytes;
use obs_core::BoxError;
use obs_wire::{
    Members, Unlike, Writer,
    json::{self, Kind},
    pieces,
};

use super::message::TEXTS;

/// Fields that every chunk repeats.
const REPEATED: [&str; 5] = [
    "id",
    "created",
    "model",
    "system_fingerprint",
    "service_tier",
];

/// What is common to the chunks of one answer.
struct Chunks<'a> {
    repeated: Vec<(&'static str, &'a str)>,
    /// Only in the first one.
    others: Option<Members<'a>>,
    done: Vec<Bytes>,
}

/// Splits an answer into the data of events.
pub(super) fn split(body: &str) -> Result<Vec<Bytes>, BoxError> {
    let mut answer = Members::read(body)?;
    let choices = answer.take("choices").unwrap_or("[]");
    let usage = answer.take("usage").filter(|usage| !json::is_null(usage));
    answer.take("object");
    let repeated = REPEATED.into_iter();
    let repeated = repeated.filter_map(|key| Some((key, answer.take(key)?)));
    let mut chunks = Chunks {
        repeated: repeated.collect(),
        others: None,
        done: Vec::new(),
    };
    chunks.others = Some(answer);
    let (mut position, mut result) = (0, Ok(()));
    json::items(choices, |choice| {
        if result.is_ok() {
            result = chunks.choice(position, choice);
        }
        position += 1;
    })?;
    result?;
    if let Some(usage) = usage {
        chunks.push(|to| {
            to.field("choices", "[]");
            to.field("usage", usage);
        });
    }
    Ok(chunks.done)
}

impl Chunks<'_> {
    fn choice(&mut self, position: u64, choice: &str) -> Result<(), BoxError> {
        let mut choice = Members::read(choice)?;
        let position = position.to_string();
        let index = choice.take("index").unwrap_or(&position);
        let finish = choice.take("finish_reason").unwrap_or("null");
        let mut logprobs = choice.take("logprobs");
        let mut message = Members::read(choice.take("message").unwrap_or("{}"))?;
        if message.take("audio").is_some_and(|a| !json::is_null(a)) {
            return Err(Unlike::new("audio").into());
        }
        let calls = message.take("tool_calls").filter(|c| !json::is_null(c));
        let texts = TEXTS.map(|key| message.take(key));

        // Reasoning comes before what it led to.
        let order = [2, 3, 0, 1];
        let pieces: Vec<_> = order
            .into_iter()
            .filter_map(|at| Some((TEXTS[at], json::filled_text(texts[at]?)?)))
            .flat_map(|(key, text)| {
                let pieces = pieces(&text).into_iter().map(str::to_owned);
                pieces.map(|piece| (key, piece)).collect::<Vec<_>>()
            })
            .collect();
        // Tokens belong to the text: they go with its first piece.
        let early = if pieces.is_empty() {
            logprobs.take()
        } else {
            None
        };
        self.delta(index, early, |to| {
            message.write(to);
            for (key, text) in TEXTS.iter().zip(texts) {
                match text {
                    Some(text) if json::filled_text(text).is_none() => to.field(key, text),
                    _ => {}
                }
            }
        });
        for (key, piece) in &pieces {
            self.delta(index, logprobs.take(), |to| to.string(key, piece));
        }
        if let Some(calls) = calls {
            let calls = indexed(calls)?;
            self.delta(index, None, |to| to.field("tool_calls", &calls));
        }
        self.push(|to| {
            to.key("choices");
            to.array(|to| {
                to.object(|to| {
                    to.field("index", index);
                    to.field("delta", "{}");
                    to.field("finish_reason", finish);
                    choice.write(to);
                });
            });
        });
        Ok(())
    }

    fn delta(&mut self, index: &str, logprobs: Option<&str>, delta: impl FnOnce(&mut Writer)) {
        self.push(|to| {
            to.key("choices");
            to.array(|to| {
                to.object(|to| {
                    to.field("index", index);
                    to.key("delta");
                    to.object(delta);
                    if let Some(logprobs) = logprobs {
                        to.field("logprobs", logprobs);
                    }
                    to.field("finish_reason", "null");
                });
            });
        });
    }

    fn push(&mut self, inside: impl FnOnce(&mut Writer)) {
        let mut chunk = Writer::default();
        chunk.object(|to| {
            to.string("object", "chat.completion.chunk");
            for (key, value) in &self.repeated {
                to.field(key, value);
            }
            if let Some(others) = self.others.take() {
                others.write(to);
            }
            inside(to);
        });
        self.done.push(chunk.finish().into());
    }
}

/// Calls of tools with the index that they have in a stream.
fn indexed(calls: &str) -> Result<String, BoxError> {
    if Kind::of(calls) != Kind::Array {
        return Ok(calls.to_owned());
    }
    let (mut out, mut result, mut index) = (Writer::default(), Ok(()), 0);
    out.array(|to| {
        let read = json::items(calls, |call| match Members::read(call) {
            Ok(mut call) => {
                call.take("index");
                to.object(|to| {
                    to.field("index", &index.to_string());
                    call.write(to);
                });
                index += 1;
            }
            Err(error) => result = Err(error),
        });
        if let Err(error) = read {
            result = Err(error.into());
        }
    });
    result.map(|()| out.finish())
}

//! What is read of a chunk, in one pass.
use std::{borrow::Cow, ops::Range, str, sync::Arc};

use bytes::Bytes;
use obs_core::{Finish, Usage};

use crate::{
    finish::{finish, worse},
    json::{self, Kind},
    usage::usage,
};

/// Fields of a delta that hold what the model wrote.
const CONTENT: [&str; 7] = [
    "content",
    "reasoning_content",
    "reasoning",
    "refusal",
    "tool_calls",
    "function_call",
    "audio",
];

#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) usage: Option<Box<Usage>>,
    pub(crate) model: Piece,
    pub(crate) text: Piece,
    pub(crate) finish: Option<Finish>,
    pub(crate) is_content: bool,
    pub(crate) has_choice: bool,
    /// There is an error object in it.
    pub(crate) is_error: bool,
    pub(crate) choices: Choices,
}

/// A string of the chunk: where it is in the data, or a copy where it has escapes.
#[derive(Clone, Debug, Default)]
pub(crate) enum Piece {
    #[default]
    None,
    At(Range<usize>),
    Copy(Arc<str>),
}

/// Which choices of an answer have begun and which have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    /// A bit for each index.
    begun: u64,
    ended: u64,
    /// One was cut, or something is not known of it: this is not to be given again.
    pub(crate) cut: bool,
}

impl Facts {
    /// `Err`: the data is no JSON object.
    pub(crate) fn read(data: &Bytes) -> Result<Self, String> {
        let whole = str::from_utf8(data).map_err(|error| error.to_string())?;
        let mut facts = Self::default();
        json::fields(whole, |key, value| match &*key {
            "model" => facts.model = Piece::of(whole, value),
            "usage" => facts.usage = usage(value).map(Box::new),
            "error" => facts.is_error = !json::is_null(value),
            "choices" if Kind::of(value) == Kind::Array => {
                // It was read with the chunk.
                let _ = json::items(value, |choice| facts.choice(whole, choice));
            }
            _ => {}
        })
        .map_err(|error| error.to_string())?;
        Ok(facts)
    }

    fn choice(&mut self, whole: &str, choice: &str) {
        if Kind::of(choice) != Kind::Object {
            return;
        }
        self.has_choice = true;
        let (mut index, mut reason) = (0, None);
        // It was read with the chunk.
        let _ = json::fields(choice, |key, value| match &*key {
            "index" => index = json::count(value).unwrap_or(u64::MAX),
            "delta" if Kind::of(value) == Kind::Object => self.delta(whole, value),
            "finish_reason" => reason = json::filled_text(value).map(|reason| finish(&reason)),
            _ => {}
        });
        self.choices.begin(index);
        if let Some(reason) = reason {
            self.choices.end(index, reason);
            self.finish = Some(worse(self.finish, reason));
        }
    }

    fn delta(&mut self, whole: &str, delta: &str) {
        // It was read with the chunk.
        let _ = json::fields(delta, |key, value| {
            if !CONTENT.contains(&&*key) {
                return;
            }
            let is_filled = match Kind::of(value) {
                Kind::Text => value != "\"\"",
                Kind::Array | Kind::Object => !json::is_hollow(value),
                _ => false,
            };
            self.is_content |= is_filled;
            if is_filled && key == "content" && matches!(self.text, Piece::None) {
                self.text = Piece::of(whole, value);
            }
        });
    }
}

impl Piece {
    pub(crate) fn of(whole: &str, value: &str) -> Self {
        match json::filled_text(value) {
            Some(Cow::Borrowed(text)) => Self::At(json::place(whole, text)),
            Some(Cow::Owned(text)) => Self::Copy(text.into()),
            None => Self::None,
        }
    }

    /// `data`: that from which it was read.
    pub(crate) fn get<'a>(&'a self, data: &'a [u8]) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::At(at) => str::from_utf8(data.get(at.clone())?).ok(),
            Self::Copy(text) => Some(text),
        }
    }
}

impl Choices {
    fn begin(&mut self, index: u64) {
        match Self::bit(index) {
            Some(bit) => self.begun |= bit,
            None => self.cut = true,
        }
    }

    fn end(&mut self, index: u64, reason: Finish) {
        self.ended |= Self::bit(index).unwrap_or(0);
        self.cut |= !reason.is_complete();
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.begun |= other.begun;
        self.ended |= other.ended;
        self.cut |= other.cut;
    }

    /// As many have ended as were asked for, and none goes on.
    pub(crate) fn have_ended(&self, asked: u64) -> bool {
        self.begun == self.ended && u64::from(self.ended.count_ones()) >= asked.min(64)
    }

    /// All that began have ended, complete.
    pub(crate) fn are_complete(&self) -> bool {
        !self.cut && self.have_ended(1)
    }

    fn bit(index: u64) -> Option<u64> {
        (index < 64).then(|| 1 << index)
    }
}

#[cfg(test)]
mod tests {
    use obs_core::LlmChunk;

    use super::super::ChatChunk;
    use super::*;

    fn chunk(data: &str) -> ChatChunk {
        ChatChunk::new(data.to_owned())
    }

    fn delta(delta: &str) -> ChatChunk {
        chunk(&format!(
            r#"{{"id":"1","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
        ))
    }

    #[test]
    fn text_is_content() {
        let chunk = delta(r#"{"content":"hi"}"#);
        assert!(chunk.is_content());
        assert_eq!((chunk.text(), chunk.model()), ("hi", Some("m")));
        assert_eq!(delta(r#"{"content":"a\nb"}"#).text(), "a\nb");
    }

    #[test]
    fn reasoning_refusals_and_tool_calls_are_content() {
        for filled in [
            r#"{"reasoning_content":"hm"}"#,
            r#"{"reasoning":"hm"}"#,
            r#"{"refusal":"no"}"#,
            r#"{"tool_calls":[{"index":0}]}"#,
            r#"{"content":[{"type":"text","text":"x"}]}"#,
        ] {
            assert!(delta(filled).is_content(), "{filled}");
        }
    }

    #[test]
    fn a_role_or_an_empty_string_is_no_content() {
        for empty in [
            "{}",
            "null",
            r#"{"role":"assistant"}"#,
            r#"{"role":"assistant","content":""}"#,
            r#"{"content":null,"refusal":null,"tool_calls":[]}"#,
        ] {
            assert!(!delta(empty).is_content(), "{empty}");
        }
    }

    #[test]
    fn odd_types_are_overlooked() {
        for odd in [
            r#"{"choices":null,"usage":null,"model":null}"#,
            r#"{"choices":[null,3],"usage":[]}"#,
            r#"{"choices":[{"delta":[],"finish_reason":3,"index":"x"}]}"#,
            "{}",
        ] {
            let facts = Facts::read(&Bytes::copy_from_slice(odd.as_bytes())).unwrap();
            assert!(!facts.is_content && facts.finish.is_none(), "{odd}");
        }
    }

    #[test]
    fn an_answer_ends_when_all_of_its_choices_have() {
        let choice = |index, reason: &str| {
            let data = format!(
                r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":{reason}}}]}}"#
            );
            Facts::read(&data.into()).unwrap().choices
        };
        let mut choices = choice(0, "null");
        assert!(!choices.have_ended(1));
        choices.add(choice(0, "\"stop\""));
        assert!(choices.have_ended(1) && choices.are_complete());
        assert!(!choices.have_ended(2), "the other has not begun");
        choices.add(choice(1, "null"));
        assert!(!choices.have_ended(1));
        choices.add(choice(1, "\"length\""));
        assert!(choices.have_ended(2) && !choices.are_complete());
    }

    #[test]
    fn only_the_usage_chunk_tells_only_usage() {
        let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":2}"#;
        assert!(chunk(&format!(r#"{{"choices":[],{usage}}}"#)).tells_only_usage());
        assert!(!chunk(&format!(r#"{{"choices":[{{"index":0}}],{usage}}}"#)).tells_only_usage());
        assert!(!chunk(r#"{"choices":[],"usage":null}"#).tells_only_usage());
    }

    #[test]
    fn debug_shows_no_content() {
        assert!(!format!("{:?}", delta(r#"{"content":"secret"}"#)).contains("secret"));
    }
}

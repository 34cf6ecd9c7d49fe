//! What is read of a chunk, in one pass.
use obs_core::Finish;
use obs_wire::{
    EventFacts, Mark, Piece,
    json::{self, Kind},
};

use crate::{
    finish::{finish, worse},
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

/// Which choices of an answer have begun and which have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// A bit for each index.
    begun: u64,
    ended: u64,
    /// One was cut, or something is not known of it: this is not to be given again.
    cut: bool,
}

/// What is read of a chunk, in one pass.
struct Reading<'a> {
    whole: &'a str,
    facts: EventFacts<Choices>,
    has_choice: bool,
}

pub(super) fn read(data: &str) -> Result<EventFacts<Choices>, serde_json::Error> {
    let mut reading = Reading {
        whole: data,
        facts: EventFacts::default(),
        has_choice: false,
    };
    json::fields(data, |key, value| {
        let facts = &mut reading.facts;
        match &*key {
            "id" => facts.id = Piece::of(data, value),
            "model" => facts.model = Piece::of(data, value),
            "usage" => facts.usage = usage(value).map(Box::new),
            "error" => facts.is_error = !json::is_null(value),
            "choices" if Kind::of(value) == Kind::Array => {
                // It was read with the chunk.
                let _ = json::items(value, |choice| reading.choice(choice));
            }
            _ => {}
        }
    })?;
    let mut facts = reading.facts;
    facts.only_usage = facts.usage.is_some() && !reading.has_choice && !facts.is_error;
    Ok(facts)
}

impl<'a> Reading<'a> {
    fn choice(&mut self, choice: &'a str) {
        if Kind::of(choice) != Kind::Object {
            return;
        }
        self.has_choice = true;
        let (mut index, mut reason) = (0, None);
        // It was read with the chunk.
        let _ = json::fields(choice, |key, value| match &*key {
            "index" => index = json::count(value).unwrap_or(u64::MAX),
            "delta" if Kind::of(value) == Kind::Object => self.delta(value),
            "finish_reason" => reason = json::filled_text(value).map(|reason| finish(&reason)),
            _ => {}
        });
        let facts = &mut self.facts;
        facts.mark.begin(index);
        if let Some(reason) = reason {
            facts.mark.end(index, reason);
            facts.finish = Some(worse(facts.finish, reason));
        }
    }

    fn delta(&mut self, delta: &'a str) {
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
            self.facts.is_content |= is_filled;
            if is_filled && key == "content" && self.facts.text.is_none() {
                self.facts.text = Piece::of(self.whole, value);
            }
        });
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

    fn bit(index: u64) -> Option<u64> {
        (index < 64).then(|| 1 << index)
    }
}

impl Mark for Choices {
    fn add(&mut self, next: &Self) {
        self.begun |= next.begun;
        self.ended |= next.ended;
        self.cut |= next.cut;
    }

    fn has_begun(&self) -> bool {
        self.begun != 0 || self.cut
    }

    /// As many have ended as were asked for, and none goes on.
    fn has_ended(&self, asked: u64) -> bool {
        self.begun == self.ended && u64::from(self.ended.count_ones()) >= asked.min(64)
    }

    /// All that began have ended, complete.
    fn is_complete(&self) -> bool {
        !self.cut && self.has_ended(1)
    }

    fn damage(&mut self) {
        self.cut = true;
    }
}

#[cfg(test)]
mod tests {
    use obs_core::{LlmChunk, LlmRequest};

    use super::*;
    use crate::{ChatChunk, ChatRequest};

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
    fn how_sure_the_model_was_of_each_token_is_told() {
        let token = |second| {
            format!(r#"{{"token":"a","top_logprobs":[{{"logprob":-0.5}},{{"logprob":{second}}}]}}"#)
        };
        let (one, other) = (token(-1.5), token(-2.5));
        let data = format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":"ab"}},"logprobs":{{"content":[{one},{other}]}}}}]}}"#
        );
        let mut margins = Vec::new();
        chunk(&data).visit_margins(&mut |margin| margins.push(margin));
        delta(r#"{"content":"c"}"#).visit_margins(&mut |margin| margins.push(margin));
        assert_eq!(margins, [1.0, 2.0]);
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
            let facts = read(odd).unwrap();
            assert!(!facts.is_content && facts.finish.is_none(), "{odd}");
        }
    }

    #[test]
    fn an_answer_ends_when_all_of_its_choices_have() {
        let choice = |index, reason: &str| {
            let data = format!(
                r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":{reason}}}]}}"#
            );
            read(&data).unwrap().mark
        };
        let mut choices = choice(0, "null");
        assert!(!choices.has_ended(1));
        choices.add(&choice(0, "\"stop\""));
        assert!(choices.has_ended(1) && choices.is_complete());
        assert!(!choices.has_ended(2), "the other has not begun");
        choices.add(&choice(1, "null"));
        assert!(!choices.has_ended(1));
        choices.add(&choice(1, "\"length\""));
        assert!(choices.has_ended(2) && !choices.is_complete());
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

    #[test]
    fn a_chunk_of_the_rest_takes_the_name_of_what_came_before() {
        for id in ["an older one", "x", "\""] {
            let mut chunk = delta(r#"{"content":"hi"}"#);
            chunk.go_on(id);
            assert_eq!(chunk.id(), Some(id));
            assert_eq!((chunk.text(), chunk.model()), ("hi", Some("m")));
            let read: serde_json::Value = serde_json::from_slice(chunk.data()).unwrap();
            assert_eq!((&read["id"], &read["model"]), (&id.into(), &"m".into()));
        }
        let mut nameless = chunk(r#"{"choices":[]}"#);
        nameless.go_on("x");
        assert_eq!(nameless.data(), r#"{"choices":[]}"#);
    }

    #[test]
    fn a_prompt_with_no_more_bytes_than_the_window_has_tokens_fits() {
        let request = |words: usize| ChatRequest::new("m").user(&"a ".repeat(words));
        assert!(request(100).fits(100) && !request(101).fits(100));
        assert!(request(1).fits(1));
    }
}

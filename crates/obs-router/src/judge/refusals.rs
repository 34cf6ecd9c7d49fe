//! Answers that are none.
use obs_core::Finish;

use crate::{Check, Seen};

/// Bytes of an answer that are looked at for words of refusal.
const LOOKED_AT: usize = 160;

/// An answer that is longer than this does say something.
const LONGEST: usize = 1_000;

/// How refusals and errors begin, in lower case and with a plain apostrophe: in the languages that models are asked in most.
const WORDS: [&str; 34] = [
    "i can't",
    "i cannot",
    "i can not",
    "i'm sorry",
    "i am sorry",
    "sorry,",
    "i'm unable",
    "i am unable",
    "i'm not able",
    "i am not able",
    "i won't",
    "i don't know",
    "i do not know",
    "as an ai",
    "as a language model",
    "i apologize",
    "unfortunately, i",
    "error:",
    "internal server error",
    "ich kann nicht",
    "es tut mir leid",
    "tut mir leid",
    "je ne peux pas",
    "je suis désolé",
    "désolé,",
    "lo siento",
    "no puedo",
    "desculpe",
    "não posso",
    "mi dispiace",
    "对不起",
    "抱歉",
    "申し訳",
    "すみません",
];

/// Rejects answers that are none: empty ones without a call of a tool, such as a filter removed, and short ones that begin as refusals and errors
/// do, in some ten languages. Those that a limit of tokens [cut](Self::cut) pass, unless told otherwise: a better model is cut by the
/// same limit.
///
/// It knows shapes and no meanings: a good answer may begin with "Sorry, ..." and costs one call more then, and a refusal in
/// other words passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    rejects_cut: bool,
}

impl Refusals {
    /// With the words that there are.
    #[must_use]
    pub const fn new() -> Self {
        Self { rejects_cut: false }
    }

    /// Rejects answers, too, that were cut by a limit of tokens.
    #[must_use]
    pub const fn cut(mut self) -> Self {
        self.rejects_cut = true;
        self
    }
}

impl Check for Refusals {
    fn accepts(&self, answer: &Seen) -> bool {
        match answer.finish {
            Some(Finish::ToolCalls) => return true,
            Some(Finish::ContentFilter) => return false,
            Some(Finish::Length) if self.rejects_cut => return false,
            _ => {}
        }
        let text = answer
            .text
            .trim_start_matches(|c: char| !c.is_alphanumeric());
        if text.is_empty() {
            return false;
        }
        if text.len() > LONGEST {
            return true;
        }
        let mut end = text.len().min(LOOKED_AT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let head = text[..end].to_lowercase().replace('\u{2019}', "'");
        !WORDS.iter().any(|words| head.starts_with(words))
    }
}

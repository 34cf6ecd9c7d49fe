//! What an answer says: words that depend on the prompt alone.
use serde::Serialize;

use crate::visit::Visit;

const WORDS: [&str; 32] = [
    "amber", "birch", "cloud", "delta", "ember", "field", "grain", "harbour", "island", "juniper",
    "kettle", "lantern", "meadow", "north", "orchard", "pebble", "quarry", "river", "stone",
    "timber", "upland", "valley", "willow", "yarrow", "zephyr", "arch", "bridge", "canal", "dune",
    "estuary", "forest", "glacier",
];

/// What an answer says, and what it used.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) tokens: Vec<String>,
    pub(crate) finish: &'static str,
    pub(crate) usage: Option<Usage>,
    /// Whether there is an answer at all in `choices`.
    pub(crate) choices: bool,
}

/// Tokens, in OpenAI's shape.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Usage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PromptDetails {
    cached_tokens: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: usize,
}

impl Content {
    pub(crate) fn to(visit: &Visit<'_>) -> Self {
        let ask = visit.ask;
        let text = answer_text(&ask.prompt, visit.pace.chunks);
        let started = ask.prefill.as_deref().unwrap_or_default();
        // An answer that somebody began is gone on with; a beginning that is not ours makes no difference.
        let tokens = tokens(text.strip_prefix(started).unwrap_or(&text));
        let prompt = count(&ask.prompt) + ask.prefill.as_deref().map_or(0, count);
        Self {
            usage: Some(Usage::new(prompt, tokens.len())),
            tokens,
            finish: "stop",
            choices: true,
        }
    }
}

impl Usage {
    fn new(prompt_tokens: usize, completion_tokens: usize) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
            prompt_tokens_details: PromptDetails { cached_tokens: 0 },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: 0,
            },
        }
    }
}

/// The text of the whole answer to a prompt in so many chunks: what a client must have got where nothing went wrong.
///
/// The prompt is the texts of all messages, a line break between them, less a last message of the assistant: that is
/// taken for the beginning of this text, and the answer is the rest.
#[must_use]
pub fn answer_text(prompt: &str, chunks: u32) -> String {
    let mut state = hash(prompt);
    let mut text = format!("{state:016x}");
    for _ in 1..chunks {
        // Knuth's generator; its upper bits are the good ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push(' ');
        text.push_str(WORDS[(state >> 59) as usize]);
    }
    text
}

/// FNV-1a: the same in every build, unlike the hasher of the standard library.
pub(crate) fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A rough count of the tokens of a prompt.
pub(crate) fn count(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// Words with the space before them.
fn tokens(text: &str) -> Vec<String> {
    let starts = text
        .match_indices(' ')
        .map(|(at, _)| at)
        .filter(|at| *at > 0);
    let ends = starts.clone().chain([text.len()]);
    let tokens = [0]
        .into_iter()
        .chain(starts)
        .zip(ends)
        .map(|(from, to)| text[from..to].to_owned());
    tokens.filter(|token| !token.is_empty()).collect()
}

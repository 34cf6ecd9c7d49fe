//! What a simulated model says: the same to the same prompt, something else to another.
use obs_core::Fingerprint;

use super::models::Model;

/// How much of the prompt an answer repeats.
const ECHO: usize = 96;

const SENTENCES: [&str; 12] = [
    "No model was asked: this text is made from a hash of your prompt.",
    "The same prompt gives the same answer here, word for word.",
    "Tokens are counted as a quarter of the bytes, which is about right for English.",
    "The time to the first token and the pace of the others are invented, too.",
    "Set OPENAI_API_KEY, or OPENAI_BASE_URL, to ask a real model instead.",
    "The prices are of a realistic kind, so that costs and savings have a meaning.",
    "Ask again, and the cache answers: it is faster, and costs nothing.",
    "A short question goes to the cheap route, and a hard one to the premium route.",
    "What you read here is as long as a short real answer would be.",
    "Streams come word by word, with the usage at the end where it was asked for.",
    "A real answer would say something about your question at this place.",
    "Nothing of this leaves your machine.",
];

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Draw(u64);

impl Draw {
    /// From texts: other texts, other numbers.
    pub(super) fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut fingerprint = Fingerprint::new();
        for text in texts {
            fingerprint.field("text", text.as_bytes());
        }
        let key = fingerprint.finish();
        let (head, _) = key.id().split_at(8);
        Self(
            head.iter()
                .fold(0, |seed, byte| seed << 8 | u64::from(*byte)),
        )
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub(super) fn share(&mut self) -> f64 {
        // 53 bits fit a float exactly.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// An answer to this prompt.
pub(super) fn answer(model: &Model, prompt: &str, draw: &mut Draw) -> String {
    let mut text = format!(
        "[simulated by {}] You asked: \"{}\".",
        model.name,
        excerpt(prompt)
    );
    let (least, most) = model.sentences.clone().into_inner();
    let sentences = least + draw.next() % (most - least + 1);
    let begin = draw.next();
    for at in 0..sentences {
        // Five and twelve have no common divisor: no sentence comes twice.
        let at = begin.wrapping_add(at.wrapping_mul(5)) % SENTENCES.len() as u64;
        text.push(' ');
        text.push_str(SENTENCES[at as usize]);
    }
    text
}

/// The words of a text, each with the space before it: what streams send.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut begin = 0;
    for (at, c) in text.char_indices() {
        if c == ' ' && at > begin {
            words.push(&text[begin..at]);
            begin = at;
        }
    }
    words.push(&text[begin..]);
    words
}

/// The text up to so many tokens, and whether that is all of it.
pub(super) fn cut(text: &str, tokens: u64) -> (&str, bool) {
    let most = usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX);
    if text.len() <= most {
        return (text, true);
    }
    (head(text, most), false)
}

fn excerpt(prompt: &str) -> String {
    let flat = prompt
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('"', "'");
    if flat.len() <= ECHO {
        return flat;
    }
    format!("{}…", head(&flat, ECHO))
}

/// The beginning of a text, of so many bytes or a little less.
/// (`str::floor_char_boundary` is newer than the oldest compiler that this is built with.)
fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::{super::models::MODELS, *};

    fn said(prompt: &str) -> String {
        answer(&MODELS[0], prompt, &mut Draw::from_texts([prompt]))
    }

    #[test]
    fn an_answer_depends_on_the_prompt_and_on_nothing_else() {
        assert_eq!(said("Why is the sky blue?"), said("Why is the sky blue?"));
        assert_ne!(said("Why is the sky blue?"), said("Why is the sea blue?"));
        assert!(said("x").contains("simulated"));
    }

    #[test]
    fn words_put_together_are_the_text() {
        for text in ["", " ", "a", " a  b ", "é ü\u{20ac} x"] {
            assert_eq!(words(text).concat(), text);
        }
    }

    #[test]
    fn cuts_and_excerpts_never_split_a_character() {
        let text = "é".repeat(200);
        for tokens in 0..101 {
            let (cut, whole) = cut(&text, tokens);
            assert!(text.starts_with(cut));
            assert_eq!(whole, tokens >= 100);
        }
        assert!(excerpt(&text).ends_with('…'));
    }
}

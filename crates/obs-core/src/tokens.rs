//! How many tokens a text has at least.

/// Bytes of the longest tokens in vocabularies of models: they are of blanks and of dashes.
const LONGEST: usize = 128;

/// The least number of tokens that this text has for any model: one for each word, and one more for each further 128 bytes of a
/// long one.
///
/// A word is what stands between blanks and has a letter or a digit in it. Tokenizers do not join words across a blank, and
/// mostly make more tokens of one: English has about 1.3 a word. Text without blanks is counted far too low. So this tells
/// what surely does not fit into a window, and nothing else.
#[must_use]
pub fn least_tokens(text: &str) -> u64 {
    let words = text.split_ascii_whitespace();
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric));
    words.map(|word| word.len().div_ceil(LONGEST) as u64).sum()
}

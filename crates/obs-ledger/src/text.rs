//! How much text an entry keeps.
use std::sync::Arc;

use obs_core::LlmResponse;

/// Most of a prompt's or an answer's text that is kept, in bytes.
pub const LONGEST_TEXT: usize = 256 << 10;

/// The text of a whole answer as [`Entry::answer`](crate::Entry::answer) keeps it, up to [`LONGEST_TEXT`] bytes. `None`: it has none, or is a
/// stream.
#[must_use]
pub fn answer_text(answer: &impl LlmResponse) -> Option<Arc<str>> {
    let mut text = String::new();
    answer.visit_text(&mut |piece| add(&mut text, piece));
    kept(text)
}

/// Adds what there is room for.
pub(crate) fn add(to: &mut String, text: &str) {
    to.push_str(beginning(text, LONGEST_TEXT.saturating_sub(to.len())));
}

/// `None`: there is no text.
pub(crate) fn kept(text: String) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| text.into())
}

/// Whole characters of no more than so many bytes.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

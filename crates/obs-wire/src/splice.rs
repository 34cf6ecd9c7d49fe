//! Replacing pieces of a text, and leaving the rest as it is.
use std::ops::Range;

use bytes::Bytes;

use crate::json;

/// One piece to replace. An empty range inserts.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The place in the text.
    pub at: Range<usize>,
    /// What stands there instead.
    pub with: String,
}

impl Edit {
    /// Puts this in place of what is there.
    pub fn new(at: Range<usize>, with: impl Into<String>) -> Self {
        Self {
            at,
            with: with.into(),
        }
    }

    /// Adds a field to an object that has some, whose closing brace is at `end`; the value is JSON already.
    #[must_use]
    pub fn append(end: usize, key: &str, value: &str) -> Self {
        Self::new(end..end, format!(",{}:{value}", json::quoted(key)))
    }
}

/// The text with these edits, which do not overlap. Without edits it is the same allocation.
pub(crate) fn splice(text: &Bytes, mut edits: Vec<Edit>) -> Bytes {
    if edits.is_empty() {
        return text.clone();
    }
    edits.sort_by_key(|edit| edit.at.start);
    let added: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let mut out = Vec::with_capacity(text.len() + added);
    let mut from = 0;
    for Edit { at, with } in edits {
        out.extend_from_slice(&text[from..at.start]);
        out.extend_from_slice(with.as_bytes());
        from = at.end;
    }
    out.extend_from_slice(&text[from..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_replaced_whatever_their_order() {
        let text = Bytes::from_static(b"one two three");
        let edits = vec![
            Edit::new(13..13, "!"),
            Edit::new(0..3, "1"),
            Edit::new(4..7, "deux"),
        ];
        assert_eq!(splice(&text, edits), "1 deux three!");
    }

    #[test]
    fn without_edits_nothing_is_copied() {
        let text = Bytes::from(vec![b'x'; 100]);
        assert_eq!(splice(&text, Vec::new()).as_ptr(), text.as_ptr());
    }
}

//! Strings within a text.
use std::{borrow::Cow, ops::Range, str, sync::Arc};

use crate::json;

/// A string of a body or an event: where it is in the text, or a copy where it has escapes.
#[derive(Clone, Debug, Default)]
pub enum Piece {
    /// There is none, or it is empty.
    #[default]
    None,
    /// The place.
    At(Range<usize>),
    /// Without its escapes.
    Copy(Arc<str>),
}

impl Piece {
    /// The string that `value`, a piece of `whole`, is.
    #[must_use]
    pub fn of(whole: &str, value: &str) -> Self {
        match json::filled_text(value) {
            Some(Cow::Borrowed(text)) => Self::At(json::place(whole, text)),
            Some(Cow::Owned(text)) => Self::Copy(text.into()),
            None => Self::None,
        }
    }

    /// It is in a text now of which one piece was replaced by another one.
    pub(crate) fn moved(&mut self, replaced: &Range<usize>, by: usize) {
        if let Self::At(at) = self
            && at.start >= replaced.end
        {
            let moved = |place: usize| place - replaced.len() + by;
            *at = moved(at.start)..moved(at.end);
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// `data`: that from which it was read.
    #[must_use]
    pub fn get<'a>(&'a self, data: &'a [u8]) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::At(at) => str::from_utf8(data.get(at.clone())?).ok(),
            Self::Copy(text) => Some(text),
        }
    }
}

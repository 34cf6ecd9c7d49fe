//! One chunk of a streamed chat completion.
mod facts;

use std::{fmt, sync::OnceLock};

use bytes::Bytes;
use obs_core::{Finish, LlmChunk, Usage};

use crate::json;

pub(crate) use facts::{Choices, Facts, Piece};

/// One chunk of a streamed chat completion: the data of its event, byte for byte, and what the layers ask of it.
#[derive(Clone)]
pub struct ChatChunk {
    data: Bytes,
    /// Read when it is first asked for: a replayed chunk may never be.
    facts: OnceLock<Facts>,
}

impl ChatChunk {
    /// A chunk of this JSON text. What is no chunk carries nothing, and is passed on all the same.
    #[must_use]
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self {
            data: data.into(),
            facts: OnceLock::new(),
        }
    }

    /// The JSON text, as it came in the stream.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Whether it tells the usage and nothing else: the chunk that a caller gets who asked for
    /// `stream_options.include_usage`, and that others must not see.
    #[must_use]
    pub fn tells_only_usage(&self) -> bool {
        let facts = self.facts();
        facts.usage.is_some() && !facts.has_choice && !facts.is_error
    }

    pub(crate) fn known(data: Bytes, facts: Facts) -> Self {
        Self {
            data,
            facts: OnceLock::from(facts),
        }
    }

    pub(crate) fn facts(&self) -> &Facts {
        self.facts
            .get_or_init(|| Facts::read(&self.data).unwrap_or_default())
    }
}

impl LlmChunk for ChatChunk {
    fn usage(&self) -> Option<Usage> {
        self.facts().usage.as_deref().copied()
    }

    fn model(&self) -> Option<&str> {
        self.facts().model.get(&self.data)
    }

    fn id(&self) -> Option<&str> {
        json::id(&self.data)
    }

    /// Text, reasoning, a refusal, a call of a tool, audio; not the role alone, nor an empty string.
    fn is_content(&self) -> bool {
        self.facts().is_content
    }

    fn finish(&self) -> Option<Finish> {
        self.facts().finish
    }

    /// Of the first choice in it.
    fn text(&self) -> &str {
        self.facts().text.get(&self.data).unwrap_or_default()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.data.len()
    }
}

/// Without its content.
impl fmt::Debug for ChatChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatChunk")
            .field("bytes", &self.data.len())
            .field("finish", &self.finish())
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}

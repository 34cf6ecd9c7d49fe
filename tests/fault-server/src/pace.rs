//! How a healthy answer is given.
use std::time::Duration;

/// How a healthy answer is given: in how many pieces, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub(crate) chunks: u32,
    pub(crate) first_token: Duration,
    pub(crate) gap: Duration,
}

impl Pace {
    /// Twelve chunks, at once.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            chunks: 12,
            first_token: Duration::ZERO,
            gap: Duration::ZERO,
        }
    }

    /// Chunks of content, each a token; those for role, finish and usage are not counted.
    ///
    /// # Panics
    /// When it is zero.
    #[must_use]
    pub const fn chunks(mut self, chunks: u32) -> Self {
        assert!(chunks > 0, "an answer has at least one chunk");
        self.chunks = chunks;
        self
    }

    /// From the head of a stream to its first token.
    #[must_use]
    pub const fn first_token(mut self, wait: Duration) -> Self {
        self.first_token = wait;
        self
    }

    /// From one token to the next. A plain answer takes as long as a streamed one, before its head.
    #[must_use]
    pub const fn gap(mut self, wait: Duration) -> Self {
        self.gap = wait;
        self
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

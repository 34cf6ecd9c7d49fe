//! How many tokens a model read and wrote.
use std::{
    iter::Sum,
    ops::{Add, AddAssign},
};

use serde::{Deserialize, Serialize};

/// Tokens of one attempt, or of several together.
///
/// `input` **includes** `cached_input` and `cache_write`, and `output` **includes** `reasoning`. Who reads the answers
/// of a provider that counts them apart (Anthropic does so for the input) adds them up first.
///
/// A provider may break this and tell more cached tokens than input. Nothing here refuses that: the figures stay as
/// they were told, and a [`Price`](crate::Price) counts parts only as far as the whole goes (cached tokens first, then
/// writes, then the rest), so that no token is paid for twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All tokens that the model read.
    pub input: u64,
    /// Of the input: read from the provider's prompt cache.
    pub cached_input: u64,
    /// Of the input: written to the provider's prompt cache.
    pub cache_write: u64,
    /// All tokens that the model wrote.
    pub output: u64,
    /// Of the output: thought, and not shown.
    pub reasoning: u64,
    /// Of the cache writes: kept for an hour, which costs more.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h: u64,
    /// Searches that the provider made for it, each of which has a fee besides its tokens.
    #[serde(skip_serializing_if = "is_zero")]
    pub searches: u64,
}

impl Usage {
    /// The larger of each figure: providers tell usage once, in parts, or as a growing figure in every chunk of a
    /// stream.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    /// Input and output together. Saturates.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: f(self.input, other.input),
            cached_input: f(self.cached_input, other.cached_input),
            cache_write: f(self.cache_write, other.cache_write),
            output: f(self.output, other.output),
            reasoning: f(self.reasoning, other.reasoning),
            cache_write_1h: f(self.cache_write_1h, other.cache_write_1h),
            searches: f(self.searches, other.searches),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Saturates.
impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}

//! How sure the model was.
use crate::{Check, Seen};

/// Accepts answers of which the model was sure: whose tokens were, on average, so much likelier than the next likeliest ones, in
/// natural logarithms (2.3: ten times as likely).
///
/// Few providers tell, and only those who ask for it (`logprobs`, and `top_logprobs` of 2 with OpenAI), whole or streamed. An answer of
/// which it is not known is accepted: put another check beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    least: f32,
}

impl Margin {
    /// With this least margin, in natural logarithms: from 0, as likely as the next, up; 0.7 is twice as likely, 2.3 ten times.
    ///
    /// # Panics
    ///
    /// If it is not a number.
    #[must_use]
    pub const fn at_least(least: f32) -> Self {
        assert!(!least.is_nan(), "a margin is a number");
        Self { least }
    }
}

impl Check for Margin {
    fn accepts(&self, answer: &Seen) -> bool {
        answer.margin.is_none_or(|margin| margin >= self.least)
    }
}

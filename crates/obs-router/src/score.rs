//! A score that the application knows.
use std::fmt;

use obs_core::CallContext;

use crate::{Decision, Policy, Reason, complexity::Split};

/// Splits calls by a score of the application's own: a closure that says how difficult a request is, from 0 to 1.
///
/// Below the threshold (0.5 unless told) a call takes the first route, else the last one, with the reason
/// [`Caller`](Reason::Caller). A score that is not a number from 0 to 1 is a [policy error](Reason::PolicyError).
///
/// ```
/// # #[derive(Clone)] struct Ask { pages: u32 }
/// use obs_core::CallContext;
/// use obs_router::Score;
///
/// let by_pages = Score::new(|ask: &Ask, _: &CallContext| (ask.pages as f32 / 10.0).min(1.0)).threshold(0.3);
/// ```
#[derive(Clone)]
pub struct Score<F> {
    score: F,
    split: Split,
}

impl<F> Score<F> {
    /// Asks this closure.
    pub const fn new(score: F) -> Self {
        Self {
            score,
            split: Split::new(),
        }
    }

    /// From which score on a call takes the better route.
    ///
    /// # Panics
    ///
    /// If it is not a number from 0 to 1.
    #[must_use]
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.split.set_threshold(threshold);
        self
    }

    /// The routes below the threshold, and from it on, in place of the first and the last.
    #[must_use]
    pub fn routes(
        mut self,
        easy: impl Into<crate::Target>,
        hard: impl Into<crate::Target>,
    ) -> Self {
        self.split.set_routes(easy.into(), hard.into());
        self
    }
}

impl<R, F> Policy<R> for Score<F>
where
    F: Fn(&R, &CallContext) -> f32,
{
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        let score = (self.score)(request, context);
        let (target, _) = self.split.of(score);
        Decision::new(target, Reason::Caller).score(score)
    }
}

impl<F> fmt::Debug for Score<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Score")
            .field("split", &self.split)
            .finish_non_exhaustive()
    }
}

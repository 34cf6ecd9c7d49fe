//! Limits that are learned, and what an attempt teaches.
use std::sync::Arc;

use obs_core::{Limit, LlmRequest};
use tokio::time::Instant;

use super::limits::AttemptLimits;
use crate::adaptive::{Learner, Sample};

/// What learns, for all attempts.
#[derive(Clone, Debug, Default)]
pub(super) struct Learners {
    pub(super) first_token: Option<Arc<Learner>>,
    pub(super) attempt: Option<Arc<Learner>>,
}

/// What one attempt teaches. Dropped with the attempt, which ends what has not come.
#[derive(Debug, Default)]
pub(super) struct Lesson {
    first_token: Option<Sample>,
    attempt: Option<Sample>,
}

impl Learners {
    pub(super) const fn none() -> Self {
        Self {
            first_token: None,
            attempt: None,
        }
    }

    /// Puts what is known of the model into the limits.
    pub(super) fn begin(
        &self,
        request: &impl LlmRequest,
        limits: &mut AttemptLimits,
        start: Instant,
    ) -> Lesson {
        let mut lesson = Lesson::default();
        let (operation, model) = (request.operation(), request.model());
        if let Some(learner) = self.first_token.as_ref().filter(|_| request.streams()) {
            let (time, sample) = learner.begin(operation, model, limits.first_token, start);
            limits.first_token = time;
            lesson.first_token = Some(sample);
        }
        if let Some(learner) = &self.attempt {
            let (time, sample) = learner.begin(operation, model, limits.attempt, start);
            limits.attempt = time;
            lesson.attempt = Some(sample);
        }
        lesson
    }
}

impl Lesson {
    /// The first content is there.
    pub(super) fn first_token(&mut self) {
        Sample::record(&mut self.first_token);
    }

    /// The whole answer is there.
    pub(super) fn whole(&mut self) {
        self.first_token();
        Sample::record(&mut self.attempt);
    }

    /// It was cut at this limit.
    pub(super) fn cut(&mut self, limit: Limit) {
        match limit {
            Limit::FirstToken => self.first_token(),
            Limit::Attempt => Sample::record(&mut self.attempt),
            _ => {}
        }
    }
}

//! Two routes, and the score between them.
use crate::{Reason, Target};

/// Which of two routes a score takes.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    threshold: f32,
    easy: Target,
    hard: Target,
}

impl Split {
    pub(crate) const fn new() -> Self {
        Self {
            threshold: 0.5,
            easy: Target::First,
            hard: Target::Last,
        }
    }

    pub(crate) fn set_threshold(&mut self, threshold: f32) {
        assert!(
            (0.0..=1.0).contains(&threshold),
            "the threshold is {threshold}, and has to be from 0 to 1"
        );
        self.threshold = threshold;
    }

    pub(crate) fn set_routes(&mut self, easy: Target, hard: Target) {
        self.easy = easy;
        self.hard = hard;
    }

    pub(crate) fn of(&self, score: f32) -> (Target, Reason) {
        self.side(score >= self.threshold)
    }

    pub(crate) fn side(&self, hard: bool) -> (Target, Reason) {
        if hard {
            (self.hard.clone(), Reason::Complex)
        } else {
            (self.easy.clone(), Reason::Simple)
        }
    }
}

//! What was learned, as numbers.
use std::{sync::Arc, time::Duration};

use obs_core::{Limit, Operation};

/// What is known of how long a model takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Learned {
    /// What is asked of the model.
    pub operation: Operation,
    /// The model.
    pub model: Arc<str>,
    /// Up to where: [`Limit::FirstToken`], or [`Limit::Attempt`] for the whole answer.
    pub phase: Limit,
    /// How many samples count at the moment.
    pub samples: u64,
    /// Their percentile, warm or not; `None` without a sample.
    pub percentile: Option<Duration>,
    /// The time in force; `None`: no limit.
    pub time: Option<Duration>,
}

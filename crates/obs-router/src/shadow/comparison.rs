//! What a comparison found.
use std::{future::Future, sync::Arc};

use obs_core::{CallContext, Usd};

use crate::Seen;

/// The answers of two routes to one request, for whoever grades them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Comparison<R> {
    /// What was asked, with the model of the route that the call took.
    pub request: R,
    /// The circumstances of the comparison: tenant, session and namespace are those of the call; its journal has both attempts.
    pub context: CallContext,
    /// What the cheaper route answered.
    pub cheap: Compared,
    /// What the better route answered.
    pub better: Compared,
}

/// What one route answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compared {
    /// The route.
    pub route: Arc<str>,
    /// The answer.
    pub answer: Seen,
    /// What it cost, where that is known.
    pub cost: Option<Usd>,
}

/// Grades comparisons: says by how much the better answer is better, to whom it concerns.
///
/// A closure `|comparison: Comparison<R>| async { .. }` is one. It runs in the background, may take its time, and may ask a model; a
/// panic in it is contained.
pub trait Compare<R> {
    /// The work to come.
    type Future: Future<Output = ()>;

    /// Grades one comparison.
    fn compare(&self, comparison: Comparison<R>) -> Self::Future;
}

impl<R, F, Fut> Compare<R> for F
where
    F: Fn(Comparison<R>) -> Fut,
    Fut: Future<Output = ()>,
{
    type Future = Fut;

    fn compare(&self, comparison: Comparison<R>) -> Fut {
        self(comparison)
    }
}

//! Times to live that are learned.
mod bins;
mod change;
mod class;
mod explain;
mod learner;
mod plan;
mod reuse;

use std::{fmt, sync::Arc, time::Duration};

use obs_core::{CallContext, LlmRequest};

pub use self::explain::{ClassTtl, TtlReason};
pub(crate) use self::learner::{Learner, Learning};
use self::plan::Limits;

type Classify = dyn Fn(&dyn LlmRequest, &CallContext) -> Option<Arc<str>> + Send + Sync;

/// Learns for how long the answers of each class are good: for
/// [`CacheLayer::adaptive_ttl`](crate::CacheLayer::adaptive_ttl).
///
/// A class is an operation, a model and a namespace, or what [`classify`](Self::classify) makes it. Two things are
/// observed of it: the time between two uses of the same key, and, whenever an answer is asked for again (after its
/// time is over, by a refresh, or because a caller says `no-cache`), whether it says something else than the one before
/// ([`Replay::visit_meaning`](obs_core::Replay::visit_meaning)).
///
/// Of the second it estimates how often answers change, as the rate of a Poisson process; of both, for each time to
/// live, how many hits there would be and how many of them outdated. It takes the time with the most hits for which the
/// expected share of outdated ones is within the [`target`](Self::target), and which are worth it: a longer time
/// has to bring more hits than twice the target's share of outdated ones. A class that suddenly changes more often is
/// noticed within a few renewals, and its answers that are kept already are good for no longer than new ones.
///
/// # What it cannot know
///
/// An answer that is only worded differently counts as a changed one. Where a model is asked to be inventive, every renewal
/// looks like a change, and the time goes to the floor: put such calls into a class of their own, or leave them to a
/// fixed time to live. Each process learns for itself, and anew when it starts. At most 100 classes are
/// told apart, the rest share one (`other`); of some 32 000 keys the last answer is remembered, as a number of 8 bytes.
///
#[doc = include_str!("../docs/adaptive-ttl.md")]
#[derive(Clone)]
pub struct AdaptiveTtl {
    floor: Duration,
    ceiling: Duration,
    target: f64,
    classify: Option<Arc<Classify>>,
}

impl AdaptiveTtl {
    /// Moves the time to live between these two, so that about one hit in a hundred may be outdated. Where nothing is known yet
    /// it is the [`ttl`](crate::CacheLayer::ttl) of the layer, or the nearer of these.
    ///
    /// # Panics
    ///
    /// With a floor of less than a millisecond, or above the ceiling.
    #[must_use]
    pub fn between(floor: Duration, ceiling: Duration) -> Self {
        assert!(
            floor >= Duration::from_millis(1) && floor <= ceiling,
            "the floor of a time to live is a millisecond at least, and not above its ceiling"
        );
        Self {
            floor,
            ceiling,
            target: 0.01,
            classify: None,
        }
    }

    /// The share of hits that may be outdated, above 0 and below 1: 0.01 by default. The smaller it is, the more renewals it takes
    /// to learn: some hundred for 0.01.
    ///
    /// # Panics
    ///
    /// With anything else.
    #[must_use]
    pub fn target(mut self, share: f64) -> Self {
        assert!(
            share > 0.0 && share < 1.0,
            "the share of hits that may be outdated is above 0 and below 1"
        );
        self.target = share;
        self
    }

    /// Tells the class of a call by a name of at most 128 bytes. `None`: by operation, model and namespace.
    ///
    /// It is asked for every call that is looked up, so it should be quick. It must not panic.
    #[must_use]
    pub fn classify(
        mut self,
        classify: impl Fn(&dyn LlmRequest, &CallContext) -> Option<Arc<str>> + Send + Sync + 'static,
    ) -> Self {
        self.classify = Some(Arc::new(classify));
        self
    }

    fn class_of(&self, request: &dyn LlmRequest, context: &CallContext) -> Arc<str> {
        let label = self.classify.as_ref();
        if let Some(label) = label.and_then(|classify| classify(request, context)) {
            return label;
        }
        let (operation, model) = (request.operation().as_str(), request.model());
        match context.namespace.as_deref() {
            Some(namespace) => format!("{operation} {model} {namespace}").into(),
            None => format!("{operation} {model}").into(),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            floor: self.floor,
            ceiling: self.ceiling,
            target: self.target,
        }
    }
}

impl fmt::Debug for AdaptiveTtl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveTtl")
            .field("floor", &self.floor)
            .field("ceiling", &self.ceiling)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

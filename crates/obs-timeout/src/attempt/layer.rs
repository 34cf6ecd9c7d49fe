//! Configuration.
use std::time::Duration;

use obs_core::{Limit, Operation};
use obs_metrics::Metrics;
use opentelemetry::KeyValue;
use tower_layer::Layer;

use super::{AttemptTimeout, learning::Learners, limits::AttemptLimits, service::Config};
use crate::{
    adaptive::{Adaptive, Learned, Learner},
    targets::Targets,
};

/// What an unset factor is.
const FACTOR: f64 = 2.0;

/// What an unset floor is.
const FLOOR: Duration = Duration::from_secs(1);

/// Bounds one attempt: its head, its first token, the pauses in its stream, and the whole.
///
/// Put it inside of the router, right around [`AttemptLayer`](obs_core::AttemptLayer). At a limit the attempt is dropped and
/// ends as timed out, and whoever made it, such as a router, is told which limit it was and goes on. The deadline in the
/// call's context is enforced too, where it is earlier; with no limit set and no deadline there is no timer.
///
/// Operations and models may have values of their own ([`for_operation`](Self::for_operation),
/// [`for_model`](Self::for_model)). Of each value, that of the model holds, or else that of the operation, or else that of the
/// layer; which ones is decided when the attempt comes in. The limits to the first token and of the attempt can be learned
/// ([`adaptive_first_token`](Self::adaptive_first_token), [`adaptive_attempt`](Self::adaptive_attempt)).
///
/// Every setter of a limit panics if it is zero. No limit is set to begin with.
///
/// Nothing is counted here: the attempts are in the journal, and the calls in the metrics of
/// [`TimeoutLayer`](crate::TimeoutLayer).
#[derive(Clone, Debug, Default)]
pub struct AttemptTimeoutLayer {
    config: Config,
}

impl AttemptTimeoutLayer {
    /// Without any limit.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            config: Config {
                limits: AttemptLimits::new(),
                targets: Targets::new(),
                learners: Learners::none(),
            },
        }
    }

    /// Of a request that streams: to the head of its answer, the time to connect included. A plain answer has no head apart
    /// from the answer: how long it takes to connect is for the client inside to limit.
    #[must_use]
    pub const fn connect(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.connect(limit);
        self
    }

    /// Of a request that streams: to its first content, the time to its head included.
    #[must_use]
    pub const fn first_token(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.first_token(limit);
        self
    }

    /// Of a stream, after its first content: between two chunks of any kind, for as long as we wait for the model, and not
    /// while the reader takes its time.
    #[must_use]
    pub const fn idle(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.idle(limit);
        self
    }

    /// Of every attempt: to its last token. It is set as the deadline for what is inside.
    #[must_use]
    pub const fn attempt(mut self, limit: Duration) -> Self {
        self.config.limits = self.config.limits.attempt(limit);
        self
    }

    /// Other values for attempts of this operation. What they do not say is as for all attempts.
    #[must_use]
    pub fn for_operation(mut self, operation: Operation, limits: AttemptLimits) -> Self {
        self.config.targets.operation(operation, limits);
        self
    }

    /// Other values for attempts that ask this model, by the name in the request as it comes here, exactly: inside of a
    /// router that is the model of the route. What they do not say is as for the operation, or else as for all attempts.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use obs_timeout::{AttemptLimits, AttemptTimeoutLayer};
    /// let seconds = Duration::from_secs;
    /// let layer = AttemptTimeoutLayer::new()
    ///     .first_token(seconds(10))
    ///     .idle(seconds(20))
    ///     .for_model("o3", AttemptLimits::new().first_token(seconds(120))); // and 20 s of idleness
    /// ```
    #[must_use]
    pub fn for_model(mut self, model: &str, limits: AttemptLimits) -> Self {
        self.config.targets.model(model, limits);
        self
    }

    /// Learns the limit to the first token from how long models take, by requests that stream. The limit that is set
    /// ([`first_token`](Self::first_token), or one for the operation or model) holds until enough is known.
    ///
    /// All services of this layer, and of clones of it that are made from now on, learn together.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use obs_timeout::{Adaptive, AttemptTimeoutLayer};
    /// let seconds = Duration::from_secs;
    /// // Twice of what 99 in 100 take, but 2 to 60 s; and 30 s until that is known.
    /// let layer = AttemptTimeoutLayer::new()
    ///     .first_token(seconds(30))
    ///     .adaptive_first_token(Adaptive::percentile(99.0).factor(2.0).floor(seconds(2)).ceiling(seconds(60)));
    /// ```
    ///
    /// # Panics
    ///
    /// If the factor is below 1.1: a model that becomes slower would be cut for ever.
    #[must_use]
    pub fn adaptive_first_token(mut self, adaptive: Adaptive) -> Self {
        let adaptive = growing(adaptive);
        self.config.learners.first_token = Some(Learner::new(adaptive, Limit::FirstToken));
        self
    }

    /// Learns the limit of the whole attempt, streamed or not, as [`adaptive_first_token`](Self::adaptive_first_token) does
    /// that to the first token. What readers of streams take counts, as it does for the limit.
    ///
    /// # Panics
    ///
    /// If the factor is below 1.1: a model that becomes slower would be cut for ever.
    #[must_use]
    pub fn adaptive_attempt(mut self, adaptive: Adaptive) -> Self {
        let adaptive = growing(adaptive);
        self.config.learners.attempt = Some(Learner::new(adaptive, Limit::Attempt));
        self
    }

    /// Shows the learned limits through these metrics, as the gauge `timeout_limit_seconds` with the labels `limit` and `operation`:
    /// the mean over the models of which enough is known. Without limits that are learned nothing is shown. To be called once.
    pub fn show_learned(&self, metrics: &Metrics) {
        let learners = &self.config.learners;
        if learners.first_token.is_none() && learners.attempt.is_none() {
            return;
        }
        let layer = self.clone();
        Self::show_learned_by(metrics, move || Some(layer.clone()));
    }

    /// The same of whatever layer this gives at the time: for whoever puts one in the place of another, of which nothing is to be
    /// shown any more.
    pub fn show_learned_by(
        metrics: &Metrics,
        layer: impl Fn() -> Option<Self> + Send + Sync + 'static,
    ) {
        metrics.mean(
            "timeout_limit_seconds",
            "Limits that were learned, the mean over models.",
            move |tell| {
                let learned = layer().map(|layer| layer.learned());
                for learned in learned.into_iter().flatten() {
                    let (Some(time), Some(_)) = (learned.time, learned.percentile) else {
                        continue;
                    };
                    let labels = [
                        KeyValue::new("limit", learned.phase.as_str()),
                        KeyValue::new("operation", learned.operation.as_str()),
                    ];
                    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                    tell(&labels, millis, 1000);
                }
            },
        );
    }

    /// What was learned so far, and the limits in force.
    #[must_use]
    pub fn learned(&self) -> Vec<Learned> {
        self.config.learned()
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptTimeout::new(inner, self.config.clone())
    }
}

fn growing(adaptive: Adaptive) -> Adaptive {
    assert!(
        adaptive.grows(),
        "a limit with this factor would cut a model that becomes slower for ever: expected 1.1 or more"
    );
    adaptive.or(FACTOR, FLOOR)
}

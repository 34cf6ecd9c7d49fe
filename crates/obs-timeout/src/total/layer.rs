//! Configuration.
use std::{
    marker::PhantomData,
    sync::{Arc, OnceLock},
    time::Duration,
};

use obs_core::Operation;
use obs_metrics::Metrics;
use tower_layer::Layer;

use super::{CallLimits, Calls, Timeout, service::Config};
use crate::{Stats, ZeroLimit, ledger::Ledger, targets::Targets};

/// Bounds a whole call, to its last token: late at the limit, dropped when the grace is over too.
///
/// It sets both moments in the call's context for all layers inside. At the limit the call is **late**: the journal has the
/// time of it, a warning is logged, and whoever sees the context can ask `deadline.is_late()` or await `deadline.lateness()`.
/// At the limit and the grace together it is dropped, and the caller is told [`Elapsed`](obs_core::Elapsed) with both figures.
/// A deadline that comes with the call is obeyed where it is earlier.
///
/// Operations and models may have values of their own ([`for_operation`](Self::for_operation),
/// [`for_model`](Self::for_model)). Of each value, that of the model holds, or else that of the operation, or else that of the
/// layer; which ones is decided when the call comes in.
///
/// It alone records the `timeout_*` metrics, each with the label `operation`. All services of one layer and its clones count
/// together; a setter makes a layer that counts for itself. They are shown from the first [`layer`](Layer::layer) on.
///
/// | metric | counts |
/// |---|---|
/// | `timeout_successes_total` | calls that ended in time or within the grace, errors from inside included |
/// | `timeout_failures_total` | calls whose time was up |
/// | `timeout_cancelled_total` | calls that were dropped before their end |
/// | `timeout_late_total` | calls that passed the limit, whatever became of them |
/// | `timeout_execution_seconds` | how long each of them took, to the last token |
/// | `timeout_rate` | failures / (successes + failures); no sample before the first |
#[derive(Clone, Debug)]
pub struct TimeoutLayer<M = Calls> {
    limits: CallLimits,
    targets: Targets<CallLimits>,
    /// `None`: those of the process, asked for when the first service is made.
    metrics: Option<Metrics>,
    ledger: Arc<OnceLock<Arc<Ledger>>>,
    mode: PhantomData<M>,
}

impl TimeoutLayer {
    /// With this limit, and no grace. One that no clock can show is none.
    ///
    /// # Panics
    ///
    /// If the limit is zero: every call would fail. For limits that a user gives, see [`try_new`](Self::try_new).
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        match Self::try_new(limit) {
            Ok(layer) => layer,
            Err(zero) => panic!("{zero}"),
        }
    }

    /// With this limit, and no grace.
    ///
    /// # Errors
    ///
    /// If the limit is zero.
    pub fn try_new(limit: Duration) -> Result<Self, ZeroLimit> {
        Ok(Self {
            limits: CallLimits::new().try_limit(limit)?,
            targets: Targets::new(),
            metrics: None,
            ledger: Arc::default(),
            mode: PhantomData,
        })
    }

    /// For requests that are no [`Call`](obs_core::Call): whatever they are, up to the answer as the service inside gives it,
    /// counted as operation `other`. There is no context to say the deadline in, and no stream that could be read.
    #[must_use]
    pub fn any(self) -> TimeoutLayer<super::Any> {
        TimeoutLayer {
            limits: self.limits,
            targets: self.targets,
            metrics: self.metrics,
            ledger: Arc::default(),
            mode: PhantomData,
        }
    }
}

impl<M> TimeoutLayer<M> {
    /// Lets a late call run so much longer. Zero is no grace.
    #[must_use]
    pub fn grace(mut self, extra: Duration) -> Self {
        self.limits = self.limits.grace(extra);
        self.ledger = Arc::default();
        self
    }

    /// Other values for calls of this operation. What they do not say is as for all calls.
    #[must_use]
    pub fn for_operation(mut self, operation: Operation, limits: CallLimits) -> Self {
        self.targets.operation(operation, limits);
        self.ledger = Arc::default();
        self
    }

    /// Other values for calls that ask for this model, by the name that the caller uses, exactly. What they do not say is as
    /// for the operation, or else as for all calls.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use obs_core::Operation;
    /// # use obs_timeout::{CallLimits, TimeoutLayer};
    /// let seconds = Duration::from_secs;
    /// let layer = TimeoutLayer::new(seconds(30))
    ///     .grace(seconds(5))
    ///     .for_operation(Operation::Embeddings, CallLimits::new().limit(seconds(5)).grace(seconds(0)))
    ///     .for_model("o3", CallLimits::new().limit(seconds(300))); // with 5 s of grace
    /// ```
    #[must_use]
    pub fn for_model(mut self, model: &str, limits: CallLimits) -> Self {
        self.targets.model(model, limits);
        self.ledger = Arc::default();
        self
    }

    /// Shows what it counts through these metrics, and not through [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self.ledger = Arc::default();
        self
    }

    /// How calls ended, under all services of this layer.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.ledger.get().map(|of| of.stats()).unwrap_or_default()
    }

    /// How calls of this operation ended.
    #[must_use]
    pub fn stats_of(&self, operation: Operation) -> Stats {
        let ledger = self.ledger.get();
        ledger.map(|of| of.stats_of(operation)).unwrap_or_default()
    }
}

impl<S, M> Layer<S> for TimeoutLayer<M> {
    type Service = Timeout<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        let metrics = || self.metrics.clone().unwrap_or_else(Metrics::global);
        let ledger = self.ledger.get_or_init(|| Ledger::new(&metrics()));
        let config = Config {
            limits: self.limits,
            targets: self.targets.clone(),
            ledger: ledger.clone(),
        };
        Timeout::new(inner, config)
    }
}

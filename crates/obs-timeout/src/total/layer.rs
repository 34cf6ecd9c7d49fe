//! Configuration.
use std::{
    marker::PhantomData,
    sync::{Arc, OnceLock},
    time::Duration,
};

use obs_core::Operation;
use obs_metrics::Metrics;
use tower_layer::Layer;

use super::{Calls, Limits, Timeout};
use crate::{Stats, ZeroLimit, ledger::Ledger};

/// Bounds a whole call, to its last token: late at the limit, dropped when the grace is over too.
///
/// It sets both moments in the call's context for all layers inside. At the limit the call is **late**: the journal has the
/// time of it, a warning is logged, and whoever sees the context can ask `deadline.is_late()` or await `deadline.lateness()`.
/// At the limit and the grace together it is dropped, and the caller is told [`Elapsed`](obs_core::Elapsed) with both figures.
/// A deadline that comes with the call is obeyed where it is earlier.
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
    limits: Limits,
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
        if limit.is_zero() {
            return Err(ZeroLimit::new());
        }
        let grace = Duration::ZERO;
        Ok(Self {
            limits: Limits { limit, grace },
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
        self.limits.grace = extra;
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
        Timeout::new(inner, self.limits, ledger.clone())
    }
}

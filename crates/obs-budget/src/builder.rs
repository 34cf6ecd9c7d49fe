//! Settings of budgets.
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use obs_core::Background;
use obs_metrics::Metrics;

use crate::{
    Budget, Budgets, Sums,
    core::{Clock, Core},
    exchange::Exchange,
    ledger::Ledger,
};

/// How many names are kept apart by default.
const NAMES: usize = 10_000;

/// How often names in use are exchanged by default.
const EVERY: Duration = Duration::from_secs(1);

/// What a process has of a limit by default while it is alone, in millionths.
const SHARE: u32 = 500_000;

/// Settings of [`Budgets`].
#[must_use = "it makes nothing until it is built"]
pub struct Builder {
    scope: &'static str,
    budgets: Vec<Budget>,
    names: usize,
    clock: Clock,
    metrics: Option<Metrics>,
    shared: Option<(Box<dyn Sums>, Background)>,
    every: Duration,
    share: u32,
    with_shadows: bool,
}

impl Builder {
    pub(crate) fn new(scope: &'static str, budgets: Vec<Budget>) -> Self {
        Self {
            scope,
            budgets,
            names: NAMES,
            clock: Clock::default(),
            metrics: None,
            shared: None,
            every: EVERY,
            share: SHARE,
            with_shadows: false,
        }
    }

    /// How many names are kept apart: 10 000 unless told. Names that used nothing in the present windows make room for others,
    /// which is looked for once a second; when there is none, further names share one account.
    ///
    /// # Panics
    ///
    /// With zero.
    pub fn names(mut self, most: usize) -> Self {
        assert!(most > 0, "budgets are for one name at least");
        self.names = most;
        self
    }

    /// Tells wall time, in place of the system's clock.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock(Arc::new(now));
        self
    }

    /// Shows what is counted there, in place of the metrics of the process.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Shares the budgets with all processes that use the same store and the same scope. Exchanges run in this background, one
    /// piece of work at a time.
    pub fn shared(mut self, sums: impl Sums + 'static, background: Background) -> Self {
        self.shared = Some((Box::new(sums), background));
        self
    }

    /// How often a name that is in use is exchanged: each second unless told. So old is what is known of other processes, at
    /// most, plus what an exchange takes.
    ///
    /// # Panics
    ///
    /// With zero.
    pub fn every(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "exchanges take a pause");
        self.every = time;
        self
    }

    /// What a process may use itself of each limit while the store is away, from 0 to 1; 0.5 unless told. One over the number of
    /// processes keeps the limit.
    ///
    /// # Panics
    ///
    /// If it is not a number from 0 to 1.
    pub fn local_share(mut self, share: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&share),
            "a share is from 0 to 1, not {share}"
        );
        self.share = (share * 1e6).round() as u32;
        self
    }

    /// Charges comparisons of routes in the background, too: for budgets of the operator, and not of a tenant.
    pub fn with_shadows(mut self) -> Self {
        self.with_shadows = true;
        self
    }

    /// Makes them.
    #[must_use]
    pub fn build(self) -> Budgets {
        let metrics = self.metrics.unwrap_or_else(Metrics::global);
        let (every, share) = (self.every, self.share);
        let exchange = self
            .shared
            .map(|(sums, background)| Exchange::new(sums, background, every, share));
        let core = Core {
            scope: self.scope,
            clock: self.clock,
            ledger: Ledger::default(),
            exchange,
            with_shadows: self.with_shadows,
        };
        let budgets = Budgets::of(core, self.budgets, self.names);
        budgets.show(&metrics);
        budgets
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("scope", &self.scope)
            .field("budgets", &self.budgets)
            .field("names", &self.names)
            .field("is_shared", &self.shared.is_some())
            .finish_non_exhaustive()
    }
}

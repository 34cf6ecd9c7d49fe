//! A clock that is held, and money in short.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use obs_budget::{Budgets, Builder};
use obs_core::Usd;
use obs_metrics::Metrics;

/// A wall clock that stands still; in seconds since 1970.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    /// A full day, hour and minute.
    pub(crate) fn at_midnight() -> Self {
        let clock = Self::default();
        clock.0.store(20_000 * 86_400, SeqCst);
        clock
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, SeqCst);
    }

    pub(crate) fn step_back(&self, seconds: u64) {
        self.0.fetch_sub(seconds, SeqCst);
    }

    pub(crate) fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(SeqCst))
    }

    pub(crate) fn on(&self, builder: Builder) -> Budgets {
        let clock = self.clone();
        let builder = builder.clock(move || clock.now());
        builder.metrics(Metrics::disabled()).build()
    }
}

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().expect("dollars")
}

//! The history of one operation and model, shared by its attempts.
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Adaptive, history::History};

pub(super) struct Cell(Mutex<History>);

impl Cell {
    pub(super) fn new(adaptive: &Adaptive, now: Instant) -> Self {
        let history = History::new(adaptive.window, adaptive.quantile, now);
        Self(Mutex::new(history))
    }

    /// What is waited for came after so long, or did not come within it.
    pub(super) fn record(&self, took: Duration, now: Instant) {
        self.history().record(took, now);
    }

    /// What is waited for did not come within so long, for a reason of its own.
    pub(super) fn missed(&self, took: Duration, now: Instant) {
        let mut history = self.history();
        if history.percentile(now).is_some_and(|of| of <= took) {
            history.record(took, now);
        }
    }

    /// The percentile, if there are so many samples.
    pub(super) fn percentile(&self, warm_up: u64, now: Instant) -> Option<Duration> {
        let mut history = self.history();
        (history.len(now) >= warm_up).then(|| history.percentile(now))?
    }

    pub(super) fn len(&self, now: Instant) -> u64 {
        self.history().len(now)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

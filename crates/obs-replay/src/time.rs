//! The wall time of a replay.
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

/// Wall time that passes as the clock of a replay does, and not as the world's. Made before the layers, which are given it, and
/// handed to the [`Simulation`](crate::Simulation).
#[derive(Clone, Debug)]
pub struct VirtualTime {
    begin: SystemTime,
    origin: Arc<OnceLock<Instant>>,
}

impl VirtualTime {
    /// Begins at this moment, in milliseconds since 1970.
    #[must_use]
    pub fn starting(millis: u64) -> Self {
        Self {
            begin: UNIX_EPOCH + Duration::from_millis(millis),
            origin: Arc::default(),
        }
    }

    /// For a cache.
    #[must_use]
    pub fn clock(&self) -> obs_cache::Clock {
        let this = self.clone();
        obs_cache::Clock::new(move || this.now())
    }

    /// The moment now; before a replay has begun, its begin.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        match self.origin.get() {
            Some(origin) => self.begin + Instant::now().saturating_duration_since(*origin),
            None => self.begin,
        }
    }

    /// From here on it passes.
    pub(crate) fn begin(&self) -> Instant {
        *self.origin.get_or_init(Instant::now)
    }
}

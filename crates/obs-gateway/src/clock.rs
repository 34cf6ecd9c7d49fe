//! Wall time, injected so that tests can hold it.
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Tells the wall time.
#[derive(Clone)]
pub(crate) struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    pub(crate) fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// Seconds since 1970.
    pub(crate) fn unix_seconds(&self) -> u64 {
        self.since_1970().as_secs()
    }

    /// The same with its fraction.
    pub(crate) fn unix(&self) -> f64 {
        self.since_1970().as_secs_f64()
    }

    fn since_1970(&self) -> Duration {
        let since = self.now().duration_since(UNIX_EPOCH);
        since.unwrap_or(Duration::ZERO)
    }
}

/// That of the machine.
impl Default for WallClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock that stands where no other is injected"
    )]
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock(..)")
    }
}

//! How fast time passes for the faults.
use std::time::Duration;

use tokio::time;

/// How fast time passes for the faults: a tempo of twenty makes one second of twenty.
///
/// It shortens what the server waits and the windows of faults that pass (`503-for-60s`). It does not change what
/// the server *says*: `Retry-After: 2` stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo(u32);

impl Tempo {
    /// A second is a second.
    pub const REAL: Self = Self(1);

    /// So many times faster.
    ///
    /// # Panics
    /// When `times` is zero.
    #[must_use]
    pub const fn faster(times: u32) -> Self {
        assert!(times > 0, "a tempo is at least 1");
        Self(times)
    }

    /// How long a wait really takes.
    #[must_use]
    pub fn scale(self, nominal: Duration) -> Duration {
        nominal / self.0
    }

    /// Which time of the faults a real time is.
    #[must_use]
    pub fn nominal(self, real: Duration) -> Duration {
        real.saturating_mul(self.0)
    }

    pub(crate) async fn sleep(self, nominal: Duration) {
        if !nominal.is_zero() {
            time::sleep(self.scale(nominal)).await;
        }
    }
}

impl Default for Tempo {
    fn default() -> Self {
        Self::REAL
    }
}

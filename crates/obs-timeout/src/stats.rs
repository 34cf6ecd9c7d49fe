//! The figures of a layer, as numbers.
use std::iter::Sum;

/// How calls ended under a [`TimeoutLayer`](crate::TimeoutLayer).
///
/// `successes`, `failures` and `cancelled` together are the calls that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that ended in time or within the grace, an error from inside included.
    pub successes: u64,
    /// Calls that were cut because their time was up.
    pub failures: u64,
    /// Calls that their caller dropped before the end.
    pub cancelled: u64,
    /// Calls, among all of these and among those under way, that have passed their limit. Where metrics are off, no clock is
    /// looked at for it: one that never waited, but kept its thread busy for so long, is not among them.
    pub late: u64,
}

impl Stats {
    /// Failures among calls that were not cancelled, from 0 to 1; `None` before the first of them.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let whole = self.successes + self.failures;
        (whole > 0).then(|| self.failures as f64 / whole as f64)
    }
}

impl Sum for Stats {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            successes: a.successes + b.successes,
            failures: a.failures + b.failures,
            cancelled: a.cancelled + b.cancelled,
            late: a.late + b.late,
        })
    }
}

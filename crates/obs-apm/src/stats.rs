//! What was counted so far.

use obs_core::{Paid, Usd};

/// What an [`ApmLayer`](crate::ApmLayer) and its services have counted so far: the same figures as the metrics.
///
/// The figures are read one after the other while calls go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that were answered, streams to their last token.
    pub success: u64,
    /// Calls that failed, and not for want of time.
    pub error: u64,
    /// Calls that ran out of time.
    pub timeout: u64,
    /// Calls that the caller dropped before their end.
    pub cancelled: u64,
    /// Calls that have not ended.
    pub in_flight: u64,
    /// Requests that models got, also on behalf of calls that have been dropped.
    pub attempts: u64,
    /// What attempts cost, and how many of them have an unknown cost.
    pub paid: Paid,
    /// The price of usage that was told by attempts that did not end with an answer. It may have been billed, and is not in
    /// `paid`.
    pub estimated: Usd,
}

impl Stats {
    /// Calls that have ended.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.success + self.error + self.timeout + self.cancelled
    }
}

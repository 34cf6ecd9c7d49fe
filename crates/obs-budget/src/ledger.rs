//! What is counted of all names together.
use obs_core::Usd;
use obs_metrics::{Count, Dollars};

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) spent: Dollars,
    pub(crate) alone: Dollars,
    pub(crate) unknown: Count,
    pub(crate) refused: Count,
    pub(crate) crowded: Count,
}

/// What was counted of all names together. The metrics are the same figures.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// What was charged here.
    pub spent: Usd,
    /// Of that, what was charged while the store that is shared was away.
    pub alone: Usd,
    /// Attempts whose cost nobody knows, which were charged to nobody.
    pub unknown: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Looks and charges for which there was no room for the name, so that it shared what is kept for all such names.
    pub crowded: u64,
    /// Exchanges with the store that failed.
    pub store_errors: u64,
    /// Names that are kept at the moment.
    pub names: usize,
}

//! What is counted.
mod faults;
mod show;
mod tally;
mod times;

use std::{
    sync::{OnceLock, atomic::AtomicBool},
    time::Duration,
};

use obs_core::Operation;
use obs_metrics::{BoundHistogram, Count, Dollars, PerOperation};

pub(crate) use self::faults::Faults;
#[cfg(feature = "redis")]
pub(crate) use self::faults::{STORE_ERRORS, STORE_ERRORS_WHAT};
pub(crate) use self::tally::{Ended, Tally};
use self::times::Times;
use crate::Stats;

/// Counts of the calls that one layer saw.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    fresh: PerOperation<Count>,
    stale: PerOperation<Count>,
    coalesced: PerOperation<Count>,
    misses: PerOperation<Count>,
    bypassed: PerOperation<Count>,
    cancelled: PerOperation<Count>,
    failed: PerOperation<Count>,
    negative: PerOperation<Count>,
    saved: PerOperation<Dollars>,
    pub(crate) refreshes: Refreshes,
    pub(crate) bad_hits: PerOperation<Count>,
    pub(crate) faults: Faults,
    pub(crate) renewals: Renewals,
    pub(crate) leases: Leases,
    times: OnceLock<Times>,
    registered: AtomicBool,
}

/// Counts of refreshes in the background.
#[derive(Debug, Default)]
pub(crate) struct Refreshes {
    pub(crate) done: PerOperation<Count>,
    pub(crate) failed: PerOperation<Count>,
    pub(crate) dropped: PerOperation<Count>,
    /// To another process.
    pub(crate) left: PerOperation<Count>,
    /// Of all of these: set off before the answer's time was over.
    pub(crate) early: PerOperation<Count>,
}

/// Counts of answers that were compared with the one before.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    pub(crate) same: PerOperation<Count>,
    pub(crate) changed: PerOperation<Count>,
}

/// Counts of calls that waited for another process.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// They had its answer.
    pub(crate) given: PerOperation<Count>,
    /// They were made after all.
    pub(crate) called: PerOperation<Count>,
}

impl Ledger {
    /// Where to record the time of a look-up; `None`: nobody wants it, and no clock need be read.
    pub(crate) fn latency(&self, operation: Operation, hit: bool) -> Option<&BoundHistogram> {
        Some(self.times.get()?.latency(operation, hit))
    }

    /// Whether the time of look-ups is wanted.
    pub(crate) fn is_timed(&self) -> bool {
        self.times.get().is_some()
    }

    /// A stored answer of this age was given.
    pub(crate) fn aged(&self, operation: Operation, age: Duration) {
        if let Some(times) = self.times.get() {
            times.age(operation, age);
        }
    }

    /// An answer is kept that is good for so long.
    pub(crate) fn lives(&self, operation: Operation, ttl: Duration) {
        if let Some(times) = self.times.get() {
            times.ttl(operation, ttl);
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            hits: self.fresh.sum() + self.stale.sum() + self.coalesced.sum(),
            stale: self.stale.sum(),
            coalesced: self.coalesced.sum(),
            misses: self.misses.sum(),
            bypassed: self.bypassed.sum(),
            cancelled: self.cancelled.sum(),
            followers_failed: self.failed.sum(),
            negative: self.negative.sum(),
            saved: self.saved.iter().map(|(_, saved)| saved.get()).sum(),
            store_faults: self.faults.sum(),
            bad_hits: self.bad_hits.sum(),
            refreshes: self.refreshes.done.sum(),
            refreshes_failed: self.refreshes.failed.sum(),
            refreshes_dropped: self.refreshes.dropped.sum(),
            refreshes_left: self.refreshes.left.sum(),
            refreshes_early: self.refreshes.early.sum(),
            renewals: self.renewals.same.sum() + self.renewals.changed.sum(),
            renewals_changed: self.renewals.changed.sum(),
            lease_waits: self.leases.given.sum() + self.leases.called.sum(),
            lease_answers: self.leases.given.sum(),
            ttls: Vec::new(),
        }
    }

    fn hits(&self, operation: Operation) -> u64 {
        let kinds = [&self.fresh, &self.stale, &self.coalesced];
        kinds.iter().map(|kind| kind[operation].get()).sum()
    }
}

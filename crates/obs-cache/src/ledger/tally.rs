//! Where each call is counted once.
use std::sync::Arc;

use obs_core::{Operation, Usd};

use super::Ledger;
use crate::StoreFault;

/// How a call ended, as the cache counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Fresh,
    Stale,
    Coalesced,
    Miss,
    Bypassed,
    /// It waited for another's call, which failed.
    Failed,
    /// It was given a refusal of before.
    Refused,
    /// It was dropped, or had no more time.
    Left,
}

/// Counts one call once: when it is told how it ended, else when it is dropped.
#[derive(Debug)]
pub(crate) struct Tally {
    ledger: Arc<Ledger>,
    operation: Operation,
    open: bool,
}

impl Tally {
    pub(crate) const fn new(ledger: Arc<Ledger>, operation: Operation) -> Self {
        Self {
            ledger,
            operation,
            open: true,
        }
    }

    /// For work that is no call, and is counted elsewhere.
    pub(crate) const fn uncounted(ledger: Arc<Ledger>, operation: Operation) -> Self {
        Self {
            ledger,
            operation,
            open: false,
        }
    }

    /// The call ended so; what is told later does not count.
    pub(crate) fn end(&mut self, how: Ended) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let ledger = &self.ledger;
        let counts = match how {
            Ended::Fresh => &ledger.fresh,
            Ended::Stale => &ledger.stale,
            Ended::Coalesced => &ledger.coalesced,
            Ended::Miss => &ledger.misses,
            Ended::Bypassed => &ledger.bypassed,
            Ended::Failed => &ledger.failed,
            Ended::Refused => &ledger.negative,
            Ended::Left => &ledger.cancelled,
        };
        counts[self.operation].inc();
    }

    /// It ended so, and saved that; what is not known is not counted.
    pub(crate) fn end_saving(&mut self, how: Ended, saved: Option<Usd>) {
        if !self.open {
            return;
        }
        self.end(how);
        if let Some(saved) = saved {
            self.ledger.saved[self.operation].add(saved);
        }
    }

    /// A fault of the store happened on the way.
    pub(crate) fn fault(&self, fault: StoreFault) {
        self.ledger.faults.count(fault);
    }

    pub(crate) const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    pub(crate) const fn operation(&self) -> Operation {
        self.operation
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.end(Ended::Left);
    }
}

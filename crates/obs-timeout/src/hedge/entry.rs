//! One second attempt in the ledger.
use std::sync::Arc;

use obs_core::{AttemptListener, Operation};

use super::{ledger::Ledger, spending::Reserved};

/// Counted when it starts, and once more when it ends. Dropped without an end, its caller has left.
#[derive(Debug)]
pub(super) struct Entry {
    ledger: Arc<Ledger>,
    operation: Operation,
    /// What is set aside for it, where there is a budget in dollars.
    reserved: Option<Arc<Reserved>>,
    open: bool,
}

/// How the call of a second attempt ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Won,
    Lost,
    Failed,
}

impl Entry {
    pub(super) fn start(
        ledger: Arc<Ledger>,
        operation: Operation,
        reserved: Option<Arc<Reserved>>,
    ) -> Self {
        ledger.started[operation].inc();
        Self {
            ledger,
            operation,
            reserved,
            open: true,
        }
    }

    /// Whoever must hear that its attempt has begun.
    pub(super) fn reserved(&self) -> Option<Arc<dyn AttemptListener>> {
        let reserved = self.reserved.clone();
        reserved.map(|reserved| reserved as Arc<dyn AttemptListener>)
    }

    pub(super) fn end(mut self, outcome: Outcome) {
        self.open = false;
        let counts = match outcome {
            Outcome::Won => &self.ledger.won,
            Outcome::Lost => &self.ledger.lost,
            Outcome::Failed => &self.ledger.failed,
        };
        counts[self.operation].inc();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(reserved) = &self.reserved {
            reserved.release();
        }
        if self.open {
            self.ledger.cancelled[self.operation].inc();
        }
    }
}

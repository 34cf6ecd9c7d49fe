//! One second attempt in the ledger.
use std::sync::Arc;

use obs_core::Operation;

use super::ledger::Ledger;

/// Counted when it starts, and once more when it ends. Dropped without an end, its caller has left.
#[derive(Debug)]
pub(super) struct Entry {
    ledger: Arc<Ledger>,
    operation: Operation,
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
    pub(super) fn start(ledger: Arc<Ledger>, operation: Operation) -> Self {
        ledger.started[operation].inc();
        Self {
            ledger,
            operation,
            open: true,
        }
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
        if self.open {
            self.ledger.cancelled[self.operation].inc();
        }
    }
}

//! Counts what a complete answer saved.
use std::sync::Arc;

use obs_core::{End, Journal, LlmResponse, Observe};

use crate::ledger::Ledger;

/// Watches an answer that is given out, to its end.
#[derive(Debug)]
pub(crate) struct Saving {
    journal: Journal,
    ledger: Arc<Ledger>,
    at: usize,
}

impl Saving {
    /// `at`: the route that gave the answer.
    pub(crate) fn of(journal: Journal, ledger: Arc<Ledger>, at: usize) -> Self {
        Self {
            journal,
            ledger,
            at,
        }
    }
}

impl<Res: LlmResponse> Observe<Res> for Saving {
    fn end(&mut self, how: End<'_>) {
        if !matches!(how, End::Complete) {
            return;
        }
        // Without an attempt there is nothing to save on: a cache inside of the router gave the answer.
        let saved = self
            .journal
            .with(|report| report.chosen().map(|_| report.saved_by_route()));
        if let Some(saved) = saved {
            self.ledger.saved(self.at, saved);
        }
    }
}

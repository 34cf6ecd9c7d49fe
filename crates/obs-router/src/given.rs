//! What becomes of an answer that is given out.
use std::{sync::Arc, time::Duration};

use obs_core::{End, ErrorKind, Journal, LlmResponse, Observe};

use crate::ledger::Ledger;

/// Watches an answer that is given out, to its end: what it saved if it is complete, and whether the route fell silent.
#[derive(Debug)]
pub(crate) struct Given {
    /// `None`: savings are not measured here.
    journal: Option<Journal>,
    ledger: Arc<Ledger>,
    at: usize,
}

impl Given {
    /// `at`: the route that gave the answer.
    pub(crate) fn of(journal: Option<Journal>, ledger: Arc<Ledger>, at: usize) -> Self {
        Self {
            journal,
            ledger,
            at,
        }
    }

    fn complete(&self) {
        let Some(journal) = &self.journal else { return };
        // Without an attempt there is nothing to save on: a cache inside of the router gave the answer.
        let saved = journal.with(|report| report.chosen().map(|_| report.saved_by_route()));
        if let Some(saved) = saved {
            self.ledger.saved(self.at, saved);
        }
    }
}

impl<Res: LlmResponse> Observe<Res> for Given {
    fn end(&mut self, how: End<'_>) {
        match how {
            End::Complete => self.complete(),
            // One that was still talking when the time of the attempt was up is not silent, so that no time is told.
            End::Failed(error) if error.kind() == ErrorKind::Timeout => {
                let breaker = self.ledger.breaker(self.at);
                breaker.timed_out(error, Duration::ZERO);
            }
            End::Failed(_) | End::Dropped => {}
        }
    }
}

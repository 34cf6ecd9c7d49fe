//! What happened so far.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{Fault, State};

/// What happened since the connection was made. Each operation is counted once, unless it was dropped: then it is
/// in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// State of the breaker; in a cluster, of the worst one.
    pub state: State,
    /// How often a breaker has opened.
    pub opened: u64,
    /// Operations that got an answer, be it an error of the server.
    pub answered: u64,
    /// Operations that the open breaker refused.
    pub refused: u64,
    /// Operations without a connection.
    pub unavailable: u64,
    /// Operations without an answer in time.
    pub timeouts: u64,
    /// Operations that the server answered with an error; they are among `answered` too.
    pub server_errors: u64,
    /// Values that were too large to be sent.
    pub too_large: u64,
    /// Operations that found the queue full.
    pub busy: u64,
}

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    answered: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    timeouts: AtomicU64,
    server_errors: AtomicU64,
    too_large: AtomicU64,
    busy: AtomicU64,
}

impl Ledger {
    /// Counts an operation that ended with this fault, or with none.
    pub(crate) fn count(&self, fault: Option<&Fault>) {
        let counter = match fault {
            None => &self.answered,
            Some(Fault::Refused) => &self.refused,
            Some(Fault::Unavailable(_)) => &self.unavailable,
            Some(Fault::Timeout(_)) => &self.timeouts,
            Some(Fault::Server { .. }) => {
                self.answered.fetch_add(1, Relaxed);
                &self.server_errors
            }
            Some(Fault::TooLarge { .. }) => &self.too_large,
            Some(Fault::Busy) => &self.busy,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, state: State, opened: u64) -> Stats {
        Stats {
            state,
            opened,
            answered: self.answered.load(Relaxed),
            refused: self.refused.load(Relaxed),
            unavailable: self.unavailable.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
            server_errors: self.server_errors.load(Relaxed),
            too_large: self.too_large.load(Relaxed),
            busy: self.busy.load(Relaxed),
        }
    }
}

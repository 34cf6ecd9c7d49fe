//! What happened so far.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{Fault, State};

/// What happened since the connection was made. Each operation is counted once, unless it was dropped: then it is
/// in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// State of the breaker.
    pub state: State,
    /// How often the breaker has opened.
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

/// The counters of faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) refused: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) server_errors: AtomicU64,
    pub(crate) too_large: AtomicU64,
    pub(crate) busy: AtomicU64,
}

impl Faults {
    pub(crate) fn count(&self, fault: &Fault) {
        let counter = match fault {
            Fault::Refused => &self.refused,
            Fault::Unavailable(_) => &self.unavailable,
            Fault::Timeout(_) => &self.timeouts,
            Fault::Server { .. } => &self.server_errors,
            Fault::TooLarge { .. } => &self.too_large,
            Fault::Busy => &self.busy,
        };
        counter.fetch_add(1, Relaxed);
    }
}

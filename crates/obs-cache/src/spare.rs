//! A stored answer for the case that there is no other.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use obs_core::{CacheNote, CacheStatus, ErrorKind, Usd};

use crate::stored::Stored;

/// What is known of the stored answer that a caller falls back to. Clones are of the same.
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    stored: Stored,
    taken: Arc<AtomicBool>,
}

impl Spare {
    pub(crate) fn new(stored: Stored) -> Self {
        Self {
            stored,
            taken: Arc::default(),
        }
    }

    /// Whether it is for an error of this kind: those of the provider and of the way to it, and not those that the
    /// caller has to hear of.
    pub(crate) fn is_for(&self, kind: ErrorKind) -> bool {
        kind.may_fail_over() && kind != ErrorKind::ContextTooLong
    }

    /// It is the answer.
    pub(crate) fn take(&self) {
        self.taken.store(true, Relaxed);
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Relaxed)
    }

    pub(crate) const fn saved(&self) -> Option<Usd> {
        self.stored.saved
    }

    pub(crate) fn note(&self) -> CacheNote {
        self.stored.clone().note(CacheStatus::Stale)
    }
}

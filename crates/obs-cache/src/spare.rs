//! A stored answer for the case that there is no other.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use obs_core::{CacheNote, CacheStatus, ErrorKind, Usd};

use crate::{Entry, Timestamp};

/// What is known of the stored answer that a caller falls back to. Clones are of the same.
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    age: Duration,
    route: Option<Arc<str>>,
    pub(crate) saved: Option<Usd>,
    taken: Arc<AtomicBool>,
}

impl Spare {
    pub(crate) fn new(entry: &Entry, now: Timestamp) -> Self {
        Self {
            age: now.since(entry.created),
            route: entry.route.clone(),
            saved: entry.paid.exact(),
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

    pub(crate) fn note(&self) -> CacheNote {
        let mut note = CacheNote::new(CacheStatus::Stale);
        note.age = Some(self.age);
        note.route.clone_from(&self.route);
        note.saved = self.saved;
        note
    }
}

//! Where entries go, and what waits to become one.
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    Record, Sink,
    loose::{Loose, Work},
    write,
};

/// What all services of a layer share.
pub(crate) struct Shared {
    sink: Box<dyn Sink>,
    pub(crate) loose: Loose,
    process: u64,
    next: AtomicU64,
}

impl Shared {
    pub(crate) fn new(sink: impl Sink + 'static) -> Self {
        Self {
            sink: Box::new(sink),
            loose: Loose::default(),
            // The keys of the standard hasher are random.
            process: RandomState::new().hash_one("calls"),
            next: AtomicU64::new(1),
        }
    }

    /// Never panics.
    pub(crate) fn record(&self, record: impl Into<Record>) {
        let record = record.into();
        let told = catch_unwind(AssertUnwindSafe(|| self.sink.record(record)));
        if told.is_err() {
            tracing::warn!("a sink of the ledger panicked; an entry may be lost");
        }
    }

    pub(crate) fn settle(&self, all: bool) {
        for Work {
            asked, attempts, ..
        } in self.loose.settled(all)
        {
            self.record(write::work(asked, &attempts));
        }
    }

    /// A name for a call that has none.
    pub(crate) fn name(&self) -> Arc<str> {
        let count = self.next.fetch_add(1, Relaxed);
        format!("call-{:016x}-{count:x}", self.process).into()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("loose", &self.loose)
            .finish_non_exhaustive()
    }
}

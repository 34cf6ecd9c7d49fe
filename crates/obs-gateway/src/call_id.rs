//! A name for each call.
use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Gives names that no other call has: a random part for the process, and a count.
#[derive(Debug)]
pub(crate) struct CallIds {
    process: u64,
    next: AtomicU64,
}

impl CallIds {
    pub(crate) fn new() -> Self {
        Self {
            // The keys of the standard hasher are random.
            process: RandomState::new().hash_one("call ids"),
            next: AtomicU64::new(1),
        }
    }

    pub(crate) fn next(&self) -> Arc<str> {
        let count = self.next.fetch_add(1, Relaxed);
        format!("call-{:016x}-{count:x}", self.process).into()
    }
}

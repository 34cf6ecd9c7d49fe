//! Which process asks for an answer, so that others wait for it.
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use obs_core::Key;
use tokio::time::Instant;

use super::names::PREFIX;

/// The leases that this process holds, and until when they surely are its own.
///
/// A lease is a value with an end in Redis. It is removed only while it cannot be another's yet, and only by who holds it.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashMap<Key, Instant>>);

impl Leases {
    /// It was asked for at `from`, and granted for so long.
    pub(super) fn hold(&self, key: Key, from: Instant, time: Duration) {
        self.lock().insert(key, from + time);
    }

    /// Gives up a lease. `true`: there is one, which is to be removed.
    pub(super) fn end(&self, key: &Key) -> bool {
        let until = self.lock().remove(key);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `obs:lease:` in the place of `obs:`.
pub(super) fn name(entry: &Bytes) -> Bytes {
    let digits = &entry[PREFIX.len()..];
    [&PREFIX[..], b"lease:", digits].concat().into()
}

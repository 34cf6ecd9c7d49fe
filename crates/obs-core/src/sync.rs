//! Locks whose owner may have panicked.
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock also after a panic under it: what it guards is plain data that is never half changed.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Which flights are in the air.
use std::{
    any::Any,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, Weak},
};

use obs_core::Key;

use super::lock::lock;

/// Flights in the air. Erased, so that the layer need not name the response.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<Map>>);

pub(super) type Map = HashMap<Key, Weak<dyn Any + Send + Sync>>;

impl Flights {
    /// Dropping the last handle of a flight locks this too: it must not happen under the lock.
    pub(super) fn lock(&self) -> MutexGuard<'_, Map> {
        lock(&self.0)
    }

    /// Forgets a flight, unless the key is another's by now.
    pub(super) fn forget<T>(&self, key: &Key, flight: *const T) {
        let mut map = self.lock();
        let is_this =
            |found: &Weak<dyn Any + Send + Sync>| std::ptr::addr_eq(found.as_ptr(), flight);
        if map.get(key).is_some_and(is_this) {
            map.remove(key);
        }
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flights({})", self.lock().len())
    }
}

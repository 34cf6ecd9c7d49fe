//! How long a key rests between two refreshes.
use std::{fmt, sync::Arc, time::Duration};

use obs_core::Key;
use quick_cache::sync::Cache;

use crate::Timestamp;

/// Keys that are remembered as refreshed of late. Should there be more, the least used are refreshed sooner.
const REMEMBERED: usize = 4096;

/// Longest time between a refresh that failed and the next one of the same key.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// When the refreshes began that have not brought anything yet.
#[derive(Clone)]
pub(crate) struct Resting(Arc<Cache<Key, Timestamp>>);

impl Resting {
    /// Whether it is time for a refresh of this key, which begins now.
    pub(crate) fn wake(&self, key: &Key, now: Timestamp, ttl: Duration) -> bool {
        let rest = (ttl / 20).min(LONGEST_REST);
        let rests = |began: Timestamp| began.since(now).is_zero() && now.since(began) < rest;
        if self.0.get(key).is_some_and(rests) {
            return false;
        }
        self.0.insert(*key, now);
        true
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.0.remove(key);
    }
}

impl Default for Resting {
    fn default() -> Self {
        Self(Arc::new(Cache::new(REMEMBERED)))
    }
}

impl fmt::Debug for Resting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resting({})", self.0.len())
    }
}

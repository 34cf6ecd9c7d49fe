//! Refusals that will repeat.
use std::{fmt, sync::Arc, time::Duration};

use obs_core::{Error, ErrorKind, Key};
use quick_cache::sync::Cache;

use crate::Timestamp;

/// Refusals that are remembered; the least used make room.
const REMEMBERED: usize = 4096;

/// Refusals of late, in memory.
#[derive(Clone)]
pub(crate) struct Refusals {
    ttl: Duration,
    kept: Arc<Cache<Key, Refusal>>,
}

#[derive(Clone)]
struct Refusal {
    error: Error,
    made: Timestamp,
}

impl Refusals {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            kept: Arc::new(Cache::new(REMEMBERED)),
        }
    }

    /// The refusal of this call, if it is good still, and young enough for the caller.
    pub(crate) fn find(
        &self,
        key: &Key,
        now: Timestamp,
        max_age: Option<Duration>,
    ) -> Option<Error> {
        let refusal = self.kept.get(key)?;
        let age = now.since(refusal.made);
        if age >= self.ttl {
            self.kept.remove(key);
            return None;
        }
        let is_young = max_age.is_none_or(|most| age <= most);
        is_young.then_some(refusal.error)
    }

    /// How the same call ended now.
    pub(crate) fn note<T>(&self, key: &Key, ended: &Result<T, Error>, made: Timestamp) {
        match ended {
            Err(error) if will_repeat(error.kind()) => {
                let error = error.clone();
                self.kept.insert(*key, Refusal { error, made });
            }
            Ok(_) => self.forget(key),
            Err(_) => {}
        }
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.kept.remove(key);
    }
}

/// Whether the same call would be refused again: for what it is, and not for the state that anybody is in.
fn will_repeat(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Caller | ErrorKind::ContextTooLong | ErrorKind::ContentFilter
    )
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusals")
            .field("ttl", &self.ttl)
            .field("kept", &self.kept.len())
            .finish()
    }
}

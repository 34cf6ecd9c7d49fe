//! What a store in Redis has done.
use obs_redis::State;

use super::RedisStore;

/// What a [`RedisStore`] has written, and the state of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStats {
    /// What the breaker in front of the server lets through.
    pub breaker: State,
    /// How often the breaker has opened.
    pub opened: u64,
    /// Entries that were written.
    pub written: u64,
    /// Writes that there was no room for.
    pub dropped: u64,
    /// Writes and removals that failed.
    pub failed: u64,
    /// Bytes of answers that wait to be written; at most 64 MiB.
    pub waiting_bytes: u64,
}

impl RedisStore {
    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> RedisStats {
        let (redis, writes) = (self.0.redis.stats(), &self.0.writes);
        RedisStats {
            breaker: redis.state,
            opened: redis.opened,
            written: writes.written.get(),
            dropped: writes.dropped.get(),
            failed: writes.faults.sum(),
            waiting_bytes: writes.waiting() as u64,
        }
    }
}

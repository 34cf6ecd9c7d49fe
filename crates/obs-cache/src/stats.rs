//! The figures of a layer.
use obs_core::Usd;

use crate::ClassTtl;

/// What a [`CacheLayer`](crate::CacheLayer) counted so far: the same figures as its metrics. Each call is counted
/// once, however it ends: as a hit, a miss, bypassed, refused as before, cancelled, or a follower that
/// failed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that were answered from the store, or by another's call.
    pub hits: u64,
    /// Of the hits: with an answer that was no longer fresh.
    pub stale: u64,
    /// Of the hits: answered by another's call.
    pub coalesced: u64,
    /// Calls that there was no answer for, and which were made or refused.
    pub misses: u64,
    /// Calls for which the cache was not asked.
    pub bypassed: u64,
    /// Calls that were dropped, or had no more time, before there was an answer.
    pub cancelled: u64,
    /// Calls that waited for another's call, which failed.
    pub followers_failed: u64,
    /// Calls that were given a refusal which the same call had met before.
    pub negative: u64,
    /// What the answers of hits had cost when they were made, as far as that is known.
    pub saved: Usd,
    /// Faults of the store in look-ups. None of them failed a call.
    pub store_faults: u64,
    /// Answers that were [reported](crate::CacheHandle::report_bad_hit) as wrong.
    pub bad_hits: u64,
    /// Answers that were asked for again in the background.
    pub refreshes: u64,
    /// The same, in vain.
    pub refreshes_failed: u64,
    /// Refreshes that there was no room for.
    pub refreshes_dropped: u64,
    /// Refreshes that were left to another process, which had the [`lease`](crate::CacheLayer::lease).
    pub refreshes_left: u64,
    /// Refreshes, of whatever end, that were set off before the time of the answer was over.
    pub refreshes_early: u64,
    /// Shared calls that waited for another process ([`lease`](crate::CacheLayer::lease)).
    pub lease_waits: u64,
    /// Of these: had its answer. The rest was made after all.
    pub lease_answers: u64,
    /// Answers that were compared with the one before, where times to live are
    /// [learned](crate::CacheLayer::adaptive_ttl).
    pub renewals: u64,
    /// Of these: said something else.
    pub renewals_changed: u64,
    /// The times to live that were learned, and why they are so, by class; none where they are not learned.
    pub ttls: Vec<ClassTtl>,
}

impl Stats {
    /// Hits among hits and misses; `None` while there are none of either.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        let all = self.hits + self.misses;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }

    /// All calls that have ended.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        let given = self.hits + self.misses + self.bypassed + self.negative;
        given + self.cancelled + self.followers_failed
    }
}

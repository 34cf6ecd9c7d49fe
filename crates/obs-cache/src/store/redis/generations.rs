//! Generations that several processes share.
//!
//! There is a count for all answers, and one for each namespace and each tenant that was purged. One more counts all
//! purges, whatever of: while that stays, all counts stay, so that alone is read again and again. It begins at a
//! number that is drawn, so that a server which has lost its counts is known by it.
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use obs_redis::{Fault, Redis};
use quick_cache::sync::Cache;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::{time::Instant, try_join};

use super::{
    fault::failed,
    part::{PURGES, Part, Parts},
};
use crate::{Generation, Scope, StoreError};

/// For so long the count of all purges is taken as known; after it, it is read again off the caller's path.
const KNOWN: Duration = Duration::from_millis(500);

/// Who finds it older than that waits until it is read: there was no call for a while, and may have been a purge.
const LATE: Duration = Duration::from_secs(1);

/// Most namespaces and tenants whose counts are remembered.
const REMEMBERED: usize = 8192;

/// No server counts more purges than this between two readings: then it counts from somewhere else.
const MOST: u64 = 1 << 20;

/// What was read of late.
#[derive(Clone)]
pub(super) struct Generations(Arc<Inner>);

struct Inner {
    counts: Cache<Part, Counted>,
    latest: Mutex<Latest>,
    /// Readings that were begun, for telling an earlier one from a later one.
    begun: AtomicU64,
    losses: AtomicU64,
}

/// A count, which holds as long as there were so many purges.
#[derive(Clone, Copy)]
struct Counted {
    count: u64,
    purges: u64,
}

/// The count of all purges.
#[derive(Default)]
struct Latest {
    purges: Option<u64>,
    /// Which reading it is from.
    reading: u64,
    /// When that began; `None`: it is old, whenever it was.
    read: Option<Instant>,
    /// When another was begun that nobody waits for.
    tried: Option<Instant>,
    /// When the last one failed, if it did.
    failed: Option<Instant>,
}

/// What is known of a generation.
pub(super) enum Known {
    Yes(Generation),
    /// It is, and the count of all purges should be read again, which only one is told.
    Old(Generation),
    /// It has to be read; this is what it was, or would be.
    No(Generation),
}

impl Default for Generations {
    fn default() -> Self {
        Self(Arc::new(Inner {
            counts: Cache::new(REMEMBERED),
            latest: Mutex::default(),
            begun: AtomicU64::new(0),
            losses: AtomicU64::new(0),
        }))
    }
}

impl Generations {
    /// `is_told`: whether the server tells of changes, so that what was read long ago is good still.
    pub(super) fn known(&self, scope: Scope<'_>, is_told: impl FnOnce() -> bool) -> Known {
        let now = Instant::now();
        let mut latest = self.latest();
        let mut are_of_now = true;
        let counts = scope.parts().map(|part| {
            let Some(part) = part else { return 0 };
            let counted = self.0.counts.get(&part);
            are_of_now &= counted.is_some_and(|of| Some(of.purges) == latest.purges);
            counted.map_or(0, |of| of.count)
        });
        let generation = Generation::of_counts(counts);
        if !are_of_now {
            return Known::No(generation);
        }
        let age = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let is_fresh = |at| age(at).is_some_and(|age| age < KNOWN);
        // While the server is away, what is known has to do.
        let has_failed = latest.read.is_some() && is_fresh(latest.failed);
        if is_fresh(latest.read) || has_failed {
            return Known::Yes(generation);
        }
        match age(latest.read) {
            Some(age) if age < LATE || is_told() => {}
            _ => return Known::No(generation),
        }
        if is_fresh(latest.tried) {
            return Known::Yes(generation);
        }
        latest.tried = Some(now);
        Known::Old(generation)
    }

    /// Reads the count of all purges again.
    pub(super) async fn refresh(self, redis: Redis) {
        // Without an answer, what is known has to do for another while.
        let _ = self.read_purges(&redis).await;
    }

    /// Reads what is not known, within one budget.
    pub(super) async fn read(self, redis: Redis, parts: Parts) -> Result<Generation, StoreError> {
        let (begun, budget) = (Instant::now(), redis.budget());
        // Before the counts: what is purged in between is then seen by it.
        let purges = match self.fresh_purges() {
            Some(purges) => purges,
            None => match self.read_purges(&redis).await {
                Ok(purges) => purges,
                // While the server is away, what is known has to do.
                Err(error) => return self.last_known(&parts).ok_or(error),
            },
        };
        let left = budget.saturating_sub(begun.elapsed());
        let redis = redis.within(left.max(Duration::from_millis(1)));
        let [all, namespace, tenant, root] = parts;
        let (all, namespace, tenant, root) = try_join!(
            self.count(&redis, all, purges),
            self.count(&redis, namespace, purges),
            self.count(&redis, tenant, purges),
            self.count(&redis, root, purges)
        )?;
        Ok(Generation::of_counts([all, namespace, tenant, root]))
    }

    /// What was known last, unless it was told that it has changed.
    fn last_known(&self, parts: &Parts) -> Option<Generation> {
        let latest = self.latest();
        let purges = latest.purges.filter(|_| latest.read.is_some())?;
        drop(latest);
        let count = |part: &Option<Part>| {
            let Some(part) = part else { return Some(0) };
            let counted = self.0.counts.get(part)?;
            (counted.purges == purges).then_some(counted.count)
        };
        let [all, namespace, tenant, root] = parts.each_ref().map(count);
        Some(Generation::of_counts([all?, namespace?, tenant?, root?]))
    }

    async fn count(
        &self,
        redis: &Redis,
        part: Option<Part>,
        purges: u64,
    ) -> Result<u64, StoreError> {
        let Some(part) = part else { return Ok(0) };
        let known = self.0.counts.get(&part);
        if let Some(known) = known.filter(|known| known.purges == purges) {
            return Ok(known.count);
        }
        let read = redis.get(part.name()).await;
        let count = read.map_err(failed)?.as_deref().map_or(0, number);
        self.0.counts.insert(part, Counted { count, purges });
        Ok(count)
    }

    async fn read_purges(&self, redis: &Redis) -> Result<u64, StoreError> {
        let (reading, began) = (self.begin(), Instant::now());
        match redis.get(Bytes::from_static(PURGES)).await {
            Ok(read) => {
                let purges = read.as_deref().map_or(0, number);
                self.learn(purges, reading, began);
                Ok(purges)
            }
            Err(fault) => {
                self.latest().failed = Some(Instant::now());
                Err(failed(fault))
            }
        }
    }

    /// Counts a purge. It is done when everybody can see it.
    pub(super) async fn purge(self, redis: Redis, part: Part) -> Result<(), Fault> {
        redis.incr(part.name()).await?;
        // In this order: who sees that there was a purge sees what was purged.
        let (reading, began) = (self.begin(), Instant::now());
        let purges = Bytes::from_static(PURGES);
        let mut counted = redis.incr(purges.clone()).await?;
        if counted == 1 {
            counted = redis.incr_by(purges, drawn()).await?;
        }
        // All counts are read again from here on, this one too: another purge may have counted on meanwhile.
        self.learn(counted.cast_unsigned(), reading, began);
        Ok(())
    }

    /// What is known is old from now on, and so is what is being read.
    pub(super) fn forget(&self) {
        let reading = self.begin();
        let mut latest = self.latest();
        latest.reading = latest.reading.max(reading);
        latest.read = None;
        latest.failed = None;
    }

    /// How often the server was found to have lost its counts.
    pub(super) fn losses(&self) -> u64 {
        self.0.losses.load(Relaxed)
    }

    fn learn(&self, purges: u64, reading: u64, began: Instant) {
        let mut latest = self.latest();
        latest.failed = None;
        if reading < latest.reading {
            return;
        }
        let before = latest.purges.filter(|before| *before > 0);
        if before.is_some_and(|before| !(before..=before.saturating_add(MOST)).contains(&purges)) {
            self.0.losses.fetch_add(1, Relaxed);
        }
        latest.purges = Some(purges);
        latest.reading = reading;
        latest.read = Some(began);
    }

    fn fresh_purges(&self) -> Option<u64> {
        let latest = self.latest();
        let is_fresh = latest.read.is_some_and(|read| read.elapsed() < KNOWN);
        latest.purges.filter(|_| is_fresh)
    }

    fn begin(&self) -> u64 {
        self.0.begun.fetch_add(1, Relaxed) + 1
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        let latest = self.0.latest.lock();
        latest.unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is no number counts as another generation than none.
fn number(text: &[u8]) -> u64 {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

/// Where a server begins to count purges: another number each time.
fn drawn() -> i64 {
    let mut bytes = [0; 8];
    // Without randomness it begins at the same, and only a loss goes unseen.
    let _ = SystemRandom::new().fill(&mut bytes);
    (u64::from_le_bytes(bytes) >> 16).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope<'_> = Scope {
        namespace: Some("n"),
        tenant: Some("t"),
    };

    fn known(generations: &Generations) -> &'static str {
        match generations.known(SCOPE, || false) {
            Known::Yes(_) => "yes",
            Known::Old(_) => "old",
            Known::No(_) => "no",
        }
    }

    /// Generations that were read as after so many purges.
    fn read(purges: u64) -> Generations {
        let generations = Generations::default();
        learn(&generations, purges);
        for part in SCOPE.parts().into_iter().flatten() {
            let count = 3;
            let counted = Counted { count, purges };
            generations.0.counts.insert(part.into(), counted);
        }
        generations
    }

    fn parts() -> Parts {
        SCOPE.parts().map(|part| part.map(Into::into))
    }

    fn learn(generations: &Generations, purges: u64) {
        generations.learn(purges, generations.begin(), Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_read_is_known_then_read_again_by_one_and_then_waited_for() {
        let generations = read(7);
        assert_eq!(known(&generations), "yes");
        tokio::time::advance(KNOWN).await;
        assert_eq!([known(&generations), known(&generations)], ["old", "yes"]);
        tokio::time::advance(LATE - KNOWN).await;
        assert_eq!(known(&generations), "no");
        assert!(matches!(
            generations.known(SCOPE, || true),
            Known::Old(Generation { tenant: 3, .. })
        ));
        // While it cannot be read, what is known has to do.
        generations.latest().failed = Some(Instant::now());
        assert_eq!(known(&generations), "yes");
        assert!(generations.last_known(&parts()).is_some());
        // But not when it was told that it has changed.
        generations.forget();
        generations.latest().failed = Some(Instant::now());
        assert_eq!(known(&generations), "no");
        assert!(generations.last_known(&parts()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_purge_of_anything_counts_are_read_again_also_while_the_server_is_away() {
        let generations = read(7);
        learn(&generations, 8);
        assert_eq!(known(&generations), "no");
        generations.latest().failed = Some(Instant::now());
        assert_eq!(known(&generations), "no");
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_earlier_and_comes_later_is_not_believed() {
        let generations = read(7);
        let reading = generations.begin();
        learn(&generations, 8);
        generations.learn(7, reading, Instant::now());
        assert_eq!(
            (generations.latest().purges, generations.losses()),
            (Some(8), 0)
        );
        let reading = generations.begin();
        generations.forget();
        generations.learn(8, reading, Instant::now());
        assert!(generations.latest().read.is_none());
    }

    #[test]
    fn a_server_that_counts_from_somewhere_else_has_lost_its_counts() {
        let generations = Generations::default();
        for (purges, losses) in [
            (0, 0),
            (1 << 40, 0),
            ((1 << 40) + 9, 0),
            (0, 1),
            (1 << 41, 1),
        ] {
            learn(&generations, purges);
            assert_eq!(generations.losses(), losses, "{purges}");
        }
        learn(&generations, 1 << 42);
        assert_eq!(generations.losses(), 2);
        assert_ne!(drawn(), drawn());
    }
}

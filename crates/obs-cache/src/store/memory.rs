//! Answers in the memory of this process.
use std::{
    fmt,
    future::{Ready, ready},
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use obs_core::Key;
use obs_metrics::{Count, Metrics};
use quick_cache::{Equivalent, Lifecycle, OptionsBuilder, Weighter, sync::Cache};

use super::generation::Generations;
use crate::{Changed, Entry, Pending, Purge, Reading, Scope, Store, StoreError, Timestamp};

/// Memory that the table needs for an entry, beside the entry itself: its key, links, and room to grow.
const OVERHEAD: usize = 2 * size_of::<(Key, Entry)>();

/// An entry for estimates of how many there will be.
const TYPICAL: u64 = 2048;

/// Smallest part into which the store is divided, so that threads do not wait for each other. An entry that does
/// not fit into the share of a part that is for [what is used again](USED_AGAIN) is not kept.
const SMALLEST_PART: u64 = 8 << 20;

/// Share of a full store for what was asked for again; new entries have the rest to be asked for in. The usual 0.97
/// makes 1 to 2 more hits in 100 calls where the same prompts are popular for ever. But where 20 in 100 calls repeat
/// one of the latest, of which twice as many would fit, it makes 6 hits and 0.7 makes 16; and it holds on to what was
/// popular yesterday.
const USED_AGAIN: f64 = 0.7;

/// Answers in the memory of this process, bounded in bytes: keys, entries and the table count.
///
/// When it is full, the oldest new answer makes room first (CLOCK-Pro): a new answer stays until about three tenths of
/// the room have been filled anew, and once asked for in that time, it outlasts any number of answers that are not.
/// An answer that takes more than seven tenths of the room is not kept; from 16 MiB of room on, neither may be one
/// of more than 2.8 MiB.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    entries: Cache<Key, Entry, Weigher, BuildHasherDefault<Taken>, Evictions>,
    evicted: Evictions,
    generations: Generations,
    observed: AtomicBool,
}

/// What a [`Memory`] holds, and has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Number of entries, some of which may have expired.
    pub entries: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Entries that made room for others, or were too large to be kept.
    pub evictions: u64,
}

#[derive(Clone)]
struct Weigher;

#[derive(Clone, Default)]
struct Evictions(Arc<Count>);

/// A key is a hash already: its first bytes are taken.
#[derive(Default)]
struct Taken(u64);

/// A key of which the check is not known.
struct Id<'a>(&'a [u8; 32]);

impl Memory {
    /// Holds at most so many bytes.
    ///
    /// # Panics
    ///
    /// With zero.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        assert!(max_bytes > 0, "a store of zero bytes keeps nothing");
        let parts = (max_bytes / SMALLEST_PART).clamp(1, 64).next_power_of_two();
        let parts = usize::try_from(parts).unwrap_or(1);
        let typical = usize::try_from(max_bytes / TYPICAL).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .shards(parts)
            .estimated_items_capacity(typical.max(1))
            .weight_capacity(max_bytes)
            .hot_allocation(USED_AGAIN)
            .build()
            .expect("both capacities are set");
        let evicted = Evictions::default();
        let hasher = BuildHasherDefault::default();
        Self(Arc::new(Inner {
            entries: Cache::with_options(options, Weigher, hasher, evicted.clone()),
            evicted,
            generations: Generations::default(),
            observed: AtomicBool::new(false),
        }))
    }

    /// What it holds now.
    #[must_use]
    pub fn stats(&self) -> MemoryStats {
        MemoryStats {
            entries: self.0.entries.len() as u64,
            bytes: self.0.entries.weight(),
            evictions: self.0.evicted.0.get(),
        }
    }

    /// The entry of this key, at once.
    pub(crate) fn find(&self, key: &Key, now: Timestamp) -> Option<Entry> {
        let entry = self.0.entries.get(key)?;
        if entry.keep_for(now).is_some() {
            return Some(entry);
        }
        // Unless another has put a newer one there.
        let is_over = |entry: &Entry| entry.keep_for(now).is_none();
        self.0.entries.remove_if(key, is_over);
        None
    }
}

impl Memory {
    /// Forgets what another process has changed.
    pub(crate) fn forget(&self, changed: Changed<'_>) {
        match changed {
            Changed::Entry(id) => _ = self.0.entries.remove(&Id(id)),
            Changed::All => self.0.entries.clear(),
        }
    }
}

impl Store for Memory {
    type Get = Ready<Result<Option<Entry>, StoreError>>;

    fn get(&self, key: &Key, now: Timestamp) -> Self::Get {
        ready(Ok(self.find(key, now)))
    }

    fn put(&self, key: &Key, mut entry: Entry, _: Timestamp) {
        // A slice would keep all of the buffer alive that it is cut from.
        entry.body = Bytes::copy_from_slice(&entry.body);
        self.0.entries.insert(*key, entry);
    }

    fn remove(&self, key: &Key) {
        self.0.entries.remove(key);
    }

    fn generation(&self, scope: Scope<'_>) -> Reading {
        Reading::Known(self.0.generations.read(scope))
    }

    fn purge(&self, what: Purge<'_>) -> Pending<()> {
        self.0.generations.purge(what);
        Box::pin(ready(Ok(())))
    }

    fn observe(&self, metrics: &Metrics) {
        if self.0.observed.swap(true, Relaxed) {
            return;
        }
        let this = self.clone();
        let what = "Answers held in memory.";
        metrics.up_down("cache_entries", what, move |tell| {
            tell(&[], count(this.stats().entries));
        });
        let this = self.clone();
        let what = "Bytes of memory that answers take.";
        metrics.up_down("cache_bytes", what, move |tell| {
            tell(&[], count(this.stats().bytes));
        });
        let this = self.clone();
        let what = "Answers dropped from memory to make room.";
        metrics.counter("cache_evictions_total", what, move |tell| {
            tell(&[], this.stats().evictions);
        });
    }
}

impl Weighter<Key, Entry> for Weigher {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        (OVERHEAD + entry.size()) as u64
    }
}

impl Lifecycle<Key, Entry> for Evictions {
    /// What was evicted is dropped after the lock is released.
    type RequestState = Vec<Entry>;

    fn on_evict(&self, dropped: &mut Vec<Entry>, _: Key, entry: Entry) {
        self.0.inc();
        dropped.push(entry);
    }
}

impl Hash for Id<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Key> for Id<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.id()
    }
}

impl Hasher for Taken {
    fn write(&mut self, bytes: &[u8]) {
        if self.0 == 0 {
            let word = bytes.first_chunk().copied().unwrap_or_default();
            self.0 = u64::from_le_bytes(word);
        }
    }

    /// Lengths, which are all the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Memory").field(&self.stats()).finish()
    }
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

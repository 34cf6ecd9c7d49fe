//! Where answers are kept.
mod asking;
mod boxed;
mod changes;
mod error;
mod generation;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod tiered;

use std::{
    future::{Future, ready},
    time::Duration,
};

use obs_core::Key;
use obs_metrics::Metrics;

pub(crate) use self::asking::{ask, poll_store};
#[cfg(feature = "redis")]
pub use self::redis::{RedisGet, RedisStats, RedisStore};
pub use self::{
    boxed::BoxStore,
    changes::{ChangeListener, Changed},
    error::{StoreError, StoreFault},
    generation::{Generation, Pending, Purge, Reading, Scope},
    memory::{Memory, MemoryStats},
    tiered::{Tiered, TieredGet},
};
use crate::{Entry, Timestamp};

/// Where answers are kept. A clone is another handle to the same store.
///
/// A fault of a store fails no call: errors and panics are misses. But a call waits for [`get`](Self::get), so a
/// store bounds the time of that by itself.
///
/// Freshness is in the [`Entry`]; a store need only drop entries once
/// [`keep_until`](Entry::keep_until) has passed, and may do so at any time before.
pub trait Store: Clone + Send + Sync + 'static {
    /// Looks an entry up.
    type Get: Future<Output = Result<Option<Entry>, StoreError>> + Send;

    /// The entry of this key, whose [`check`](Key::check) agrees. Nothing has to happen before the future is
    /// polled.
    fn get(&self, key: &Key, now: Timestamp) -> Self::Get;

    /// The same, where another process may have kept a newer one: not from memory in front of what is shared, which takes over
    /// what is found. By default as [`get`](Self::get).
    fn get_shared(&self, key: &Key, now: Timestamp) -> Self::Get {
        self.get(key, now)
    }

    /// Keeps an entry, over one that is there already. It neither waits nor fails: a store that needs time queues,
    /// drops when the queue is full, and counts that.
    fn put(&self, key: &Key, entry: Entry, now: Timestamp);

    /// Forgets an entry. It neither waits nor fails.
    fn remove(&self, key: &Key);

    /// Forgets an entry, and is done when it is forgotten. By default as [`remove`](Self::remove), and done at once.
    ///
    /// The future ends by itself in bounded time; its error says that the entry may still be there.
    fn delete(&self, key: &Key) -> Pending<()> {
        self.remove(key);
        Box::pin(ready(Ok(())))
    }

    /// Asks to be the one process that asks for the answer to this key, for so long; `true`: granted. Others then wait for
    /// what is kept. The lease ends with its time, with [`release`](Self::release), and with [`put`](Self::put) once the answer is there.
    /// Always granted by default: a store of this process alone needs none.
    ///
    /// The future ends by itself in bounded time.
    fn lease(&self, _key: &Key, _time: Duration) -> Pending<bool> {
        Box::pin(ready(Ok(true)))
    }

    /// Gives a lease back that this process was granted. It neither waits nor fails, and does nothing where the lease has
    /// ended already.
    fn release(&self, _key: &Key) {}

    /// How often answers of this namespace and this tenant were purged: a part of every key. Always never, for a store
    /// that cannot purge.
    ///
    /// Every call needs it: a store has it at hand, or gives a future that ends in bounded time.
    fn generation(&self, _scope: Scope<'_>) -> Reading {
        Reading::Known(Generation::default())
    }

    /// Counts a purge, in constant time. An error by default: a store need not be able to.
    fn purge(&self, _what: Purge<'_>) -> Pending<()> {
        let what = "this kind of store cannot purge";
        Box::pin(ready(Err(StoreError::new(StoreFault::Other, what))))
    }

    /// How often this store was found to have lost what it held, its counts of purges among it: memory in front of it
    /// is emptied then, which may hold what was purged. Never by default.
    fn losses(&self) -> u64 {
        0
    }

    /// From now on this is told of what other processes change. `false`, the default: this store cannot tell.
    fn on_change(&self, _listener: ChangeListener) -> bool {
        false
    }

    /// Whether changes of the entry of this key are told at the moment. When that ends, and when it begins again,
    /// [`Changed::All`] is told.
    fn sees_changes(&self, _key: &Key) -> bool {
        false
    }

    /// Shows what the store counts. The layer calls it when it makes a service; only the first call counts.
    fn observe(&self, _metrics: &Metrics) {}
}

//! A near store in front of a far one.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Release},
        },
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use obs_core::Key;
use obs_metrics::Metrics;
use pin_project_lite::pin_project;

use super::changes::Changes;
use crate::{Changed, Entry, Memory, Pending, Purge, Reading, Scope, Store, StoreError, Timestamp};

/// Memory in front of another store: what is in memory costs no way to the other. Writes go to both; what the other
/// has is taken into memory for as long as it is good.
///
/// Another process's newer answer is seen when the one in memory is no longer fresh, and what it has deleted is given from
/// memory until then, unless there is [`invalidation`](Self::invalidation). Purges are seen within a second in any case.
#[derive(Clone, Debug)]
pub struct Tiered<S> {
    near: Memory,
    far: S,
    /// Where the other store tells what others change.
    changes: Option<Changes>,
    /// How often the other store had lost what it held when memory was last emptied for that.
    losses: Arc<AtomicU64>,
}

pin_project! {
    /// Looks in memory, then in the other store.
    #[must_use = "futures do nothing unless polled"]
    pub struct TieredGet<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Near { found: Option<Entry> },
        Far {
            #[pin]
            get: F,
            // What is in memory: the other store may have a newer one.
            had: Option<Entry>,
            key: Key,
            near: Near,
            now: Timestamp,
        },
    }
}

/// Whether what is found is taken into memory.
enum Near {
    No,
    Yes(Memory),
    /// Unless it was changed since there were so many changes.
    Unless(Memory, Changes, u64),
}

impl<S> Tiered<S> {
    /// Memory in front of this store.
    #[must_use]
    pub fn new(near: Memory, far: S) -> Self {
        Self {
            near,
            far,
            changes: None,
            losses: Arc::default(),
        }
    }
}

impl<S: Store> Tiered<S> {
    /// What another process changes, deletes or purges goes from memory at once, also what Redis evicts. While the other store cannot tell (it is
    /// away, or the connection was lost), memory is left aside, and it begins empty after that.
    ///
    /// Over a store that can never tell (a [`RedisStore`](crate::RedisStore) can where its connection was set up with
    /// [`watch`](obs_redis::Builder::watch), for [`PREFIX`](crate::RedisStore::PREFIX)) this changes nothing, and the log says so.
    #[must_use]
    pub fn invalidation(mut self) -> Self {
        let (near, changes) = (self.near.clone(), Changes::default());
        let told = changes.clone();
        let listener = Box::new(move |changed: Changed<'_>| {
            // In this order: what was found before is not kept after.
            told.count(changed);
            near.forget(changed);
        });
        if self.far.on_change(listener) {
            self.changes = Some(changes);
        } else {
            tracing::warn!("the store cannot tell what others change: memory is not invalidated");
        }
        self
    }

    /// With its counts of purges the other store has lost which answers were purged: memory has some of them still.
    fn empty_after_a_loss(&self) {
        let losses = self.far.losses();
        if self.losses.load(Acquire) != losses {
            // In this order: who finds it emptied finds nothing of before.
            self.near.forget(Changed::All);
            self.losses.store(losses, Release);
        }
    }

    fn is_near_of_use(&self, key: &Key) -> bool {
        self.changes.is_none() || self.far.sees_changes(key)
    }

    /// What memory has, where it is of use.
    fn find(&self, key: &Key, now: Timestamp) -> Option<Entry> {
        self.empty_after_a_loss();
        match self.is_near_of_use(key) {
            true => self.near.find(key, now),
            false => None,
        }
    }

    fn get_far(&self, key: &Key, now: Timestamp, had: Option<Entry>) -> TieredGet<S::Get> {
        let near = match &self.changes {
            _ if !self.is_near_of_use(key) => Near::No,
            None => Near::Yes(self.near.clone()),
            Some(changes) => Near::Unless(self.near.clone(), changes.clone(), changes.of(key)),
        };
        let state = State::Far {
            get: self.far.get(key, now),
            had,
            key: *key,
            near,
            now,
        };
        TieredGet { state }
    }
}

impl<S: Store> Store for Tiered<S> {
    type Get = TieredGet<S::Get>;

    fn get(&self, key: &Key, now: Timestamp) -> Self::Get {
        match self.find(key, now) {
            Some(entry) if now < entry.fresh_until => TieredGet {
                state: State::Near { found: Some(entry) },
            },
            stale => self.get_far(key, now, stale),
        }
    }

    fn get_shared(&self, key: &Key, now: Timestamp) -> Self::Get {
        self.get_far(key, now, self.find(key, now))
    }

    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        if self.is_near_of_use(key) {
            self.near.put(key, entry.clone(), now);
        }
        self.far.put(key, entry, now);
    }

    fn remove(&self, key: &Key) {
        self.near.remove(key);
        self.far.remove(key);
    }

    fn delete(&self, key: &Key) -> Pending<()> {
        self.near.remove(key);
        let (near, deleting, key) = (self.near.clone(), self.far.delete(key), *key);
        Box::pin(async move {
            let deleted = deleting.await;
            // A look-up may have found it there meanwhile, and taken it into memory.
            near.remove(&key);
            deleted
        })
    }

    fn lease(&self, key: &Key, time: Duration) -> Pending<bool> {
        self.far.lease(key, time)
    }

    fn release(&self, key: &Key) {
        self.far.release(key);
    }

    /// The other store's: it is the one that is shared. The same holds for leases.
    fn generation(&self, scope: Scope<'_>) -> Reading {
        self.far.generation(scope)
    }

    fn purge(&self, what: Purge<'_>) -> Pending<()> {
        self.far.purge(what)
    }

    fn losses(&self) -> u64 {
        self.far.losses()
    }

    fn observe(&self, metrics: &Metrics) {
        self.near.observe(metrics);
        self.far.observe(metrics);
    }
}

impl Near {
    fn keep(&self, key: &Key, entry: &Entry, now: Timestamp) {
        match self {
            Self::No => {}
            Self::Yes(near) => near.put(key, entry.clone(), now),
            Self::Unless(near, changes, since) => {
                if changes.of(key) == *since {
                    near.put(key, entry.clone(), now);
                }
                // It was changed while it was kept.
                if changes.of(key) != *since {
                    near.remove(key);
                }
            }
        }
    }
}

impl<F> Future for TieredGet<F>
where
    F: Future<Output = Result<Option<Entry>, StoreError>>,
{
    type Output = Result<Option<Entry>, StoreError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Near { found } => Poll::Ready(Ok(found.take())),
            StateProj::Far {
                get,
                had,
                key,
                near,
                now,
            } => {
                let found = ready!(get.poll(cx));
                Poll::Ready(match (found, had.take()) {
                    (Ok(Some(far)), had) => {
                        if had.is_none_or(|had| had.created < far.created) {
                            near.keep(key, &far, *now);
                        }
                        Ok(Some(far))
                    }
                    (_, Some(had)) => Ok(Some(had)),
                    (nothing, None) => nothing,
                })
            }
        }
    }
}

impl<F> fmt::Debug for TieredGet<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Near { .. } => "near",
            State::Far { .. } => "far",
        };
        f.debug_tuple("TieredGet").field(&state).finish()
    }
}

//! A near store in front of a far one.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use obs_core::Key;
use obs_metrics::Metrics;
use pin_project_lite::pin_project;

use crate::{Entry, Memory, Pending, Purge, Reading, Store, StoreError, Timestamp};

/// Memory in front of another store: what is in memory costs no way to the other. Writes go to both; what the other
/// has is taken into memory for as long as it is good.
///
/// Another process's newer answer is seen when the one in memory is no longer fresh.
#[derive(Clone, Debug)]
pub struct Tiered<S> {
    near: Memory,
    far: S,
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
            // Kept, but no longer fresh: the other store may have a newer one.
            stale: Option<Entry>,
            key: Key,
            near: Memory,
            now: Timestamp,
        },
    }
}

impl<S> Tiered<S> {
    /// Memory in front of this store.
    #[must_use]
    pub const fn new(near: Memory, far: S) -> Self {
        Self { near, far }
    }
}

impl<S: Store> Store for Tiered<S> {
    type Get = TieredGet<S::Get>;

    fn get(&self, key: &Key, now: Timestamp) -> Self::Get {
        let state = match self.near.find(key, now) {
            Some(entry) if now < entry.fresh_until => State::Near { found: Some(entry) },
            stale => State::Far {
                get: self.far.get(key, now),
                stale,
                key: *key,
                near: self.near.clone(),
                now,
            },
        };
        TieredGet { state }
    }

    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        self.near.put(key, entry.clone(), now);
        self.far.put(key, entry, now);
    }

    fn remove(&self, key: &Key) {
        self.near.remove(key);
        self.far.remove(key);
    }

    fn delete(&self, key: &Key) -> Pending<()> {
        self.near.remove(key);
        self.far.delete(key)
    }

    /// The other store's: it is the one that is shared. The same holds for leases.
    fn generation(&self, namespace: Option<&str>) -> Reading {
        self.far.generation(namespace)
    }

    fn lease(&self, key: &Key, time: Duration) -> Pending<bool> {
        self.far.lease(key, time)
    }

    fn release(&self, key: &Key) {
        self.far.release(key);
    }

    fn purge(&self, what: Purge<'_>) -> Pending<()> {
        self.far.purge(what)
    }

    fn observe(&self, metrics: &Metrics) {
        self.near.observe(metrics);
        self.far.observe(metrics);
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
                stale,
                key,
                near,
                now,
            } => {
                let found = ready!(get.poll(cx));
                Poll::Ready(match (found, stale.take()) {
                    (Ok(Some(far)), stale) => {
                        if stale.is_none_or(|stale| stale.created < far.created) {
                            near.put(key, far.clone(), *now);
                        }
                        Ok(Some(far))
                    }
                    (_, Some(stale)) => Ok(Some(stale)),
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

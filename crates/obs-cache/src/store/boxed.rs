//! A store of a kind that is chosen at run time.
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use obs_core::Key;
use obs_metrics::Metrics;

use crate::{ChangeListener, Entry, Pending, Purge, Reading, Scope, Store, StoreError, Timestamp};

/// A store of a kind that is chosen at run time, for the price of one box a look-up.
#[derive(Clone)]
pub struct BoxStore(Arc<dyn AnyStore>);

type Get = Pin<Box<dyn Future<Output = Result<Option<Entry>, StoreError>> + Send>>;

trait AnyStore: Send + Sync {
    fn get(&self, key: &Key, now: Timestamp) -> Get;
    fn get_shared(&self, key: &Key, now: Timestamp) -> Get;
    fn put(&self, key: &Key, entry: Entry, now: Timestamp);
    fn remove(&self, key: &Key);
    fn delete(&self, key: &Key) -> Pending<()>;
    fn lease(&self, key: &Key, time: Duration) -> Pending<bool>;
    fn release(&self, key: &Key);
    fn generation(&self, scope: Scope<'_>) -> Reading;
    fn purge(&self, what: Purge<'_>) -> Pending<()>;
    fn losses(&self) -> u64;
    fn on_change(&self, listener: ChangeListener) -> bool;
    fn sees_changes(&self, key: &Key) -> bool;
    fn observe(&self, metrics: &Metrics);
}

impl BoxStore {
    /// Hides the kind of this store.
    #[must_use]
    pub fn new<S: Store>(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl<S: Store> AnyStore for S {
    fn get(&self, key: &Key, now: Timestamp) -> Get {
        Box::pin(Store::get(self, key, now))
    }

    fn get_shared(&self, key: &Key, now: Timestamp) -> Get {
        Box::pin(Store::get_shared(self, key, now))
    }

    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        Store::put(self, key, entry, now);
    }

    fn remove(&self, key: &Key) {
        Store::remove(self, key);
    }

    fn delete(&self, key: &Key) -> Pending<()> {
        Store::delete(self, key)
    }

    fn lease(&self, key: &Key, time: Duration) -> Pending<bool> {
        Store::lease(self, key, time)
    }

    fn release(&self, key: &Key) {
        Store::release(self, key);
    }

    fn generation(&self, scope: Scope<'_>) -> Reading {
        Store::generation(self, scope)
    }

    fn purge(&self, what: Purge<'_>) -> Pending<()> {
        Store::purge(self, what)
    }

    fn losses(&self) -> u64 {
        Store::losses(self)
    }

    fn on_change(&self, listener: ChangeListener) -> bool {
        Store::on_change(self, listener)
    }

    fn sees_changes(&self, key: &Key) -> bool {
        Store::sees_changes(self, key)
    }

    fn observe(&self, metrics: &Metrics) {
        Store::observe(self, metrics);
    }
}

impl Store for BoxStore {
    type Get = Get;

    fn get(&self, key: &Key, now: Timestamp) -> Get {
        self.0.get(key, now)
    }

    fn get_shared(&self, key: &Key, now: Timestamp) -> Get {
        self.0.get_shared(key, now)
    }

    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        self.0.put(key, entry, now);
    }

    fn remove(&self, key: &Key) {
        self.0.remove(key);
    }

    fn delete(&self, key: &Key) -> Pending<()> {
        self.0.delete(key)
    }

    fn lease(&self, key: &Key, time: Duration) -> Pending<bool> {
        self.0.lease(key, time)
    }

    fn release(&self, key: &Key) {
        self.0.release(key);
    }

    fn generation(&self, scope: Scope<'_>) -> Reading {
        self.0.generation(scope)
    }

    fn purge(&self, what: Purge<'_>) -> Pending<()> {
        self.0.purge(what)
    }

    fn losses(&self) -> u64 {
        self.0.losses()
    }

    fn on_change(&self, listener: ChangeListener) -> bool {
        self.0.on_change(listener)
    }

    fn sees_changes(&self, key: &Key) -> bool {
        self.0.sees_changes(key)
    }

    fn observe(&self, metrics: &Metrics) {
        self.0.observe(metrics);
    }
}

impl fmt::Debug for BoxStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxStore(..)")
    }
}

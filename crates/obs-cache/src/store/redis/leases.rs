//! Which process asks for an answer, so that others wait for it.
use std::{
    collections::HashMap,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use obs_core::Key;
use obs_redis::Redis;
use tokio::time::Instant;

use super::{fault::failed, names::PREFIX, writes::Writes};
use crate::{Pending, StoreError};

/// The leases that this process holds, and until when they surely are its own.
///
/// A lease is a value with an end in Redis. It is removed only while it cannot be another's yet, and only by who holds it.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashMap<Key, Instant>>);

impl Leases {
    /// It was granted, and cannot be another's before that.
    pub(super) fn hold(&self, key: Key, until: Instant) {
        self.lock().insert(key, until);
    }

    /// Gives up a lease. `Some`: there is one, which is to be removed before that.
    pub(super) fn end(&self, key: &Key) -> Option<Instant> {
        let until = self.lock().remove(key);
        until.filter(|until| Instant::now() < *until)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lease that is asked for. Who does not wait for the answer any more may be granted it all the same: then it is given back.
pub(super) struct Asked {
    set: Option<Pending<bool>>,
    name: Bytes,
    writes: Arc<Writes>,
}

impl Asked {
    pub(super) fn new(redis: &Redis, writes: &Arc<Writes>, name: Bytes, time: Duration) -> Self {
        let (redis, of) = (redis.clone(), name.clone());
        let set = async move {
            redis
                .set_if_absent(of, Bytes::new(), time)
                .await
                .map_err(failed)
        };
        Self {
            set: Some(Box::pin(set)),
            name,
            writes: writes.clone(),
        }
    }
}

impl Future for Asked {
    type Output = Result<bool, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let set = self.set.as_mut().expect("polled after completion");
        let granted = ready!(set.as_mut().poll(cx));
        self.set = None;
        Poll::Ready(granted)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(set) = self.set.take() {
            let (redis, name) = (self.writes.redis.clone(), mem::take(&mut self.name));
            self.writes.aside(async move {
                if let Ok(true) = set.await {
                    // Without an answer to this it ends by itself.
                    let _ = redis.del(name).await;
                }
            });
        }
    }
}

/// `obs:lease:` in the place of `obs:`.
pub(super) fn name(entry: &Bytes) -> Bytes {
    let digits = &entry[PREFIX.len()..];
    [&PREFIX[..], b"lease:", digits].concat().into()
}

//! Answers in Redis, for several processes.
mod generations;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use obs_core::{Background, Key};
use obs_metrics::{Count, Metrics};
use obs_redis::{Fault, Redis, State};
use opentelemetry::KeyValue;

use self::generations::Generations;
use crate::{
    Codec, Entry, Pending, Purge, Reading, Store, StoreError, StoreFault, Timestamp,
    ledger::{Faults, STORE_ERRORS, STORE_ERRORS_WHAT},
};

/// Before the hexadecimal digits of a key. No prompt text is in a key.
const PREFIX: &[u8; 4] = b"obs:";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Nobody waits for writes, so they may take so many times as long as a look-up.
const WRITE_PATIENCE: u32 = 10;

/// Answers in Redis: shared by all processes that use the same server and the same key.
///
/// A look-up takes at most the [budget](obs_redis::Builder::budget) of the connection, and next to nothing while
/// the server is away. Writes are off the caller's path, by a [`Background`]: what it has no room for is dropped
/// and counted. Redis holds answers unencrypted, unless a [`Codec`] with a key is given.
///
/// Purges are counted in Redis, under names `obs:gen:..` that do not expire; Redis must not evict them before the
/// answers (`volatile-ttl` and its like do not). What was read of them is good for a second; then it is read again off
/// the caller's path. Only the first call in a namespace waits for it, for as long as for a look-up.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    redis: Redis,
    writes: Redis,
    background: Background,
    codec: Codec,
    ledger: Ledger,
    generations: Generations,
    observed: AtomicBool,
}

#[derive(Default)]
struct Ledger {
    written: Count,
    dropped: Count,
    faults: Faults,
}

/// A look-up in Redis.
#[must_use = "futures do nothing unless polled"]
pub struct RedisGet(Pin<Box<dyn Future<Output = Result<Option<Entry>, StoreError>> + Send>>);

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
}

impl RedisStore {
    /// Keeps answers behind this connection, and writes them by this `Background`, which bounds how many writes are
    /// under way at a time.
    #[must_use]
    pub fn new(redis: Redis, background: Background) -> Self {
        Self::with_codec(redis, background, Codec::new())
    }

    /// The same, with answers compressed and encrypted so.
    #[must_use]
    pub fn with_codec(redis: Redis, background: Background, codec: Codec) -> Self {
        let writes = redis.within(redis.budget().saturating_mul(WRITE_PATIENCE));
        Self(Arc::new(Inner {
            redis,
            writes,
            background,
            codec,
            ledger: Ledger::default(),
            generations: Generations::default(),
            observed: AtomicBool::new(false),
        }))
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> RedisStats {
        let (redis, ledger) = (self.0.redis.stats(), &self.0.ledger);
        RedisStats {
            breaker: redis.state,
            opened: redis.opened,
            written: ledger.written.get(),
            dropped: ledger.dropped.get(),
            failed: ledger.faults.sum(),
        }
    }

    /// Runs a write when there is room, and counts how it ends.
    fn write<F>(&self, write: impl FnOnce(Redis) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), StoreError>> + Send,
    {
        let inner = self.0.clone();
        let work = async move {
            match write(inner.writes.clone()).await {
                Ok(()) => inner.ledger.written.inc(),
                Err(error) => inner.ledger.faults.count(error.fault()),
            }
        };
        if self.0.background.spawn(work).is_err() {
            self.0.ledger.dropped.inc();
        }
    }
}

impl Store for RedisStore {
    type Get = RedisGet;

    fn get(&self, key: &Key, now: Timestamp) -> RedisGet {
        let (this, key) = (self.clone(), *key);
        RedisGet(Box::pin(async move {
            match this.0.redis.get(name(&key)).await {
                Ok(None) => Ok(None),
                Ok(Some(bytes)) => {
                    let (entry, is_old) = this.0.codec.decode(&bytes, &key)?;
                    if is_old {
                        this.put(&key, entry.clone(), now);
                    }
                    Ok(Some(entry))
                }
                Err(fault) => Err(StoreError::new(kind(&fault), fault)),
            }
        }))
    }

    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        let (key, ttl) = (*key, entry.keep_for(now));
        let Some(ttl) = ttl else { return };
        let this = self.clone();
        self.write(move |redis| async move {
            // Here, and not on the caller's path.
            let bytes = this.0.codec.encode(&entry, &key)?;
            redis.set(name(&key), bytes, ttl).await.map_err(failed)
        });
    }

    fn remove(&self, key: &Key) {
        let key = *key;
        self.write(
            move |redis| async move { redis.del(name(&key)).await.map(drop).map_err(failed) },
        );
    }

    fn delete(&self, key: &Key) -> Pending<()> {
        let (redis, name) = (self.0.writes.clone(), name(key));
        Box::pin(async move {
            let deleted = redis.del(name).await;
            deleted.map(drop).map_err(failed)
        })
    }

    fn generation(&self, namespace: Option<&str>) -> Reading {
        let (name, generations) = (generations::name(namespace), self.0.generations.clone());
        let Some((known, is_old)) = generations.known(&name) else {
            return Reading::Asking(Box::pin(generations.read(self.0.redis.clone(), name)));
        };
        if is_old {
            let read = generations.read(self.0.redis.clone(), name);
            // Without room, or without an answer, what is known has to do for another while.
            let _ = self.0.background.spawn(async { _ = read.await });
        }
        Reading::Known(known)
    }

    fn purge(&self, what: Purge<'_>) -> Pending<()> {
        let name = match what {
            Purge::All => generations::name_of_all(),
            Purge::Namespace(namespace) => generations::name(namespace),
        };
        let inner = self.0.clone();
        Box::pin(async move {
            let purged = inner.writes.incr(name).await;
            inner.generations.forget();
            purged.map(drop).map_err(failed)
        })
    }

    fn observe(&self, metrics: &Metrics) {
        if self.0.observed.swap(true, Relaxed) {
            return;
        }
        let this = self.clone();
        metrics.counter(STORE_ERRORS, STORE_ERRORS_WHAT, move |tell| {
            this.0.ledger.faults.tell("write", tell);
        });
        let this = self.clone();
        let what = "Writes to the store that there was no room for.";
        metrics.counter("cache_write_drops_total", what, move |tell| {
            tell(&[], this.stats().dropped);
        });
        let this = self.clone();
        let what = "How often the breaker in front of the store has opened.";
        metrics.counter("cache_breaker_opened_total", what, move |tell| {
            tell(&[], this.stats().opened);
        });
        let this = self.clone();
        let what = "1 for the state of the breaker in front of the store, 0 for the others.";
        metrics.up_down("cache_breaker_state", what, move |tell| {
            let now = this.stats().breaker;
            for state in [
                State::Connecting,
                State::Closed,
                State::Open,
                State::HalfOpen,
            ] {
                let label = KeyValue::new("state", state.as_str());
                tell(&[label], i64::from(state == now));
            }
        });
    }
}

impl Future for RedisGet {
    type Output = Result<Option<Entry>, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("redis", &self.0.redis)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisGet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisGet(..)")
    }
}

fn name(key: &Key) -> Bytes {
    let mut name = [0; PREFIX.len() + 64];
    let (prefix, digits) = name.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX);
    for (pair, byte) in digits.chunks_exact_mut(2).zip(key.id()) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    Bytes::copy_from_slice(&name)
}

fn failed(fault: Fault) -> StoreError {
    StoreError::new(kind(&fault), fault)
}

fn kind(fault: &Fault) -> StoreFault {
    match fault {
        Fault::Refused => StoreFault::Refused,
        Fault::Unavailable(_) => StoreFault::Unavailable,
        Fault::Timeout(_) => StoreFault::Timeout,
        Fault::Server { .. } => StoreFault::Server,
        Fault::TooLarge { .. } => StoreFault::TooLarge,
        Fault::Busy => StoreFault::Busy,
        _ => StoreFault::Other,
    }
}

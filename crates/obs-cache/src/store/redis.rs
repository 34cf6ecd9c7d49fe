//! Answers in Redis, for several processes.
mod fault;
mod generations;
mod leases;
mod names;
mod part;
mod show;
mod stats;
mod writes;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use obs_core::{Background, Key};
use obs_metrics::Metrics;
use obs_redis::{Change, Redis};
use tokio::time::Instant;

pub use self::stats::RedisStats;
use self::{
    fault::failed,
    generations::{Generations, Known},
    leases::{Asked, Leases},
    names::{id, name},
    part::{PURGES, is_name, is_of_all},
    writes::Writes,
};
use crate::{
    ChangeListener, Changed, Codec, Entry, Pending, Purge, Reading, Scope, Store, StoreError,
    Timestamp,
};

/// Answers in Redis: shared by all processes that use the same server and the same key.
///
/// A look-up takes at most the [budget](obs_redis::Builder::budget) of the connection, and next to nothing while
/// the server is away. Writes are off the caller's path, by a [`Background`]: what it has no room for is dropped
/// and counted: more pieces of work than that takes, or more than 64 MiB of answers. Redis holds answers unencrypted, unless a [`Codec`] with a key is given.
///
/// Purges are counted in Redis, under names `obs:gen:..` that do not expire; Redis must not evict them before the
/// answers (`volatile-ttl` and its like do not). Whether there were any is read again every half second, off the
/// caller's path, so that all processes see a purge within a second. Who comes after a second without calls, after a
/// purge, or first of a namespace or a tenant waits for it, while the entry is looked up: a hit in Redis does not
/// become slower, one in memory by that way. While Redis is away, what was known before has to do.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    redis: Redis,
    writes: Arc<Writes>,
    codec: Codec,
    generations: Generations,
    leases: Leases,
    observed: AtomicBool,
}

/// A look-up in Redis.
#[must_use = "futures do nothing unless polled"]
pub struct RedisGet(Pin<Box<dyn Future<Output = Result<Option<Entry>, StoreError>> + Send>>);

impl RedisStore {
    /// How all names in Redis begin that are of this store.
    pub const PREFIX: &'static str = "obs:";

    /// Keeps answers behind this connection, and writes them by this `Background`, which bounds how many writes are
    /// under way at a time.
    #[must_use]
    pub fn new(redis: Redis, background: Background) -> Self {
        Self::with_codec(redis, background, Codec::new())
    }

    /// The same, with answers compressed and encrypted so.
    #[must_use]
    pub fn with_codec(redis: Redis, background: Background, codec: Codec) -> Self {
        let writes = Arc::new(Writes::new(&redis, background));
        Self(Arc::new(Inner {
            redis,
            writes,
            codec,
            generations: Generations::default(),
            leases: Leases::default(),
            observed: AtomicBool::new(false),
        }))
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
                    let (mut entry, is_old) = this.0.codec.decode(&bytes, &key)?;
                    not_of_the_future(&mut entry, now);
                    if is_old {
                        this.put(&key, entry.clone(), now);
                    }
                    Ok(Some(entry))
                }
                Err(fault) => Err(failed(fault)),
            }
        }))
    }

    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        let (key, ttl) = (*key, entry.keep_for(now));
        let Some(ttl) = ttl else { return };
        let lease = self.0.leases.end(&key);
        let this = self.0.clone();
        let is_taken = self.0.writes.run(entry.size(), async move {
            let (redis, name) = (&this.writes.redis, name(&key));
            // Here, and not on the caller's path.
            let set = match this.codec.encode(&entry, &key) {
                Ok(bytes) => redis.set(name.clone(), bytes, ttl).await.map_err(failed),
                Err(error) => Err(error),
            };
            if lease.is_some() {
                // In this order: who finds no lease finds the answer.
                let _ = redis.del(leases::name(&name)).await;
            }
            set
        });
        if let Some(until) = lease
            && !is_taken
        {
            // Whoever holds it gives it back.
            self.0.leases.hold(key, until);
        }
    }

    fn remove(&self, key: &Key) {
        let (redis, name) = (self.0.writes.redis.clone(), name(key));
        self.0.writes.run(0, async move {
            let deleted = redis.del(name).await;
            deleted.map(drop).map_err(failed)
        });
    }

    fn delete(&self, key: &Key) -> Pending<()> {
        let (redis, name) = (self.0.writes.redis.clone(), name(key));
        Box::pin(async move {
            let deleted = redis.del(name).await;
            deleted.map(drop).map_err(failed)
        })
    }

    fn lease(&self, key: &Key, time: Duration) -> Pending<bool> {
        let (this, key) = (self.0.clone(), *key);
        Box::pin(async move {
            let (name, until) = (leases::name(&name(&key)), Instant::now() + time);
            let asked = Asked::new(&this.redis, &this.writes, name, time);
            let is_granted = asked.await?;
            if is_granted {
                this.leases.hold(key, until);
            }
            Ok(is_granted)
        })
    }

    fn release(&self, key: &Key) {
        if self.0.leases.end(key).is_some() {
            let (redis, name) = (self.0.writes.redis.clone(), leases::name(&name(key)));
            self.0.writes.run(0, async move {
                let deleted = redis.del(name).await;
                deleted.map(drop).map_err(failed)
            });
        }
    }

    fn generation(&self, scope: Scope<'_>) -> Reading {
        let (redis, generations) = (&self.0.redis, &self.0.generations);
        match generations.known(scope, || redis.sees_changes(PURGES)) {
            Known::Yes(generation) => Reading::Known(generation),
            Known::Old(generation) => {
                let refresh = generations.clone().refresh(redis.clone());
                // Without room, what is known has to do for another while.
                self.0.writes.aside(refresh);
                Reading::Known(generation)
            }
            Known::No(guess) => {
                let parts = scope.parts().map(|part| part.map(Into::into));
                let asking = Box::pin(generations.clone().read(redis.clone(), parts));
                Reading::Asking { guess, asking }
            }
        }
    }

    fn purge(&self, what: Purge<'_>) -> Pending<()> {
        let (redis, generations) = (self.0.writes.redis.clone(), self.0.generations.clone());
        let purge = generations.purge(redis, what.into());
        Box::pin(async move { purge.await.map_err(failed) })
    }

    fn losses(&self) -> u64 {
        self.0.generations.losses()
    }

    /// It can where the connection was set up with [`watch`](obs_redis::Builder::watch), for [`PREFIX`](Self::PREFIX).
    fn on_change(&self, listener: ChangeListener) -> bool {
        let generations = self.0.generations.clone();
        self.0.redis.on_change(move |change| match change {
            Change::Key(name) if is_name(name) => {
                // Keys are others from now on.
                generations.forget();
                if is_of_all(name) {
                    listener(Changed::All);
                }
            }
            Change::Key(name) => {
                if let Some(id) = id(name) {
                    listener(Changed::Entry(&id));
                }
            }
            _ => {
                generations.forget();
                listener(Changed::All);
            }
        })
    }

    fn sees_changes(&self, key: &Key) -> bool {
        self.0.redis.sees_changes(&name(key))
    }

    fn observe(&self, metrics: &Metrics) {
        if !self.0.observed.swap(true, Relaxed) {
            self.show(metrics);
        }
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

/// A writer whose clock is ahead of ours makes nothing live longer than it says.
fn not_of_the_future(entry: &mut Entry, now: Timestamp) {
    if entry.created > now {
        let (fresh, kept) = (entry.fresh_until, entry.keep_until);
        entry.fresh_until = now.after(fresh.since(entry.created));
        entry.keep_until = now.after(kept.since(entry.created));
        entry.created = now;
    }
}

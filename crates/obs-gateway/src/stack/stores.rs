//! Where answers are kept.
use obs_cache::{BoxStore, Memory, RedisStore, Tiered};
use obs_core::Background;
use obs_redis::Redis;

use super::outlast::Kept;
use crate::{
    build_error::BuildError,
    kept,
    settings::{Cache, Settings, Store},
};

/// Where answers are kept.
pub(super) struct Stores {
    pub(super) memory: Option<Memory>,
    pub(super) redis: Option<RedisStore>,
    pub(super) connection: Option<Redis>,
    /// The one, or the one before the other; `None`: nowhere.
    pub(super) both: Option<BoxStore>,
}

impl Stores {
    pub(super) fn new(
        settings: &Settings,
        background: &Background,
        kept: &Kept<'_>,
    ) -> Result<Self, BuildError> {
        let of = &settings.cache;
        if let Some(before) = kept.stores {
            let (memory, redis) = (before.figures.memory.clone(), before.figures.redis.clone());
            return Ok(Self::of(of, memory, redis, before.redis.clone()));
        }
        let memory = || Memory::new(of.max_bytes as u64);
        let (memory, connection) = match &of.store {
            Store::Off => (None, None),
            Store::Memory => (Some(memory()), None),
            Store::Redis(url) => {
                let mut redis = Redis::builder(url.expose()).budget(of.redis_timeout);
                if let Some(file) = &of.ca_file {
                    redis = redis.ca_file(file);
                }
                if of.tier && of.freshness.invalidation {
                    redis = redis.watch(RedisStore::PREFIX);
                }
                let redis = redis.connect();
                let redis = redis.map_err(|e| BuildError::new(format!("cache.store: {e}")))?;
                (of.tier.then(memory), Some(redis))
            }
        };
        let redis = connection
            .clone()
            .map(|redis| RedisStore::with_codec(redis, background.clone(), kept::codec(of)));
        Ok(Self::of(of, memory, redis, connection))
    }

    fn of(
        of: &Cache,
        memory: Option<Memory>,
        redis: Option<RedisStore>,
        connection: Option<Redis>,
    ) -> Self {
        let both = match (memory.clone(), redis.clone()) {
            (None, None) => None,
            (Some(memory), None) => Some(BoxStore::new(memory)),
            (None, Some(redis)) => Some(BoxStore::new(redis)),
            (Some(memory), Some(redis)) => {
                let tiered = Tiered::new(memory, redis);
                Some(BoxStore::new(match of.freshness.invalidation {
                    true => tiered.invalidation(),
                    false => tiered,
                }))
            }
        };
        Self {
            memory,
            redis,
            connection,
            both,
        }
    }
}

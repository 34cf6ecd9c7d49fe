//! Generations that several processes share.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use obs_redis::{Fault, Redis};
use quick_cache::sync::Cache;
use tokio::{join, time::Instant};

use super::kind;
use crate::{Generation, StoreError};

/// For so long a generation is taken as known; after it, it is read again off the caller's path.
const KNOWN: Duration = Duration::from_secs(1);

/// Most namespaces whose generation is remembered.
const REMEMBERED: usize = 4096;

const PREFIX: &[u8] = b"obs:gen:";
const ALL: &[u8] = b"obs:gen:all";
const NONE: &[u8] = b"obs:gen:none";

/// What was read of late.
#[derive(Clone)]
pub(super) struct Generations(Arc<Cache<Bytes, (Generation, Instant)>>);

impl Default for Generations {
    fn default() -> Self {
        Self(Arc::new(Cache::new(REMEMBERED)))
    }
}

impl Generations {
    /// What is known, and whether it should be read again, which only one is told.
    pub(super) fn known(&self, name: &Bytes) -> Option<(Generation, bool)> {
        let (generation, read) = self.0.get(name)?;
        let now = Instant::now();
        let is_old = now.saturating_duration_since(read) >= KNOWN;
        if is_old {
            self.0.insert(name.clone(), (generation, now));
        }
        Some((generation, is_old))
    }

    /// Reads it: one budget, for both parts are asked for at once.
    pub(super) async fn read(self, redis: Redis, name: Bytes) -> Result<Generation, StoreError> {
        let all = redis.get(Bytes::from_static(ALL));
        let (all, namespace) = join!(all, redis.get(name.clone()));
        let count = |read: Result<Option<Bytes>, Fault>| match read {
            Ok(read) => Ok(read.as_deref().map_or(0, number)),
            Err(fault) => Err(StoreError::new(kind(&fault), fault)),
        };
        let generation = Generation {
            all: count(all)?,
            namespace: count(namespace)?,
        };
        self.0.insert(name, (generation, Instant::now()));
        Ok(generation)
    }

    pub(super) fn forget(&self) {
        self.0.clear();
    }
}

/// What is no number counts as another generation than none.
fn number(text: &[u8]) -> u64 {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

/// Whether this is the name of a generation.
pub(super) fn is_name(name: &[u8]) -> bool {
    name.starts_with(PREFIX)
}

pub(super) fn name_of_all() -> Bytes {
    Bytes::from_static(ALL)
}

/// No namespace is readable in the store.
pub(super) fn name(namespace: Option<&str>) -> Bytes {
    match namespace {
        None => Bytes::from_static(NONE),
        Some(namespace) => {
            let hash = blake3::hash(namespace.as_bytes()).to_hex();
            Bytes::from(["obs:gen:", &hash].concat())
        }
    }
}

//! The cache as it is set: for how long answers are kept, and how they are written outside of this process.
use obs_cache::{AdaptiveTtl, BoxStore, CacheLayer, Clock, Codec, SealKey};
use obs_core::Background;

use crate::{
    clock::WallClock,
    hashing::secret,
    settings::{Cache, Secret, Settings},
};

/// The layer. What it does in the background it does there.
pub(crate) fn layer(
    settings: &Settings,
    clock: &WallClock,
    background: &Background,
    store: BoxStore,
) -> CacheLayer<BoxStore> {
    let (of, clock) = (&settings.cache, clock.clone());
    let fresh = &of.freshness;
    let mut cache = CacheLayer::new(store)
        .ttl(of.ttl)
        .jitter(fresh.jitter)
        .max_entry_bytes(of.max_entry)
        .clock(Clock::new(move || clock.now()));
    if let Some(secret) = secret(settings) {
        cache = cache.key(secret);
    }
    if let Some(window) = fresh.stale_while_revalidate {
        cache = cache.stale_while_revalidate(window, background.clone());
    }
    if let Some(window) = fresh.stale_if_error {
        cache = cache.stale_if_error(window);
    }
    if let Some(window) = fresh.max_stale {
        cache = cache.max_stale(window);
    }
    if let Some(beta) = fresh.early_refresh {
        cache = cache.early_refresh(beta, background.clone());
    }
    if fresh.adaptive {
        let bounds = AdaptiveTtl::between(fresh.adaptive_floor, fresh.adaptive_ceiling);
        // Namespaces tell who answers, at length; the model that is asked for says as much to people.
        let bounds = bounds.target(fresh.adaptive_target).classify(|request, _| {
            let (operation, model) = (request.operation(), request.model());
            Some(format!("{} {model}", operation.as_str()).into())
        });
        cache = cache.adaptive_ttl(bounds);
    }
    if let Some(ttl) = fresh.negative_ttl {
        cache = cache.negative_ttl(ttl);
    }
    if let Some(time) = fresh.lease {
        cache = cache.lease(time);
    }
    cache
}

/// How answers are written to Redis.
pub(crate) fn codec(of: &Cache) -> Codec {
    let key = |secret: &Secret| SealKey::of(secret.expose().as_bytes());
    let mut codec = Codec::new();
    if let Some(secret) = &of.seal.key {
        codec = codec.seal(key(secret));
    }
    if let Some(secret) = &of.seal.previous {
        codec = codec.opens(key(secret));
    }
    codec
}

#![doc = include_str!("../README.md")]
//!
//! # What it covers
//!
//! A call is looked up, and when the store has nothing, it joins the call that is under way for the same question, or
//! makes it. That shared call has a journal of its own. When it ends, the oldest caller who still waits takes its
//! attempts over and is a miss; the others are coalesced, and saved what it cost.
//!
//! Not covered: retries, limits of time (but each caller's own deadline is kept while it waits for a shared call),
//! and answers that are alike without being to the same question.
//!
//! | directive of the caller | |
//! |---|---|
//! | `no-store` | nothing is kept, and nothing that was kept is given; not joined with others |
//! | `no-cache` | asked again, and the answer kept in the place of the old one |
//! | `only-if-cached` | an error of kind `NotCached` in place of a call |
//! | `max-age`, `min-fresh` | an older answer, or one that is fresh for less, is asked again |
//! | `max-stale` | at most so stale; widens what is given only as far as [`CacheLayer::max_stale`] allows |
//!
//! Who gives `min-fresh`, or `max-age` without `max-stale`, is never given anything stale.
//!
//! # Freshness
//!
//! An answer is fresh for [`ttl`](CacheLayer::ttl), less up to a twentieth of it
//! ([`jitter`](CacheLayer::jitter)). After that the operator may allow it to be given while a new one is asked for
//! ([`stale_while_revalidate`](CacheLayer::stale_while_revalidate)), in the place of an error
//! ([`stale_if_error`](CacheLayer::stale_if_error)), and to callers who say `max-stale`
//! ([`max_stale`](CacheLayer::max_stale)). All are off by default, and no caller can widen them. Stores keep entries for
//! the longest of them more. Such an answer is a hit with the status `stale`, its age, and what it had cost. One in the
//! place of an error saves that too, and the attempts that failed are still the call's own.
//!
//! Several processes ask each for itself, unless [`lease`](CacheLayer::lease) makes one of them ask and the others wait for
//! what it keeps; a refresh they leave to it. Over [`Tiered`], a stale answer is looked for in the far store first, so that one
//! that another process has renewed is found.
//!
//! A request that is not [`cacheable`](obs_core::LlmRequest::cacheable) is treated as `no-store`.
//!
//! With [`adaptive_ttl`](CacheLayer::adaptive_ttl) the time to live is learned for each class of answers, from when they
//! are asked for again and from how often a renewed one says something else; see [`AdaptiveTtl`].
//!
//! With [`early_refresh`](CacheLayer::early_refresh) an answer that is in use is renewed before its time is over, so that
//! nobody waits for a new one.
//!
//! # Refusals
//!
//! With [`negative_ttl`](CacheLayer::negative_ttl) a refusal that the same call would meet again (context too long, content
//! filter, unknown model) is given again for a short while, with the status `negative`. It is neither a hit nor a miss,
//! and saves nothing, since refusals are not billed.
//!
//! # Removing answers
//!
//! [`CacheLayer::handle`] gives a [`CacheHandle`]: it deletes the answer to one call, purges a tenant, a namespace or
//! everything in constant time, and takes reports of wrong answers. A purge counts up a generation that is a part of every
//! key; what was kept before, or was asked for before and comes later, is not found any more, and goes when its time is
//! over. With Redis the generations are there, outlast restarts, and each process sees a purge within a second; while it
//! cannot reach Redis, it goes on with what it knew. Nothing of it is offered over a network.
//!
//! # How calls are counted
//!
//! Each call once, in [`Stats`] and in the metrics alike, all with the label `operation`: `cache_hits_total` (of
//! which `cache_stale_total` and `cache_coalesced_total`), `cache_misses_total`, `cache_bypass_total`,
//! `cache_cancelled_total` (dropped, or out of time, before there was an answer), `cache_followers_failed_total`
//! (waited for another's call, which failed), `cache_negative_total` (given a refusal of before). A call that fails is a miss of its oldest caller.
//! `cache_hit_rate` is hits among hits and misses; `cache_cost_savings_usd` what the answers of hits had cost;
//! `cache_bad_hits_total`, `cache_refreshes_total` (label `outcome`: done, failed, dropped, left to another process) and
//! `cache_early_refreshes_total` (set off before the end) are no calls, and in none of the above.
//! `cache_latency` (seconds, label `hit`) the time of look-up and decoding, `cache_hit_age` how old the stored answers were
//! that were given, `cache_ttl` for how long those are good that are kept. `cache_renewals_total` (label `changed`) counts
//! answers that were compared with the one before, where times to live are learned; `cache_lease_waits_total` (label
//! `outcome`: given, called) shared calls that waited for another process. Stores add `cache_entries`, `cache_bytes`,
//! `cache_evictions_total`, `cache_write_drops_total`, `cache_write_queue_bytes`, `cache_breaker_state` (label `state`),
//! `cache_breaker_opened_total` and, with the layer, `cache_store_errors_total` (labels `kind` and `op`).
//!
//! # Readiness
//!
//! [`Cache`] is always ready, because whether the service inside is needed is not known before the look-up; it calls
//! a clone of it. Backpressure and readiness errors of the service inside come from the response future. Put
//! limiters inside of the cache: a hit then takes no permit.
//!
//! # Cancellation
//!
//! Dropping the response future, or the stream of an answer, leaves the shared call at once. Another who waits
//! carries it on; when nobody is left it is dropped, and its attempt ends as cancelled. A reader who stops at the
//! finish reason has had a complete answer: it is kept.

mod adaptive;
mod boarding;
mod clock;
mod early;
mod entry;
mod error;
mod flight;
mod freshness;
mod future;
mod guessed;
mod handle;
mod keep;
mod key;
mod layer;
mod lease;
mod ledger;
mod lookup;
mod negative;
mod refresh;
mod resting;
mod service;
mod settings;
mod shared;
mod spare;
mod stats;
mod store;
mod stored;

#[cfg(feature = "redis")]
pub use self::entry::{Codec, SealKey};
#[cfg(feature = "redis")]
pub use self::store::{RedisGet, RedisStats, RedisStore};
pub use self::{
    adaptive::{AdaptiveTtl, ClassTtl, TtlReason},
    clock::{Clock, Timestamp},
    entry::Entry,
    error::NotCached,
    future::ResponseFuture,
    handle::{CacheHandle, Place},
    key::Tenants,
    layer::CacheLayer,
    service::Cache,
    settings::Fallbacks,
    stats::Stats,
    store::{
        BoxStore, ChangeListener, Changed, Generation, Memory, MemoryStats, Pending, Purge,
        Reading, Scope, Store, StoreError, StoreFault, Tiered, TieredGet,
    },
};

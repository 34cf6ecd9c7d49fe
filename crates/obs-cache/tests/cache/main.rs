//! The cache, its flights and its stores.
mod adaptive;
mod chat;
mod contract;
mod counting;
mod directives;
mod entries;
mod flights;
mod keys;
mod lease;
mod managing;
mod memory;
mod negative;
mod payer;
mod plain;
mod races;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod redis_lease;
mod savings;
mod stale;
mod storing;
mod streams;

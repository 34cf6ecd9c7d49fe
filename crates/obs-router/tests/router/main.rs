//! The router through its public interface.
mod backends;
mod breaker;
mod continued;
mod contract;
mod deadlines;
mod judges;
mod ledger;
mod metrics;
mod names;
mod policies;
mod random;
mod retries;
mod routes;
mod streams;
mod support;
mod weights;
mod windows;

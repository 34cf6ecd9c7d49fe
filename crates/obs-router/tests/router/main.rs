//! The router through its public interface.
mod backends;
mod contract;
mod deadlines;
mod judges;
mod ledger;
mod metrics;
mod names;
mod policies;
mod random;
mod routes;
mod streams;
mod support;

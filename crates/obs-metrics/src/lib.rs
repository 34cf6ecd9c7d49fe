#![doc = include_str!("../README.md")]
//!
//! # How it counts
//!
//! A layer keeps a *ledger*: a struct of [`Count`]s, [`Dollars`] and [`Level`]s, one for each label set that can occur
//! ([`PerOperation`] and [`Capped`] hold such sets). It shows the ledger to a [`Metrics`] as a *source*: a closure that tells
//! every label set with its value. `stats()` of the layer reads the same ledger, so that the two cannot disagree.
//!
//! All sources of one name that share a [`Metrics`] are summed by label set when metrics are collected. One series comes out
//! where two layers count the same thing; two plain observable instruments of one name would hide each other.
//!
//! A source lives as long as its [`Metrics`], so that no counter ever falls. Make layers once, not for each call.
//!
//! # What it does not do
//!
//! It knows nothing of SDKs and exporters: whoever makes the [`Meter`](opentelemetry::metrics::Meter) decides where the figures go.

mod capped;
mod histogram;
mod ledger;
mod metrics;
mod operation;
mod source;

pub use capped::{Capped, DEFAULT_CAP, OTHER};
pub use histogram::{BoundHistogram, CACHE_SECONDS, EXECUTION_SECONDS, Histogram};
pub use ledger::{Count, Dollars, Level};
pub use metrics::{Metrics, SCOPE};
pub use operation::PerOperation;

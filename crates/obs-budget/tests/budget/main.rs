//! Budgets through their public face.
mod local;
mod metrics;
mod redis;
mod shared;
mod support;

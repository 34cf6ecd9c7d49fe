//! Limits on calls and on attempts, with a model whose answers are scripted and a clock that stands still.
mod attempt;
mod common;
mod contract;
mod metrics;
mod total;

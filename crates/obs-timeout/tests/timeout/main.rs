//! Limits on calls and on attempts, and second attempts, with a model whose answers are scripted and a clock that stands still.
mod adaptive;
mod attempt;
mod collector;
mod common;
mod contract;
mod hedge;
mod metrics;
mod random;
mod targets;
mod total;

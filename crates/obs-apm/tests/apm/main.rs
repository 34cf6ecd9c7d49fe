//! What the layer does with calls, and what it counts and tells of them.

mod common;
mod contract;
mod counts;
mod spans;
mod storm;

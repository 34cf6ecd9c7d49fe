//! What the layer does with calls, and what it counts and tells of them.

mod agents;
mod attempts;
mod capture;
mod common;
mod contract;
mod counts;
mod generations;
mod keep;
mod spans;
mod storm;

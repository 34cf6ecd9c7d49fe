#![doc = include_str!("../README.md")]

mod call_id;
pub mod cli;
mod clock;
mod headers;
pub mod listen;
pub mod logging;
mod refusal;
pub mod settings;
mod simulated;
mod tenant;

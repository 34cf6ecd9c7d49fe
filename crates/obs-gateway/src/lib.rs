#![doc = include_str!("../README.md")]

mod api;
mod app;
mod build;
mod call_id;
mod cascade;
pub mod cli;
mod clock;
pub mod command;
mod comparing;
mod counts;
mod explain;
mod forwarded;
mod gateway;
mod greeting;
mod headers;
mod kept;
mod keys;
mod lasting;
mod limits;
pub mod listen;
mod live;
pub mod logging;
mod names;
mod outcomes;
mod outlast;
mod page;
mod process;
mod providers;
mod refusal;
mod reload;
mod replaying;
mod routing;
mod serve;
pub mod settings;
mod shutdown;
mod simulated;
mod spending;
mod stack;
mod tenant;

pub use self::{
    build::{BuildError, Builder},
    gateway::Gateway,
    process::run,
};

#![doc = include_str!("../README.md")]
//!
//! # How it fails
//!
//! No operation waits longer than its budget ([`Builder::budget`], 20 ms by default), and none queues while the
//! server is away. Every fault is a typed [`Fault`], and a caller that can do without Redis treats them all alike.
//!
//! A breaker stands in front of the server ([`State`]). It opens when the connection is lost, and when a command
//! gets no answer within its budget while no other command got one either; a server that hangs costs one budget
//! once, and after that a call costs less than a microsecond. While it is open, callers send probes along and do
//! not wait for them; the connection itself is made anew in the background, for ever, with pauses from 50 ms to
//! 2 s. Each opening and each closing is one line in the log, whatever the number of calls.
//!
//! In a cluster each master has connections and a breaker of its own: one that is gone takes only its own keys along,
//! until a replica takes over and is found. Who has which keys is asked again whenever a master is not as it should be,
//! and when a server sends an operation on to another, which is followed within the budget. A cluster itself serves
//! nothing while a part of it is gone, unless it is told `cluster-require-full-coverage no`.
//!
//! # What it covers
//!
//! One server, Sentinel and Cluster, with and without TLS; commands on a single key alone, so that a cluster never
//! refuses them. It does not cover transactions, scripts, and subscriptions.
//!
//! # Cancellation
//!
//! Dropping a future of this crate gives up the wait. A command that was sent already may still be carried out.

mod breaker;
mod builder;
mod client;
mod clients;
mod cluster;
mod command;
mod config_error;
mod fault;
mod lane;
mod link;
mod node;
mod operations;
mod probe;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod url;
mod watch;

pub use self::{
    breaker::State, builder::Builder, client::Redis, config_error::ConfigError, fault::Fault,
    stats::Stats, watch::Change,
};

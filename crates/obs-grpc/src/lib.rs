#![doc = include_str!("../README.md")]
//!
//! # Readiness and cancellation
//!
//! [`Remote`] and [`Served`] are always ready: a tonic channel queues, and a stack is called by `Oneshot` on a clone. Dropping a
//! future or a stream resets the HTTP/2 stream under it, so that the other side ends too. Nothing is spawned.

mod code;
mod metadata;
mod remote;
mod replies;
mod served;
mod status;

pub use self::{
    metadata::inject,
    remote::{Remote, RemoteFuture, Streamed, StreamedFuture},
    replies::Replies,
    served::Served,
    status::{error, status},
};

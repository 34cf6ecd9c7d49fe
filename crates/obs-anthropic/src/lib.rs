#![doc = include_str!("../README.md")]
//!
//! # Readiness and cancellation
//!
//! As of [`obs_wire::Upstream`]: always ready, and dropping a call or the stream in its answer ends the request.

mod answer;
mod ask;
mod error;
mod event;
mod merge;
mod messages;
mod prompt;
mod split;
mod stop;
mod usage;
mod view;

pub use self::{
    ask::{ask, upstream},
    error::{error_body, error_response},
    event::Progress,
    messages::Messages,
    view::Fields,
};
pub use obs_wire::{InvalidRequest, Upstream, UpstreamBuilder, UpstreamError};

/// A request to `/v1/messages`.
pub type MessagesRequest = obs_wire::Request<Messages>;
/// The answer to a [`MessagesRequest`], whole or as a stream.
pub type MessagesResponse = obs_wire::Response<Messages>;
/// What an answer to a [`MessagesRequest`] consists of.
pub type MessagesContent = obs_wire::Content<Messages>;
/// One event of a streamed answer.
pub type MessagesChunk = obs_wire::Chunk<Messages>;
/// The events of a streamed answer, for a body of type `text/event-stream`.
pub type MessagesEvents = obs_wire::EventBody<Messages>;

#![doc = include_str!("../README.md")]
//!
//! # Readiness and cancellation
//!
//! [`Upstream`] is always ready. Dropping the future of a call, or the stream in its answer, ends the request: its connection
//! is closed (HTTP/1.1), or its stream reset (HTTP/2). Nothing is spawned here; the HTTP client drives its connections in tasks
//! of its own.

mod chat;
mod embeddings;
mod error;
mod finish;
mod headers;
mod margin;
mod responses;
mod usage;

pub use self::{
    chat::{Chat, ChatRequest, Choices},
    embeddings::{EmbeddingRequest, EmbeddingResponse, Embeddings},
    error::{error_body, error_response},
    responses::{
        Responses, ResponsesAnswer, ResponsesChunk, ResponsesContent, ResponsesEvents,
        ResponsesFields, ResponsesProgress, ResponsesRequest,
    },
};
pub use obs_wire::{
    AnswerError, AnswerFault, BuildError, ConnectError, DEADLINE, ErrorDetail, ForwardBody,
    InvalidRequest, Malformed, ResponseFuture, TellDeadline, TransportError, Upstream,
    UpstreamBuilder, UpstreamError, sse,
};

/// The answer to a [`ChatRequest`], whole or as a stream.
pub type ChatResponse = obs_wire::Response<Chat>;
/// What an answer to a [`ChatRequest`] consists of.
pub type ChatBody = obs_wire::Content<Chat>;
/// One chunk of a streamed chat completion: the data of its event, byte for byte, and what the layers ask of it.
pub type ChatChunk = obs_wire::Chunk<Chat>;
/// Gathers the chunks of a streamed chat completion.
pub type ChatRecorder = obs_wire::Recorder<Chat>;
/// The events of a streamed chat completion, for a body of type `text/event-stream`.
pub type EventBody = obs_wire::EventBody<Chat>;

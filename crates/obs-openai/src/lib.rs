#![doc = include_str!("../README.md")]
//!
//! # Readiness and cancellation
//!
//! [`Upstream`] is always ready. Dropping the future of a call, or the stream in its answer, ends the request: its connection
//! is closed (HTTP/1.1), or its stream reset (HTTP/2). Nothing is spawned here; the HTTP client drives its connections in tasks
//! of its own.

mod answer;
mod chunk;
mod edge;
mod error;
mod finish;
mod json;
mod replay;
mod request;
mod splice;
/// Server-sent events.
pub mod sse;
mod upstream;
mod usage;

pub use self::{
    answer::{ChatBody, ChatResponse, EmbeddingResponse},
    chunk::ChatChunk,
    edge::{EventBody, error_body, error_response},
    error::{AnswerError, AnswerFault, ConnectError, ErrorDetail, TransportError, UpstreamError},
    replay::ChatRecorder,
    request::{ChatRequest, EmbeddingRequest, InvalidRequest},
    upstream::{
        BuildError, DEADLINE, ForwardBody, Malformed, ResponseFuture, Upstream, UpstreamBuilder,
    },
};

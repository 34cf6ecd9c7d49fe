#![doc = include_str!("../README.md")]
//!
//! # Readiness and cancellation
//!
//! [`Upstream`] is always ready. Dropping the future of a call, or the stream in its answer, ends the request: its connection
//! is closed (HTTP/1.1), or its stream reset (HTTP/2). Nothing is spawned here; the HTTP client drives its connections in tasks
//! of its own.

mod answer;
mod edge;
mod error;
mod format;
/// JSON objects and arrays, one level at a time, as pieces of the text that they were read from.
pub mod json;
mod piece;
mod replay;
mod request;
mod splice;
/// Server-sent events.
pub mod sse;
mod upstream;

pub use self::{
    answer::{Chunk, Content, Response},
    edge::{EventBody, error_response, message, own_error, status},
    error::{AnswerError, AnswerFault, ConnectError, ErrorDetail, TransportError, UpstreamError},
    format::{AnswerFacts, EventFacts, Format, Found, Headers, Mark, View},
    piece::Piece,
    replay::{Members, Recorder, Unlike, Writer, check_object, pieces},
    request::{Ask, Expect, InvalidRequest, Request, check_field},
    splice::Edit,
    sse::Event,
    upstream::{
        BuildError, DEADLINE, ForwardBody, Malformed, ResponseFuture, TellDeadline, Upstream,
        UpstreamBuilder,
    },
};

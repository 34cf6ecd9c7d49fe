#![doc = include_str!("../README.md")]

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
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

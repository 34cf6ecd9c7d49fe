//! Answers as they came, whole or as a stream.
mod chat;
mod embedding;
mod facts;

pub use chat::{ChatBody, ChatResponse};
pub use embedding::EmbeddingResponse;

pub(crate) use facts::{Problem, WholeFacts};

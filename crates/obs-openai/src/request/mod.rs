//! Requests as they came in, and what the layers must know of them.
mod body;
mod chat;
mod compose;
mod embedding;
mod expect;
mod invalid;
mod messages;
mod parameters;
mod passed;

pub use chat::ChatRequest;
pub use embedding::EmbeddingRequest;
pub use invalid::InvalidRequest;

pub(crate) use passed::{Passed, is_identity};

//! Answers as they came, whole or as a stream.
mod chunk;
mod response;

pub use chunk::Chunk;
pub use response::{Content, Response};

pub(crate) use chunk::read_event;
pub(crate) use response::{Problem, read_answer};

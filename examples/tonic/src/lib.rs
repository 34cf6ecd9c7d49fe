//! A gRPC service that stands before another one, with layers in between: a timeout, a cache, and what each attempt costs.
mod messages;
mod server;

pub use server::{Front, front};

/// The interface, as tonic generates it.
#[expect(missing_docs, clippy::allow_attributes, reason = "generated")]
pub mod proto {
    tonic::include_proto!("llm");
}

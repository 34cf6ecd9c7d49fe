//! The layers under a client of HTTP.
#[cfg(feature = "async-openai")]
mod async_openai;
mod outbound;

pub use self::outbound::{Outbound, OutboundFuture};

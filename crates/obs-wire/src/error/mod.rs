//! What can go wrong between here and the provider. Each is the source of an [`obs_core::Error`] and is found there by
//! [`find`](obs_core::Error::find).
mod answer;
mod classify;
mod detail;
mod link;
mod retry_after;
mod upstream;

pub use answer::{AnswerError, AnswerFault};
pub use detail::ErrorDetail;
pub use link::{ConnectError, TransportError};
pub use upstream::UpstreamError;

pub(crate) use classify::Credential;
pub(crate) use link::{Phase, causes};

//! What an upstream can send.
use obs_core::LlmRequest;

use super::Request;
use crate::{Format, Response};

/// A request that an [`Upstream`](crate::Upstream) can send: a [`Request`], or a type of one's own around one.
pub trait Ask: LlmRequest + Clone + Send + Sync + 'static {
    /// How it is written and answered.
    type Format: Format;
    /// The answer: a [`Response`], or a type of one's own around one.
    type Answer: From<Response<Self::Format>> + Send + 'static;

    /// The request.
    fn request(&self) -> &Request<Self::Format>;
}

impl<F: Format> Ask for Request<F> {
    type Format = F;
    type Answer = Response<F>;

    fn request(&self) -> &Self {
        self
    }
}

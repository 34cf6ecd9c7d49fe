//! The service.
use std::{
    task::{Context, Poll},
    time::Duration,
};

use obs_core::{Alarm, BoxError, Call, Error, LlmRequest, LlmResponse};
use tokio::time::Instant;
use tower_service::Service;

use super::{Limits, trying::Trying};
use crate::{ResponseFuture, watch::Watch};

/// The service that [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer) makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub struct AttemptTimeout<S> {
    inner: S,
    limits: Limits,
}

impl<S> AttemptTimeout<S> {
    pub(super) const fn new(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R> Service<Call<R>> for AttemptTimeout<S>
where
    R: LlmRequest,
    S: Service<Call<R>>,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S::Future, Trying>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_any)
    }

    fn call(&mut self, mut call: Call<R>) -> Self::Future {
        let start = Instant::now();
        if let Some(limit) = self.limits.attempt {
            let deadline = std::mem::take(&mut call.context.deadline);
            call.context.deadline = deadline.within(limit, Duration::ZERO);
        }
        let context = call.context.clone();
        let trying = Trying::new(self.limits, start, context, call.request.streams());
        if trying.is_expired() {
            return ResponseFuture::expired(trying);
        }
        let alarm = Alarm::new(trying.next());
        ResponseFuture::new(self.inner.call(call), alarm, trying)
    }
}

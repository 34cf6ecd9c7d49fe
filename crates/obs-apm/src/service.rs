//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{BoxError, Call, Error, LlmRequest, LlmResponse};
use tower_service::Service;

use crate::{future::ResponseFuture, sample::Sample, shared::Shared, stats::Stats};

/// The service that [`ApmLayer`](crate::ApmLayer) makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub struct Apm<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Apm<S> {
    pub(crate) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    /// What was counted so far, together with all other services of the layer.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
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

impl<S, R> Service<Call<R>> for Apm<S>
where
    R: LlmRequest,
    S: Service<Call<R>>,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S::Future, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_any)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        call.context.journal.listen(&self.shared.listener);
        let sample = Sample::begin(&self.shared, &call);
        let context = sample.context().cloned();
        let inner = {
            let _current = context.clone().map(opentelemetry::Context::attach);
            self.inner.call(call)
        };
        ResponseFuture::new(inner, context, sample)
    }
}

//! The service.
use std::{
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{BoxError, Call, Error, LlmRequest, LlmResponse};
use tower_service::Service;

use super::{HedgeFuture, HedgeStats, shared::Shared};

/// The service that [`HedgeLayer`](crate::HedgeLayer) makes. It is always ready.
#[derive(Clone, Debug)]
pub struct Hedge<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Hedge<S> {
    pub(super) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
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

    /// What became of second attempts, under all services of the layer that made this one.
    #[must_use]
    pub fn stats(&self) -> HedgeStats {
        self.shared.ledger.stats()
    }
}

impl<S, R> Service<Call<R>> for Hedge<S>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = HedgeFuture<S, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        HedgeFuture::begin(&self.inner, &self.shared, call)
    }
}

//! The service.
use std::{
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{BoxError, Error, Operation};
use tokio::time::Instant;
use tower_service::Service;

use super::{
    CallLimits, Calls,
    limits::Limits,
    mode::{Entering, Mode},
    running::Running,
};
use crate::{ResponseFuture, Stats, ledger::Ledger, targets::Targets, watch::Guard};

/// The service that [`TimeoutLayer`](crate::TimeoutLayer) makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub struct Timeout<S, M = Calls> {
    inner: S,
    config: Config,
    mode: PhantomData<fn() -> M>,
}

/// What all calls have in common. Public in name only: nobody outside can name it.
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) limits: CallLimits,
    pub(super) targets: Targets<CallLimits>,
    pub(super) ledger: Arc<Ledger>,
}

impl Config {
    #[inline]
    pub(super) fn limits(&self, operation: Operation, model: &str) -> Limits {
        self.targets.of(operation, model, self.limits).resolved()
    }
}

impl<S, M> Timeout<S, M> {
    pub(super) const fn new(inner: S, config: Config) -> Self {
        Self {
            inner,
            config,
            mode: PhantomData,
        }
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

    /// How calls ended, under all services of the layer that made this one.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.config.ledger.stats()
    }
}

impl<S, M, Req> Service<Req> for Timeout<S, M>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    M: Mode<Req>,
    Running<M>: Guard<S::Response>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S::Future, Running<M>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_any)
    }

    fn call(&mut self, mut req: Req) -> Self::Future {
        let start = Instant::now();
        let Entering {
            operation,
            times,
            ties,
        } = M::enter(&mut req, &self.config, start);
        let entry = self.config.ledger.open(operation, start);
        if times.end.is_some_and(|end| end <= start) {
            return ResponseFuture::new(None, Running::new(times, ties, entry));
        }
        let inner = self.inner.call(req);
        ResponseFuture::new(Some(inner), Running::new(times, ties, entry))
    }
}

//! The service.
use std::{
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{Alarm, BoxError, Error};
use tokio::time::Instant;
use tower_service::Service;

use super::{Calls, Limits, mode::Mode, running::Running};
use crate::{
    ResponseFuture, Stats,
    ledger::Ledger,
    watch::{Guard, Watch},
};

/// The service that [`TimeoutLayer`](crate::TimeoutLayer) makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub struct Timeout<S, M = Calls> {
    inner: S,
    limits: Limits,
    ledger: Arc<Ledger>,
    mode: PhantomData<fn() -> M>,
}

impl<S, M> Timeout<S, M> {
    pub(super) const fn new(inner: S, limits: Limits, ledger: Arc<Ledger>) -> Self {
        Self {
            inner,
            limits,
            ledger,
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
        self.ledger.stats()
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
        let call = M::enter(&mut req, &self.limits);
        let entry = self.ledger.open(call.operation, start);
        let running = Running::new(self.limits, start, call, entry);
        if running.is_expired() {
            return ResponseFuture::expired(running);
        }
        let alarm = Alarm::new(running.next());
        ResponseFuture::new(self.inner.call(req), alarm, running)
    }
}

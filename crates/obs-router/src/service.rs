//! Decides, and makes the future that does the rest.
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{BoxError, Call, Error, LlmRequest, LlmResponse};
use tokio::time::Instant;
use tower_service::Service;

use crate::{
    Judge, NoJudge, Policy, ResponseFuture, Stats, ledger::Entry, plan::Plan, retries::Tries,
    run::Run, setup::Setup,
};

/// Sends each call to one of several routes. Made by [`RouterLayer`](crate::RouterLayer).
pub struct Router<S, P, J = NoJudge> {
    inner: S,
    setup: Arc<Setup<P, J>>,
}

impl<S, P, J> Router<S, P, J> {
    pub(crate) fn new(inner: S, setup: Arc<Setup<P, J>>) -> Self {
        Self { inner, setup }
    }

    /// What was counted under all services of the layer that made this one.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.setup.counts.ledger.stats()
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, P, J> Service<Call<R>> for Router<S, P, J>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
    P: Policy<R>,
    J: Judge<R, S::Response>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S, R, P, J>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let now = Instant::now();
        let (decision, error) = match self.setup.route(&call, now) {
            Ok(decision) => (Some(decision), None),
            Err(error) => (None, Some(error)),
        };
        let measures = decision
            .as_ref()
            .is_some_and(|decision| self.setup.tell(&call, decision, now));
        let ledger = &self.setup.counts.ledger;
        let entry = decision
            .as_ref()
            .map(|(plan, reason, _)| Entry::open(ledger.clone(), plan.at(), *reason));
        let plan = decision.map_or_else(|| Plan::through(&self.setup.routes), |(plan, _, _)| plan);
        let run = Run {
            setup: self.setup.clone(),
            inner: self.inner.clone(),
            call,
            plan,
            start: now,
            began: now,
            tries: Tries::default(),
            entry,
            measures,
        };
        ResponseFuture::new(run, error)
    }
}

impl<S: Clone, P, J> Clone for Router<S, P, J> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            setup: self.setup.clone(),
        }
    }
}

impl<S: fmt::Debug, P, J> fmt::Debug for Router<S, P, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("inner", &self.inner)
            .field("routes", &self.setup.routes)
            .finish_non_exhaustive()
    }
}

//! The service.
use std::{
    task::{Context, Poll},
    time::Duration,
};

use obs_core::{BoxError, Call, Error, LlmRequest, LlmResponse};
use tokio::time::Instant;
use tower_service::Service;

use super::{learning::Learners, limits::AttemptLimits, trying::Trying};
use crate::{ResponseFuture, adaptive::Learned, targets::Targets};

/// The service that [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer) makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub struct AttemptTimeout<S> {
    inner: S,
    config: Config,
}

/// What all attempts have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    pub(super) limits: AttemptLimits,
    pub(super) targets: Targets<AttemptLimits>,
    pub(super) learners: Learners,
}

impl Config {
    pub(super) fn learned(&self) -> Vec<Learned> {
        let limits = |operation, model: &str| self.targets.of(operation, model, self.limits);
        let of = &self.learners;
        let first_token = of.first_token.as_ref();
        let attempt = of.attempt.as_ref();
        let mut all = first_token.map_or_else(Vec::new, |learner| {
            learner.learned(|operation, model| limits(operation, model).first_token)
        });
        all.extend(attempt.into_iter().flat_map(|learner| {
            learner.learned(|operation, model| limits(operation, model).attempt)
        }));
        all
    }
}

impl<S> AttemptTimeout<S> {
    pub(super) const fn new(inner: S, config: Config) -> Self {
        Self { inner, config }
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

    /// What was learned so far by all services of the layer that made this one, and the limits in force.
    #[must_use]
    pub fn learned(&self) -> Vec<Learned> {
        self.config.learned()
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
        let (request, config) = (&call.request, &self.config);
        let (operation, model) = (request.operation(), request.model());
        let mut limits = config.targets.of(operation, model, config.limits);
        let lesson = config.learners.begin(request, &mut limits, start);
        if let Some(limit) = limits.attempt {
            let deadline = &mut call.context.deadline;
            deadline.narrow(start, limit, Duration::ZERO);
        }
        let context = call.context.clone();
        let streams = call.request.streams();
        let trying = Trying::new(limits, start, context, streams, lesson);
        if trying.is_expired() {
            return ResponseFuture::new(None, trying);
        }
        ResponseFuture::new(Some(self.inner.call(call)), trying)
    }
}

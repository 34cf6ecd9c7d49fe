//! Decides, and makes the future that does the rest.
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{
    BoxError, Call, CallContext, Decided, Error, ErrorKind, LlmRequest, LlmResponse, Operation,
};
use tokio::time::Instant;
use tower_service::Service;

use crate::{
    Judge, NoJudge, Policy, Reason, ResponseFuture, Stats, future::Run, ledger::Entry, plan::Plan,
    retries::Tries, setup::Setup,
};

/// Sends each call to one of several routes. Made by [`RouterLayer`](crate::RouterLayer).
pub struct Router<S, P, J = NoJudge> {
    inner: S,
    setup: Arc<Setup<P, J>>,
}

/// A plan, why it is that one, and how difficult the request was found.
type Decision = (Plan, Reason, Option<f32>);

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

impl<P, J> Setup<P, J> {
    fn decide<R>(&self, request: &R, context: &CallContext) -> Result<Decision, Error>
    where
        R: LlmRequest,
        P: Policy<R>,
    {
        let embeds = request.operation() == Operation::Embeddings;
        match self.auto.as_deref() {
            Some(auto) if request.model() != auto => {
                let plan = match self.routes.asked_for(request.model()) {
                    Some(at) => Plan::named(&self.routes, at, !embeds),
                    None => Plan::through(&self.routes),
                };
                Ok((plan, Reason::Named, None))
            }
            Some(auto) if embeds => {
                let message = format!(
                    "embeddings need the name of a model: `{auto}` might choose another one each time"
                );
                Err(Error::new(ErrorKind::Caller, message))
            }
            None if embeds => Ok((Plan::through(&self.routes), Reason::Default, None)),
            _ => Ok(self.ask(request, context)),
        }
    }

    fn ask<R>(&self, request: &R, context: &CallContext) -> Decision
    where
        P: Policy<R>,
    {
        let decided = catch_unwind(AssertUnwindSafe(|| self.policy.decide(request, context)));
        let fault = match decided.map(crate::Decision::into_parts) {
            Ok((_, _, Some(score))) if !(0.0..=1.0).contains(&score) => {
                format!("it gave the score {score}")
            }
            Ok((target, reason, score)) => match self.routes.place(&target, self.default) {
                Some(at) => return (Plan::chosen(&self.routes, at), reason, score),
                None => format!("it chose {target:?}, which is no route"),
            },
            Err(_) => "it panicked".to_owned(),
        };
        tracing::debug!(
            fault,
            "the policy gave no useful answer; the call takes the default route"
        );
        self.counts.ledger.policy_error();
        (
            Plan::chosen(&self.routes, self.default),
            Reason::PolicyError,
            None,
        )
    }

    /// Passes over a route that cannot hold the prompt.
    fn fitting<R: LlmRequest>(
        &self,
        (mut plan, mut reason, score): Decision,
        request: &R,
    ) -> Decision {
        // Each of several texts of embeddings has the window for itself.
        if request.operation() != Operation::Embeddings
            && plan.fit(&self.routes, &self.chance, |window| request.fits(window))
        {
            reason = Reason::Context;
        }
        (plan, reason, score)
    }

    /// Goes around a route that is left out.
    fn around(&self, (mut plan, mut reason, score): Decision, now: Instant) -> Decision {
        let ledger = &self.counts.ledger;
        let admits = |at| ledger.breaker(at).admits(now);
        if plan.avoid(&self.routes, &self.chance, admits) {
            reason = Reason::Fallback;
        }
        (plan, reason, score)
    }

    /// Tells the journal. Gives back whether savings are measured here: the outermost router does, where there are several.
    fn tell<R: LlmRequest>(
        &self,
        call: &Call<R>,
        (plan, reason, score): &Decision,
        now: Instant,
    ) -> bool {
        let at = plan.at();
        let baseline = match reason {
            _ if self.routes.get(at).is_none() => None,
            // Who names a route would have had it without a router too.
            _ => Some(plan.asked().unwrap_or(self.baseline)),
        };
        let decided = Decided {
            route: self.routes.name(at),
            reason: reason.as_str(),
            score: *score,
            at: now,
        };
        call.context.journal.listen(&self.counts.listener);
        call.context.journal.with(|report| {
            report.decisions.push(decided);
            let measures = report.baseline.is_none() && baseline.is_some();
            if measures {
                report.baseline = baseline.map(|at| self.routes.baseline(at, call.request.model()));
            }
            measures
        })
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
        let (decision, error) = match self.setup.decide(&call.request, &call.context) {
            Ok(decision) => {
                let decision = self.setup.fitting(decision, &call.request);
                (Some(self.setup.around(decision, now)), None)
            }
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

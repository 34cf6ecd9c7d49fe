//! What of a call outlasts its attempts.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use obs_core::{
    BoxError, Call, CallContext, Commit, Committed, Deadline, Decided, Elapsed, Error, ErrorKind,
    Limit, LlmRequest, LlmResponse, Purpose, observe_answer,
};
use tokio::time::{Instant, Sleep};
use tower::util::{Oneshot, ServiceExt};
use tower_service::Service;

use crate::{
    BreakerState, Judge, Reason, Verdict, given::Given, ledger::Entry, plan::Plan, retries::Tries,
    setup::Setup,
};

/// One attempt, up to its commit point.
pub(crate) type Try<S, R> = Committed<Oneshot<S, Call<R>>, <S as Service<Call<R>>>::Response>;

/// What of a call outlasts its attempts.
pub(crate) struct Run<S, R, P, J> {
    pub(crate) setup: Arc<Setup<P, J>>,
    pub(crate) inner: S,
    pub(crate) call: Call<R>,
    pub(crate) plan: Plan,
    pub(crate) start: Instant,
    /// When the attempt of now did.
    pub(crate) began: Instant,
    /// Those on the route of now.
    pub(crate) tries: Tries,
    /// `None`: refused before a decision.
    pub(crate) entry: Option<Entry>,
    /// Whether savings are measured here.
    pub(crate) measures: bool,
}

/// What becomes of a call after a failure.
pub(crate) enum After {
    /// The same route is asked again after a pause.
    Again(Sleep),
    /// The plan has moved to another route.
    Elsewhere,
    End,
}

/// One attempt, its scope, and until when it must have come to its commit point.
pub(crate) struct Begun<S: Service<Call<R>>, R> {
    pub(crate) attempt: Try<S, R>,
    pub(crate) scope: CallContext,
    pub(crate) over: Deadline,
}

impl<S, R, P, J> Run<S, R, P, J>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
    J: Judge<R, S::Response>,
{
    pub(crate) fn begin(&self, purpose: Purpose) -> Begun<S, R> {
        let (at, routes) = (self.plan.at(), &self.setup.routes);
        let mut request = self.call.request.clone();
        let mut context = self.call.context.child(purpose);
        if let Some(route) = routes.get(at) {
            context.route = Some(route.name.clone());
            if let Some(model) = &route.model {
                request.set_model(model);
            }
        }
        if purpose != Purpose::Retry {
            self.setup.retries.deposit();
        }
        let over = routes.share(at, &context.deadline, self.plan.left());
        // In the context of a stream it would cut what is well under way after the commit point.
        if !request.streams() {
            context.deadline = over.clone();
        }
        let judged = if self.plan.can_escalate() {
            self.setup.judge.commit(&self.call)
        } else {
            Commit::Head
        };
        let scope = context.clone();
        let call = Call::with_context(request, context);
        Begun {
            attempt: Committed::new(self.inner.clone().oneshot(call), self.setup.commit(judged)),
            scope,
            over,
        }
    }

    /// Takes the plan's next step, and says so.
    pub(crate) fn moved(&mut self, reason: Reason) {
        let at = self.plan.at();
        self.began = Instant::now();
        self.tries = Tries::default();
        if let Some(entry) = &mut self.entry {
            // It counts once more for what went on with it, and not for how.
            entry.moved(
                at,
                if self.plan.goes_on() {
                    Reason::Continued
                } else {
                    reason
                },
            );
        }
        let decided = Decided {
            route: self.setup.routes.name(at),
            reason: reason.as_str(),
            score: None,
            at: self.began,
        };
        self.call
            .context
            .journal
            .with(|report| report.decisions.push(decided));
    }

    /// The pause is over, and the same route is asked again.
    pub(crate) fn again(&mut self) {
        self.began = Instant::now();
        self.setup.counts.ledger.retried(self.plan.at());
    }

    /// The verdict to come; `None`: the judge panicked.
    pub(crate) fn judge(&self, answer: &S::Response) -> Option<J::Future> {
        let judge = || self.setup.judge.judge(&self.call, answer);
        let verdict = catch_unwind(AssertUnwindSafe(judge));
        verdict.map_err(|_| judge_panicked()).ok()
    }

    /// The answer was found unfit. `false`: no better route is left, or all that are left are left out.
    pub(crate) fn escalate(&mut self) -> bool {
        let (ledger, now) = (&self.setup.counts.ledger, Instant::now());
        self.plan.escalate(|to| ledger.breaker(to).admits(now))
    }

    /// What becomes of the call after this failure: the same route after a pause, another one, or an end.
    pub(crate) fn after(&mut self, error: &Error, over: &Deadline) -> After {
        let (at, now) = (self.plan.at(), Instant::now());
        let ledger = &self.setup.counts.ledger;
        let breaker = ledger.breaker(at);
        if error.kind() == ErrorKind::Timeout {
            breaker.timed_out(error, now.saturating_duration_since(self.began));
        }
        if self.call.context.deadline.is_over() {
            return After::End;
        }
        let is_open = |at| ledger.breaker(at).state(now) == BreakerState::Open;
        let mut others = self.plan.others(&self.setup.routes);
        let elsewhere = others.any(|to| !is_open(to));
        let shared = &self.setup.retries;
        // A route that has just been left out is not asked again while there is another one.
        let again = !(elsewhere && is_open(at));
        if again
            && let Some(pause) = shared.pause(
                &mut self.tries,
                error,
                over.end(),
                elsewhere,
                &self.setup.chance,
            )
        {
            return After::Again(pause);
        }
        if let (ErrorKind::RateLimited, Some(time)) = (error.kind(), error.retry_after()) {
            breaker.rest(time);
        }
        let admits = |at| ledger.breaker(at).admits(now);
        let Setup { routes, chance, .. } = &*self.setup;
        match self
            .plan
            .after_failure(routes, error.kind(), chance, admits)
        {
            true => After::Elsewhere,
            false => After::End,
        }
    }

    /// The alarm went off: the call's time is up, or the route's share of it.
    pub(crate) fn elapsed(&self) -> Error {
        if self.call.context.deadline.is_over() {
            return Elapsed::of_deadline(self.start);
        }
        let took = Instant::now().saturating_duration_since(self.began);
        Elapsed::error(Limit::Attempt, took, Duration::ZERO)
    }

    pub(crate) fn settle(&mut self) {
        if let Some(entry) = &mut self.entry {
            entry.settle();
        }
    }

    /// Gives an answer out, watched to its end.
    pub(crate) fn give(&mut self, answer: S::Response) -> S::Response {
        self.settle();
        let (at, ledger) = (self.plan.at(), &self.setup.counts.ledger);
        let breaker = ledger.breaker(at);
        breaker.committed(Instant::now().saturating_duration_since(self.began));
        let journal = self.measures.then(|| self.call.context.journal.clone());
        if journal.is_none() && !breaker.is_set() {
            return answer;
        }
        observe_answer(answer, Given::of(journal, ledger.clone(), at))
    }
}

/// An answer is not to be lost by a fault of those who look at it.
pub(crate) fn judge_panicked() -> Verdict {
    tracing::warn!("the judge panicked; the answer goes out");
    Verdict::Accept
}

//! One call on its way along the routes.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use obs_core::{
    Alarm, BoxError, Call, CallContext, Commit, Committed, Deadline, Decided, Elapsed, Error,
    ErrorKind, Limit, LlmRequest, LlmResponse, Purpose, observe_answer,
};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};
use tower::util::{Oneshot, ServiceExt};
use tower_service::Service;

use crate::{
    BreakerState, Judge, Reason, Verdict, ledger::Entry, plan::Plan, retries::Tries,
    saving::Saving, setup::Setup,
};

pin_project! {
    /// The answer of a [`Router`](crate::Router).
    ///
    /// Dropping it drops the attempt that is under way, which is recorded as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, R, P, J>
    where
        S: Service<Call<R>>,
        J: Judge<R, S::Response>,
    {
        // Dropped before the run, whose entry tells the ledger that it is over.
        #[pin]
        state: State<S, R, J>,
        // Bounds each attempt: waiting for readiness is on no clock inside.
        #[pin]
        alarm: Alarm,
        over: Deadline,
        scope: CallContext,
        run: Run<S, R, P, J>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, J>
    where
        S: Service<Call<R>>,
        J: Judge<R, S::Response>,
    {
        Refused { error: Option<Error> },
        Trying { #[pin] attempt: Try<S, R> },
        Waiting { #[pin] pause: Sleep },
        Judging { #[pin] verdict: J::Future, answer: Option<S::Response> },
        Done,
    }
}

type Try<S, R> = Committed<Oneshot<S, Call<R>>, <S as Service<Call<R>>>::Response>;

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
enum After {
    /// The same route is asked again after a pause.
    Again(Sleep),
    /// The plan has moved to another route.
    Elsewhere,
    End,
}

/// One attempt, its scope, and until when it must have come to its commit point.
struct Begun<S: Service<Call<R>>, R> {
    attempt: Try<S, R>,
    scope: CallContext,
    over: Deadline,
}

impl<S, R, P, J> Run<S, R, P, J>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
    J: Judge<R, S::Response>,
{
    fn begin(&self, purpose: Purpose) -> Begun<S, R> {
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
            J::COMMIT
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
    fn moved(&mut self, reason: Reason) {
        let at = self.plan.at();
        self.began = Instant::now();
        self.tries = Tries::default();
        if let Some(entry) = &mut self.entry {
            entry.moved(at, reason);
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

    /// What becomes of the call after this failure: the same route after a pause, another one, or an end.
    fn after(&mut self, error: &Error, over: &Deadline) -> After {
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
            ledger.retried(at);
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
    fn elapsed(&self) -> Error {
        if self.call.context.deadline.is_over() {
            return Elapsed::of_deadline(self.start);
        }
        let took = Instant::now().saturating_duration_since(self.began);
        Elapsed::error(Limit::Attempt, took, Duration::ZERO)
    }

    fn settle(&mut self) {
        if let Some(entry) = &mut self.entry {
            entry.settle();
        }
    }

    /// Gives an answer out, watched to its end.
    fn give(&mut self, answer: S::Response) -> S::Response {
        self.settle();
        self.setup.counts.ledger.breaker(self.plan.at()).committed();
        if !self.measures {
            return answer;
        }
        let ledger = self.setup.counts.ledger.clone();
        let saving = Saving::of(self.call.context.journal.clone(), ledger, self.plan.at());
        observe_answer(answer, saving)
    }
}

impl<S, R, P, J> ResponseFuture<S, R, P, J>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
    J: Judge<R, S::Response>,
{
    pub(crate) fn new(run: Run<S, R, P, J>, error: Option<Error>) -> Self {
        let deadline = &run.call.context.deadline;
        let expired = || deadline.is_over().then(|| Elapsed::of_deadline(run.start));
        if let Some(error) = error.or_else(expired) {
            return Self {
                state: State::Refused { error: Some(error) },
                alarm: Alarm::new(None),
                over: Deadline::default(),
                scope: CallContext::default(),
                run,
            };
        }
        let Begun {
            attempt,
            scope,
            over,
        } = run.begin(run.call.context.purpose);
        Self {
            state: State::Trying { attempt },
            alarm: Alarm::new(over.end()),
            over,
            scope,
            run,
        }
    }
}

impl<S, R, P, J> Future for ResponseFuture<S, R, P, J>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
    J: Judge<R, S::Response>,
{
    type Output = Result<S::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let run = this.run;
        loop {
            let over = &*this.over;
            let (purpose, reason) = match this.state.as_mut().project() {
                StateProj::Refused { error } => {
                    run.settle();
                    return Poll::Ready(Err(error.take().expect("polled after completion")));
                }
                StateProj::Trying { attempt } => {
                    let error = match attempt.poll(cx) {
                        Poll::Ready(Ok(answer)) if run.plan.can_escalate() => {
                            let verdict = run.setup.judge.judge(&run.call, &answer);
                            let answer = Some(answer);
                            this.state.set(State::Judging { verdict, answer });
                            continue;
                        }
                        Poll::Ready(Ok(answer)) => {
                            this.state.set(State::Done);
                            return Poll::Ready(Ok(run.give(answer)));
                        }
                        Poll::Ready(Err(error)) => {
                            this.state.set(State::Done);
                            error
                        }
                        Poll::Pending => {
                            ready!(this.alarm.as_mut().poll(cx, || over.end()));
                            this.scope.cut(|| this.state.set(State::Done));
                            run.elapsed()
                        }
                    };
                    match run.after(&error, over) {
                        After::Again(pause) => {
                            this.state.set(State::Waiting { pause });
                            continue;
                        }
                        After::Elsewhere => (Purpose::Fallback, Some(Reason::Fallback)),
                        After::End => {
                            run.settle();
                            return Poll::Ready(Err(error));
                        }
                    }
                }
                StateProj::Waiting { pause } => {
                    ready!(pause.poll(cx));
                    (Purpose::Retry, None)
                }
                StateProj::Judging { verdict, answer } => {
                    let verdict = match verdict.poll(cx) {
                        Poll::Ready(verdict) => verdict,
                        // An answer that nobody found unfit in time is better than none.
                        Poll::Pending => {
                            ready!(this.alarm.as_mut().poll(cx, || over.end()));
                            Verdict::Accept
                        }
                    };
                    if verdict == Verdict::Accept || !run.plan.escalate() {
                        let answer = answer.take().expect("judged once");
                        this.state.set(State::Done);
                        return Poll::Ready(Ok(run.give(answer)));
                    }
                    this.scope.reject();
                    (Purpose::Escalation, Some(Reason::Cascade))
                }
                StateProj::Done => panic!("polled after completion"),
            };
            // What was before is dropped first: it may hold a permit that the next attempt waits for.
            this.state.set(State::Done);
            match reason {
                Some(reason) => run.moved(reason),
                None => run.began = Instant::now(),
            }
            let Begun {
                attempt,
                scope,
                over,
            } = run.begin(purpose);
            this.alarm.as_mut().set(over.end());
            *this.scope = scope;
            *this.over = over;
            this.state.set(State::Trying { attempt });
        }
    }
}

impl<S, R, P, J> fmt::Debug for ResponseFuture<S, R, P, J>
where
    S: Service<Call<R>>,
    J: Judge<R, S::Response>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("plan", &self.run.plan)
            .finish_non_exhaustive()
    }
}

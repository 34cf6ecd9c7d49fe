//! One call on its way along the routes.
use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use obs_core::{
    Alarm, BoxError, Call, CallContext, Deadline, Elapsed, Error, LlmRequest, LlmResponse, Purpose,
};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use crate::{
    Judge, Reason, Verdict,
    run::{self, After, Begun, Run, Try},
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
                        Poll::Ready(Ok(answer)) => {
                            let verdict = run.plan.can_escalate().then(|| run.judge(&answer));
                            let Some(verdict) = verdict.flatten() else {
                                this.state.set(State::Done);
                                return Poll::Ready(Ok(run.give(answer)));
                            };
                            let answer = Some(answer);
                            this.state.set(State::Judging { verdict, answer });
                            continue;
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
                    let judging = || verdict.poll(cx);
                    let verdict = match catch_unwind(AssertUnwindSafe(judging)) {
                        Ok(Poll::Ready(verdict)) => verdict,
                        // An answer that nobody found unfit in time is better than none.
                        Ok(Poll::Pending) => {
                            ready!(this.alarm.as_mut().poll(cx, || over.end()));
                            Verdict::Accept
                        }
                        Err(_) => run::judge_panicked(),
                    };
                    if verdict == Verdict::Accept || !run.escalate() {
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
                None => run.again(),
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

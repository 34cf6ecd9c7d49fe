//! Two attempts at most, and the answer of one.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use obs_core::{
    Alarm, BoxError, Call, CallContext, Commit, Committed, Elapsed, Error, LlmRequest, LlmResponse,
    Purpose,
};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::util::{Oneshot, ServiceExt};
use tower_service::Service;

use super::{
    entry::{Entry, Outcome},
    shared::{Due, Shared},
};
use crate::adaptive::Sample;

pin_project! {
    /// The future of [`Hedge`](crate::Hedge). Dropping it drops the attempts that are under way.
    // They end before the race is counted: mind the order of the fields.
    #[must_use = "futures do nothing unless polled"]
    pub struct HedgeFuture<S, R>
    where
        S: Service<Call<R>>,
    {
        #[pin]
        first: Option<Try<S, R>>,
        #[pin]
        second: Option<Try<S, R>>,
        // For the second attempt, and for the end of the call: waiting for readiness is on no clock inside.
        #[pin]
        alarm: Alarm,
        armed: bool,
        start: Instant,
        context: CallContext,
        // `None`: there will be no second attempt.
        race: Option<Race<S, R>>,
        // The error of the first attempt.
        failed: Option<Error>,
    }
}

type Try<S, R> = Committed<Oneshot<S, Call<R>>, <S as Service<Call<R>>>::Response>;

/// What is needed for a second attempt, and for telling how it ended.
struct Race<S, R> {
    inner: S,
    request: R,
    shared: Arc<Shared>,
    due: Due,
    first: CallContext,
    second: Option<(CallContext, Entry)>,
}

impl<S, R> HedgeFuture<S, R>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    pub(super) fn begin(inner: &S, shared: &Arc<Shared>, call: Call<R>) -> Self {
        let start = Instant::now();
        let context = call.context.clone();
        if context.deadline.end().is_some_and(|end| end <= start) {
            let error = Elapsed::of_deadline(start);
            return Self::new(None, None, Some(error), context, start);
        }
        let awaited = !matches!(context.purpose, Purpose::Refresh | Purpose::Shadow);
        let due = || shared.due(&call.request, start);
        let Some(due) = awaited.then(due).flatten() else {
            let only = Committed::new(inner.clone().oneshot(call), Commit::Head);
            return Self::new(Some(only), None, None, context, start);
        };
        shared.deposit();
        if let Some(listener) = shared.listener() {
            context.journal.listen(listener);
        }
        let race = Race {
            inner: inner.clone(),
            request: call.request.clone(),
            shared: shared.clone(),
            due,
            first: context.child(context.purpose),
            second: None,
        };
        let first = attempt(inner.clone(), call.request, &race.first);
        Self::new(Some(first), Some(race), None, context, start)
    }

    fn new(
        first: Option<Try<S, R>>,
        race: Option<Race<S, R>>,
        failed: Option<Error>,
        context: CallContext,
        start: Instant,
    ) -> Self {
        Self {
            first,
            second: None,
            alarm: Alarm::new(None),
            armed: false,
            start,
            context,
            race,
            failed,
        }
    }
}

fn attempt<S, R>(inner: S, request: R, scope: &CallContext) -> Try<S, R>
where
    S: Service<Call<R>>,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    let call = Call::with_context(request, scope.clone());
    Committed::new(inner.oneshot(call), Commit::FirstContent)
}

impl<S, R> Race<S, R>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    /// The second attempt is due. `None`: it is not made.
    fn hedge(&mut self, context: &CallContext) -> Option<Try<S, R>> {
        self.due.at = None;
        let (operation, model) = (self.request.operation(), self.request.model());
        let (deadline, delay) = (&context.deadline, self.due.delay);
        let entry = self.shared.admit(operation, model, deadline, delay)?;
        if let Some(reserved) = entry.reserved() {
            context.journal.listen(&reserved);
        }
        let scope = context.child(Purpose::Hedge);
        let second = attempt(self.inner.clone(), self.request.clone(), &scope);
        self.second = Some((scope, entry));
        Some(second)
    }
}

impl<S, R> Race<S, R> {
    /// The first attempt has answered.
    fn first_answered(&mut self, drop_second: impl FnOnce()) {
        Sample::record(&mut self.due.sample);
        if let Some((scope, entry)) = self.second.take() {
            scope.reject();
            drop_second();
            entry.end(Outcome::Lost);
        }
    }

    /// The second attempt has answered.
    fn second_answered(&mut self, drop_first: impl FnOnce()) {
        self.first.reject();
        drop_first();
        // The first one has not come until now.
        self.due.sample = None;
        if let Some((_, entry)) = self.second.take() {
            entry.end(Outcome::Won);
        }
    }

    /// There is no answer, and what is under way was dropped.
    fn failed(&mut self) {
        self.due.sample = None;
        if let Some((_, entry)) = self.second.take() {
            entry.end(Outcome::Failed);
        }
    }
}

impl<S, R> Future for HedgeFuture<S, R>
where
    R: LlmRequest + Clone,
    S: Service<Call<R>> + Clone,
    S::Response: LlmResponse,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (race, deadline) = (this.race, &this.context.deadline);
        loop {
            if let Some(first) = this.first.as_mut().as_pin_mut()
                && let Poll::Ready(done) = first.poll(cx)
            {
                this.first.set(None);
                match done {
                    Ok(answer) => {
                        if let Some(race) = race {
                            race.first_answered(|| this.second.set(None));
                        }
                        return Poll::Ready(Ok(answer));
                    }
                    Err(error) => {
                        if let Some(race) = race {
                            race.due.sample = None;
                        }
                        // What is wrong with the request is wrong with it the second time too.
                        if this.second.is_none() || !error.kind().may_fail_over() {
                            this.second.set(None);
                            if let Some(race) = race {
                                race.failed();
                            }
                            return Poll::Ready(Err(error));
                        }
                        *this.failed = Some(error);
                    }
                }
            }
            if let Some(second) = this.second.as_mut().as_pin_mut()
                && let Poll::Ready(done) = second.poll(cx)
            {
                this.second.set(None);
                // One that failed is of no account while the first may still answer.
                if let (Ok(answer), Some(race)) = (done, &mut *race) {
                    race.second_answered(|| this.first.set(None));
                    return Poll::Ready(Ok(answer));
                }
            }
            if this.first.is_none() && this.second.is_none() {
                if let Some(race) = race {
                    race.failed();
                }
                let error = this.failed.take().expect("polled after completion");
                return Poll::Ready(Err(error));
            }
            let due = race.as_ref().and_then(|race| race.due.at);
            let moment = || due.into_iter().chain(deadline.end()).min();
            if !std::mem::replace(this.armed, true) {
                this.alarm.as_mut().set(moment());
            }
            ready!(this.alarm.as_mut().poll(cx, moment));
            if deadline.is_over() {
                // Their deadline has passed too: they end as timed out.
                this.first.set(None);
                this.second.set(None);
                if let Some(race) = race {
                    race.failed();
                }
                return Poll::Ready(Err(Elapsed::of_deadline(*this.start)));
            }
            // It may have been the end, which has moved away since: then nothing is due, and there is no third attempt.
            let is_due = due.is_some_and(|due| due <= Instant::now());
            if let (true, Some(race)) = (is_due, &mut *race) {
                this.second.set(race.hedge(this.context));
                this.alarm.as_mut().set(deadline.end());
            } else {
                this.alarm.as_mut().set(moment());
            }
        }
    }
}

impl<S, R> fmt::Debug for HedgeFuture<S, R>
where
    S: Service<Call<R>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let race = self.race.as_ref();
        f.debug_struct("HedgeFuture")
            .field("due", &race.and_then(|race| race.due.at))
            .field("hedged", &race.is_some_and(|race| race.second.is_some()))
            .finish_non_exhaustive()
    }
}

//! What becomes of a call that found nothing: it joins the one that is under way for the same question, or makes it.
use std::{sync::Arc, time::Duration};

use obs_core::{BoxError, CacheStatus, Call, Error, Key, LlmRequest, Operation, Replay};
use tokio::time::Instant;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    Store,
    adaptive::Learning,
    flight::{self, Landed, Plan, Waiter},
    keep::keep,
    lease::Turn,
    ledger::Ended,
    lookup::{Joining, Lookup, decode},
    shared::Shared,
    spare::Spare,
};

/// A call that waits for a shared one.
pub(crate) struct Aboard<T: Replay, S, R> {
    pub(crate) waiter: Waiter<T>,
    /// For a follower who gets an answer that cannot be shared.
    pub(crate) own: Option<(S, Call<R>)>,
}

/// What a shared call is made with, beside the request.
struct Departure<St: Store> {
    shared: Arc<Shared<St>>,
    key: Key,
    operation: Operation,
    learning: Option<Learning>,
    turn: Option<Turn<St>>,
    /// Whether that has to be waited for.
    waits: bool,
}

impl<S, R, St> Lookup<S, R, St>
where
    S: Service<Call<R>> + Clone + Send + 'static,
    S::Response: Replay,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: LlmRequest + Send + 'static,
    St: Store,
{
    /// Joins the call that is under way for the same question, or makes one. `None`: there is one, and this would
    /// be a refresh. With a `turn` that was taken already, it waits for no other process.
    pub(crate) fn board(
        mut self,
        spare: Option<Spare>,
        turn: Option<Turn<St>>,
    ) -> Option<Aboard<S::Response, S, R>> {
        let status = match self.joining {
            Joining::Together | Joining::First => CacheStatus::Miss,
            Joining::Apart => {
                self.tally.end(Ended::Bypassed);
                CacheStatus::Bypass
            }
        };
        let passenger = flight::Passenger {
            context: self.call.context.clone(),
            // A refresh reads to the end, however the answer comes.
            streams: self.joining != Joining::First && self.call.request.streams(),
            tally: self.tally,
            status,
            spare,
        };
        let (key, shared, learning) = (self.key, &self.shared, self.learning);
        let operation = self.call.request.operation();
        // Who wants it asked again waits for no other process, and a refresh has not waited, or is not here.
        let may_wait = |_: &Duration| self.joining == Joining::Together;
        let lease = shared.settings.lease.filter(may_wait);
        let mut own = Some((self.inner, self.call));
        let start = || {
            let (inner, call) = own.take().expect("starts once");
            let wait = lease.map(|time| Turn::new(shared.clone(), key, operation, time));
            let departure = Departure {
                shared: shared.clone(),
                key,
                operation,
                learning,
                waits: wait.is_some(),
                turn: turn.or(wait),
            };
            departure.plan(inner, call)
        };
        let flights = &shared.flights;
        let waiter = match self.joining {
            Joining::Together => flight::board(flights, key, passenger, start),
            Joining::Apart => flight::depart(flights, key, passenger, start),
            Joining::First => flight::board_first(flights, key, passenger, start)?,
        };
        Some(Aboard { waiter, own })
    }
}

impl<St: Store> Departure<St> {
    fn plan<S, R>(self, inner: S, mut call: Call<R>) -> Plan<S::Response>
    where
        S: Service<Call<R>> + Send + 'static,
        S::Response: Replay,
        S::Error: Into<BoxError>,
        S::Future: Send,
        R: LlmRequest + Send + 'static,
    {
        call.context = flight::context(&call.context);
        let began = self.shared.settings.early.is_some().then(Instant::now);
        let (shared, key) = (self.shared.clone(), self.key);
        let waiting = self.turn.clone().filter(|_| self.waits);
        Plan {
            context: call.context.clone(),
            capacity: shared.settings.max_entry_bytes,
            given: self.turn.as_ref().map(Turn::giver),
            keep: Box::new(move |landed| self.land::<S::Response>(began, landed)),
            call: Box::pin(async move {
                if let Some(turn) = waiting
                    && let Some(entry) = turn.wait(call.context.cache).await
                    && let Some(answer) = decode(&entry, call.request.streams())
                {
                    turn.give(&entry);
                    return Ok(answer);
                }
                let ended = Oneshot::new(inner, call).await.map_err(Error::from_any);
                if let Some(refusals) = &shared.settings.refusals {
                    refusals.note(&key, &ended, shared.settings.clock.now());
                }
                ended
            }),
        }
    }

    /// Keeps the answer, unless another process has.
    fn land<T: Replay>(self, began: Option<Instant>, landed: Landed<'_>) {
        if self
            .turn
            .as_ref()
            .is_some_and(|turn| turn.given().is_some())
        {
            return;
        }
        let (shared, operation) = (&*self.shared, self.operation);
        let took = began.map(|began| Instant::now().saturating_duration_since(began));
        if let (Some(early), Some(took)) = (&shared.settings.early, took) {
            early.took(operation, took);
        }
        keep::<T, _>(shared, &self.key, operation, self.learning.as_ref(), landed);
    }
}

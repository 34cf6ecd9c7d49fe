//! Asking again in the background.
use std::{fmt, future::poll_fn, sync::Arc, time::Duration};

use obs_core::{
    Background, BoxError, Call, CallContext, Deadline, Key, LlmRequest, Operation, Purpose, Replay,
};
use quick_cache::sync::Cache;
use tower_service::Service;

use crate::{
    Store, Timestamp,
    boarding::Aboard,
    lease::Turn,
    ledger::Tally,
    lookup::{Joining, Lookup},
    service::Shared,
};

/// Keys that are remembered as refreshed of late. Should there be more, the least used are refreshed sooner.
const REMEMBERED: usize = 4096;

/// Longest time between a refresh that failed and the next one of the same key.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// By what answers are asked for again.
#[derive(Clone, Debug)]
pub(crate) struct Refresh(Background);

/// When the refreshes began that have not brought anything yet.
#[derive(Clone)]
pub(crate) struct Resting(Arc<Cache<Key, Timestamp>>);

impl Refresh {
    pub(crate) const fn new(background: Background) -> Self {
        Self(background)
    }
}

impl Resting {
    /// Whether it is time for a refresh of this key, which begins now.
    fn wake(&self, key: &Key, now: Timestamp, ttl: Duration) -> bool {
        let rest = (ttl / 20).min(LONGEST_REST);
        let rests = |began: Timestamp| began.since(now).is_zero() && now.since(began) < rest;
        if self.0.get(key).is_some_and(rests) {
            return false;
        }
        self.0.insert(*key, now);
        true
    }

    fn forget(&self, key: &Key) {
        self.0.remove(key);
    }
}

impl Default for Resting {
    fn default() -> Self {
        Self(Arc::new(Cache::new(REMEMBERED)))
    }
}

impl fmt::Debug for Resting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resting({})", self.0.len())
    }
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
    /// Asks again in the background, unless somebody does so already, or did in vain a moment ago. The caller has
    /// its answer, so the request is free to be used.
    pub(crate) fn refresh(mut self) {
        let shared = self.shared.clone();
        let settings = &shared.settings;
        let Some(Refresh(background)) = &settings.refresh else {
            return;
        };
        // Who wants a stored answer or none sets off no call.
        if self.call.context.cache.only_if_cached {
            return;
        }
        let key = self.key;
        if !shared.resting.wake(&key, self.now, settings.ttl) {
            return;
        }
        let (operation, early) = (self.tally.operation(), self.early);
        self.call.context = context(&self.call.context, settings.refresh_limit);
        self.tally = Tally::uncounted(shared.ledger.clone(), operation);
        self.joining = Joining::First;
        let counts = &shared.ledger.refreshes;
        let spawned = match settings.lease {
            None => {
                let Some(aboard) = self.board(None, None) else {
                    return;
                };
                background.spawn(follow(aboard, shared.clone(), key, operation))
            }
            Some(time) => background.spawn(self.refresh_in_turn(time)),
        };
        if early {
            counts.early[operation].inc();
        }
        if spawned.is_err() {
            shared.resting.forget(&key);
            counts.dropped[operation].inc();
        }
    }

    /// The same where processes share a lease: only one of them asks.
    async fn refresh_in_turn(self, time: Duration) {
        let (shared, key, operation) = (self.shared.clone(), self.key, self.tally.operation());
        let turn = Turn::new(shared.clone(), key, operation, time);
        if !turn.take(self.made).await {
            shared.ledger.refreshes.left[operation].inc();
            return;
        }
        if let Some(aboard) = self.board(None, Some(turn)) {
            follow(aboard, shared, key, operation).await;
        }
    }
}

/// Waits for a refresh, and counts how it ends.
async fn follow<T, S, R, St>(
    aboard: Aboard<T, S, R>,
    shared: Arc<Shared<St>>,
    key: Key,
    operation: Operation,
) where
    T: Replay,
{
    let Aboard { mut waiter, .. } = aboard;
    let counts = &shared.ledger.refreshes;
    match poll_fn(|cx| waiter.poll(cx)).await {
        Ok(_) => {
            shared.resting.forget(&key);
            counts.done[operation].inc();
        }
        Err(error) => {
            tracing::debug!(%error, kind = %error.kind(), "a refresh failed");
            counts.failed[operation].inc();
        }
    }
}

/// Of the caller's: whose behalf, and where it is kept. Not of the caller's: its time, and what it asked of caches.
fn context(caller: &CallContext, limit: Duration) -> CallContext {
    let mut context = caller.fresh(Purpose::Refresh);
    context.deadline = Deadline::after(limit, Duration::ZERO);
    context.cache = Default::default();
    context
}

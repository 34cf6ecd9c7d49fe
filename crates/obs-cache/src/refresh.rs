//! Asking again in the background.
use std::{future::poll_fn, sync::Arc, time::Duration};

use obs_core::{
    BoxError, Call, CallContext, Deadline, Key, LlmRequest, Operation, Purpose, Replay,
};
use tower_service::Service;

use crate::{
    Store,
    boarding::Aboard,
    lease::Turn,
    ledger::Tally,
    lookup::{Joining, Lookup},
    shared::Shared,
};

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
        let Some(background) = &settings.refresh else {
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

//! The service that the layer makes.
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{BoxError, CacheStatus, Call, Error, LlmRequest, Replay};
use tower_service::Service;

use crate::{
    NotCached, Reading, ResponseFuture, Stats, Store, StoreFault,
    guessed::Guessed,
    key::Derived,
    ledger::{Ended, Tally},
    lookup::{Joining, Lookup},
    shared::Shared,
};

/// Answers repeated questions from a store, and equal ones that come together by one call.
///
/// Always ready: whether the service inside is needed is not known before the look-up, so its backpressure and its
/// readiness errors come from the response future. Clones share everything.
pub struct Cache<S, St> {
    inner: S,
    shared: Arc<Shared<St>>,
}

impl<S, St> Cache<S, St> {
    pub(crate) const fn new(inner: S, shared: Arc<Shared<St>>) -> Self {
        Self { inner, shared }
    }

    /// What all services of this layer have counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.settings.stats(&self.shared.ledger)
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
}

impl<S, R, St> Service<Call<R>> for Cache<S, St>
where
    S: Service<Call<R>> + Clone + Send + 'static,
    S::Response: Replay,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: LlmRequest + Send + 'static,
    St: Store,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S, R, St>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let shared = &self.shared;
        let mut tally = Tally::new(shared.ledger.clone(), call.request.operation());
        let asked = call.context.cache;
        let is_forbidden = asked.no_store || !call.request.cacheable();
        if asked.only_if_cached && (is_forbidden || asked.no_cache) {
            tally.end(Ended::Bypassed);
            return ResponseFuture::refused(NotCached::error());
        }
        if is_forbidden {
            tally.end(Ended::Bypassed);
            return ResponseFuture::direct(self.inner.clone(), call, CacheStatus::Bypass);
        }
        let joining = match asked.no_cache {
            true => Joining::Apart,
            false => Joining::Together,
        };
        let (namespace, tenant) = (&call.context.namespace, &call.context.tenant);
        let scope = shared
            .settings
            .scope(namespace.as_deref(), tenant.as_deref());
        // A store may be anybody's code.
        let reading = catch_unwind(AssertUnwindSafe(|| shared.store.generation(scope)));
        let (derived, asking) = match reading {
            Ok(Reading::Known(generation)) => (Derived::From(generation), None),
            Ok(Reading::Asking { guess, asking }) => {
                let guessed = Guessed::new(guess, asking, &shared.store);
                (Derived::From(guess), Some(guessed))
            }
            Err(_) => {
                tally.fault(StoreFault::Panicked);
                (shared.alone(), None)
            }
        };
        let now = shared.settings.clock.now();
        let lookup = Lookup {
            inner: self.inner.clone(),
            key: shared.settings.key_of(&call, derived),
            learning: shared.settings.learning(&call),
            early: false,
            made: now,
            call,
            now,
            joining,
            shared: shared.clone(),
            tally,
        };
        ResponseFuture::begin(lookup, asking)
    }
}

impl<S: Clone, St> Clone for Cache<S, St> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
        }
    }
}

impl<S: fmt::Debug, St: fmt::Debug> fmt::Debug for Cache<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("inner", &self.inner)
            .field("store", &self.shared.store)
            .field("flights", &self.shared.flights)
            .finish_non_exhaustive()
    }
}

//! The response of a cache.
use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use obs_core::{BoxError, CacheNote, CacheStatus, Call, Error, LlmRequest, Replay};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    Generation, NotCached, Pending, Store, StoreError, StoreFault,
    flight::Waiter,
    key::Derived,
    ledger::Ended,
    lookup::{Aboard, Found, Joining, Lookup, Spared},
};

pin_project! {
    /// Looks up, then waits for the one call that all equal questions share.
    ///
    /// Dropping it leaves that call: another who waits takes it over, and when there is nobody, it is dropped.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, R, St>
    where
        S: Service<Call<R>>,
        S::Response: Replay,
        St: Store,
    {
        #[pin]
        state: State<S, R, St>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, St>
    where
        S: Service<Call<R>>,
        S::Response: Replay,
        St: Store,
    {
        // Which generation the key is of.
        Asking { asking: Pending<Generation>, lookup: Option<Lookup<S, R, St>> },
        Asked { #[pin] get: St::Get, since: Option<Instant>, lookup: Option<Lookup<S, R, St>> },
        // The store is not asked.
        Unasked { lookup: Option<Lookup<S, R, St>> },
        // `own`: a follower's call, for the case that the answer cannot be shared.
        // `spared`: for the case that there is no answer at all.
        Shared {
            waiter: Waiter<S::Response>,
            own: Option<(S, Call<R>)>,
            spared: Option<Spared<S::Response>>,
        },
        Direct { #[pin] call: Oneshot<S, Call<R>> },
        Refused { error: Option<Error> },
    }
}

impl<S, R, St> ResponseFuture<S, R, St>
where
    S: Service<Call<R>>,
    S::Response: Replay,
    St: Store,
{
    /// Looks up, if the caller wants that.
    pub(crate) fn begin(lookup: Lookup<S, R, St>) -> Self {
        Self {
            state: State::begin(lookup),
        }
    }

    pub(crate) fn asking(asking: Pending<Generation>, lookup: Lookup<S, R, St>) -> Self {
        let lookup = Some(lookup);
        Self {
            state: State::Asking { asking, lookup },
        }
    }

    pub(crate) fn direct(inner: S, call: Call<R>, status: CacheStatus) -> Self {
        Self {
            state: State::direct(inner, call, status),
        }
    }

    pub(crate) fn refused(error: Error) -> Self {
        let error = Some(error);
        Self {
            state: State::Refused { error },
        }
    }
}

impl<S, R, St> State<S, R, St>
where
    S: Service<Call<R>>,
    S::Response: Replay,
    St: Store,
{
    fn begin(lookup: Lookup<S, R, St>) -> Self {
        if lookup.joining == Joining::Apart {
            let lookup = Some(lookup);
            return Self::Unasked { lookup };
        }
        // A store may be anybody's code.
        let get = || lookup.shared.store.get(&lookup.key, lookup.now);
        match catch_unwind(AssertUnwindSafe(get)) {
            Ok(get) => Self::Asked {
                get,
                since: None,
                lookup: Some(lookup),
            },
            Err(_) => {
                lookup.tally.fault(StoreFault::Panicked);
                let lookup = Some(lookup);
                Self::Unasked { lookup }
            }
        }
    }

    fn direct(inner: S, call: Call<R>, status: CacheStatus) -> Self {
        let note = CacheNote::new(status);
        call.context
            .journal
            .with(|report| report.cache = Some(note));
        Self::Direct {
            call: Oneshot::new(inner, call),
        }
    }
}

impl<S, R, St> Future for ResponseFuture<S, R, St>
where
    S: Service<Call<R>> + Clone + Send + 'static,
    S::Response: Replay,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: LlmRequest + Send + 'static,
    St: Store,
{
    type Output = Result<S::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Asking { asking, lookup } => {
                    let found = ready!(poll_store(asking.as_mut(), cx));
                    let mut lookup = lookup.take().expect("polled after completion");
                    // Where it cannot be had, the look-up that follows counts the fault.
                    if let Ok(generation) = found {
                        let derived = Derived::From(generation);
                        lookup.key = lookup.shared.settings.key_of(&lookup.call, derived);
                    }
                    State::begin(lookup)
                }
                StateProj::Asked { get, since, lookup } => {
                    let asking = lookup.as_ref().expect("polled after completion");
                    if since.is_none() && asking.shared.ledger.is_timed() {
                        *since = Some(Instant::now());
                    }
                    let found = ready!(poll_store(get, cx));
                    let lookup = lookup.take().expect("present");
                    match lookup.found(found, *since) {
                        Found::Hit(answer) => return Poll::Ready(Ok(answer)),
                        Found::Renew(answer, lookup) => {
                            lookup.refresh();
                            return Poll::Ready(Ok(answer));
                        }
                        Found::Nothing(lookup, spared) => Self::miss(*lookup, spared)?,
                    }
                }
                StateProj::Unasked { lookup } => {
                    Self::miss(lookup.take().expect("polled after completion"), None)?
                }
                StateProj::Shared {
                    waiter,
                    own,
                    spared,
                } => match ready!(waiter.poll(cx)) {
                    Ok(Some(answer)) => return Poll::Ready(Ok(answer)),
                    Err(error) => {
                        let spared = spared.take().filter(|spared| spared.spare.is_taken());
                        return Poll::Ready(spared.map(|spared| spared.answer).ok_or(error));
                    }
                    Ok(None) => {
                        let (inner, call) = own.take().expect("the leader has its answer");
                        State::direct(inner, call, CacheStatus::Miss)
                    }
                },
                StateProj::Direct { call } => return call.poll(cx).map_err(Error::from_any),
                StateProj::Refused { error } => {
                    return Poll::Ready(Err(error.take().expect("polled after completion")));
                }
            };
            state.set(next);
        }
    }
}

impl<S, R, St> ResponseFuture<S, R, St>
where
    S: Service<Call<R>> + Clone + Send + 'static,
    S::Response: Replay,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: LlmRequest + Send + 'static,
    St: Store,
{
    fn miss(
        mut lookup: Lookup<S, R, St>,
        spared: Option<Spared<S::Response>>,
    ) -> Result<State<S, R, St>, Error> {
        if let Some(refusal) = lookup.refusal() {
            return Err(refusal);
        }
        if lookup.call.context.cache.only_if_cached {
            lookup.tally.end(Ended::Miss);
            let note = CacheNote::new(CacheStatus::Miss);
            let journal = &lookup.call.context.journal;
            journal.with(|report| report.cache = Some(note));
            return Err(NotCached::error());
        }
        let spare = spared.as_ref().map(|spared| spared.spare.clone());
        let Aboard { waiter, own } = lookup.board(spare).expect("only a refresh is left out");
        Ok(State::Shared {
            waiter,
            own,
            spared,
        })
    }
}

/// A fault and a panic are alike: there is nothing.
pub(crate) fn poll_store<F, T>(
    get: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, StoreFault>>
where
    F: Future<Output = Result<T, StoreError>> + ?Sized,
{
    match catch_unwind(AssertUnwindSafe(|| get.poll(cx))) {
        Ok(found) => found.map_err(|error| {
            tracing::debug!(%error, "a look-up failed");
            error.fault()
        }),
        Err(_) => Poll::Ready(Err(StoreFault::Panicked)),
    }
}

impl<S, R, St> fmt::Debug for ResponseFuture<S, R, St>
where
    S: Service<Call<R>>,
    S::Response: Replay,
    St: Store,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Asking { .. } => "asking",
            State::Asked { .. } => "asked",
            State::Unasked { .. } => "unasked",
            State::Shared { .. } => "shared",
            State::Direct { .. } => "direct",
            State::Refused { .. } => "refused",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}

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
    NotCached, Store, StoreFault,
    boarding::Aboard,
    flight::Waiter,
    guessed::Guessed,
    ledger::Ended,
    lookup::{Found, Joining, Lookup, Spared},
    store::poll_store,
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
        // `guessed`: the key may be another.
        Asked {
            #[pin]
            get: St::Get,
            guessed: Option<Box<Guessed>>,
            since: Option<Instant>,
            lookup: Option<Lookup<S, R, St>>,
        },
        // The store is not asked for an answer.
        Unasked { guessed: Option<Box<Guessed>>, lookup: Option<Lookup<S, R, St>> },
        // `own`: a follower's call, for the case that the answer cannot be shared.
        // `spared`: for the case that there is no answer at all.
        Shared {
            waiter: Waiter<S::Response>,
            own: Option<(S, Call<R>)>,
            spared: Option<Spared<S::Response>>,
        },
        // In a box: it is large, and a hit has none of it.
        Direct { call: Pin<Box<Oneshot<S, Call<R>>>> },
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
    pub(crate) fn begin(lookup: Lookup<S, R, St>, guessed: Option<Box<Guessed>>) -> Self {
        Self {
            state: State::begin(lookup, guessed),
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
    fn begin(lookup: Lookup<S, R, St>, guessed: Option<Box<Guessed>>) -> Self {
        if lookup.joining == Joining::Apart {
            let lookup = Some(lookup);
            return Self::Unasked { guessed, lookup };
        }
        // A store may be anybody's code.
        let get = || lookup.shared.store.get(&lookup.key, lookup.now);
        match catch_unwind(AssertUnwindSafe(get)) {
            Ok(get) => Self::Asked {
                get,
                guessed,
                since: None,
                lookup: Some(lookup),
            },
            Err(_) => {
                lookup.tally.fault(StoreFault::Panicked);
                let lookup = Some(lookup);
                Self::Unasked { guessed, lookup }
            }
        }
    }

    fn direct(inner: S, call: Call<R>, status: CacheStatus) -> Self {
        let note = CacheNote::new(status);
        call.context
            .journal
            .with(|report| report.cache = Some(note));
        Self::Direct {
            call: Box::pin(Oneshot::new(inner, call)),
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
                StateProj::Asked {
                    get,
                    guessed,
                    since,
                    lookup,
                } => {
                    let asking = lookup.as_mut().expect("polled after completion");
                    if since.is_none() && asking.shared.ledger.is_timed() {
                        *since = Some(Instant::now());
                    }
                    let found = match guessed {
                        None => Some(ready!(poll_store(get, cx))),
                        Some(guessed) => ready!(guessed.poll_get(get, asking, cx)),
                    };
                    let lookup = lookup.take().expect("present");
                    match found {
                        None => State::begin(lookup, None),
                        Some(found) => match lookup.found(found, *since) {
                            Found::Hit(answer) => return Poll::Ready(Ok(answer)),
                            Found::Renew(answer, lookup) => {
                                lookup.refresh();
                                return Poll::Ready(Ok(answer));
                            }
                            Found::Nothing(lookup, spared) => Self::miss(*lookup, spared)?,
                        },
                    }
                }
                StateProj::Unasked { guessed, lookup } => {
                    let asking = lookup.as_mut().expect("polled after completion");
                    if let Some(guessed) = guessed {
                        ready!(guessed.poll_key(asking, cx));
                    }
                    Self::miss(lookup.take().expect("present"), None)?
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
                StateProj::Direct { call } => {
                    return call.as_mut().poll(cx).map_err(Error::from_any);
                }
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
        let Aboard { waiter, own } = lookup
            .board(spare, None)
            .expect("only a refresh is left out");
        Ok(State::Shared {
            waiter,
            own,
            spared,
        })
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
            State::Asked { .. } => "asked",
            State::Unasked { .. } => "unasked",
            State::Shared { .. } => "shared",
            State::Direct { .. } => "direct",
            State::Refused { .. } => "refused",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}

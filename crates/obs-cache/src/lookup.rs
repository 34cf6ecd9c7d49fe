//! One look-up, and what becomes of a call that finds nothing.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use obs_core::{BoxError, CacheNote, CacheStatus, Call, Error, Key, LlmRequest, Purpose, Replay};
use tokio::time::Instant;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    Entry, Fallbacks, Store, StoreFault, Timestamp,
    flight::{self, Landed, Plan, Waiter},
    freshness::{Verdict, jittered},
    layer::Settings,
    ledger::{Ended, Tally},
    service::Shared,
    spare::Spare,
};

/// Everything that is needed when the store has nothing.
pub(crate) struct Lookup<S, R, St> {
    pub(crate) inner: S,
    pub(crate) call: Call<R>,
    pub(crate) key: Key,
    pub(crate) now: Timestamp,
    pub(crate) joining: Joining,
    pub(crate) shared: Arc<Shared<St>>,
    pub(crate) tally: Tally,
}

/// Whether an equal call that is under way will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joining {
    Together,
    /// No: the caller wants it asked again.
    Apart,
    /// It will, and nothing need be done then: a refresh.
    First,
}

/// What a look-up gave.
pub(crate) enum Found<T, L> {
    Hit(T),
    /// An answer that should be renewed.
    Stale(T, Box<L>),
    /// Boxed, because it is large and the rarer case.
    Nothing(Box<L>, Option<Spared<T>>),
}

/// An answer for the case that there is no other. It is decoded already, so that it is sure to be one.
pub(crate) struct Spared<T> {
    pub(crate) answer: T,
    pub(crate) spare: Spare,
}

/// A call that waits for a shared one.
pub(crate) struct Aboard<T: Replay, S, R> {
    pub(crate) waiter: Waiter<T>,
    /// For a follower who gets an answer that cannot be shared.
    pub(crate) own: Option<(S, Call<R>)>,
}

impl<S, R, St> Lookup<S, R, St>
where
    S: Service<Call<R>>,
    S::Response: Replay,
    R: LlmRequest,
    St: Store,
{
    /// Judges and decodes what the store gave.
    pub(crate) fn found(
        mut self,
        found: Result<Option<Entry>, StoreFault>,
        since: Option<Instant>,
    ) -> Found<S::Response, Self> {
        let entry = found.unwrap_or_else(|fault| {
            self.fault(fault);
            None
        });
        let asked = &self.call.context.cache;
        let judge = |entry: &Entry| self.shared.settings.stale.judge(entry, self.now, asked);
        let verdict = entry.as_ref().map_or(Verdict::Unfit, judge);
        let entry = entry.filter(|_| verdict != Verdict::Unfit);
        let answer = entry.and_then(|entry| Some((self.decode(&entry)?, entry)));
        let ended = match (verdict, &answer) {
            (Verdict::Fresh, Some(_)) => Some((Ended::Fresh, CacheStatus::Hit)),
            (Verdict::Stale, Some(_)) => Some((Ended::Stale, CacheStatus::Stale)),
            _ => None,
        };
        let (ledger, operation) = (self.tally.ledger(), self.tally.operation());
        if let Some(since) = since
            && let Some(histogram) = ledger.latency(operation, ended.is_some())
        {
            let passed = Instant::now().saturating_duration_since(since);
            histogram.record(passed.as_secs_f64());
        }
        let Some((answer, entry)) = answer else {
            return Found::Nothing(Box::new(self), None);
        };
        match ended {
            None => {
                let spare = Spare::new(&entry, self.now);
                Found::Nothing(Box::new(self), Some(Spared { answer, spare }))
            }
            Some((ended, status)) => {
                self.hit(&entry, ended, status);
                match ended {
                    Ended::Stale => Found::Stale(answer, Box::new(self)),
                    _ => Found::Hit(answer),
                }
            }
        }
    }

    /// `None`: what is stored is no answer, which is a miss.
    fn decode(&self, entry: &Entry) -> Option<S::Response> {
        let streams = self.call.request.streams();
        let decode = || S::Response::decode(&entry.body, streams);
        let Ok(Ok(answer)) = catch_unwind(AssertUnwindSafe(decode)) else {
            self.fault(StoreFault::Unreadable);
            return None;
        };
        Some(answer)
    }

    fn hit(&mut self, entry: &Entry, ended: Ended, status: CacheStatus) {
        let saved = entry.paid.exact();
        self.tally.end_saving(ended, saved);
        let mut note = CacheNote::new(status);
        note.age = Some(self.now.since(entry.created));
        note.route.clone_from(&entry.route);
        note.saved = saved;
        let journal = &self.call.context.journal;
        journal.with(|report| report.cache = Some(note));
    }

    /// Counts a fault; what cannot be read is removed, so that it is not read again.
    fn fault(&self, fault: StoreFault) {
        self.tally.fault(fault);
        if matches!(
            fault,
            StoreFault::Unreadable | StoreFault::Foreign | StoreFault::Sealed
        ) {
            let remove = || self.shared.store.remove(&self.key);
            let _ = catch_unwind(AssertUnwindSafe(remove));
        }
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
    /// Joins the call that is under way for the same question, or makes one. `None`: there is one, and this would
    /// be a refresh.
    pub(crate) fn board(mut self, spare: Option<Spare>) -> Option<Aboard<S::Response, S, R>> {
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
        let (key, shared) = (self.key, &self.shared);
        let mut own = Some((self.inner, self.call));
        let start = || {
            let (inner, mut call) = own.take().expect("starts once");
            call.context = flight::context(&call.context);
            let keeper = shared.clone();
            Plan {
                context: call.context.clone(),
                capacity: shared.settings.max_entry_bytes,
                keep: Box::new(move |landed| {
                    let now = keeper.settings.clock.now();
                    if let Some(entry) = entry(&keeper.settings, &key, landed, now) {
                        keeper.store.put(&key, entry, now);
                    }
                }),
                call: Box::pin(
                    async move { Oneshot::new(inner, call).await.map_err(Error::from_any) },
                ),
            }
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

/// What is kept of an answer; `None`: nothing.
fn entry(settings: &Settings, key: &Key, landed: Landed<'_>, now: Timestamp) -> Option<Entry> {
    if !landed.is_complete || landed.body.len() > settings.max_entry_bytes {
        return None;
    }
    let chosen = landed.report.chosen();
    let fallback = chosen.is_some_and(|attempt| attempt.purpose == Purpose::Fallback);
    if fallback && settings.fallbacks == Fallbacks::Forget {
        return None;
    }
    let ttl = jittered(settings.ttl, settings.jitter, key, now);
    let mut entry = Entry::new(landed.body.clone(), now, ttl);
    // Past its freshness, for as long as it may be of use.
    entry.keep_until = entry.fresh_until.after(settings.stale.longest());
    entry.paid = landed.report.paid();
    entry.usage = landed.usage;
    entry.fallback = fallback;
    if let Some(attempt) = chosen {
        let model = attempt.answered.as_ref().unwrap_or(&attempt.asked);
        entry.model = Some(model.clone());
        entry.route.clone_from(&attempt.route);
    }
    Some(entry)
}

//! One look-up, and what becomes of a call that finds nothing.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use obs_core::{BoxError, CacheNote, CacheStatus, Call, Error, Key, LlmRequest, Replay};
use tokio::time::Instant;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    Entry, Store, StoreFault, Timestamp,
    adaptive::Learning,
    flight::{self, Giver, Plan, Waiter},
    freshness::Verdict,
    keep::keep,
    lease::Turn,
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
    pub(crate) learning: Option<Learning>,
    /// Whether a refresh would be before its time.
    pub(crate) early: bool,
    /// When the answer was made that was given.
    pub(crate) made: Timestamp,
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
    Renew(T, Box<L>),
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
        let mut entry = found.unwrap_or_else(|fault| {
            self.fault(fault);
            None
        });
        if let Some(learning) = &self.learning {
            learning.used(&self.key, self.now);
            if let Some(entry) = &mut entry {
                // What was kept when more was thought of it is good for no longer than what is kept now.
                let ttl = self
                    .shared
                    .settings
                    .jittered(learning.ttl(), &self.key, entry.created);
                entry.fresh_until = entry.fresh_until.min(entry.created.after(ttl));
            }
        }
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
                match ended == Ended::Stale || self.is_due(&entry) {
                    true => Found::Renew(answer, Box::new(self)),
                    false => Found::Hit(answer),
                }
            }
        }
    }

    /// `None`: what is stored is no answer, which is a miss.
    fn decode(&self, entry: &Entry) -> Option<S::Response> {
        let answer = decode(entry, self.call.request.streams());
        if answer.is_none() {
            self.fault(StoreFault::Unreadable);
        }
        answer
    }

    fn hit(&mut self, entry: &Entry, ended: Ended, status: CacheStatus) {
        self.made = entry.created;
        let (saved, age) = (entry.paid.exact(), self.now.since(entry.created));
        self.tally.end_saving(ended, saved);
        self.tally.ledger().aged(self.tally.operation(), age);
        if let Some(learning) = &self.learning {
            learning.hit(age);
        }
        let mut note = CacheNote::new(status);
        note.age = Some(age);
        note.route.clone_from(&entry.route);
        note.saved = saved;
        let journal = &self.call.context.journal;
        journal.with(|report| report.cache = Some(note));
    }

    /// Whether this hit sets off a refresh of an answer that is fresh.
    fn is_due(&mut self, entry: &Entry) -> bool {
        let Some(early) = &self.shared.settings.early else {
            return false;
        };
        let left = entry.fresh_until.since(self.now);
        self.early = early.is_due(self.tally.operation(), &self.key, left);
        self.early
    }

    /// The refusal that the same call met before.
    pub(crate) fn refusal(&mut self) -> Option<Error> {
        let refusals = self.shared.settings.refusals.as_ref();
        let refusals = refusals.filter(|_| self.joining == Joining::Together)?;
        let context = &self.call.context;
        let found = refusals.find(&self.key, self.now, context.cache.max_age)?;
        self.tally.end(Ended::Refused);
        let note = CacheNote::new(CacheStatus::Negative);
        context.journal.with(|report| report.cache = Some(note));
        Some(found)
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
        let mut own = Some((self.inner, self.call));
        // Who wants it asked again waits for no other process, and a refresh has not waited, or is not here.
        let waits = |_: &Duration| self.joining == Joining::Together;
        let lease = shared.settings.lease.filter(waits);
        let start = || {
            let (inner, mut call) = own.take().expect("starts once");
            call.context = flight::context(&call.context);
            let began = shared.settings.early.is_some().then(Instant::now);
            let (keeper, caller) = (shared.clone(), shared.clone());
            let waiting = lease.map(|time| Turn::new(shared.clone(), key, operation, time));
            let turn = turn.or_else(|| waiting.clone());
            let giver = turn.clone();
            Plan {
                context: call.context.clone(),
                capacity: shared.settings.max_entry_bytes,
                given: giver.map(|turn| -> Giver { Box::new(move || turn.given().cloned()) }),
                keep: Box::new(move |landed| {
                    if turn.is_some_and(|turn| turn.given().is_some()) {
                        return;
                    }
                    let took = began.map(|began| Instant::now().saturating_duration_since(began));
                    if let (Some(early), Some(took)) = (&keeper.settings.early, took) {
                        early.took(operation, took);
                    }
                    keep::<S::Response, _>(&keeper, &key, operation, learning.as_ref(), landed);
                }),
                call: Box::pin(async move {
                    if let Some(turn) = waiting
                        && let Some(entry) = turn.wait(call.context.cache).await
                        && let Some(answer) = decode(&entry, call.request.streams())
                    {
                        turn.give(&entry);
                        return Ok(answer);
                    }
                    let ended = Oneshot::new(inner, call).await.map_err(Error::from_any);
                    if let Some(refusals) = &caller.settings.refusals {
                        refusals.note(&key, &ended, caller.settings.clock.now());
                    }
                    ended
                }),
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

/// `None`: it is no answer.
fn decode<T: Replay>(entry: &Entry, streams: bool) -> Option<T> {
    let decode = || T::decode(&entry.body, streams);
    catch_unwind(AssertUnwindSafe(decode)).ok()?.ok()
}

//! One look-up, and what becomes of what it finds.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use obs_core::{CacheNote, CacheStatus, Call, Error, Key, LlmRequest, Replay};
use tokio::time::Instant;
use tower_service::Service;

use crate::{
    Entry, Store, StoreFault, Timestamp,
    adaptive::Learning,
    freshness::Verdict,
    ledger::{Ended, Tally},
    shared::Shared,
    spare::Spare,
    stored::Stored,
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
                let spare = Spare::new(Stored::new(&entry, self.now));
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
        let stored = Stored::new(entry, self.now);
        self.tally.end_saving(ended, stored.saved);
        self.tally.ledger().aged(self.tally.operation(), stored.age);
        if let Some(learning) = &self.learning {
            learning.hit(stored.age);
        }
        let note = stored.note(status);
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

/// `None`: it is no answer.
pub(crate) fn decode<T: Replay>(entry: &Entry, streams: bool) -> Option<T> {
    let decode = || T::decode(&entry.body, streams);
    catch_unwind(AssertUnwindSafe(decode)).ok()?.ok()
}

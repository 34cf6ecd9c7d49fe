//! A call under way.
use std::marker::PhantomData;

use obs_core::{Elapsed, Error, ErrorKind, Limit};
use tokio::time::Instant;

use super::{
    limits::Limits,
    mode::{Ties, Times},
};
use crate::{
    ledger::{Entry, Outcome},
    watch::Watch,
};

/// One call under its limit, counted once.
#[derive(Debug)]
pub struct Running<M> {
    times: Times,
    ties: Ties,
    late: bool,
    finished: bool,
    entry: Entry,
    mode: PhantomData<fn() -> M>,
}

impl<M> Running<M> {
    #[inline]
    pub(super) const fn new(times: Times, ties: Ties, entry: Entry) -> Self {
        Self {
            times,
            ties,
            late: false,
            finished: false,
            entry,
            mode: PhantomData,
        }
    }

    #[inline]
    fn late_at(&self) -> Option<Instant> {
        match &self.ties.moving {
            None => self.times.late,
            Some(deadline) => deadline.late(),
        }
    }

    #[inline]
    fn end_at(&self) -> Option<Instant> {
        match &self.ties.moving {
            None => self.times.end,
            Some(deadline) => deadline.end(),
        }
    }

    fn is_over(&self) -> bool {
        self.end_at().is_some_and(|end| end <= Instant::now())
    }

    #[cold]
    fn become_late(&mut self, now: Instant) {
        if std::mem::replace(&mut self.late, true) {
            return;
        }
        if let Some(journal) = &self.ties.journal {
            journal.with(|report| report.late.get_or_insert(now).to_owned());
        }
        self.entry.late();
        let Limits { limit, grace } = self.times.limits;
        let id = self.ties.id.as_deref().unwrap_or_default();
        let operation = self.entry.operation().as_str();
        let after = now - self.entry.start();
        if after < limit {
            // Its caller gave it less time than it may have here: nothing is wrong here.
            tracing::debug!(
                call = id,
                operation,
                ?after,
                "a call passed its caller's deadline"
            );
            return;
        }
        tracing::warn!(
            call = id,
            operation,
            ?after,
            ?limit,
            ?grace,
            "a call is late"
        );
    }

    #[inline]
    fn close(&mut self, outcome: Outcome) {
        // Nobody wants to know how long it took, and no timer has told that it is late: the clock is not looked at.
        let now = self.entry.is_timed().then(Instant::now);
        if let Some(now) = now {
            self.look(now);
        }
        self.entry.end(outcome, now);
    }

    /// It may have become late before a timer was polled.
    #[inline]
    fn look(&mut self, now: Instant) {
        if !self.late && self.late_at().is_some_and(|late| late < now) {
            self.become_late(now);
        }
    }

    #[cold]
    fn elapsed(&self) -> Error {
        let Limits { limit, grace } = self.times.limits;
        let start = self.entry.start();
        if start.elapsed() < limit.saturating_add(grace) {
            Elapsed::of_deadline(start)
        } else {
            Elapsed::error(Limit::Total, limit, grace)
        }
    }
}

impl<M> Watch for Running<M> {
    fn next(&self) -> Option<Instant> {
        if self.late {
            self.end_at()
        } else {
            self.late_at()
        }
    }

    fn is_up(&mut self) -> bool {
        self.become_late(Instant::now());
        self.is_over()
    }

    fn is_past(&mut self) -> bool {
        let Some(end) = self.end_at() else {
            return false;
        };
        let now = Instant::now();
        self.look(now);
        end < now
    }

    #[cold]
    fn fired(&mut self) {
        if !self.late {
            self.look(Instant::now());
        }
    }

    fn chunk(&mut self, _content: bool, finish: bool) {
        if finish {
            self.finished = true;
            self.entry.finished();
        }
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    #[inline]
    fn complete(&mut self) {
        self.close(Outcome::Success);
    }

    #[cold]
    fn failed(&mut self, error: Error) -> Error {
        if error.kind() != ErrorKind::Timeout || !self.is_over() {
            self.close(Outcome::Success);
            return error;
        }
        // A layer inside saw the end of the same deadline first.
        self.close(Outcome::Failure);
        match error.find::<Elapsed>().map(Elapsed::limit) {
            Some(Limit::Deadline) => self.elapsed(),
            _ => error,
        }
    }

    #[cold]
    fn cut(&mut self, drop_inner: impl FnOnce()) -> Error {
        drop_inner();
        self.become_late(Instant::now());
        self.close(Outcome::Failure);
        self.elapsed()
    }
}

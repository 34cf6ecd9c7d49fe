//! A call under way.
use std::marker::PhantomData;

use obs_core::{Elapsed, Error, ErrorKind, Limit};
use tokio::time::Instant;

use super::{limits::Limits, mode::Entering};
use crate::{
    ledger::{Entry, Outcome},
    watch::Watch,
};

/// One call under its limit, counted once.
#[derive(Debug)]
pub struct Running<M> {
    call: Entering,
    late: bool,
    finished: bool,
    entry: Entry,
    mode: PhantomData<fn() -> M>,
}

impl<M> Running<M> {
    #[inline]
    pub(super) const fn new(call: Entering, entry: Entry) -> Self {
        Self {
            call,
            late: false,
            finished: false,
            entry,
            mode: PhantomData,
        }
    }

    /// Whether there was no time left when it came.
    #[inline]
    pub(super) fn is_expired(&self) -> bool {
        self.call
            .deadline
            .end()
            .is_some_and(|end| end <= self.entry.start())
    }

    fn become_late(&mut self, now: Instant) {
        if std::mem::replace(&mut self.late, true) {
            return;
        }
        if let Some(journal) = &self.call.journal {
            journal.with(|report| report.late.get_or_insert(now).to_owned());
        }
        self.entry.late();
        let Limits { limit, grace } = self.call.limits;
        let id = self.call.id.as_deref().unwrap_or_default();
        let operation = self.call.operation.as_str();
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
        if !self.late && self.call.deadline.late().is_some_and(|late| late < now) {
            self.become_late(now);
        }
    }

    fn elapsed(&self) -> Error {
        let Limits { limit, grace } = self.call.limits;
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
            self.call.deadline.end()
        } else {
            self.call.deadline.late()
        }
    }

    fn is_up(&mut self) -> bool {
        self.become_late(Instant::now());
        self.call.deadline.is_over()
    }

    fn is_past(&mut self) -> bool {
        let Some(end) = self.call.deadline.end() else {
            return false;
        };
        let now = Instant::now();
        self.look(now);
        end < now
    }

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

    fn complete(&mut self) {
        self.close(Outcome::Success);
    }

    fn failed(&mut self, error: Error) -> Error {
        if error.kind() != ErrorKind::Timeout || !self.call.deadline.is_over() {
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

    fn cut(&mut self, drop_inner: impl FnOnce()) -> Error {
        drop_inner();
        self.become_late(Instant::now());
        self.close(Outcome::Failure);
        self.elapsed()
    }
}

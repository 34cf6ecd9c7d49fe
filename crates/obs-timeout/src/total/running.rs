//! A call under way.
use std::marker::PhantomData;

use obs_core::{Elapsed, Error, ErrorKind, Limit};
use tokio::time::Instant;

use super::{Limits, mode::Entering};
use crate::{
    ledger::{Entry, Outcome},
    watch::Watch,
};

/// One call under its limit, counted once.
#[derive(Debug)]
pub struct Running<M> {
    limits: Limits,
    start: Instant,
    call: Entering,
    late: bool,
    finished: bool,
    entry: Entry,
    mode: PhantomData<fn() -> M>,
}

impl<M> Running<M> {
    pub(super) const fn new(limits: Limits, start: Instant, call: Entering, entry: Entry) -> Self {
        Self {
            limits,
            start,
            call,
            late: false,
            finished: false,
            entry,
            mode: PhantomData,
        }
    }

    /// Whether there was no time left when it came.
    pub(super) fn is_expired(&self) -> bool {
        self.call
            .deadline
            .end()
            .is_some_and(|end| end <= self.start)
    }

    fn become_late(&mut self, now: Instant) {
        if std::mem::replace(&mut self.late, true) {
            return;
        }
        if let Some(journal) = &self.call.journal {
            journal.with(|report| report.late.get_or_insert(now).to_owned());
        }
        self.entry.late();
        let Limits { limit, grace } = self.limits;
        let id = self.call.id.as_deref().unwrap_or_default();
        let operation = self.call.operation.as_str();
        let after = now - self.start;
        tracing::warn!(
            call = id,
            operation,
            ?after,
            ?limit,
            ?grace,
            "a call is late"
        );
    }

    fn close(&mut self, outcome: Outcome) {
        let now = Instant::now();
        // One that came with its answer before the timer was looked at.
        if self.call.deadline.late().is_some_and(|late| late < now) {
            self.become_late(now);
        }
        self.entry.end(outcome, Some(now));
    }

    fn elapsed(&self) -> Error {
        let Limits { limit, grace } = self.limits;
        if self.start.elapsed() < limit.saturating_add(grace) {
            Elapsed::of_deadline(self.start)
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
        if !self.late && self.call.deadline.late().is_some_and(|late| late < now) {
            self.become_late(now);
        }
        end < now
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

//! Records one attempt, however it ends.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::time::Instant;

use crate::{Attempt, CallContext, Deadline, Journal, Operation, Outcome, PriceTable, Usage, Usd};

/// An open attempt in a journal. Dropped without an end, it was cancelled or ran out of time.
#[derive(Debug)]
#[must_use = "dropping it ends the attempt"]
pub(crate) struct AttemptGuard {
    journal: Journal,
    index: usize,
    deadline: Deadline,
    open: bool,
    /// Something of a stream has come.
    begun: bool,
}

impl AttemptGuard {
    pub(crate) fn open(
        context: &CallContext,
        model: &str,
        operation: Operation,
        prices: &PriceTable,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let attempt = Attempt {
            number: NEXT.fetch_add(1, Relaxed),
            route: context.route.clone(),
            asked: model.into(),
            answered: None,
            operation,
            purpose: context.purpose,
            usage: None,
            cost: None,
            estimate: None,
            outcome: None,
            started: Instant::now(),
            first_token: None,
            ended: None,
            scope: context.scope(),
            prices: prices.clone(),
        };
        context.journal.tell(|listener| listener.started(&attempt));
        let index = context.journal.with(|report| {
            report.attempts.push(attempt);
            report.attempts.len() - 1
        });
        Self {
            journal: context.journal.clone(),
            index,
            deadline: context.deadline.clone(),
            open: true,
            begun: false,
        }
    }

    /// May be told in parts, and again: the larger of each figure stands.
    pub(crate) fn usage(&self, usage: Usage) {
        self.edit(|attempt| {
            attempt.usage = Some(attempt.usage.unwrap_or_default().max(usage));
        });
    }

    pub(crate) fn answered_by(&self, model: &str) {
        self.edit(|attempt| {
            if attempt.answered.is_none() && !model.is_empty() {
                let asked = *attempt.asked == *model;
                attempt.answered = Some(if asked {
                    attempt.asked.clone()
                } else {
                    Arc::from(model)
                });
            }
        });
    }

    /// What has begun is billed, whatever breaks it off: with the first piece of a stream the prompt was read, also where that has no
    /// content yet.
    pub(crate) fn begun(&mut self) {
        self.begun = true;
    }

    pub(crate) fn first_token(&self) {
        self.edit(|attempt| {
            attempt.first_token.get_or_insert_with(Instant::now);
        });
    }

    pub(crate) fn end(mut self, outcome: Outcome) {
        self.close(outcome);
    }

    fn close(&mut self, outcome: Outcome) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let begun = self.begun;
        let attempt = self.edit(|attempt| {
            attempt.outcome = Some(outcome);
            attempt.ended = Some(Instant::now());
            let price = attempt.usage.and_then(|usage| attempt.price(&usage));
            match outcome {
                Outcome::Answered => attempt.cost = price,
                Outcome::Failed(kind) if kind.is_unbilled() && !begun => {
                    attempt.cost = Some(Usd::ZERO);
                }
                // Usage that was seen half-way is not what will be billed.
                _ => attempt.estimate = price,
            }
            attempt.clone()
        });
        self.journal.tell(|listener| listener.ended(&attempt));
    }

    fn edit<T>(&self, f: impl FnOnce(&mut Attempt) -> T) -> T {
        self.journal
            .with(|report| f(&mut report.attempts[self.index]))
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let cut = || {
            self.journal.with(|report| {
                let scope = report.attempts[self.index].scope;
                report.is(scope, |entry| entry.cut)
            })
        };
        let timed_out = self.deadline.is_over() || cut();
        self.close(if timed_out {
            Outcome::TimedOut
        } else {
            Outcome::Cancelled
        });
    }
}

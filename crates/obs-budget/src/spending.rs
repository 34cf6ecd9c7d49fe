//! What was used of one budget in the present window.
use std::time::{Duration, SystemTime};

use crate::Budget;

/// Wall time may differ between processes: a sum outlasts its window by this.
const SLACK: Duration = Duration::from_secs(600);

/// What one name used of one budget in the window of now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spending {
    pub(crate) budget: Budget,
    index: u64,
    /// Used by this process.
    here: i128,
    /// Of that, what the common sum has.
    told: i128,
    /// What the common sum has of other processes.
    others: i128,
}

/// What is to be added to a common sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) index: u64,
    pub(crate) amount: i64,
    pub(crate) keep_for: Duration,
}

impl Spending {
    pub(crate) fn new(budget: Budget, now: SystemTime) -> Self {
        Self {
            budget,
            index: budget.window.index(now),
            here: 0,
            told: 0,
            others: 0,
        }
    }

    /// Comes to the window of this moment. A clock that steps back a little does not bring an old window back.
    pub(crate) fn roll(&mut self, now: SystemTime) {
        let index = self.budget.window.index(now);
        if index != self.index && index.saturating_add(1) != self.index {
            *self = Self::new(self.budget, now);
        }
    }

    pub(crate) fn add(&mut self, amount: i128) {
        self.here = self.here.saturating_add(amount);
    }

    /// What is left, not less than nothing. `alone`: nobody knows of the others, and this process has so many millionths of
    /// the limit.
    pub(crate) fn left(&self, alone: Option<u32>) -> i128 {
        let of_all = self.budget.limit - self.used();
        let of_share = alone.map(|millionths| {
            self.budget.limit.saturating_mul(i128::from(millionths)) / 1_000_000 - self.here
        });
        of_share.map_or(of_all, |left| left.min(of_all)).max(0)
    }

    pub(crate) fn end(&self) -> SystemTime {
        self.budget.window.end(self.index)
    }

    /// Nothing is known of this window: who forgets it loses nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.here == 0 && self.others == 0
    }

    pub(crate) fn due(&self) -> Due {
        let amount = (self.here - self.told).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Due {
            index: self.index,
            amount: amount as i64,
            keep_for: self.budget.window.length().saturating_add(SLACK),
        }
    }

    /// The common sum after that was added.
    pub(crate) fn told(&mut self, due: Due, sum: i64) {
        if due.index == self.index {
            let sum = i128::from(sum);
            // Less than what it was told: the store lost some, and is told that again.
            self.told = (self.told + i128::from(due.amount)).min(sum.max(0));
            self.others = (sum - self.told).max(0);
        }
    }

    fn used(&self) -> i128 {
        self.here.saturating_add(self.others)
    }
}

//! What one name has used.
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::SystemTime,
};

use bytes::Bytes;
use obs_core::{Attempt, AttemptListener, Purpose, Usd};
use tokio::time::Instant;

use crate::{
    Budget, Exhausted, Remaining, Unit,
    core::Core,
    exchange::Exchanged,
    spending::{Due, Spending},
};

/// What one name has used of its budgets.
pub(crate) struct Account {
    /// To hand itself on to an exchange.
    this: Weak<Self>,
    core: Arc<Core>,
    /// Of its name: what stands in keys.
    hash: blake3::Hash,
    /// Those with limits of their own are never forgotten.
    pub(crate) is_kept: AtomicBool,
    book: Mutex<Book>,
}

struct Book {
    spending: Vec<Spending>,
    /// It is to be exchanged already.
    waits: bool,
    exchanged: Option<Instant>,
}

impl Account {
    pub(crate) fn new(core: Arc<Core>, name: &str, budgets: &[Budget]) -> Arc<Self> {
        let now = core.clock.now();
        let spending = budgets.iter().map(|budget| Spending::new(*budget, now));
        let book = Book {
            spending: spending.collect(),
            waits: false,
            exchanged: None,
        };
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            hash: blake3::hash(name.as_bytes()),
            core,
            is_kept: AtomicBool::new(false),
            book: Mutex::new(book),
        })
    }

    /// From now on has these budgets. What was used of those that it had before stays used.
    pub(crate) fn limit(&self, budgets: &[Budget]) {
        self.is_kept.store(true, Relaxed);
        self.renew(budgets);
    }

    /// The same, for one that may still be forgotten.
    pub(crate) fn renew(&self, budgets: &[Budget]) {
        let now = self.core.clock.now();
        let mut book = self.book();
        let renewed = budgets.iter().map(|budget| {
            let same = |old: &&Spending| old.budget.counts_as(budget);
            let mut spending = match book.spending.iter().find(same) {
                Some(old) => *old,
                None => Spending::new(*budget, now),
            };
            spending.budget = *budget;
            spending
        });
        book.spending = renewed.collect();
    }

    pub(crate) fn charge(&self, amount: Usd) {
        let ledger = &self.core.ledger;
        // Sums of what is told to metrics only grow.
        let amount = amount.max(Usd::ZERO);
        ledger.spent.add(amount);
        if self.core.alone().is_some() {
            ledger.alone.add(amount);
        }
        self.use_up(Unit::Usd, amount.pico());
    }

    pub(crate) fn admit(&self) -> Result<(), Exhausted> {
        let now = self.core.clock.now();
        let alone = self.core.alone();
        let refused = {
            let mut book = self.rolled(now);
            let spent = |spending: &&Spending| spending.left(alone) == 0;
            let refused = book.spending.iter().filter(spent).max_by_key(|of| of.end());
            let refused = refused.map(|spending| (spending.budget, spending.end()));
            if refused.is_none() {
                for spending in &mut book.spending {
                    if spending.budget.unit == Unit::Requests {
                        spending.add(1);
                    }
                }
            }
            self.exchange(&mut book, refused.is_none());
            refused
        };
        let Some((budget, until)) = refused else {
            return Ok(());
        };
        self.core.ledger.refused.inc();
        Err(Exhausted {
            scope: self.core.scope,
            budget,
            until,
            wait: until.duration_since(now).unwrap_or_default(),
        })
    }

    pub(crate) fn left(&self) -> Remaining {
        let alone = self.core.alone();
        let mut book = self.rolled(self.core.clock.now());
        self.exchange(&mut book, false);
        book.spending
            .iter()
            .fold(Remaining::UNLIMITED, |remaining, spending| {
                remaining.and(&spending.budget, spending.left(alone), spending.end())
            })
    }

    /// Each budget with the share of it that is left.
    pub(crate) fn shares(&self, mut show: impl FnMut(&Budget, f64)) {
        let alone = self.core.alone();
        for spending in &self.rolled(self.core.clock.now()).spending {
            let left = spending.left(alone) as f64;
            show(&spending.budget, left / spending.budget.limit as f64);
        }
    }

    /// Whether nothing is lost when it is forgotten.
    pub(crate) fn is_idle(&self, now: SystemTime) -> bool {
        let book = self.rolled(now);
        !self.is_kept.load(Relaxed) && book.spending.iter().all(Spending::is_empty)
    }

    fn use_up(&self, unit: Unit, amount: i128) {
        let mut book = self.rolled(self.core.clock.now());
        for spending in &mut book.spending {
            if spending.budget.unit == unit {
                spending.add(amount);
            }
        }
        self.exchange(&mut book, true);
    }

    /// Asks for an exchange where there is something to tell, or what is known is old.
    fn exchange(&self, book: &mut Book, news: bool) {
        let Some(exchange) = &self.core.exchange else {
            return;
        };
        let is_old = |at: Instant| at.elapsed() >= exchange.every();
        if book.waits || book.spending.is_empty() || !(news || book.exchanged.is_none_or(is_old)) {
            return;
        }
        if let Some(this) = self.this.upgrade() {
            book.waits = exchange.ask(this);
        }
    }

    /// No name, which may be a secret, but a hash of it. One slot of a cluster holds one number.
    fn key(&self, spending: &Spending, index: u64) -> Bytes {
        let (scope, hash) = (self.core.scope, &self.hash.to_hex()[..32]);
        let (unit, window) = (spending.budget.unit.as_str(), spending.budget.window);
        let seconds = window.length().as_secs();
        Bytes::from(format!(
            "obs:budget:{scope}:{hash}:{unit}:{seconds}:{index}"
        ))
    }

    fn rolled(&self, now: SystemTime) -> MutexGuard<'_, Book> {
        let mut book = self.book();
        book.spending.iter_mut().for_each(|of| of.roll(now));
        book
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchanged for Account {
    fn due(&self) -> Vec<(Budget, Bytes, Due)> {
        let mut book = self.rolled(self.core.clock.now());
        book.waits = false;
        let of = book.spending.iter();
        of.map(|of| (of.budget, self.key(of, of.due().index), of.due()))
            .collect()
    }

    /// Meanwhile it may have got other limits.
    fn told(&self, of: Budget, due: Due, sum: i64) {
        let mut book = self.book();
        book.exchanged = Some(Instant::now());
        let mut all = book.spending.iter_mut();
        if let Some(spending) = all.find(|known| known.budget.counts_as(&of)) {
            spending.told(due, sum);
        }
    }
}

/// Charges what attempts cost.
impl AttemptListener for Account {
    fn ended(&self, attempt: &Attempt) {
        if attempt.purpose == Purpose::Shadow && !self.core.with_shadows {
            return;
        }
        match attempt.cost {
            Some(cost) => self.charge(cost),
            None => self.core.ledger.unknown.inc(),
        }
    }
}

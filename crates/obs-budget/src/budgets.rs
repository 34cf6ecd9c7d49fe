//! Budgets by name.
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::UNIX_EPOCH,
};

use obs_core::{AttemptListener, Usd};
use obs_metrics::Metrics;
use opentelemetry::KeyValue;

use crate::{
    Budget, Builder, Exhausted, Remaining, Stats, account::Account, core::Core, exchange::Exchange,
};

/// Budgets by name: of tenants, of keys, or one for all. A clone is another handle to the same.
#[derive(Clone)]
pub struct Budgets(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    /// Of names without limits of their own. Changed under the lock of the accounts.
    budgets: RwLock<Arc<[Budget]>>,
    most: usize,
    accounts: RwLock<HashMap<Box<str>, Arc<Account>>>,
    /// Of all names for which there is no room.
    crowd: Arc<Account>,
    /// When there was no room the last time, in seconds since 1970.
    full_at: AtomicU64,
}

/// A figure of a counter.
type Counted = fn(&Stats) -> u64;

impl Budgets {
    /// The same limits for every name, in this process alone. The scope says what the names are (`tenant`, `key`): it is a label of
    /// the metrics.
    #[must_use]
    pub fn new(scope: &'static str, budgets: impl IntoIterator<Item = Budget>) -> Self {
        Self::builder(scope, budgets).build()
    }

    /// The same, with more to say. Of two budgets of one unit and window the tighter one holds. Without budgets, only names with [limits of their own](Self::limit) are limited.
    pub fn builder(scope: &'static str, budgets: impl IntoIterator<Item = Budget>) -> Builder {
        Builder::new(scope, Budget::tightest(budgets))
    }

    pub(crate) fn of(core: Core, budgets: Vec<Budget>, most: usize) -> Self {
        let core = Arc::new(core);
        // A name that nobody can have.
        let crowd = Account::new(core.clone(), "\0crowd", &budgets);
        Self(Arc::new(Inner {
            core,
            budgets: RwLock::new(budgets.into()),
            most,
            accounts: RwLock::default(),
            crowd,
            full_at: AtomicU64::new(u64::MAX),
        }))
    }

    /// Gives a name limits of its own, in place of those of all names. It is kept from now on, also beyond the
    /// [number of names](Builder::names). What it has used stays used.
    pub fn limit(&self, name: &str, budgets: impl IntoIterator<Item = Budget>) {
        let budgets: Vec<_> = Budget::tightest(budgets);
        let mut accounts = self
            .0
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let account = accounts
            .entry(name.into())
            .or_insert_with(|| Account::new(self.0.core.clone(), name, &budgets));
        account.limit(&budgets);
    }

    /// Gives all names without [limits of their own](Self::limit) other limits from now on. What they have used of a unit in a window
    /// that was limited before stays used; a limit on what had none begins with nothing used, and what is limited no more is forgotten.
    pub fn limit_all(&self, budgets: impl IntoIterator<Item = Budget>) {
        let budgets: Arc<[_]> = Budget::tightest(budgets);
        let accounts = self
            .0
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let of_all = self.0.budgets.write();
        *of_all.unwrap_or_else(PoisonError::into_inner) = budgets.clone();
        for account in accounts.values().chain([&self.0.crowd]) {
            if !account.is_kept.load(Relaxed) {
                account.renew(&budgets);
            }
        }
    }

    /// Charges a name. Less than nothing is nothing.
    pub fn charge(&self, name: &str, amount: Usd) {
        self.account(name).charge(amount);
    }

    /// Counts a request of this name, if all of its budgets have something left.
    ///
    /// # Errors
    ///
    /// What is used up, and until when. The request is then not counted.
    pub fn admit(&self, name: &str) -> Result<(), Exhausted> {
        self.account(name).admit()
    }

    /// What is left to a name. It is known here, and what other processes spent is as old as the last exchange.
    #[must_use]
    pub fn left(&self, name: &str) -> Remaining {
        self.account(name).left()
    }

    /// Charges the name with what attempts cost: for the [journal](obs_core::Journal::listen) of a call. It is the same listener
    /// each time, while the name is kept, so that a call is charged once. Comparisons in the background, which no caller asked for, are
    /// [another matter](Builder::with_shadows).
    #[must_use]
    pub fn payer(&self, name: &str) -> Arc<dyn AttemptListener> {
        self.account(name)
    }

    /// What was counted of all names together.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let ledger = &self.0.core.ledger;
        let accounts = self
            .0
            .accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Stats {
            spent: ledger.spent.get(),
            alone: ledger.alone.get(),
            unknown: ledger.unknown.get(),
            refused: ledger.refused.get(),
            crowded: ledger.crowded.get(),
            store_errors: self.0.core.exchange.as_ref().map_or(0, Exchange::errors),
            names: accounts.len(),
        }
    }

    fn account(&self, name: &str) -> Arc<Account> {
        let accounts = self
            .0
            .accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(name) {
            return account.clone();
        }
        drop(accounts);
        let mut accounts = self
            .0
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(name) {
            return account.clone();
        }
        if accounts.len() >= self.0.most && !self.0.make_room(&mut accounts) {
            self.0.core.ledger.crowded.inc();
            return self.0.crowd.clone();
        }
        let account = Account::new(self.0.core.clone(), name, &self.0.budgets());
        accounts.insert(name.into(), account.clone());
        account
    }

    pub(crate) fn show(&self, metrics: &Metrics) {
        let label = KeyValue::new("scope", self.0.core.scope);
        let (of, scope) = (self.clone(), label.clone());
        let what = "What was charged to budgets.";
        metrics.usd("budget_spent_usd_total", what, move |tell| {
            tell(std::slice::from_ref(&scope), of.stats().spent);
        });
        let counts: [(_, _, Counted); 3] = [
            (
                "budget_refused_total",
                "Requests that were refused because a budget was used up.",
                |stats| stats.refused,
            ),
            (
                "budget_cost_unknown_total",
                "Attempts that no budget was charged with, because nobody knows what they cost.",
                |stats| stats.unknown,
            ),
            (
                "budget_store_errors_total",
                "Exchanges with the store of shared budgets that failed.",
                |stats| stats.store_errors,
            ),
        ];
        for (name, what, count) in counts {
            let (of, scope) = (self.clone(), label.clone());
            metrics.counter(name, what, move |tell| {
                tell(std::slice::from_ref(&scope), count(&of.stats()));
            });
        }
        let of = self.clone();
        let what = "What is left of a budget, of the name that has the least left.";
        metrics.ratio("budget_remaining_ratio", what, move |tell| {
            for (budget, share) in of.0.least() {
                let unit = KeyValue::new("unit", budget.unit().as_str());
                let window = KeyValue::new("window", budget.window().name());
                let part = (share * 1e6).round() as u64;
                tell(&[label.clone(), unit, window], part, 1_000_000);
            }
        });
    }
}

impl Inner {
    fn budgets(&self) -> Arc<[Budget]> {
        let budgets = self.budgets.read();
        budgets.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets names of which there is nothing to know; `false`: there are none.
    ///
    /// Windows end at full seconds, so that looking more often finds no more; and each look is at all names, while nobody else gets at them.
    fn make_room(&self, accounts: &mut HashMap<Box<str>, Arc<Account>>) -> bool {
        let now = self.core.clock.now();
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.full_at.swap(second, Relaxed) == second {
            return false;
        }
        // Others may be about to charge one that they hold.
        accounts.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_idle(now));
        let has_room = accounts.len() < self.most;
        if has_room {
            self.full_at.store(u64::MAX, Relaxed);
        }
        has_room
    }

    /// The least share that is left of each budget, whoever has it.
    fn least(&self) -> Vec<(Budget, f64)> {
        let budgets = self.budgets();
        let mut least: Vec<_> = budgets.iter().map(|budget| (*budget, 1.0)).collect();
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        for account in accounts.values().chain([&self.crowd]) {
            account.shares(|budget, share| {
                let same = |of: &&mut (Budget, f64)| of.0.counts_as(budget);
                match least.iter_mut().find(same) {
                    Some(of) => of.1 = of.1.min(share),
                    None => least.push((*budget, share)),
                }
            });
        }
        least
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets")
            .field("scope", &self.0.core.scope)
            .field("budgets", &self.0.budgets())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

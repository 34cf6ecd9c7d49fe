//! What second attempts may cost.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use obs_core::{Attempt, AttemptListener, Operation, Outcome, Purpose, Usd};
use tokio::time::Instant;

use super::Refusal;

/// Of how many pairs of operation and model the cost is known.
const MODELS: usize = 256;

/// After so many attempts, those before count half.
const REMEMBERED: u64 = 128;

/// Hears what attempts cost, and says whether there is money for another one.
///
/// What was spent leaks away with time: `amount` in each `period`.
#[derive(Debug)]
pub(super) struct Spending {
    amount: Usd,
    period: Duration,
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    spent: Usd,
    as_of: Instant,
    models: HashMap<Model, Costs>,
}

type Model = (Operation, Arc<str>);

/// What is set aside for a second attempt before it begins: it may wait for a permit, and others want the same money.
#[derive(Debug)]
pub(super) struct Reserved {
    spending: Arc<Spending>,
    model: Model,
    is_held: AtomicBool,
}

/// What attempts at a model cost.
#[derive(Clone, Copy, Debug, Default)]
struct Costs {
    /// Of so many answers, which had a price.
    sum: Usd,
    answers: u64,
    /// Second attempts that are to begin, and those that are under way.
    open: u64,
}

impl Spending {
    pub(super) fn new(amount: Usd, period: Duration) -> Self {
        let books = Books {
            spent: Usd::ZERO,
            as_of: Instant::now(),
            models: HashMap::new(),
        };
        Self {
            amount,
            period,
            books: Mutex::new(books),
        }
    }

    /// Sets aside what an attempt at this model costs, if there is as much.
    pub(super) fn reserve(
        self: &Arc<Self>,
        operation: Operation,
        model: &str,
    ) -> Result<Arc<Reserved>, Refusal> {
        let mut books = self.books();
        self.leak(&mut books);
        let open: Usd = books.models.values().filter_map(Costs::open).sum();
        let taken = books.spent + open;
        let model = (operation, model.into());
        let costs = books.models.get_mut(&model).ok_or(Refusal::Unpriced)?;
        let cost = costs.mean().ok_or(Refusal::Unpriced)?;
        if taken + cost > self.amount {
            return Err(Refusal::Dollars);
        }
        costs.open += 1;
        Ok(Arc::new(Reserved {
            spending: self.clone(),
            model,
            is_held: AtomicBool::new(true),
        }))
    }

    fn leak(&self, books: &mut Books) {
        let now = Instant::now();
        let passed = now.saturating_duration_since(books.as_of);
        books.as_of = now;
        let part = passed.as_nanos().min(self.period.as_nanos());
        let leaked =
            self.amount.pico().saturating_mul(part as i128) / self.period.as_nanos() as i128;
        let spent = (books.spent.pico() - leaked).max(0);
        books.spent = Usd::from_pico(spent);
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Costs {
    /// `None` while no cost is known.
    fn mean(&self) -> Option<Usd> {
        let answers = i128::from(self.answers);
        (answers > 0).then(|| Usd::from_pico(self.sum.pico() / answers))
    }

    fn open(&self) -> Option<Usd> {
        Some(self.mean()? * self.open)
    }

    fn learn(&mut self, cost: Usd) {
        self.sum += cost;
        self.answers += 1;
        if self.answers >= 2 * REMEMBERED {
            self.sum = Usd::from_pico(self.sum.pico() / 2);
            self.answers /= 2;
        }
    }
}

impl Reserved {
    /// It has begun, or never will.
    pub(super) fn release(&self) {
        if self.is_held.swap(false, Relaxed)
            && let Some(costs) = self.spending.books().models.get_mut(&self.model)
        {
            costs.open = costs.open.saturating_sub(1);
        }
    }
}

impl AttemptListener for Reserved {
    fn started(&self, attempt: &Attempt) {
        if attempt.purpose == Purpose::Hedge {
            self.release(); // it is among those that are under way
        }
    }

    fn ended(&self, _: &Attempt) {}
}

/// The share of calls said no.
impl Drop for Reserved {
    fn drop(&mut self) {
        self.release();
    }
}

impl AttemptListener for Spending {
    fn started(&self, attempt: &Attempt) {
        if attempt.purpose == Purpose::Hedge {
            let key = (attempt.operation, attempt.asked.clone());
            if let Some(costs) = self.books().models.get_mut(&key) {
                costs.open += 1;
            }
        }
    }

    fn ended(&self, attempt: &Attempt) {
        let mut books = self.books();
        self.leak(&mut books);
        let hedge = attempt.purpose == Purpose::Hedge;
        let key = (attempt.operation, attempt.asked.clone());
        let answered = attempt
            .cost
            .filter(|_| attempt.outcome == Some(Outcome::Answered));
        let Books { spent, models, .. } = &mut *books;
        let room = models.len() < MODELS;
        match models.get_mut(&key) {
            Some(costs) => {
                if hedge {
                    costs.open = costs.open.saturating_sub(1);
                    // Of one that was cancelled nobody knows what it cost: as much as others do, then.
                    let cost = attempt.cost.or(attempt.estimate).or(costs.mean());
                    *spent += cost.unwrap_or_default();
                }
                if let Some(cost) = answered {
                    costs.learn(cost);
                }
            }
            None if room => {
                if let Some(cost) = answered {
                    models.entry(key).or_default().learn(cost);
                }
            }
            None => {}
        }
    }
}

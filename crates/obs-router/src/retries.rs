//! Asking the same route again.
use std::{fmt, sync::Arc, time::Duration};

use obs_core::Error;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::retry::budget::{Budget, TpsBudget};

use crate::chance::Chance;

/// Whether and when the same route is asked again, after a failure that may pass by itself: see
/// [`ErrorKind::is_transient`](obs_core::ErrorKind::is_transient). A route that was silent is never asked again.
///
/// The pauses double from one to the next, and up to half of each is added by chance, so that many callers do not come back
/// at once. Where the provider says `Retry-After`, that is waited for; but while another route is left, only up to the
/// [patience](Self::patience). A pause that does not fit into the time that is left is not made.
///
/// All calls of a layer together retry at most a fifth as often as they try, and ten times a second besides (a
/// [`TpsBudget`]), so that a provider that is down is not hammered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    most: u32,
    first: Duration,
    longest: Duration,
    patience: Duration,
}

/// What the services of a layer share of it.
#[derive(Clone)]
pub(crate) struct Shared {
    retries: Retries,
    budget: Arc<TpsBudget>,
}

/// The tries of one call on its route of now.
#[derive(Default)]
pub(crate) struct Tries {
    made: u32,
}

impl Retries {
    /// At most so many retries on each route of a call, 250 ms to 5 s after each other. Zero: none.
    #[must_use]
    pub const fn new(most: u32) -> Self {
        Self {
            most,
            first: Duration::from_millis(250),
            longest: Duration::from_secs(5),
            patience: Duration::from_secs(1),
        }
    }

    /// The first pause and the longest one, without what chance adds.
    ///
    /// # Panics
    ///
    /// If the first one is zero, or longer than the longest.
    #[must_use]
    pub const fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        assert!(
            !first.is_zero() && first.as_nanos() <= longest.as_nanos(),
            "pauses grow from the first to the longest, and the first is not zero"
        );
        self.first = first;
        self.longest = longest;
        self
    }

    /// The longest `Retry-After` that is waited for while another route is left.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl Retries {
    /// The pause after so many retries. `chance`: 0 to 1.
    fn pause(&self, made: u32, chance: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(made));
        let pause = doubled.min(self.longest);
        pause.saturating_add(pause.mul_f64(chance / 2.0))
    }
}

impl Shared {
    pub(crate) fn new(retries: Retries) -> Self {
        Self {
            retries,
            budget: Arc::default(),
        }
    }

    /// A first try was made.
    pub(crate) fn deposit(&self) {
        if self.retries.most > 0 {
            self.budget.deposit();
        }
    }

    /// The pause before the same route is asked again; `None`: it is not.
    ///
    /// `end`: when there is no more time for this route. `elsewhere`: whether another route is left.
    pub(crate) fn pause(
        &self,
        tries: &mut Tries,
        error: &Error,
        end: Option<Instant>,
        elsewhere: bool,
        chance: &Chance,
    ) -> Option<Sleep> {
        let Self { retries, budget } = self;
        if tries.made >= retries.most || !error.kind().is_transient() {
            return None;
        }
        let asked = error.retry_after();
        if elsewhere && asked.is_some_and(|asked| asked > retries.patience) {
            return None;
        }
        let now = Instant::now();
        let own = now.checked_add(retries.pause(tries.made, chance.draw()))?;
        let until = match asked.map(|asked| now.checked_add(asked)) {
            Some(asked) => own.max(asked?),
            None => own,
        };
        if end.is_some_and(|end| until >= end) || !budget.withdraw() {
            return None;
        }
        tries.made += 1;
        Some(sleep_until(until))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.retries.fmt(f)
    }
}

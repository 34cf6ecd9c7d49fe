//! What a layer counts with. One place for each figure, read by `stats()` and by the exporter alike.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

use obs_core::Usd;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// A number that goes up and down: what is in flight, open, or held.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

/// An exact sum of money. Only add what is not negative to one that is exported as a counter.
#[derive(Debug, Default)]
pub struct Dollars(Mutex<Usd>);

impl Count {
    /// Zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The sum so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl From<u64> for Count {
    fn from(n: u64) -> Self {
        Self(AtomicU64::new(n))
    }
}

impl Level {
    /// Zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// One less.
    pub fn dec(&self) {
        self.add(-1);
    }

    /// So many more, or less.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Sets it, for a level that somebody else keeps.
    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }

    /// The level now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

impl Dollars {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Usd::ZERO))
    }

    /// So much more.
    pub fn add(&self, amount: Usd) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += amount;
    }

    /// The sum so far, exact.
    #[must_use]
    pub fn get(&self) -> Usd {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_money_is_exact() {
        let sum = Dollars::new();
        for _ in 0..1_000 {
            sum.add(Usd::from_pico(1));
        }
        sum.add(Usd::from_pico(i128::from(i64::MAX)));
        assert_eq!(sum.get(), Usd::from_pico(i128::from(i64::MAX) + 1_000));
    }
}

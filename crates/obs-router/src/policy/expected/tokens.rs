//! How many tokens an answer will have.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use obs_core::{Attempt, AttemptListener, Outcome, Usage};

/// Bytes of a prompt that are one token, about.
const BYTES: u64 = 4;

/// Tokens of an answer before any was seen.
const AT_FIRST: f64 = 300.0;

/// What one more answer counts, of all that were seen.
const WEIGHT: f64 = 0.02;

/// How many tokens answers of each route have, lately and on average.
#[derive(Debug)]
pub(super) struct Tokens(Box<[(Arc<str>, AtomicU64)]>);

impl Tokens {
    pub(super) fn new(routes: impl Iterator<Item = Arc<str>>) -> Self {
        let first = || AtomicU64::new(AT_FIRST.to_bits());
        Self(routes.map(|name| (name, first())).collect())
    }

    /// For a prompt of so many bytes.
    pub(super) fn expected(&self, route: usize, bytes: u64) -> Usage {
        let output = self
            .0
            .get(route)
            .map_or(AT_FIRST, |(_, mean)| f64::from_bits(mean.load(Relaxed)));
        Usage {
            input: bytes.div_ceil(BYTES),
            output: output.round() as u64,
            ..Usage::default()
        }
    }
}

impl AttemptListener for Tokens {
    fn ended(&self, attempt: &Attempt) {
        let (Some(usage), Some(Outcome::Answered)) = (attempt.usage, attempt.outcome) else {
            return;
        };
        let name = attempt.route.as_deref();
        if let Some((_, mean)) = self.0.iter().find(|(of, _)| Some(&**of) == name) {
            let step = |bits| {
                let mean = f64::from_bits(bits);
                Some((mean + WEIGHT * (usage.output as f64 - mean)).to_bits())
            };
            // It never says no.
            let _ = mean.fetch_update(Relaxed, Relaxed, step);
        }
    }
}

//! How long a route takes to its first token, as it was recorded.
use std::time::Duration;

use crate::rng::{Rng, unit};

/// How many times are kept.
const KEPT: usize = 4096;

/// Some of the times that were recorded, each as likely as any other (a reservoir).
#[derive(Clone, Debug)]
pub(super) struct FirstTokens {
    /// In milliseconds.
    kept: Vec<u32>,
    seen: u32,
    sum: f64,
    rng: Rng,
}

impl FirstTokens {
    pub(super) fn new() -> Self {
        Self {
            kept: Vec::new(),
            seen: 0,
            sum: 0.0,
            rng: Rng::new(1),
        }
    }

    pub(super) fn add(&mut self, micros: u64) {
        let millis = u32::try_from(micros.saturating_add(500) / 1000).unwrap_or(u32::MAX);
        self.seen = self.seen.saturating_add(1);
        self.sum += f64::from(millis);
        if self.kept.len() < KEPT {
            self.kept.push(millis);
            return;
        }
        let at = self.rng.below(self.seen) as usize;
        if let Some(place) = self.kept.get_mut(at) {
            *place = millis;
        }
    }

    pub(super) const fn seen(&self) -> u32 {
        self.seen
    }

    /// One of them that belongs to this key. `None`: nothing was recorded.
    pub(super) fn drawn(&self, seed: u64, key: u128) -> Option<Duration> {
        let at = (unit(seed, key) * self.kept.len() as f64) as usize;
        let millis = self.kept.get(at)?;
        Some(Duration::from_millis(u64::from(*millis)))
    }

    /// Of all of them.
    pub(super) fn mean(&self) -> Option<Duration> {
        let mean = (self.seen > 0).then(|| self.sum / f64::from(self.seen))?;
        Some(Duration::from_millis(mean.round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_like_the_whole() {
        let mut of = FirstTokens::new();
        assert_eq!((of.mean(), of.drawn(1, 1)), (None, None));
        (0..100_000).for_each(|n| of.add(n * 10));
        assert_eq!((of.kept.len(), of.seen()), (KEPT, 100_000));
        assert_eq!(of.mean(), Some(Duration::from_millis(500)));
        let drawn = (0..10_000).filter_map(|key| of.drawn(7, key));
        let mean = drawn.map(|of| of.as_secs_f64()).sum::<f64>() / 1e4;
        assert!((0.48..0.52).contains(&mean), "{mean}");
        assert_eq!(of.drawn(7, 3), of.drawn(7, 3));
    }
}

//! When answers are asked for again.
use std::time::Duration;

use super::{bins::Bins, change::chance};

/// Uses beyond which all of them count half.
const MEMORY: f64 = 4096.0;

/// Parts of a time to live.
const PARTS: usize = 16;

/// Fewest gaps that say anything of the others.
const ENOUGH: f64 = 16.0;

/// The time between two uses of the same key, and how old answers were when they were given again.
#[derive(Clone, Debug)]
pub(super) struct Reuse {
    gaps: Bins,
    /// Hits by the part of its time to live that the answer had lived; even at first, as it is where the times of calls are
    /// independent of each other.
    ages: [f64; PARTS],
    hits: f64,
}

impl Reuse {
    pub(super) fn used_again(&mut self, gap: Duration) {
        self.gaps.add(gap);
        if self.gaps.count() > MEMORY {
            self.gaps.fade(0.5);
        }
    }

    pub(super) fn hit(&mut self, age: Duration, ttl: Duration) {
        let part = age.as_secs_f64() / ttl.as_secs_f64() * PARTS as f64;
        self.ages[(part as usize).min(PARTS - 1)] += 1.0;
        self.hits += 1.0;
        if self.hits > MEMORY {
            self.ages.iter_mut().for_each(|hits| *hits /= 2.0);
            self.hits /= 2.0;
        }
    }

    /// The part of uses, the first one of each key left out, that a time to live of so many milliseconds makes hits.
    ///
    /// An answer that is used after a gap is still good unless it ended within the gap, and it ends anywhere.
    /// `None`: too little is known.
    pub(super) fn hits(&self, ttl: f64) -> Option<f64> {
        let all = self.gaps.count();
        let parts = self.gaps.iter().take_while(|(_, gap)| *gap < ttl);
        let hits: f64 = parts.map(|(n, gap)| n * (1.0 - gap / ttl)).sum();
        (all >= ENOUGH).then(|| hits / all)
    }

    /// The part of hits that is expected to be outdated, where answers change at this rate.
    pub(super) fn outdated(&self, rate: f64, ttl: f64) -> f64 {
        let all: f64 = self.ages.iter().sum();
        let parts = self.ages.iter().enumerate().map(|(part, hits)| {
            let age = (part as f64 + 0.5) / PARTS as f64 * ttl;
            hits * chance(rate, age)
        });
        parts.sum::<f64>() / all
    }

    pub(super) fn median(&self) -> Option<Duration> {
        self.gaps.median()
    }
}

impl Default for Reuse {
    fn default() -> Self {
        Self {
            gaps: Bins::default(),
            ages: [4.0; PARTS],
            hits: 4.0 * PARTS as f64,
        }
    }
}

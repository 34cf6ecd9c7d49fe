//! Sums by prompt, and intervals from resampled prompts.
use serde::Serialize;

use crate::rng::Rng;

/// What all calls of one prompt come to. Dollars are floats here, for intervals alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) calls: f64,
    pub(crate) quality: f64,
    pub(crate) weak: f64,
    pub(crate) strong: f64,
    pub(crate) paid: [f64; 2],
    pub(crate) baseline: [f64; 2],
}

/// A figure and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// The 2.5th percentile of the resamples.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// The figures of one contender, all from the same resamples as those of the others, so that they are paired.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Part of the always-premium bill that is saved, by each list of prices.
    pub saving: [Interval; 2],
    /// Part of the gap in quality between always cheap and always premium that is kept.
    pub kept: Interval,
    /// Share of right answers.
    pub right: Interval,
}

/// What is drawn together: all prompts of a cluster.
#[derive(Debug)]
pub(crate) struct Clusters(pub(crate) Vec<u32>);

impl Clusters {
    /// The figures of these sums by prompt, from so many resamples, which the seed decides.
    pub(crate) fn figures(&self, sums: &[Sums], resamples: usize, seed: u64) -> Figures {
        let count = self.0.iter().max().map_or(0, |last| *last as usize + 1);
        let mut by = vec![Sums::default(); count];
        for (cluster, sums) in self.0.iter().zip(sums) {
            by[*cluster as usize].add(sums);
        }
        let mut whole = Sums::default();
        by.iter().for_each(|of| whole.add(of));
        let mut rng = Rng::new(seed);
        let mut drawn: [Vec<f64>; 4] = Default::default();
        for _ in 0..resamples {
            let mut sample = Sums::default();
            for _ in 0..count {
                sample.add(&by[rng.below(count as u32) as usize]);
            }
            for (to, of) in drawn.iter_mut().zip(sample.all()) {
                to.push(of);
            }
        }
        let values = whole.all();
        let mut interval = |at: usize| {
            let of = &mut drawn[at];
            of.retain(|value| value.is_finite());
            of.sort_by(f64::total_cmp);
            let part = |part: f64| {
                let at = (of.len().saturating_sub(1)) as f64 * part;
                of.get(at.round() as usize).copied().unwrap_or(f64::NAN)
            };
            Interval {
                value: values[at],
                low: part(0.025),
                high: part(0.975),
            }
        };
        Figures {
            saving: [interval(0), interval(1)],
            kept: interval(2),
            right: interval(3),
        }
    }
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.quality += other.quality;
        self.weak += other.weak;
        self.strong += other.strong;
        for list in 0..2 {
            self.paid[list] += other.paid[list];
            self.baseline[list] += other.baseline[list];
        }
    }

    /// Saving by both lists, quality kept, share right.
    fn all(&self) -> [f64; 4] {
        let saving = |list: usize| 1.0 - self.paid[list] / self.baseline[list];
        let kept = (self.quality - self.weak) / (self.strong - self.weak);
        [saving(0), saving(1), kept, self.quality / self.calls]
    }
}

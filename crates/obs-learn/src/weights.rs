//! What a model knows, and the one formula by which it is used in training, in tests and in service.

use std::collections::BTreeMap;
use std::fmt;

use crate::dataset::{Dataset, Row};
use crate::features::{BUCKETS, Dense, FEATURES};

/// How far from its mean a feature counts, in standard deviations: one odd prompt must not decide by being odd.
const FARTHEST: f32 = 4.0;

/// Mean and spread of each structural feature, as learned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scaling {
    pub(crate) mean: [f32; FEATURES],
    /// Standard deviation; 0 for a feature that never varied, which then counts for nothing.
    pub(crate) spread: [f32; FEATURES],
}

/// Weights of words and pairs of words.
#[derive(Clone, PartialEq)]
pub(crate) struct Words {
    /// One for each bucket, in units of `step`.
    pub(crate) weights: Box<[i8]>,
    pub(crate) step: f32,
}

/// A linear model of the logit of a gain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) bias: f32,
    pub(crate) scaling: Scaling,
    /// Of a standard deviation of each feature.
    pub(crate) dense: [f32; FEATURES],
    pub(crate) words: Option<Words>,
    pub(crate) groups: BTreeMap<String, f32>,
}

impl Scaling {
    pub(crate) fn of<'a>(rows: impl Iterator<Item = &'a Dense> + Clone) -> Self {
        let count = rows.clone().count().max(1) as f64;
        let mut mean = [0.0; FEATURES];
        for row in rows.clone() {
            mean.iter_mut()
                .zip(row.0)
                .for_each(|(m, x)| *m += f64::from(x) / count);
        }
        let mut square = [0.0; FEATURES];
        for row in rows {
            square
                .iter_mut()
                .zip(row.0)
                .zip(mean)
                .for_each(|((s, x), m)| *s += (f64::from(x) - m).powi(2) / count);
        }
        // What varies less than rounding does not vary.
        let spread = square.map(|s| if s < 1e-8 { 0.0 } else { s.sqrt() as f32 });
        Self {
            mean: mean.map(|m| m as f32),
            spread,
        }
    }

    /// Each feature in standard deviations from its mean.
    pub(crate) fn apply(&self, dense: &Dense) -> [f32; FEATURES] {
        std::array::from_fn(|i| {
            if self.spread[i] == 0.0 {
                return 0.0;
            }
            ((dense.0[i] - self.mean[i]) / self.spread[i]).clamp(-FARTHEST, FARTHEST)
        })
    }
}

impl Words {
    /// Rounds weights to a byte each.
    pub(crate) fn quantised(raw: &[f32]) -> Self {
        debug_assert_eq!(raw.len(), BUCKETS, "a weight for each bucket");
        let largest = raw
            .iter()
            .fold(0.0f32, |most, weight| most.max(weight.abs()));
        let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        Self {
            weights: raw
                .iter()
                .map(|weight| (weight / step).round() as i8)
                .collect(),
            step,
        }
    }

    /// What the words of a prompt add to the logit, where `sum` is that of the weights of its `count` distinct terms.
    pub(crate) fn part(&self, sum: i32, count: u32) -> f32 {
        // Each prompt has the same length as a vector, however many words it has.
        self.step * sum as f32 / (count.max(1) as f32).sqrt()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words")
            .field("weights", &self.weights.len())
            .field("step", &self.step)
            .finish()
    }
}

impl Weights {
    /// What the structure of a prompt makes of the logit, the bias with it.
    pub(crate) fn structure(&self, dense: &Dense) -> f32 {
        let scaled = self.scaling.apply(dense);
        self.bias
            + scaled
                .iter()
                .zip(&self.dense)
                .map(|(x, weight)| x * weight)
                .sum::<f32>()
    }

    /// The logit of a kept row, its group told by name or not at all.
    pub(crate) fn logit(&self, data: &Dataset, row: &Row, group: Option<&str>) -> f32 {
        let words = self.words.as_ref().map_or(0.0, |words| {
            let terms = data.terms(row);
            words.part(
                terms
                    .iter()
                    .map(|&bucket| i32::from(words.weights[bucket as usize]))
                    .sum(),
                terms.len() as u32,
            )
        });
        self.structure(&row.dense) + words + self.group(group)
    }

    /// What a group adds to the logit; 0 for one that was never seen.
    pub(crate) fn group(&self, group: Option<&str>) -> f32 {
        group
            .and_then(|name| self.groups.get(name))
            .copied()
            .unwrap_or(0.0)
    }
}

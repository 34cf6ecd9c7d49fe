//! Predictions for rows that a model has not seen.

use crate::dataset::Dataset;
use crate::fit::{Parts, fit};
use crate::folds::Folds;

/// Rows by which a group's mean is drawn to that of all.
const PRIOR_ROWS: f32 = 3.0;
/// Logits of rows by models that did not see them.
pub(crate) struct HeldOut {
    pub(crate) told: Vec<f32>,
    /// Without the group.
    pub(crate) untold: Vec<f32>,
}

/// Fits a model for each fold to the rows that are not in it, and predicts those that are.
pub(crate) fn held_out(
    data: &Dataset,
    folds: &Folds,
    parts: Parts,
    tick: &mut impl FnMut(),
) -> HeldOut {
    let mut held = HeldOut {
        told: vec![0.0; data.len()],
        untold: vec![0.0; data.len()],
    };
    for fold in 0..folds.count {
        let (test, learn) = folds.split(fold);
        let weights = fit(data, &learn, parts);
        for row in test {
            let of = &data.rows[row as usize];
            let group = of.group.map(|group| data.groups[group as usize].as_str());
            held.untold[row as usize] = weights.logit(data, of, None);
            held.told[row as usize] = held.untold[row as usize] + weights.group(group);
        }
        tick();
    }
    held
}

/// The mean gain of a row's group in the other folds, drawn to that of all rows where the group is small.
pub(crate) fn group_prior(data: &Dataset, folds: &Folds) -> Vec<f32> {
    let mut prior = vec![0.0; data.len()];
    for fold in 0..folds.count {
        let (test, learn) = folds.split(fold);
        let mut sums = vec![(0.0, 0.0); data.groups() + 1];
        let at = |row: u32| {
            data.rows[row as usize]
                .group
                .map_or(data.groups(), |group| group as usize)
        };
        for &row in &learn {
            let sum = &mut sums[at(row)];
            *sum = (sum.0 + data.rows[row as usize].gain(), sum.1 + 1.0);
        }
        let mean = sums.iter().map(|sum| sum.0).sum::<f32>() / learn.len().max(1) as f32;
        for row in test {
            let (gains, rows) = sums[at(row)];
            prior[row as usize] = (gains + PRIOR_ROWS * mean) / (rows + PRIOR_ROWS);
        }
    }
    prior
}

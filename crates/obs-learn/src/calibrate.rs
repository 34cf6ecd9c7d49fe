//! Logits that mean what they say: Platt's scaling, fitted on predictions of rows that the model had not seen.

use serde::{Deserialize, Serialize};

use crate::logits::{logit, loss, sigmoid};

/// A straight line from a score to the logit of a gain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Added for each unit of the score.
    pub slope: f32,
    /// The logit at a score of zero.
    pub bias: f32,
}

/// How well calibrated probabilities are on held-out rows, the calibration itself fitted without them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// From the model's logit to the calibrated one.
    pub line: Line,
    /// Mean loss in nats.
    pub log_loss: f64,
    /// The same of who always says the mean.
    pub log_loss_of_mean: f64,
    /// Mean distance of what was predicted and what came, over ten groups of equal size.
    pub error: f64,
}

/// A score that tells nothing, or the contrary, keeps its order by so much.
const LEAST_SLOPE: f64 = 1e-3;

/// Groups of predictions for the calibration error.
const BINS: usize = 10;

impl Line {
    /// The line under which the labels are most probable, of those that do not turn the order of the scores round.
    pub(crate) fn fit(points: impl Iterator<Item = (f32, f32)> + Clone) -> Self {
        let count = points.clone().count().max(1) as f64;
        let mean = points.clone().map(|(x, _)| f64::from(x)).sum::<f64>() / count;
        let spread = (points
            .clone()
            .map(|(x, _)| (f64::from(x) - mean).powi(2))
            .sum::<f64>()
            / count)
            .sqrt();
        let label = points.clone().map(|(_, y)| f64::from(y)).sum::<f64>() / count;
        let mut bias = logit(label.clamp(1e-4, 1.0 - 1e-4));
        let mut slope = 0.0;
        if spread > 1e-9 {
            // Newton's method on two parameters; a little prior on the slope keeps it finite where labels can be told apart.
            for _ in 0..25 {
                let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, slope, 0.0, 0.0, 1.0);
                for (x, y) in points.clone() {
                    let x = (f64::from(x) - mean) / spread;
                    let p = 1.0 / (1.0 + (-(bias + slope * x)).exp());
                    let (g, h) = (p - f64::from(y), (p * (1.0 - p)).max(1e-9));
                    g0 += g;
                    g1 += g * x;
                    h00 += h;
                    h01 += h * x;
                    h11 += h * x * x;
                }
                let determinant = h00 * h11 - h01 * h01;
                let (d0, d1) = (
                    (h11 * g0 - h01 * g1) / determinant,
                    (h00 * g1 - h01 * g0) / determinant,
                );
                bias -= d0.clamp(-4.0, 4.0);
                slope -= d1.clamp(-4.0, 4.0);
                if d0.abs().max(d1.abs()) < 1e-10 {
                    break;
                }
            }
            slope /= spread;
        }
        if slope < LEAST_SLOPE {
            (slope, bias) = (LEAST_SLOPE, logit(label.clamp(1e-4, 1.0 - 1e-4)));
        }
        Self {
            slope: slope as f32,
            bias: (bias - slope * mean) as f32,
        }
    }

    /// The logit of a gain at this score.
    #[must_use]
    pub fn at(self, score: f32) -> f32 {
        self.slope * score + self.bias
    }
}

impl Calibration {
    /// From held-out logits with their labels and folds.
    pub(crate) fn cross_fitted(logits: &[f32], labels: &[f32], folds: &[u32]) -> Self {
        let fit = |without: Option<u32>| {
            let points = logits
                .iter()
                .zip(labels)
                .zip(folds)
                .filter(move |(_, fold)| Some(**fold) != without);
            Line::fit(points.map(|((x, y), _)| (*x, *y)))
        };
        let lines: Vec<Line> = (0..=folds.iter().copied().max().unwrap_or(0))
            .map(|fold| fit(Some(fold)))
            .collect();
        let predicted: Vec<f32> = logits
            .iter()
            .zip(folds)
            .map(|(x, fold)| lines[*fold as usize].at(*x))
            .collect();
        let rows = labels.len().max(1) as f64;
        let mean = labels.iter().map(|y| f64::from(*y)).sum::<f64>() / rows;
        let of_mean = logit(mean.clamp(1e-4, 1.0 - 1e-4)) as f32;
        Self {
            line: fit(None),
            log_loss: predicted
                .iter()
                .zip(labels)
                .map(|(z, y)| loss(*z, *y))
                .sum::<f64>()
                / rows,
            log_loss_of_mean: labels.iter().map(|y| loss(of_mean, *y)).sum::<f64>() / rows,
            error: error(&predicted, labels),
        }
    }
}

fn error(logits: &[f32], labels: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    let size = order.len().div_ceil(BINS).max(1);
    let distances = order.chunks(size).map(|bin| {
        let predicted: f64 = bin.iter().map(|&row| f64::from(sigmoid(logits[row]))).sum();
        let came: f64 = bin.iter().map(|&row| f64::from(labels[row])).sum();
        (predicted - came).abs()
    });
    distances.sum::<f64>() / order.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_judged_by_a_line_that_has_not_seen_its_fold() {
        // Each fold contradicts the other one: who had seen both would say a half.
        let (labels, folds) = ([1.0, 1.0, 0.0, 0.0], [0, 0, 1, 1]);
        let judged = Calibration::cross_fitted(&[0.0; 4], &labels, &folds);
        assert!((judged.log_loss_of_mean - 2f64.ln()).abs() < 1e-6);
        assert!(judged.log_loss > 9.0, "{}", judged.log_loss);
    }
}

//! From logged outcomes to a model, its proof and its judgement.

use crate::calibrate::{Calibration, Line};
use crate::dataset::Dataset;
use crate::evaluate::{Comparison, Outcomes, is_gap};
use crate::fit::{Parts, fit};
use crate::folds::Folds;
use crate::gate::Gate;
use crate::goal::Threshold;
use crate::header::{Header, Trained};
use crate::held_out::{group_prior, held_out};
use crate::logits::sigmoid;
use crate::model::Model;

/// The rule that a model has to beat on groups that it never saw: the longer the prompt, the sooner the premium route.
pub const LENGTH: &str = "prompt length";
/// What a model has to beat on rows that it never saw: the mean gain of the group.
pub const GROUP_PRIOR: &str = "group prior";
/// The model of structural features.
pub const STRUCTURE: &str = "structure";
/// The model of structural features, words and pairs of words.
pub const WORDS: &str = "structure and words";
/// The same, when the group is not told to it.
pub const WORDS_ALONE: &str = "structure and words, group untold";

/// Fewest rows that something is learned from.
pub const FEWEST_ROWS: usize = 100;

/// Points of the curve that is kept.
const POINTS: usize = 20;

/// How to train. The same rows and settings give the same model.
#[derive(Clone, Debug)]
pub struct Trainer {
    seed: u64,
    folds: u32,
    resamples: usize,
    groups: bool,
    date: String,
    source: String,
}

/// A model, and how it stood against its contenders.
#[derive(Clone, Debug)]
pub struct Training {
    /// Trained on all rows.
    pub model: Model,
    /// On rows held out at random, equal prompts together.
    pub rows: Comparison,
    /// On whole groups held out, resampled by group.
    pub groups: Comparison,
}

/// Rows from which nothing can be learned.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// Fewer than [`FEWEST_ROWS`].
    #[error("{0} rows; at least {FEWEST_ROWS} are needed")]
    TooFewRows(usize),
    /// On these rows there is nothing to be had for the price of the premium route.
    #[error(
        "premium answers ({premium:.3}) are no better than cheap ones ({cheap:.3}): route everything to cheap"
    )]
    NoGap {
        /// Mean quality of the cheap answers.
        cheap: f64,
        /// Mean quality of the premium answers.
        premium: f64,
    },
}

impl Trainer {
    /// Five folds, a thousand resamples, priors for groups, seed 1.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            seed: 1,
            folds: 5,
            resamples: 1000,
            groups: true,
            date: String::new(),
            source: String::new(),
        }
    }

    /// Decides folds and resamples.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many parts are held out in turn; at least two.
    ///
    /// # Panics
    ///
    /// Below two.
    #[must_use]
    pub const fn folds(mut self, folds: u32) -> Self {
        assert!(
            folds >= 2,
            "at least two folds: one to learn from and one to test on"
        );
        self.folds = folds;
        self
    }

    /// Resamples of each interval; at least 100.
    ///
    /// # Panics
    ///
    /// Below 100.
    #[must_use]
    pub const fn resamples(mut self, resamples: usize) -> Self {
        assert!(
            resamples >= 100,
            "at least 100 resamples: fewer make no 95 % interval"
        );
        self.resamples = resamples;
        self
    }

    /// Learns from prompts alone, for calls whose group is not known before they are made. Groups still serve for the tests.
    #[must_use]
    pub const fn prompts_alone(mut self) -> Self {
        self.groups = false;
        self
    }

    /// The day, for the file.
    #[must_use]
    pub fn date(mut self, date: impl Into<String>) -> Self {
        self.date = date.into();
        self
    }

    /// Where the rows came from, for the file.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Trains, tests and judges; `progress` hears how many of how many parts of the work are done.
    ///
    /// # Errors
    ///
    /// [`TrainError`] where there are too few rows, or nothing to be gained.
    pub fn train(
        &self,
        data: &Dataset,
        mut progress: impl FnMut(u32, u32),
    ) -> Result<Training, TrainError> {
        let trained = self.examine(data)?;
        let by_row = Folds::rows(data, self.folds, self.seed);
        let by_group = Folds::groups(data, self.folds, self.seed);
        let total = 2 * (by_row.count + by_group.count) + 2;
        let mut done = 0;
        let mut tick = move || {
            done += 1;
            progress(done, total);
        };
        let dense = Parts {
            words: false,
            groups: self.groups,
        };
        let words = Parts {
            words: true,
            groups: self.groups,
        };
        let length: Vec<f32> = data.rows.iter().map(|row| row.dense.length()).collect();

        let rows_dense = held_out(data, &by_row, dense, &mut tick);
        let rows_words = held_out(data, &by_row, words, &mut tick);
        let prior = group_prior(data, &by_row);
        let outcomes = Outcomes {
            delta: data.deltas(),
            fold: by_row.of.clone(),
            cluster: by_row.cluster.clone(),
        };
        let contenders: [(&str, &[f32]); 5] = [
            (LENGTH, &length),
            (GROUP_PRIOR, &prior),
            (STRUCTURE, &rows_dense.told),
            (WORDS, &rows_words.told),
            (WORDS_ALONE, &rows_words.untold),
        ];
        let untold = if self.groups && data.groups() > 1 {
            5
        } else {
            4
        };
        let rows = outcomes.compare(
            contenders.into_iter().take(untold),
            self.resamples,
            self.seed,
        );

        let groups_dense = held_out(data, &by_group, dense, &mut tick);
        let groups_words = held_out(data, &by_group, words, &mut tick);
        let outcomes = Outcomes {
            delta: data.deltas(),
            fold: by_group.of.clone(),
            cluster: by_group.cluster,
        };
        let contenders: [(&str, &[f32]); 3] = [
            (LENGTH, &length),
            (STRUCTURE, &groups_dense.told),
            (WORDS, &groups_words.told),
        ];
        let groups = outcomes.compare(contenders, self.resamples, self.seed);

        // Words have to earn their place: else the simpler model is taken.
        let earned = rows
            .difference(WORDS, STRUCTURE)
            .is_some_and(|d| d.low > 0.0)
            && groups
                .difference(WORDS, STRUCTURE)
                .is_some_and(|d| d.high > 0.0);
        let (family, parts, held) = if earned {
            (WORDS, words, rows_words.told)
        } else {
            (STRUCTURE, dense, rows_dense.told)
        };
        let gate = Gate::judge([
            ("held-out groups", &groups, family, LENGTH),
            ("held-out rows", &rows, family, GROUP_PRIOR),
        ]);
        tick();

        let labels: Vec<f32> = data.rows.iter().map(|row| row.gain()).collect();
        let calibration = Calibration::cross_fitted(&held, &labels, &by_row.of);
        let probabilities: Vec<f32> = held
            .iter()
            .map(|z| sigmoid(calibration.line.at(*z)))
            .collect();
        let curve = Outcomes::independent(data.deltas()).curve(&probabilities);
        let (by_gain, by_length) = (falling(&probabilities), falling(&length));
        let thresholds = (0..=POINTS).map(|point| {
            let share = point as f64 / POINTS as f64;
            Threshold {
                share: share as f32,
                gain: quantile(&by_gain, share),
                recovered: curve.recovered(share) as f32,
                length: quantile(&by_length, share),
            }
        });
        let all: Vec<u32> = (0..data.len() as u32).collect();
        let model = Model {
            header: Header {
                trained,
                family: family.to_owned(),
                gate,
                held_out_rows: rows.contenders.iter().map(|c| c.figures.clone()).collect(),
                held_out_groups: groups
                    .contenders
                    .iter()
                    .map(|c| c.figures.clone())
                    .collect(),
                calibration,
                rule: Line::fit(length.iter().copied().zip(labels.iter().copied())),
                thresholds: thresholds.collect(),
            },
            weights: fit(data, &all, parts),
        };
        tick();
        Ok(Training {
            model,
            rows,
            groups,
        })
    }

    fn examine(&self, data: &Dataset) -> Result<Trained, TrainError> {
        if data.len() < FEWEST_ROWS {
            return Err(TrainError::TooFewRows(data.len()));
        }
        let mean = |of: fn(&crate::dataset::Row) -> f32| {
            data.rows.iter().map(|row| f64::from(of(row))).sum::<f64>() / data.len() as f64
        };
        let (cheap, premium) = (mean(|row| row.cheap), mean(|row| row.premium));
        let gap: f64 = data.deltas().into_iter().map(f64::from).sum();
        if !is_gap(gap) {
            return Err(TrainError::NoGap { cheap, premium });
        }
        Ok(Trained {
            date: self.date.clone(),
            source: self.source.clone(),
            rows: data.len(),
            groups: data.groups(),
            cheap,
            premium,
            gain: mean(crate::dataset::Row::gain),
            seed: self.seed,
        })
    }
}

impl Default for Trainer {
    fn default() -> Self {
        Self::new()
    }
}

fn falling(values: &[f32]) -> Vec<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted
}

/// The value that this share of the others reaches, in a list that falls and is not empty.
fn quantile(falling: &[f32], share: f64) -> f32 {
    falling[((falling.len() - 1) as f64 * share).round() as usize]
}

//! What a model says of itself.

use serde::{Deserialize, Serialize};

use crate::calibrate::{Calibration, Line};
use crate::evaluate::Figures;
use crate::gate::Gate;
use crate::goal::Threshold;

/// What a model was trained on, what came of it, and how to use it: the readable part of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// What it was trained on.
    pub trained: Trained,
    /// Which of the families it is, by the name that the figures use.
    pub family: String,
    /// Whether it is better than the rule.
    pub gate: Gate,
    /// All contenders on rows that were held out at random.
    pub held_out_rows: Vec<Figures>,
    /// All contenders on whole groups that were held out.
    pub held_out_groups: Vec<Figures>,
    /// From its logit to the one that means what it says.
    pub calibration: Calibration,
    /// From the rule's score to the logit of a gain.
    pub rule: Line,
    /// The held-out curve with its thresholds, by rising share.
    pub thresholds: Vec<Threshold>,
}

/// What a model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// When, as the caller said; may be empty.
    pub date: String,
    /// On what, as the caller said; may be empty.
    pub source: String,
    /// Prompts.
    pub rows: usize,
    /// Groups that were named.
    pub groups: usize,
    /// Mean quality of the cheap answers, from 0 to 1.
    pub cheap: f64,
    /// Mean quality of the premium answers.
    pub premium: f64,
    /// Mean gain.
    pub gain: f64,
    /// The seed of folds and resamples.
    pub seed: u64,
}

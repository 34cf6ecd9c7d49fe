//! A learned model in service.

use std::ops::Range;

use crate::dataset::{Dataset, Row};
use crate::features::{Dense, FEATURES, NoTerms, Terms};
use crate::goal::{self, Goal, Threshold};
use crate::header::Header;
use crate::logits::sigmoid;
use crate::weights::Weights;
use crate::{Gate, Prompt};

/// Predicts the gain of a prompt: that the cheap answer fails and the premium one does not.
///
/// Made by [`Trainer`](crate::Trainer) or read from a file with [`Model::from_json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(crate) header: Header,
    pub(crate) weights: Weights,
}

/// What a model and the rule read in one prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The calibrated logit of a gain.
    pub logit: f32,
    /// What the rule goes by: the logarithm of one and the bytes of the prompt.
    pub length: f32,
}

/// Adds the weights of terms up.
struct Sum<'a> {
    weights: &'a [i8],
    sum: i32,
    count: u32,
}

impl Model {
    /// The probability of a gain, from 0 to 1. Nothing is allocated.
    ///
    /// Most [`MAX_SCANNED`](crate::MAX_SCANNED) bytes of the prompt are read, whatever its size.
    #[must_use]
    pub fn predict(&self, prompt: &(impl Prompt + ?Sized)) -> f32 {
        self.read(None, prompt).gain()
    }

    /// What is to be known of a prompt in one go, its group told if it is known. Nothing is allocated.
    #[must_use]
    pub fn read(&self, group: Option<&str>, prompt: &(impl Prompt + ?Sized)) -> Evidence {
        let (dense, words) = match &self.weights.words {
            Some(words) => {
                let mut sum = Sum {
                    weights: &words.weights,
                    sum: 0,
                    count: 0,
                };
                let dense = Dense::read(prompt, &mut sum);
                (dense, words.part(sum.sum, sum.count))
            }
            None => (Dense::read(prompt, &mut NoTerms), 0.0),
        };
        self.evidence(group, &dense, words)
    }

    /// The same of the features of a prompt that is not there any more, in the order of [`NAMES`](crate::NAMES): exactly what
    /// [`read`](Self::read) says of the prompt, but for a model that [reads words](Self::reads_words), which finds none.
    #[must_use]
    pub fn read_features(&self, group: Option<&str>, features: &[f32; FEATURES]) -> Evidence {
        self.evidence(group, &Dense(*features), 0.0)
    }

    /// Whether it reads words of prompts, besides their structure.
    #[must_use]
    pub const fn reads_words(&self) -> bool {
        self.weights.words.is_some()
    }

    fn evidence(&self, group: Option<&str>, dense: &Dense, words: f32) -> Evidence {
        let raw = self.weights.structure(dense) + words + self.weights.group(group);
        Evidence {
            logit: self.header.calibration.line.at(raw),
            length: dense.length(),
        }
    }

    /// The calibrated logit of a gain for each row, in their order: for figures on rows that it was not trained on.
    #[must_use]
    pub fn logits(&self, data: &Dataset) -> Vec<f32> {
        let of = |row: &Row| {
            let group = row.group.map(|group| data.groups[group as usize].as_str());
            let raw = self.weights.logit(data, row, group);
            self.header.calibration.line.at(raw)
        };
        data.rows.iter().map(of).collect()
    }

    /// The threshold that grants a goal, as seen on held-out rows. [`Target`](crate::Target) keeps its share true.
    #[must_use]
    pub fn threshold(&self, goal: Goal) -> Threshold {
        goal::threshold(&self.header.thresholds, goal)
    }

    /// Whether it was found better than the rule.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.header.gate
    }

    /// What it was trained on, and what came of it.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }
}

impl Evidence {
    /// The probability of a gain, from 0 to 1.
    #[must_use]
    pub fn gain(&self) -> f32 {
        sigmoid(self.logit)
    }
}

impl Terms for Sum<'_> {
    const PAIRS: bool = true;

    fn term(&mut self, bucket: u16, first: bool, _: usize, _: Range<usize>) {
        self.sum += i32::from(self.weights[bucket as usize]) * i32::from(first);
        self.count += u32::from(first);
    }
}

//! Why a prompt was scored as it was.

use std::ops::Range;

use obs_core::Role;

use crate::features::{Dense, FEATURES, NAMES, Terms};
use crate::model::Evidence;
use crate::{Model, Prompt};

/// What made up a prediction. The parts, [`Explanation::base`] and the words sum up to the calibrated logit.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What was read, as [`Model::read`] gives it.
    pub evidence: Evidence,
    /// The logit before anything was seen of the prompt.
    pub base: f32,
    /// What the group added.
    pub group: f32,
    /// Structural features that count, the weightiest first.
    pub features: Vec<Part>,
    /// What all words and pairs of words added.
    pub words: f32,
    /// The weightiest words and pairs of words. They are the prompt's own text: keep them out of logs and headers.
    pub terms: Vec<Term>,
}

/// What one structural feature added.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The feature, see [`NAMES`].
    pub name: &'static str,
    /// Its value in this prompt.
    pub value: f32,
    /// In standard deviations from what training saw.
    pub deviations: f32,
    /// What it added to the logit.
    pub added: f32,
}

/// What one word or pair of words added.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// As it stands in the prompt.
    pub text: String,
    /// What it added to the logit.
    pub added: f32,
}

/// Keeps where each term was met.
#[derive(Default)]
struct Places(Vec<(u16, usize, Range<usize>)>);

impl Model {
    /// Why it predicts what it predicts, with at most `most` words. This allocates.
    #[must_use]
    pub fn explain(
        &self,
        group: Option<&str>,
        prompt: &(impl Prompt + ?Sized),
        most: usize,
    ) -> Explanation {
        let line = self.header.calibration.line;
        let mut places = Places::default();
        let dense = Dense::read(prompt, &mut places);
        let scaled = self.weights.scaling.apply(&dense);
        let mut features: Vec<Part> = (0..FEATURES)
            .map(|i| Part {
                name: NAMES[i],
                value: dense.0[i],
                deviations: scaled[i],
                added: line.slope * self.weights.dense[i] * scaled[i],
            })
            .filter(|part| part.added != 0.0)
            .collect();
        features.sort_by(|a, b| b.added.abs().total_cmp(&a.added.abs()));
        let (mut words, mut terms) = (0.0, Vec::new());
        if let Some(weights) = &self.weights.words {
            let count = places.0.len() as u32;
            let weight = |bucket: u16| i32::from(weights.weights[bucket as usize]);
            words = line.slope
                * weights.part(places.0.iter().map(|place| weight(place.0)).sum(), count);
            places
                .0
                .sort_by_key(|place| std::cmp::Reverse(weight(place.0).abs()));
            places.0.truncate(most);
            let mut texts = vec![String::new(); places.0.len()];
            let mut index = 0;
            prompt.visit(&mut |_: Role, piece| {
                for ((_, at, range), text) in places.0.iter().zip(&mut texts) {
                    if *at == index {
                        *text =
                            String::from_utf8_lossy(&piece.as_bytes()[range.clone()]).into_owned();
                    }
                }
                index += 1;
            });
            let added = |bucket: u16| line.slope * weights.part(weight(bucket), count);
            terms = places
                .0
                .iter()
                .zip(texts)
                .map(|(place, text)| Term {
                    text,
                    added: added(place.0),
                })
                .collect();
        }
        Explanation {
            evidence: self.read(group, prompt),
            base: line.at(self.weights.bias),
            group: line.slope * self.weights.group(group),
            features,
            words,
            terms,
        }
    }
}

impl Terms for Places {
    const PAIRS: bool = true;

    fn term(&mut self, bucket: u16, first: bool, piece: usize, word: Range<usize>) {
        if first {
            self.0.push((bucket, piece, word));
        }
    }
}

//! Logged outcomes, kept as features.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::features::{Dense, FEATURES, Terms};
use crate::{Outcomes, Prompt};

/// Prompts with the quality of both answers. What is kept of a prompt is its features, not its text.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    pub(crate) rows: Vec<Row>,
    pub(crate) terms: Vec<u16>,
    pub(crate) groups: Vec<String>,
    index: BTreeMap<String, u32>,
}

/// A row that cannot be learned from.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("quality of the {route} answer is {value}; it must be from 0 to 1")]
pub struct BadQuality {
    /// Which of the two: `cheap` or `premium`.
    pub route: &'static str,
    /// What was given.
    pub value: f32,
}

/// One prompt as features.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) dense: Dense,
    pub(crate) terms: Range<usize>,
    pub(crate) group: Option<u32>,
    pub(crate) cheap: f32,
    pub(crate) premium: f32,
    /// Equal prompts have equal keys, so that they are never on both sides of a split.
    pub(crate) key: u64,
}

/// Keeps what a scan finds.
struct Keep<'a>(&'a mut Vec<u16>);

impl Dataset {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a prompt whose answers by the cheap and the premium route have the given qualities, each from 0 (bad) to 1 (good).
    ///
    /// `group` is whatever was known of the call before its prompt was read, and will be known again: a tenant, a namespace, a
    /// kind of job. Models learn a prior for each group, and are tested on groups that they never saw. Where no row has a group,
    /// stretches of neighbouring rows serve as groups in the tests, so rows should come in the order of time.
    ///
    /// # Errors
    ///
    /// [`BadQuality`] where a quality is not from 0 to 1.
    pub fn push(
        &mut self,
        group: Option<&str>,
        prompt: &(impl Prompt + ?Sized),
        cheap: f32,
        premium: f32,
    ) -> Result<(), BadQuality> {
        check(cheap, premium)?;
        let from = self.terms.len();
        let dense = Dense::read(prompt, &mut Keep(&mut self.terms));
        self.add(group, dense, from, cheap, premium);
        Ok(())
    }

    /// Adds a prompt of which only the [`features`](crate::features()) were kept. It has no words: where all rows are such, a model of
    /// words does not earn its place.
    ///
    /// # Errors
    ///
    /// [`BadQuality`] where a quality is not from 0 to 1.
    pub fn push_features(
        &mut self,
        group: Option<&str>,
        features: &[f32; FEATURES],
        cheap: f32,
        premium: f32,
    ) -> Result<(), BadQuality> {
        check(cheap, premium)?;
        // What was logged may be anything.
        let dense = Dense(features.map(|value| if value.is_finite() { value } else { 0.0 }));
        self.add(group, dense, self.terms.len(), cheap, premium);
        Ok(())
    }

    /// Adds a row, whose terms begin there.
    fn add(&mut self, group: Option<&str>, dense: Dense, from: usize, cheap: f32, premium: f32) {
        let terms = from..self.terms.len();
        let mut hasher = DefaultHasher::new();
        self.terms[terms.clone()].hash(&mut hasher);
        for value in dense.0 {
            value.to_bits().hash(&mut hasher);
        }
        let group = group.map(|name| match self.index.get(name) {
            Some(&known) => known,
            None => {
                let new = self.groups.len() as u32;
                self.groups.push(name.to_owned());
                self.index.insert(name.to_owned(), new);
                new
            }
        });
        self.rows.push(Row {
            dense,
            terms,
            group,
            cheap,
            premium,
            key: hasher.finish(),
        });
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many groups were named.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.groups.len()
    }

    /// What came of each row, to compare orders of them: see [`Outcomes`]. Scores that know the outcomes are the best order there can be.
    #[must_use]
    pub fn outcomes(&self) -> Outcomes {
        Outcomes::independent(self.deltas())
    }

    /// What the rule goes by, row by row: the logarithm of one and the bytes of the prompt.
    #[must_use]
    pub fn lengths(&self) -> Vec<f32> {
        self.rows.iter().map(|row| row.dense.length()).collect()
    }

    /// The mean quality of the cheap answers, and of the premium ones; zero without a row.
    #[must_use]
    pub fn means(&self) -> (f64, f64) {
        let rows = self.rows.len().max(1) as f64;
        let sum = |of: fn(&Row) -> f32| self.rows.iter().map(|row| f64::from(of(row))).sum::<f64>();
        (sum(|row| row.cheap) / rows, sum(|row| row.premium) / rows)
    }

    pub(crate) fn terms(&self, row: &Row) -> &[u16] {
        &self.terms[row.terms.clone()]
    }

    /// How much better the premium answer is, from -1 to 1, row by row.
    pub(crate) fn deltas(&self) -> Vec<f32> {
        self.rows
            .iter()
            .map(|row| row.premium - row.cheap)
            .collect()
    }
}

fn check(cheap: f32, premium: f32) -> Result<(), BadQuality> {
    for (route, value) in [("cheap", cheap), ("premium", premium)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(BadQuality { route, value });
        }
    }
    Ok(())
}

impl Row {
    /// What is learned: the cheap answer fails and the premium one does not. Of graded answers, by how much.
    pub(crate) const fn gain(&self) -> f32 {
        (self.premium - self.cheap).max(0.0)
    }
}

impl Terms for Keep<'_> {
    const PAIRS: bool = true;

    fn term(&mut self, bucket: u16, first: bool, _: usize, _: Range<usize>) {
        if first {
            self.0.push(bucket);
        }
    }
}

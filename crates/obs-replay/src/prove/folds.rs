//! Who learns from what: every prompt is decided by those who have not seen it.
use std::{collections::BTreeMap, sync::Arc};

use obs_core::Usd;
use obs_learn::{Dataset, Goal, Model, TrainError, Trainer};

use super::{
    data::Data,
    rules::{By, Deciding, threshold},
};
use obs_router::Discernment;

use crate::{Ask, ModelledJudge, Question, rng::Rng};

/// How many parts are held out in turn.
pub(crate) const FOLDS: u32 = 5;

/// A split of the prompts, the models that were trained on the rest of each part, and what simpler rules make of the same rest.
pub(crate) struct Split {
    folds: Arc<[u32]>,
    models: Arc<[Arc<Model>]>,
    /// For each fold, the places of the prompts that are not in it.
    learn: Vec<Vec<usize>>,
}

/// What belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Row,
    Group,
}

impl Split {
    /// Trains a model for each fold. `tick` hears of each.
    pub(crate) fn train(
        data: &Data,
        by: Unit,
        seed: u64,
        tick: &mut dyn FnMut(),
    ) -> Result<Self, TrainError> {
        let units: Vec<u32> = match by {
            Unit::Row => (0..data.prompts.len() as u32).collect(),
            Unit::Group => groups(data),
        };
        let count = units.iter().max().map_or(0, |last| last + 1);
        let mut fold: Vec<u32> = (0..count).map(|unit| unit % FOLDS).collect();
        Rng::new(seed).shuffle(&mut fold);
        let folds: Arc<[u32]> = units.iter().map(|unit| fold[*unit as usize]).collect();
        let learn: Vec<Vec<usize>> = (0..FOLDS)
            .map(|out| (0..folds.len()).filter(|row| folds[*row] != out).collect())
            .collect();
        let mut models = Vec::new();
        for rows in &learn {
            let mut set = Dataset::new();
            for row in rows {
                let of = &data.prompts[*row];
                // A quality that is none was no row of the data.
                let _ = set.push(Some(&of.group), &*of.text, of.quality[0], of.quality[1]);
            }
            let trained = Trainer::new()
                .seed(seed)
                .resamples(100)
                .train(&set, |_, _| ())?;
            models.push(Arc::new(trained.model));
            tick();
        }
        Ok(Self {
            folds,
            models: models.into(),
            learn,
        })
    }

    /// This policy at the threshold that grants the goal on what it may see.
    pub(crate) fn deciding(
        &self,
        data: &Data,
        questions: &[Arc<Question>],
        by: By,
        goal: Goal,
    ) -> Deciding {
        let thresholds = (0..FOLDS as usize).map(|fold| match (&by, goal) {
            (By::Learned(_), Goal::Share(share)) if share <= 0.0 => f32::MAX,
            (By::Expected(..), _) => 0.0,
            (By::Learned(_), _) => self.models[fold].threshold(goal).gain,
            _ => {
                let rows = &self.learn[fold];
                let alone = Deciding::always(by.clone());
                let score = |row: &usize| alone.score(&Ask::new(questions[*row].clone()), 0);
                let delta = |row: &usize| {
                    let [weak, strong] = data.prompts[*row].quality;
                    strong - weak
                };
                let (scores, deltas): (Vec<_>, Vec<_>) =
                    rows.iter().map(|row| (score(row), delta(row))).unzip();
                threshold(&scores, &deltas, goal)
            }
        });
        Deciding {
            thresholds: thresholds.collect(),
            folds: self.folds.clone(),
            by,
        }
    }

    /// Whether this policy is one of this split.
    pub(crate) fn made(&self, deciding: &Deciding) -> bool {
        Arc::ptr_eq(&self.folds, &deciding.folds)
    }

    /// The models, at a threshold.
    pub(crate) fn learned(&self) -> By {
        By::Learned(self.models.clone())
    }

    /// The models as a forecast, where a good answer is worth so much and there is such a judge.
    pub(crate) fn expected(&self, worth: Usd, judge: ModelledJudge) -> By {
        let judge = Discernment::new(judge.detection, judge.false_alarm);
        By::Expected(self.models.clone(), worth, judge)
    }

    /// How many models pass the gate.
    pub(crate) fn passed(&self) -> usize {
        let passed = |model: &&Arc<Model>| model.gate().better;
        self.models.iter().filter(passed).count()
    }
}

/// The group of each prompt, by number.
pub(crate) fn groups(data: &Data) -> Vec<u32> {
    let mut known = BTreeMap::new();
    let of = |group: &Arc<str>| {
        let next = known.len() as u32;
        *known.entry(group.clone()).or_insert(next)
    };
    data.prompts.iter().map(|row| &row.group).map(of).collect()
}

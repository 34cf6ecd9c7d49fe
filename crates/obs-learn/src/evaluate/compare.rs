//! Contenders side by side, with intervals from paired resamples.

use serde::{Deserialize, Serialize};

use super::{Outcomes, Ranking};
use crate::evaluate::Curve;
use crate::rng::Rng;

/// A figure with its 95 % interval and standard error, by bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// On the rows as they are.
    pub value: f64,
    /// The 2.5th percentile of the resamples.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
    /// The standard deviation of the resamples.
    pub error: f64,
}

/// How well one contender spends premium calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Who it is.
    pub name: String,
    /// Area under the curve; random has 0.5.
    pub apgr: Estimate,
    /// Share of premium calls that recovers 20 % of the gap in quality.
    pub cpt20: Estimate,
    /// For 50 %.
    pub cpt50: Estimate,
    /// For 80 %.
    pub cpt80: Estimate,
}

/// One contender: its figures, its curve, and what it had in each resample.
#[derive(Clone, Debug)]
pub struct Contender {
    /// The figures.
    pub figures: Figures,
    /// The curve of the rows as they are.
    pub curve: Curve,
    areas: Vec<f64>,
}

/// Contenders on the same rows and the same resamples.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// In the order in which they were given.
    pub contenders: Vec<Contender>,
}

const WISHES: [f64; 3] = [0.2, 0.5, 0.8];

impl Comparison {
    pub(super) fn new<'a>(
        outcomes: &Outcomes,
        contenders: impl IntoIterator<Item = (&'a str, &'a [f32])>,
        resamples: usize,
        seed: u64,
    ) -> Self {
        let rankings: Vec<_> = contenders
            .into_iter()
            .map(|(name, scores)| (name, Ranking::new(scores, outcomes)))
            .collect();
        let mut drawn: Vec<[Vec<f64>; 4]> = vec![Default::default(); rankings.len()];
        let resample = Resample::new(outcomes);
        let mut rng = Rng::new(seed);
        let mut times = vec![0; outcomes.delta.len()];
        for _ in 0..resamples {
            resample.draw(&mut rng, &mut times);
            for ((_, ranking), drawn) in rankings.iter().zip(&mut drawn) {
                let curve = ranking.curve(outcomes, Some(&times));
                if curve.area().is_finite() {
                    drawn[0].push(curve.area());
                    for (wish, drawn) in WISHES.iter().zip(&mut drawn[1..]) {
                        drawn.push(curve.share_for(*wish));
                    }
                }
            }
        }
        let contenders = rankings
            .into_iter()
            .zip(drawn)
            .map(|((name, ranking), drawn)| {
                let curve = ranking.curve(outcomes, None);
                let [areas, cpt20, cpt50, cpt80] = drawn;
                let figures = Figures {
                    name: name.to_owned(),
                    apgr: Estimate::of(curve.area(), &areas),
                    cpt20: Estimate::of(curve.share_for(WISHES[0]), &cpt20),
                    cpt50: Estimate::of(curve.share_for(WISHES[1]), &cpt50),
                    cpt80: Estimate::of(curve.share_for(WISHES[2]), &cpt80),
                };
                Contender {
                    figures,
                    curve,
                    areas,
                }
            });
        Self {
            contenders: contenders.collect(),
        }
    }

    /// The contender of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Contender> {
        self.contenders
            .iter()
            .find(|contender| contender.figures.name == name)
    }

    /// By how much the area of one is larger than that of another, paired; `None` where one of them is not here.
    #[must_use]
    pub fn difference(&self, one: &str, other: &str) -> Option<Estimate> {
        let (one, other) = (self.get(one)?, self.get(other)?);
        let differences: Vec<f64> = one
            .areas
            .iter()
            .zip(&other.areas)
            .map(|(a, b)| a - b)
            .collect();
        Some(Estimate::of(
            one.curve.area() - other.curve.area(),
            &differences,
        ))
    }
}

impl Estimate {
    fn of(value: f64, resampled: &[f64]) -> Self {
        if resampled.is_empty() {
            return Self {
                value,
                low: f64::MIN,
                high: f64::MAX,
                error: f64::MAX,
            };
        }
        let mut sorted = resampled.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        let variance = sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / sorted.len() as f64;
        Self {
            value,
            low: at(0.025),
            high: at(0.975),
            error: variance.sqrt(),
        }
    }
}

/// Draws clusters with replacement, within each fold as many as it has.
struct Resample {
    /// Rows of each cluster, by fold.
    folds: Vec<Vec<Vec<u32>>>,
}

impl Resample {
    fn new(outcomes: &Outcomes) -> Self {
        let mut clusters = std::collections::BTreeMap::<(u32, u32), Vec<u32>>::new();
        for (row, key) in outcomes
            .fold
            .iter()
            .copied()
            .zip(outcomes.cluster.iter().copied())
            .enumerate()
        {
            clusters.entry(key).or_default().push(row as u32);
        }
        let mut folds: Vec<Vec<Vec<u32>>> = Vec::new();
        for ((fold, _), rows) in clusters {
            folds.resize(folds.len().max(fold as usize + 1), Vec::new());
            folds[fold as usize].push(rows);
        }
        Self { folds }
    }

    fn draw(&self, rng: &mut Rng, times: &mut [u32]) {
        times.fill(0);
        for clusters in &self.folds {
            for _ in clusters {
                for &row in &clusters[rng.below(clusters.len() as u32) as usize] {
                    times[row as usize] += 1;
                }
            }
        }
    }
}

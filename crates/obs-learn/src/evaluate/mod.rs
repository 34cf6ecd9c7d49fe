//! How well an order of prompts spends premium calls: one implementation for all contenders.

mod compare;
mod ranking;

pub use compare::{Comparison, Contender, Estimate, Figures};
pub use ranking::{Curve, GRID};
pub(crate) use ranking::{Ranking, is_gap};

/// What came of each prompt, and how prompts belong together.
///
/// *Quality recovered* (PGR) at a share of premium calls is the part of the gap between always cheap and always premium that is
/// won by giving that share of the calls, the highest scores first, to the premium route. The curve is exact and piecewise
/// linear: prompts of equal score are taken in random order, by expectation, so a constant score is the diagonal. It may rise
/// above 1 where the premium route is sometimes worse.
///
/// Scores of different folds come from different models and are never compared: each fold gives the same share of its own calls,
/// and the curve is of their sum.
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// How much better the premium answer is, from -1 to 1.
    pub delta: Vec<f32>,
    /// The fold of each row: scores are only compared within it.
    pub fold: Vec<u32>,
    /// What is drawn together when resampling: the row itself, or its group.
    pub cluster: Vec<u32>,
}

impl Outcomes {
    /// Rows that are independent of each other, scored by one model.
    #[must_use]
    pub fn independent(delta: Vec<f32>) -> Self {
        let rows = delta.len() as u32;
        Self {
            fold: vec![0; delta.len()],
            cluster: (0..rows).collect(),
            delta,
        }
    }

    /// The curve of one order, given by scores: the highest goes to the premium route first.
    ///
    /// # Panics
    ///
    /// When there is not one score a row.
    #[must_use]
    pub fn curve(&self, scores: &[f32]) -> Curve {
        Ranking::new(scores, self).curve(self, None)
    }

    /// All contenders on the same resamples, so that their differences are paired.
    ///
    /// # Panics
    ///
    /// When a contender has not one score a row.
    #[must_use]
    pub fn compare<'a>(
        &self,
        contenders: impl IntoIterator<Item = (&'a str, &'a [f32])>,
        resamples: usize,
        seed: u64,
    ) -> Comparison {
        Comparison::new(self, contenders, resamples, seed)
    }
}

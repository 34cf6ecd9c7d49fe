//! The cost-quality curve of one order of prompts.

use super::Outcomes;

/// Steps of a curve: shares of premium calls from 0 to 1.
pub const GRID: usize = 200;

/// Quality recovered over the share of premium calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    recovered: Vec<f64>,
    area: f64,
}

/// Rows in the order of a score, made once for many resamples.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    folds: Vec<Fold>,
}

#[derive(Clone, Debug, Default)]
struct Fold {
    /// Rows, best first.
    order: Vec<u32>,
    /// Where in the order a run of equal scores ends.
    ends: Vec<u32>,
}

/// Whether so much better answers, all rows together, are more than rounding.
pub(crate) fn is_gap(gap: f64) -> bool {
    gap > 1e-9
}

impl Curve {
    /// Quality recovered at a share of premium calls from 0 to 1; shares beyond are taken for the nearest.
    #[must_use]
    pub fn recovered(&self, share: f64) -> f64 {
        let at = share.clamp(0.0, 1.0) * GRID as f64;
        let below = (at as usize).min(GRID - 1);
        let part = at - below as f64;
        self.recovered[below] * (1.0 - part) + self.recovered[below + 1] * part
    }

    /// APGR, the area under the curve: 0.5 for a random order. Exact, not from the grid.
    #[must_use]
    pub const fn area(&self) -> f64 {
        self.area
    }

    /// CPT, the smallest share of premium calls that recovers this much; 1 where no smaller one does.
    #[must_use]
    pub fn share_for(&self, recovered: f64) -> f64 {
        if recovered <= 0.0 {
            return 0.0;
        }
        let Some(after) = self
            .recovered
            .iter()
            .position(|&y| y >= recovered - 1e-9)
            .filter(|&at| at > 0)
        else {
            return 1.0;
        };
        let (low, high) = (self.recovered[after - 1], self.recovered[after]);
        (after as f64 - (high - recovered) / (high - low)).min(after as f64) / GRID as f64
    }
}

impl Ranking {
    pub(crate) fn new(scores: &[f32], outcomes: &Outcomes) -> Self {
        assert_eq!(scores.len(), outcomes.delta.len(), "one score a row");
        let count = outcomes
            .fold
            .iter()
            .max()
            .map_or(0, |&last| last as usize + 1);
        let mut folds = vec![Fold::default(); count];
        for (row, &fold) in outcomes.fold.iter().enumerate() {
            folds[fold as usize].order.push(row as u32);
        }
        for Fold { order, ends } in &mut folds {
            order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
            for at in 0..order.len() {
                if order
                    .get(at + 1)
                    .is_none_or(|&next| scores[next as usize] != scores[order[at] as usize])
                {
                    ends.push(at as u32 + 1);
                }
            }
        }
        Self { folds }
    }

    /// The curve of the rows, each taken as often as it says. Not a number where the premium route is no better at all.
    pub(crate) fn curve(&self, outcomes: &Outcomes, times: Option<&[u32]>) -> Curve {
        let mut recovered = vec![0.0; GRID + 1];
        let mut area = 0.0;
        let mut gap = 0.0;
        let times = |row: u32| times.map_or(1, |times| times[row as usize]);
        for fold in &self.folds {
            let calls: u64 = fold.order.iter().map(|&row| u64::from(times(row))).sum();
            if calls == 0 {
                continue;
            }
            let (mut from, mut won) = (0.0, 0.0);
            let (mut begin, mut filled) = (0, 0);
            for &end in &fold.ends {
                let (mut count, mut more) = (0, 0.0);
                for &row in &fold.order[begin..end as usize] {
                    count += times(row);
                    more += f64::from(times(row)) * f64::from(outcomes.delta[row as usize]);
                }
                begin = end as usize;
                if count == 0 {
                    continue;
                }
                let to = from + f64::from(count) / calls as f64;
                area += (to - from) * (won + more / 2.0);
                while filled <= GRID && filled as f64 / GRID as f64 <= to {
                    let part = (filled as f64 / GRID as f64 - from) / (to - from);
                    recovered[filled] += won + part * more;
                    filled += 1;
                }
                (from, won) = (to, won + more);
            }
            // The last share may fall short of 1 by rounding.
            recovered[filled..].iter_mut().for_each(|y| *y += won);
            gap += won;
        }
        // A gap that is not above zero has no parts.
        let gap = if is_gap(gap) { gap } else { f64::NAN };
        recovered.iter_mut().for_each(|y| *y /= gap);
        Curve {
            recovered,
            area: area / gap,
        }
    }
}

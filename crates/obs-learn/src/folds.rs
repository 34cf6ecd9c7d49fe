//! Who is held out together.

use std::collections::BTreeMap;

use crate::dataset::Dataset;
use crate::rng::Rng;

/// How many stretches of rows stand for groups where there are no groups.
const STRETCHES: usize = 20;

/// A split of the rows into parts that are predicted by models which did not see them.
#[derive(Clone, Debug)]
pub(crate) struct Folds {
    pub(crate) of: Vec<u32>,
    pub(crate) count: u32,
    /// What belongs together: the row, or the group.
    pub(crate) cluster: Vec<u32>,
}

impl Folds {
    /// Rows at random; equal prompts stay together, for else a repeat would be known by heart.
    pub(crate) fn rows(data: &Dataset, count: u32, seed: u64) -> Self {
        let mut known = BTreeMap::new();
        let cluster: Vec<u32> = data
            .rows
            .iter()
            .map(|row| {
                let next = known.len() as u32;
                *known.entry(row.key).or_insert(next)
            })
            .collect();
        Self::by(cluster, known.len(), count, seed)
    }

    /// Whole groups; or stretches of neighbouring rows where fewer than two groups are named.
    pub(crate) fn groups(data: &Dataset, count: u32, seed: u64) -> Self {
        if data.groups() < 2 {
            let rows = data.len().max(1);
            let cluster = (0..data.len())
                .map(|row| (row * STRETCHES / rows) as u32)
                .collect();
            return Self::by(cluster, STRETCHES, count, seed);
        }
        // Rows without a group are one group. Where there are none it is empty, and must not be all that is left to learn from.
        let rest = data.groups() as u32;
        let is_ungrouped = data.rows.iter().any(|row| row.group.is_none());
        let groups = data.groups() + usize::from(is_ungrouped || data.groups() > 2);
        let cluster = data
            .rows
            .iter()
            .map(|row| row.group.unwrap_or(rest))
            .collect();
        Self::by(cluster, groups, count, seed)
    }

    fn by(cluster: Vec<u32>, clusters: usize, count: u32, seed: u64) -> Self {
        let count = count.min(clusters as u32).max(1);
        let mut fold: Vec<u32> = (0..clusters as u32).map(|i| i % count).collect();
        Rng::new(seed).shuffle(&mut fold);
        Self {
            of: cluster.iter().map(|&c| fold[c as usize]).collect(),
            count,
            cluster,
        }
    }

    /// Rows that are in the fold, and rows that are not.
    pub(crate) fn split(&self, fold: u32) -> (Vec<u32>, Vec<u32>) {
        (0..self.of.len() as u32).partition(|&row| self.of[row as usize] == fold)
    }
}

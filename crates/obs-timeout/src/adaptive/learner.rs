//! Histories of operations and models.
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use obs_core::{Limit, Operation};
use tokio::time::Instant;

use super::{Adaptive, Learned, Sample, cell::Cell};

/// Learns one time, for each operation and model by itself. Shared by all services of a layer.
pub(crate) struct Learner {
    adaptive: Adaptive,
    phase: Limit,
    kept: RwLock<Kept>,
}

type Kept = [HashMap<Arc<str>, Arc<Cell>>; Operation::ALL.len()];

impl Learner {
    pub(crate) fn new(adaptive: Adaptive, phase: Limit) -> Arc<Self> {
        Arc::new(Self {
            adaptive,
            phase,
            kept: RwLock::default(),
        })
    }

    /// The time in force for an attempt that begins, and the sample that it will be.
    pub(crate) fn begin(
        self: &Arc<Self>,
        operation: Operation,
        model: &str,
        fixed: Option<Duration>,
        start: Instant,
    ) -> (Option<Duration>, Sample) {
        let cell = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            kept[operation.index()].get(model).cloned()
        };
        let time = self.time(cell.as_deref(), fixed, start);
        let sample = match cell {
            Some(cell) => Sample::known(cell, start),
            None => Sample::new(self.clone(), operation, model, start),
        };
        (time, sample)
    }

    /// What was learned, in order of operations and models. `fixed` tells the fixed times.
    pub(crate) fn learned(
        &self,
        fixed: impl Fn(Operation, &str) -> Option<Duration>,
    ) -> Vec<Learned> {
        let now = Instant::now();
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        for operation in Operation::ALL {
            for (model, cell) in &kept[operation.index()] {
                all.push(Learned {
                    operation,
                    model: model.clone(),
                    phase: self.phase,
                    samples: cell.len(now),
                    percentile: cell.percentile(0, now),
                    time: self.time(Some(cell), fixed(operation, model), now),
                });
            }
        }
        all.sort_by(|a, b| (a.operation, &a.model).cmp(&(b.operation, &b.model)));
        all
    }

    /// The place of a model of which something is known now; `None` if there is none to be had.
    pub(super) fn cell(
        &self,
        operation: Operation,
        model: &str,
        now: Instant,
    ) -> Option<Arc<Cell>> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = kept[operation.index()].get(model) {
            return Some(cell.clone());
        }
        let most = self.adaptive.models;
        let len = |kept: &Kept| kept.iter().map(HashMap::len).sum::<usize>();
        if len(&kept) >= most {
            for of in kept.iter_mut() {
                of.retain(|_, cell| cell.len(now) > 0);
            }
            if len(&kept) >= most {
                return None;
            }
        }
        let cell = Arc::new(Cell::new(&self.adaptive, now));
        kept[operation.index()].insert(model.into(), cell.clone());
        Some(cell)
    }

    fn time(&self, cell: Option<&Cell>, fixed: Option<Duration>, now: Instant) -> Option<Duration> {
        let warm_up = self.adaptive.warm_up;
        let percentile = cell.and_then(|cell| cell.percentile(warm_up, now));
        self.adaptive.time(percentile, fixed)
    }
}

impl fmt::Debug for Learner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learner")
            .field("adaptive", &self.adaptive)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

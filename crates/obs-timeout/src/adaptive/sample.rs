//! One attempt, measured.
use std::{fmt, sync::Arc};

use obs_core::Operation;
use tokio::time::Instant;

use super::{Learner, cell::Cell};

/// Waits for what is measured. Dropped before it came, it did not come, for a reason that is not ours.
pub(crate) struct Sample {
    of: Of,
    start: Instant,
}

enum Of {
    Known(Arc<Cell>),
    /// Nothing is known of it, and it takes no place until something is.
    New(Arc<Learner>, Operation, Box<str>),
    /// It is recorded.
    Done,
}

impl Sample {
    pub(super) const fn known(cell: Arc<Cell>, start: Instant) -> Self {
        Self {
            of: Of::Known(cell),
            start,
        }
    }

    pub(super) fn new(
        learner: Arc<Learner>,
        operation: Operation,
        model: &str,
        start: Instant,
    ) -> Self {
        Self {
            of: Of::New(learner, operation, model.into()),
            start,
        }
    }

    /// It came, or was cut by the very limit that is learned. `None`: it did so before, or nothing is learned.
    pub(crate) fn record(place: &mut Option<Self>) {
        let Some(mut sample) = place.take() else {
            return;
        };
        let now = Instant::now();
        let took = now - sample.start;
        match std::mem::replace(&mut sample.of, Of::Done) {
            Of::Known(cell) => cell.record(took, now),
            Of::New(learner, operation, model) => {
                if let Some(cell) = learner.cell(operation, &model, now) {
                    cell.record(took, now);
                }
            }
            Of::Done => {}
        }
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        if let Of::Known(cell) = &self.of {
            let now = Instant::now();
            cell.missed(now - self.start, now);
        }
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample")
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

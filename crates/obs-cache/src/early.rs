//! Renewal of hot answers before their time is over.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use obs_core::{Key, Operation};
use obs_metrics::PerOperation;

use crate::freshness::share_of;

/// Of a new time, what the mean takes over.
const WEIGHT: f64 = 0.125;

/// Decides by chance which hit sets off a renewal, so that of many who come at the end of an answer's time one is
/// early enough (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015).
#[derive(Clone, Debug)]
pub(crate) struct Early {
    beta: f64,
    learned: Arc<Learned>,
}

#[derive(Debug, Default)]
struct Learned {
    /// Mean time that a call takes, in microseconds; zero: not known yet.
    means: PerOperation<AtomicU64>,
    drawn: AtomicU64,
}

impl Early {
    pub(crate) fn new(beta: f64) -> Self {
        Self {
            beta,
            learned: Arc::default(),
        }
    }

    /// A call took so long.
    pub(crate) fn took(&self, operation: Operation, time: Duration) {
        let mean = &self.learned.means[operation];
        let (known, new) = (mean.load(Relaxed) as f64, time.as_micros() as f64);
        let next = match known > 0.0 {
            true => known + WEIGHT * (new - known),
            false => new,
        };
        // Of two at a time one may be lost, which does no harm to a mean.
        mean.store((next as u64).max(1), Relaxed);
    }

    /// Whether this hit is the one, on an answer that is good for so long still.
    pub(crate) fn is_due(&self, operation: Operation, key: &Key, left: Duration) -> bool {
        let mean = self.learned.means[operation].load(Relaxed) as f64 * 1e-6;
        let draw = self.learned.drawn.fetch_add(1, Relaxed);
        let share = share_of(key, draw);
        // An exponential time, so that a hit at any moment is due as likely as one would be that had come all the while.
        left.as_secs_f64() <= -mean * self.beta * (1.0 - share).ln()
    }
}

#[cfg(test)]
mod tests {
    use obs_core::Fingerprint;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_chance_falls_with_the_time_that_is_left() {
        let key = Fingerprint::new().field("q", b"1").finish();
        let early = Early::new(2.0);
        assert!(
            !early.is_due(Operation::Chat, &key, SECOND),
            "nothing is known"
        );
        early.took(Operation::Chat, SECOND);
        let due = |left: u32| {
            let all = 0..20_000;
            let due = all.filter(|_| early.is_due(Operation::Chat, &key, left * SECOND));
            due.count() as f64 / 20_000.0
        };
        for left in [0, 1, 2, 6] {
            let expected = (-f64::from(left) / 2.0).exp();
            assert!((due(left) - expected).abs() < 0.02, "{left}: {}", due(left));
        }
        assert!(!early.is_due(Operation::Embeddings, &key, SECOND));
    }

    #[test]
    fn the_mean_follows_the_calls() {
        let early = Early::new(1.0);
        early.took(Operation::Chat, 10 * SECOND);
        for _ in 0..50 {
            early.took(Operation::Chat, SECOND);
        }
        let mean = early.learned.means[Operation::Chat].load(Relaxed);
        assert!((1_000_000..1_020_000).contains(&mean), "{mean}");
    }
}

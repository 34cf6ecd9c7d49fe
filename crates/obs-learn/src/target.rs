//! A share that stays true while the traffic changes.

use std::sync::atomic::{AtomicU64, Ordering};

/// Gives a share of calls to the premium route, the highest scores first, by a threshold that follows the traffic slowly.
///
/// Each call moves the threshold: up a little when it went to premium, down a little when it did not, so that it rests only where
/// the share is right. After `n` calls the share is off by at most `(range + 2 * step) / (step * n)`, whatever the scores are and
/// in whatever order they come, where `range` is how far the scores lie apart.
///
/// It is shared by reference and locks nothing. A decision costs some nanoseconds and allocates nothing.
#[derive(Debug)]
pub struct Target {
    share: AtomicU64,
    threshold: AtomicU64,
    step: f64,
}

impl Target {
    /// A share of calls from 0 to 1, the threshold to begin with, and by how much a call may move it, in units of the score.
    ///
    /// A step of a five-hundredth of the usual spread of scores follows a change within some hundreds of calls, and wavers by a
    /// percent or two meanwhile.
    ///
    /// # Panics
    ///
    /// When the share is not from 0 to 1, or the threshold or step is not finite, or the step is not above zero.
    #[must_use]
    pub const fn new(share: f64, threshold: f64, step: f64) -> Self {
        assert!(share >= 0.0 && share <= 1.0, "a share must be from 0 to 1");
        assert!(threshold.is_finite(), "a threshold must be finite");
        assert!(step.is_finite() && step > 0.0, "a step must be above zero");
        Self {
            share: AtomicU64::new(share.to_bits()),
            threshold: AtomicU64::new(threshold.to_bits()),
            step,
        }
    }

    /// Whether a call of this score goes to the premium route, and learns from it. A score that is not a number does not go, and
    /// moves nothing.
    pub fn admit(&self, score: f64) -> bool {
        if score.is_nan() {
            return false;
        }
        let share = self.share();
        // A share of all or nothing needs no threshold.
        if share <= 0.0 || share >= 1.0 {
            return share >= 1.0;
        }
        let mut bits = self.threshold.load(Ordering::Relaxed);
        loop {
            let threshold = f64::from_bits(bits);
            let admitted = score >= threshold;
            let next = threshold + self.step * (f64::from(u8::from(admitted)) - share);
            match self.threshold.compare_exchange_weak(
                bits,
                next.to_bits(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return admitted,
                Err(now) => bits = now,
            }
        }
    }

    /// Whether a call of this score would go to the premium route now, with nothing learned from it.
    #[must_use]
    pub fn admits(&self, score: f64) -> bool {
        let share = self.share();
        let bounded = share > 0.0 && share < 1.0;
        !score.is_nan() && (share >= 1.0 || (bounded && score >= self.threshold()))
    }

    /// The threshold now.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        f64::from_bits(self.threshold.load(Ordering::Relaxed))
    }

    /// Another threshold from now on, such as one that was found before. One that is not finite changes nothing.
    pub fn set_threshold(&self, threshold: f64) {
        if threshold.is_finite() {
            self.threshold.store(threshold.to_bits(), Ordering::Relaxed);
        }
    }

    /// The share that is kept.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from_bits(self.share.load(Ordering::Relaxed))
    }

    /// Another share from now on, for budgets that change in the course of a day. Shares beyond 0 and 1 are taken for the nearest;
    /// one that is not a number changes nothing.
    pub fn set_share(&self, share: f64) {
        if !share.is_nan() {
            self.share
                .store(share.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
        }
    }
}

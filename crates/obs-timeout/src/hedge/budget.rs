//! How many calls may be made twice.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What one second attempt takes out of the bucket.
const ONE: u64 = 1_000_000;

/// A bucket into which each call puts a share of a second attempt, and which holds so many of them at most.
#[derive(Debug)]
pub(super) struct Bucket {
    level: AtomicU64,
    /// In millionths.
    share: u64,
    most: u64,
}

impl Bucket {
    /// Full.
    pub(super) fn new(share: f64, burst: u32) -> Self {
        let most = u64::from(burst) * ONE;
        Self {
            level: AtomicU64::new(most),
            share: (share * ONE as f64).round() as u64,
            most,
        }
    }

    /// A call was made.
    pub(super) fn deposit(&self) {
        let add = |level: u64| {
            let more = (level + self.share).min(self.most);
            (more != level).then_some(more)
        };
        // A bucket that is full is left alone: calls on many threads do not fight for it.
        let _ = self.level.fetch_update(Relaxed, Relaxed, add);
    }

    /// Takes out what a second attempt needs, or nothing.
    pub(super) fn withdraw(&self) -> bool {
        let take = |level: u64| level.checked_sub(ONE);
        self.level.fetch_update(Relaxed, Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_in_twenty_may_be_made_twice() {
        let bucket = Bucket::new(0.05, 2);
        assert!(bucket.withdraw() && bucket.withdraw());
        for _ in 0..10 {
            for _ in 0..19 {
                bucket.deposit();
                assert!(!bucket.withdraw());
            }
            bucket.deposit();
            assert!(bucket.withdraw());
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let bucket = Bucket::new(1.0, 3);
        for _ in 0..100 {
            bucket.deposit();
        }
        assert_eq!((0..100).filter(|_| bucket.withdraw()).count(), 3);
    }

    #[test]
    fn with_no_burst_there_is_no_second_attempt() {
        let bucket = Bucket::new(1.0, 0);
        bucket.deposit();
        assert!(!bucket.withdraw());
    }
}

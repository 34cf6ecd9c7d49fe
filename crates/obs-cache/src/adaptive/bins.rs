//! Times, counted by their order of magnitude.
use std::time::Duration;

/// Two for each doubling, from a millisecond to some decades.
const BINS: usize = 2 * 41;

/// Times in bins that get wider as the times get longer. What is old can be made to count for less.
#[derive(Clone, Debug)]
pub(super) struct Bins {
    counts: [f64; BINS],
    /// Of the times in each, in milliseconds.
    sums: [f64; BINS],
}

impl Bins {
    pub(super) fn add(&mut self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let octave = millis.ilog2() as usize;
        let half = match octave {
            0 => 0,
            _ => (millis >> (octave - 1)) as usize & 1,
        };
        let bin = (2 * octave + half).min(BINS - 1);
        self.counts[bin] += 1.0;
        self.sums[bin] += millis as f64;
    }

    /// Everything counts for so much less.
    pub(super) fn fade(&mut self, by: f64) {
        for value in self.counts.iter_mut().chain(&mut self.sums) {
            *value *= by;
        }
    }

    pub(super) fn count(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// How often about which time, in milliseconds, from the shortest to the longest.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, f64)> + Clone {
        let pairs = self.counts.iter().zip(&self.sums);
        let filled = pairs.filter(|(count, _)| **count > 0.0);
        filled.map(|(count, sum)| (*count, sum / count))
    }

    /// About the time that half of them do not reach; `None` without any.
    pub(super) fn median(&self) -> Option<Duration> {
        let half = self.count() / 2.0;
        let mut passed = 0.0;
        let mut times = self.iter();
        let (_, millis) = times.find(|(count, _)| {
            passed += count;
            passed >= half
        })?;
        Some(Duration::from_secs_f64(millis / 1e3))
    }
}

impl Default for Bins {
    fn default() -> Self {
        Self {
            counts: [0.0; BINS],
            sums: [0.0; BINS],
        }
    }
}

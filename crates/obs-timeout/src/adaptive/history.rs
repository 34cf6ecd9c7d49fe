//! How long attempts took lately.
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

/// Into how many parts a window is divided.
pub(super) const SLICES: usize = 3;

/// Microseconds, to two digits: what is told apart, and the largest, an hour.
const LEAST: u64 = 100;
const MOST: u64 = 3_600_000_000;
const DIGITS: u8 = 2;

/// A histogram that forgets.
pub(super) struct History {
    slices: [Histogram<u32>; SLICES],
    /// Their sum.
    all: Histogram<u32>,
    /// The slice of now.
    at: usize,
    since: Instant,
    slice: Duration,
    quantile: f64,
    /// As of when it was last asked for.
    percentile: Option<Duration>,
    /// How many samples have come since.
    unread: u64,
}

impl History {
    pub(super) fn new(window: Duration, quantile: f64, now: Instant) -> Self {
        let empty =
            || Histogram::new_with_bounds(LEAST, MOST, DIGITS).expect("the bounds are constant");
        Self {
            slices: std::array::from_fn(|_| empty()),
            all: empty(),
            at: 0,
            since: now,
            slice: window / SLICES as u32,
            quantile,
            percentile: None,
            unread: 0,
        }
    }

    pub(super) fn record(&mut self, took: Duration, now: Instant) {
        self.turn(now);
        let micros = u64::try_from(took.as_micros()).unwrap_or(MOST);
        self.slices[self.at].saturating_record(micros);
        self.all.saturating_record(micros);
        self.unread += 1;
    }

    /// How many samples count.
    pub(super) fn len(&mut self, now: Instant) -> u64 {
        self.turn(now);
        self.all.len()
    }

    /// `None` without a sample.
    pub(super) fn percentile(&mut self, now: Instant) -> Option<Duration> {
        self.turn(now);
        let len = self.all.len();
        // It goes through all the buckets: not for each sample of many.
        if self.unread > len / 64 {
            self.unread = 0;
            let micros = || self.all.value_at_quantile(self.quantile);
            self.percentile = (len > 0).then(|| Duration::from_micros(micros()));
        }
        self.percentile
    }

    /// Forgets what is too old.
    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed < self.slice {
            return;
        }
        let turns = passed.as_nanos() / self.slice.as_nanos();
        for _ in 0..turns.min(SLICES as u128) {
            self.at = (self.at + 1) % SLICES;
            self.slices[self.at].clear();
        }
        let over = passed.as_nanos() % self.slice.as_nanos();
        self.since = now - Duration::from_nanos(u64::try_from(over).unwrap_or_default());
        self.all.clear();
        for slice in &self.slices {
            self.all.add(slice).expect("all have the same bounds");
        }
        self.percentile = None;
        self.unread = u64::MAX / 2; // to be read
    }
}

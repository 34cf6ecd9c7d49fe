//! How often answers change.
use std::time::Duration;

use super::bins::Bins;

/// Observations of late by which it is told whether answers change more often than they did.
const RECENT: f64 = 32.0;

/// What is left of all that was seen, once answers change more often.
const AFTER_DRIFT: f64 = 0.1;

/// How often the answers of a class change, as the rate of a Poisson process that is the same for all of them.
///
/// When an answer is asked for again, all that is seen is whether it is another one than some time ago, and not when
/// or how often it changed. For such observations the likelihood has one maximum, which is found by bisection. To what
/// was seen is added: one change, so that a class without any is not taken for one that never changes, and time
/// without a change, so that before all observations the rate is `first`, which belongs to the time to live that the
/// operator has set.
#[derive(Clone, Debug)]
pub(super) struct ChangeRate {
    same: Bins,
    changed: Bins,
    /// Time without a change, in milliseconds, that stands for what the operator believes.
    believed: f64,
    /// Number of observations beyond which all of them count half.
    memory: f64,
    /// Changes in a millisecond.
    rate: f64,
    recent: Recent,
}

/// Changes that were seen of late, and that the rate had let expect.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    observations: f64,
    seen: f64,
    expected: f64,
}

impl ChangeRate {
    /// `first` is the rate before any observation, in changes in a millisecond.
    pub(super) fn new(first: f64, memory: f64) -> Self {
        Self {
            same: Bins::default(),
            changed: Bins::default(),
            believed: 1.0 / first,
            memory,
            rate: first,
            recent: Recent::default(),
        }
    }

    /// Changes in a millisecond, as last estimated.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn observations(&self) -> f64 {
        self.same.count() + self.changed.count()
    }

    /// After so long the answer was another one, or was not. `true`: answers change far more often than thought, and
    /// most of what was seen before is forgotten.
    pub(super) fn observe(&mut self, age: Duration, is_changed: bool) -> bool {
        let bins = match is_changed {
            true => &mut self.changed,
            false => &mut self.same,
        };
        bins.add(age);
        if self.observations() > self.memory {
            self.fade(0.5);
        }
        let millis = age.as_millis() as f64;
        let drifted = self.recent.observe(is_changed, chance(self.rate, millis));
        if drifted {
            self.fade(AFTER_DRIFT);
            self.recent = Recent::default();
        }
        drifted
    }

    /// Estimates the rate anew.
    pub(super) fn estimate(&mut self) {
        let unchanged: f64 = self.same.iter().map(|(n, age)| n * age).sum();
        // What each rate explains too little of is positive, and falls with the rate.
        let excess = |rate: f64| {
            let of = |(n, age): (f64, f64)| n * age / (rate * age).exp_m1();
            let changed: f64 = self.changed.iter().map(of).sum();
            changed + 1.0 / rate - unchanged - self.believed
        };
        // From once in a millisecond to once in 30 000 years.
        let (mut low, mut high) = (1e-15_f64.ln(), 0.0);
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            match excess(middle.exp()) > 0.0 {
                true => low = middle,
                false => high = middle,
            }
        }
        self.rate = f64::midpoint(low, high).exp();
    }

    fn fade(&mut self, by: f64) {
        self.same.fade(by);
        self.changed.fade(by);
        self.believed *= by;
    }
}

impl Recent {
    /// `true`: there were more changes than can well be chance (three standard deviations, and two more).
    fn observe(&mut self, is_changed: bool, expected: f64) -> bool {
        if self.observations >= RECENT {
            let Self {
                observations,
                seen,
                expected,
            } = *self;
            *self = Self {
                observations: observations / 2.0,
                seen: seen / 2.0,
                expected: expected / 2.0,
            };
        }
        self.observations += 1.0;
        self.expected += expected;
        self.seen += f64::from(u8::from(is_changed));
        self.seen > self.expected + 3.0 * self.expected.sqrt() + 2.0
    }
}

/// How likely an answer changed within so many milliseconds.
pub(super) fn chance(rate: f64, millis: f64) -> f64 {
    -(-rate * millis).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Time between two changes.
    fn every(rate: &ChangeRate) -> f64 {
        1.0 / rate.rate() / 60_000.0
    }

    /// Even numbers from 0 to 1, the same each time.
    fn even(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_769)) / f64::from(u32::MAX)
    }

    fn observe(rate: &mut ChangeRate, every: f64, ages: &[u32], times: u32) {
        for n in 0..times {
            let age = ages[n as usize % ages.len()];
            let is_changed = even(n) < chance(1.0 / every, f64::from(age));
            rate.observe(age * MINUTE, is_changed);
            rate.estimate();
        }
    }

    fn rate(first_minutes: f64) -> ChangeRate {
        ChangeRate::new(1.0 / (first_minutes * 60_000.0), 800.0)
    }

    #[test]
    fn before_any_observation_it_is_what_the_operator_believes() {
        let mut rate = rate(100.0);
        rate.estimate();
        assert!((every(&rate) - 100.0).abs() < 0.1, "{}", every(&rate));
    }

    #[test]
    fn the_truth_is_found_from_far_off_on_both_sides() {
        for first in [2.0, 60.0, 100_000.0] {
            let mut rate = rate(first);
            observe(&mut rate, 60.0, &[3, 10, 45], 3000);
            let found = every(&rate);
            assert!((48.0..75.0).contains(&found), "from {first}: {found}");
        }
    }

    #[test]
    fn long_ages_that_hide_several_changes_do_not_mislead() {
        let mut rate = rate(60.0);
        observe(&mut rate, 10.0, &[2, 30, 200], 600);
        let found = every(&rate);
        assert!((8.0..12.5).contains(&found), "{found}");
    }

    #[test]
    fn a_class_that_never_changed_is_trusted_in_proportion_to_the_time_seen() {
        let mut rate = rate(100.0);
        for _ in 0..100 {
            rate.observe(10 * MINUTE, false);
        }
        rate.estimate();
        assert!((every(&rate) - 1100.0).abs() < 5.0, "{}", every(&rate));
    }

    #[test]
    fn a_sudden_change_is_seen_within_a_few_observations() {
        let mut rate = rate(6000.0);
        observe(&mut rate, 6000.0, &[60], 800);
        let drifts = (0..8).filter(|_| rate.observe(60 * MINUTE, true)).count();
        rate.estimate();
        assert!(drifts > 0);
        assert!(every(&rate) < 1000.0, "{}", every(&rate));
    }

    #[test]
    fn chance_alone_is_seldom_taken_for_a_sudden_change() {
        let mut rate = rate(3000.0);
        let mut drifts = 0;
        for n in 0..20_000_u32 {
            let is_changed = even(n.wrapping_mul(7)) < chance(1.0 / 3000.0, 60.0);
            drifts += u32::from(rate.observe(60 * MINUTE, is_changed));
            if n % 16 == 0 {
                rate.estimate();
            }
        }
        assert!(drifts <= 4, "{drifts}");
    }
}

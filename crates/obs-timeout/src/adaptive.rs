//! Limits that are learned from how long models take.
mod cell;
mod history;
mod learned;
mod learner;
mod sample;

pub use self::learned::Learned;
pub(crate) use self::{learner::Learner, sample::Sample};

use std::time::Duration;

/// How a time is learned: from a percentile of how long attempts took lately, for each operation and model by itself.
///
/// The time in force is *percentile x factor*, not below the floor and not above the ceiling. While there are fewer samples
/// than the warm-up wants, the fixed time of the layer holds, or without one the ceiling.
///
/// # What is recorded
///
/// An attempt for which what is waited for **came** is recorded with the time that it took. One for which it **did not
/// come** has taken longer than it was let, nobody knows how much:
///
/// - Cut by the very limit that is learned: recorded with that limit. It is above the percentile, which is all that the
///   percentile has to know: leaving such attempts out would lower it, cut more of them, and lower it again. Because of the
///   factor, which is above 1, a model that has become slower raises the limit: once the attempts that are cut are more than
///   the percentile leaves over, it is multiplied by the factor, and so on until it is long enough, or at the ceiling.
/// - Ended in any other way (it failed, its caller left, it lost a race, another limit cut it): recorded with the time that
///   it took if that is above the percentile, and left out if not. Quick refusals say nothing about how fast a model is, and
///   who leaves early does not make it faster. If many callers leave before the percentile, it comes out somewhat too low.
///
/// # How long it is remembered
///
/// The window is three slices of time, of which the oldest is forgotten when a new one begins: samples count for two thirds
/// of the window at least, and for the whole of it at most. Percentiles are exact to one part in a hundred, between 0.1 ms
/// and 1 h, and lag by at most one sample in 64.
///
/// # What it takes
///
/// About 40 KiB for each operation and model for which anything has come, and for so many of them as
/// [`models`](Self::models) says. Then those go that were not heard of for a window; while there are none, further models
/// have the fixed time. A name that no model answers to takes no place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// From 0 to 1.
    quantile: f64,
    factor: Option<f64>,
    floor: Option<Duration>,
    ceiling: Option<Duration>,
    warm_up: u64,
    window: Duration,
    models: usize,
}

impl Adaptive {
    /// From this percentile, such as 99.0: with a warm-up of 100 samples, a window of 10 minutes, and for 64 models.
    ///
    /// # Panics
    ///
    /// Unless it is above 0 and below 100.
    #[must_use]
    pub const fn percentile(percentile: f64) -> Self {
        assert!(
            0.0 < percentile && percentile < 100.0,
            "no such percentile: expected a number above 0 and below 100"
        );
        Self {
            quantile: percentile / 100.0,
            factor: None,
            floor: None,
            ceiling: None,
            warm_up: 100,
            window: Duration::from_secs(600),
            models: 64,
        }
    }

    /// Times this. Unset: 2 for limits, 1 for hedges.
    ///
    /// # Panics
    ///
    /// Unless it is a number from 1 on. Limits need one from 1.1 on, and say so where they are set.
    #[must_use]
    pub const fn factor(mut self, factor: f64) -> Self {
        assert!(
            factor >= 1.0 && factor.is_finite(),
            "not a factor: expected a number from 1 on"
        );
        self.factor = Some(factor);
        self
    }

    /// Never less than this. Unset: 1 s for limits, none for hedges.
    #[must_use]
    pub const fn floor(mut self, floor: Duration) -> Self {
        self.floor = Some(floor);
        self
    }

    /// Never more than this, which wins over the floor. Unset: the fixed time, so that what is learned only ever shortens it.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    pub const fn ceiling(mut self, ceiling: Duration) -> Self {
        assert!(
            !ceiling.is_zero(),
            "a ceiling of zero would fail every attempt: expected a duration above zero"
        );
        self.ceiling = Some(ceiling);
        self
    }

    /// So many samples in the window before anything that is learned holds. Zero is as one.
    #[must_use]
    pub const fn warm_up(mut self, samples: u64) -> Self {
        self.warm_up = samples;
        self
    }

    /// For so long samples count.
    ///
    /// # Panics
    ///
    /// If it is shorter than 3 ms.
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        assert!(
            window.as_millis() >= history::SLICES as u128,
            "a window that short holds nothing: expected 3 ms or more"
        );
        self.window = window;
        self
    }

    /// Learns for so many pairs of operation and model.
    #[must_use]
    pub const fn models(mut self, most: usize) -> Self {
        self.models = most;
        self
    }

    /// Whether its factor, if it has one, lets a limit grow.
    pub(crate) fn grows(&self) -> bool {
        self.factor.is_none_or(|factor| factor >= 1.1)
    }

    /// What is unset becomes this.
    pub(crate) fn or(mut self, factor: f64, floor: Duration) -> Self {
        self.factor = self.factor.or(Some(factor));
        self.floor = self.floor.or(Some(floor));
        self
    }

    /// The time in force, of this percentile and this fixed time.
    fn time(&self, percentile: Option<Duration>, fixed: Option<Duration>) -> Option<Duration> {
        let Some(percentile) = percentile else {
            return fixed.or(self.ceiling);
        };
        // Whole milliseconds: timers have no finer ones, and messages tell it.
        let millis = percentile.as_secs_f64() * 1e3 * self.factor.unwrap_or(1.0);
        let time = Duration::from_millis(millis.ceil() as u64);
        let time = time.max(self.floor.unwrap_or_default());
        let ceiling = self.ceiling.or(fixed);
        Some(ceiling.map_or(time, |ceiling| time.min(ceiling)))
    }
}

//! How many answers of each route were found good: what a saving is worth nothing without.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use obs_apm::Telemetry;
use obs_replay::wilson;
use opentelemetry::KeyValue;

/// A score from here on is a good answer.
const GOOD: f32 = 0.5;

/// What was said of answers, by the route that gave them and by who said it.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Mutex<BTreeMap<(Arc<str>, By), Tally>>);

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// Those who got the answer.
    Caller,
    /// A comparison of two routes.
    Comparison,
}

/// Answers that somebody said something of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

impl Verdicts {
    /// An answer of this route was found to be this good, from 0 to 1.
    pub(super) fn add(&self, route: &Arc<str>, by: By, quality: f32) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = all.entry((route.clone(), by)).or_default();
        match quality >= GOOD {
            true => of.good += 1,
            false => of.bad += 1,
        }
    }

    /// What was said of answers of this route.
    pub(crate) fn of(&self, route: &str) -> Tally {
        self.sum(|name, _| name == route)
    }

    /// What callers said of their answers, whichever routes gave them.
    pub(crate) fn given(&self) -> Tally {
        self.sum(|_, by| by == By::Caller)
    }

    fn sum(&self, which: impl Fn(&str, By) -> bool) -> Tally {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let which = all.iter().filter(|((route, by), _)| which(route, *by));
        which.fold(Tally::default(), |sum, (_, of)| Tally {
            good: sum.good + of.good,
            bad: sum.bad + of.bad,
        })
    }

    /// Shows them as a metric.
    pub(super) fn show(self: &Arc<Self>, telemetry: &Telemetry) {
        let of = self.clone();
        let what = "Verdicts on answers, by the route that gave them, who said it, and whether the answer was good (a score of 0.5 or more).";
        telemetry
            .metrics()
            .counter("gateway_verdicts_total", what, move |tell| {
                let all = of.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
                for ((route, by), of) in all {
                    for (verdict, count) in [("good", of.good), ("bad", of.bad)] {
                        let labels = [
                            KeyValue::new("route", route.clone()),
                            KeyValue::new("by", by.as_str()),
                            KeyValue::new("verdict", verdict),
                        ];
                        tell(&labels, count);
                    }
                }
            });
    }
}

impl By {
    fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Comparison => "comparison",
        }
    }
}

impl Tally {
    /// How many there are.
    pub(crate) fn all(self) -> u64 {
        self.good + self.bad
    }

    /// The part that is good, with its 95 % interval; `None`: nobody said anything.
    pub(crate) fn share(self) -> Option<(f64, (f64, f64))> {
        let share = (self.all() > 0).then(|| self.good as f64 / self.all() as f64)?;
        Some((share, wilson(share, self.all())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_counted_by_route_and_what_callers_say_of_all() {
        let verdicts = Verdicts::default();
        let [cheap, premium] = ["cheap", "premium"].map(Arc::<str>::from);
        for quality in [1.0, 0.5, 0.49] {
            verdicts.add(&cheap, By::Caller, quality);
        }
        verdicts.add(&premium, By::Caller, 1.0);
        verdicts.add(&cheap, By::Comparison, 0.0);
        assert_eq!(verdicts.of("cheap"), Tally { good: 2, bad: 2 });
        assert_eq!(verdicts.given(), Tally { good: 3, bad: 1 });
        assert_eq!(verdicts.of("other").share(), None);
        let (share, (low, high)) = verdicts.given().share().unwrap();
        assert_eq!(share, 0.75);
        assert!(low > 0.3 && low < share && share < high && high < 1.0);
    }
}

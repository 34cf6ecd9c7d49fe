//! The choice of a time to live.
use std::time::Duration;

use super::{TtlReason, reuse::Reuse};

/// Between two times that are weighed up: an eighth of a doubling.
const STEP: f64 = 1.090_507_732_665_257_7;

/// Between what bounds, and for what share of outdated hits, is chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) floor: Duration,
    pub(super) ceiling: Duration,
    pub(super) target: f64,
}

/// What was chosen, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) ttl: Duration,
    pub(super) reason: TtlReason,
    /// The share of hits that is expected to be outdated.
    pub(super) outdated: f64,
}

impl Limits {
    /// The rate of change for which this time to live is just right, in changes in a millisecond.
    pub(super) fn rate_for(&self, ttl: Duration) -> f64 {
        2.0 * self.target / millis(ttl)
    }

    /// The best time to live for answers that change at this rate.
    ///
    /// Of the times whose share of outdated hits is within the target, the one with the most hits, less the outdated
    /// ones, each of which outweighs as many hits as makes a marginal hit worthless that is outdated twice as often as
    /// the target. With calls at independent times that are few, both bounds are one and the same; where calls are so
    /// many that a shorter time costs next to no hits, the second is the shorter.
    pub(super) fn plan(&self, rate: f64, reuse: &Reuse) -> Plan {
        let (floor, ceiling) = (millis(self.floor), millis(self.ceiling));
        let mut best = (floor, f64::NEG_INFINITY);
        let mut reached = floor;
        let mut ttl = floor;
        loop {
            let outdated = reuse.outdated(rate, ttl);
            if outdated > self.target && ttl > floor {
                break;
            }
            reached = ttl;
            let value = match reuse.hits(ttl) {
                Some(hits) => hits * (1.0 - outdated / (2.0 * self.target)),
                None => ttl,
            };
            if value >= best.1 {
                best = (ttl, value);
            }
            if ttl >= ceiling {
                break;
            }
            ttl = (ttl * STEP).min(ceiling);
        }
        let ttl = best.0;
        let outdated = reuse.outdated(rate, ttl);
        let reason = match ttl {
            _ if ttl <= floor && outdated > self.target => TtlReason::Floor,
            _ if ttl < reached => TtlReason::Reuse,
            _ if ttl >= ceiling => TtlReason::Ceiling,
            _ => TtlReason::Target,
        };
        Plan {
            ttl: Duration::from_secs_f64(ttl / 1e3),
            reason,
            outdated,
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const LIMITS: Limits = Limits {
        floor: MINUTE,
        ceiling: Duration::from_secs(24 * 3600),
        target: 0.01,
    };

    /// One change in so many minutes.
    fn every(minutes: f64) -> f64 {
        1.0 / (minutes * 60_000.0)
    }

    fn used_every(minutes: u32) -> Reuse {
        let mut reuse = Reuse::default();
        (0..1000).for_each(|_| reuse.used_again(minutes * MINUTE));
        reuse
    }

    #[test]
    fn before_any_observation_it_is_what_the_operator_set() {
        let plan = LIMITS.plan(LIMITS.rate_for(60 * MINUTE), &Reuse::default());
        let minutes = plan.ttl.as_secs_f64() / 60.0;
        assert!((54.0..=60.0).contains(&minutes), "{plan:?}");
        assert_eq!(plan.reason, TtlReason::Target);
    }

    #[test]
    fn it_falls_as_answers_change_more_often_and_stops_at_the_floor() {
        let reuse = used_every(1000);
        let ttl = |minutes| LIMITS.plan(every(minutes), &reuse).ttl;
        assert!(ttl(10_000.0) > 5 * ttl(1000.0) / 2);
        let plan = LIMITS.plan(every(1.0), &reuse);
        assert_eq!((plan.ttl, plan.reason), (MINUTE, TtlReason::Floor));
        assert!(plan.outdated > 0.3);
    }

    #[test]
    fn what_never_changes_reaches_the_ceiling() {
        let plan = LIMITS.plan(1e-15, &used_every(10));
        assert_eq!(plan.ttl, LIMITS.ceiling);
        assert_eq!(plan.reason, TtlReason::Ceiling);
    }

    #[test]
    fn what_is_used_all_the_time_is_not_kept_for_as_long_as_the_target_allows() {
        let rate = every(10_000.0);
        let mut hot = Reuse::default();
        (0..1000).for_each(|_| hot.used_again(Duration::from_secs(1)));
        let (hot, cold) = (LIMITS.plan(rate, &hot), LIMITS.plan(rate, &used_every(150)));
        assert_eq!(hot.reason, TtlReason::Reuse);
        assert!(hot.ttl < cold.ttl / 3, "{hot:?} {cold:?}");
        assert!(hot.outdated < 0.005 && cold.outdated <= 0.01);
    }

    #[test]
    fn who_always_comes_late_in_the_life_of_an_answer_makes_it_shorter() {
        let (mut late, mut early) = (Reuse::default(), Reuse::default());
        for _ in 0..1000 {
            late.hit(9 * MINUTE, 10 * MINUTE);
            early.hit(MINUTE, 10 * MINUTE);
        }
        let even = Reuse::default();
        let ttl = |reuse| LIMITS.plan(every(3000.0), reuse).ttl;
        assert!(ttl(&late) < ttl(&even) && ttl(&even) < ttl(&early));
    }
}

//! Dollars a day, kept while traffic changes.
use obs_learn::{Allowance, Target};

use crate::support::Chance;

/// Dollars spent on each of two days: the second is twice as busy, and its prompts cost twice as much.
fn spend(per_day: f64) -> [f64; 2] {
    let mut chance = Chance(3);
    let mut allowance = Allowance::new(per_day);
    let target = Target::new(0.2, 0.8, 0.002);
    let mut spent = [0.0; 2];
    for (day, spent) in spent.iter_mut().enumerate() {
        let (calls, factor) = [(8_000, 1.0), (16_000, 2.0)][day];
        for call in 0..calls {
            let at = 86_400.0 * (day as f64 + f64::from(call) / f64::from(calls));
            let premium = target.admit(f64::from(chance.unit()));
            let cost = factor * if premium { 0.01 } else { 0.0005 };
            allowance.observe(at, premium, cost);
            if let Some(share) = allowance.share() {
                target.set_share(share);
            }
            *spent += cost;
        }
    }
    spent
}

#[test]
fn a_day_costs_what_was_allowed_also_when_traffic_changes() {
    for per_day in [45.0, 60.0] {
        for spent in spend(per_day) {
            assert!((spent / per_day - 1.0).abs() < 0.06, "{spent} of {per_day}");
        }
    }
}

#[test]
fn an_allowance_that_is_too_small_or_too_large_asks_for_the_least_or_for_all() {
    let share = |per_day: f64, cheap: f64, premium: f64| {
        let mut allowance = Allowance::new(per_day);
        for call in 0..100 {
            let is = call % 2 == 0;
            allowance.observe(f64::from(call), is, if is { premium } else { cheap });
        }
        allowance.share()
    };
    assert_eq!(share(1e-3, 0.001, 0.01), Some(0.01));
    assert_eq!(share(1e9, 0.001, 0.01), Some(1.0));
    assert_eq!(
        share(1.0, 0.01, 0.001),
        Some(1.0),
        "the better one is the cheaper one"
    );
}

#[test]
fn calls_that_end_out_of_order_make_no_time() {
    let share = |late: fn(u32) -> f64| {
        let mut allowance = Allowance::new(2_000.0);
        for call in 0..20_000 {
            // A thousand calls a second.
            let at = 1e6 + f64::from(call) / 1000.0 - late(call);
            let is = call % 2 == 0;
            allowance.observe(at, is, if is { 4e-5 } else { 1e-6 });
        }
        allowance.share().expect("both were seen")
    };
    let (in_order, out_of_order) = (share(|_| 0.0), share(|call| f64::from(call % 7) / 100.0));
    assert!((0.2..0.8).contains(&in_order), "{in_order}");
    assert!(
        (in_order - out_of_order).abs() < 0.01,
        "{out_of_order} and not {in_order}"
    );
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_time() {
    let mut allowance = Allowance::new(60.0);
    let mut hour = |from: f64| {
        for call in 0..3600 {
            let is = call % 2 == 0;
            allowance.observe(from + f64::from(call), is, if is { 1e-3 } else { 1e-5 });
        }
        allowance.share().expect("both were seen")
    };
    let before = hour(1e6);
    let after = hour(1e6 - 86_400.0);
    assert!((before - after).abs() < 0.2, "{before}, then {after}");
}

#[test]
fn nothing_is_said_before_both_routes_were_seen() {
    let mut allowance = Allowance::new(1.0);
    for call in 0..100 {
        allowance.observe(f64::from(call), false, 0.001);
        allowance.observe(f64::from(call), true, f64::NAN);
    }
    assert_eq!(allowance.share(), None);
}

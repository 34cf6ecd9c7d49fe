//! The figures of a router, against sums made by hand and laws that they must keep.

use crate::support::Chance;
use obs_learn::Outcomes;
use proptest::prelude::*;

const NEAR: f64 = 1e-9;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < NEAR
}

#[test]
fn figures_agree_with_sums_made_by_hand() {
    // In the order of the scores: +1, 0, +1, 0. Quality recovered: 0, 1/2, 1/2, 1, 1.
    let curve = Outcomes::independent(vec![1.0, 0.0, 1.0, 0.0]).curve(&[4.0, 3.0, 2.0, 1.0]);
    assert!(near(curve.area(), (0.25 + 0.5 + 0.75 + 1.0) / 4.0));
    assert!(near(curve.recovered(0.25), 0.5));
    assert!(near(curve.recovered(0.625), 0.75));
    assert!(near(curve.share_for(0.2), 0.1));
    assert!(near(curve.share_for(0.5), 0.25));
    assert!(near(curve.share_for(0.8), 0.65));
    assert!(near(curve.share_for(1.0), 0.75));
    assert!(near(curve.share_for(1.5), 1.0), "never reached");
    assert!(near(curve.share_for(0.0), 0.0));
}

#[test]
fn prompts_of_equal_score_are_taken_in_random_order_by_expectation() {
    let constant = Outcomes::independent(vec![1.0, 0.0, 0.0, 1.0, -1.0, 1.0]).curve(&[7.0; 6]);
    assert!(near(constant.area(), 0.5));
    assert!(near(constant.recovered(0.3), 0.3));
    // Two tied at the top, one of which gains: half of the gain after half of them.
    let tied = Outcomes::independent(vec![1.0, 0.0, 1.0, 0.0]).curve(&[2.0, 2.0, 1.0, 1.0]);
    assert!(near(tied.area(), 0.5));
    assert!(near(tied.recovered(0.25), 0.25));
}

#[test]
fn worse_premium_answers_lift_the_best_order_above_one() {
    let delta = vec![1.0, 1.0, 0.0, -1.0];
    let curve = Outcomes::independent(delta.clone()).curve(&delta);
    assert!(near(curve.recovered(0.5), 2.0));
    assert!(near(curve.recovered(1.0), 1.0));
}

#[test]
fn without_a_gap_there_is_no_figure() {
    assert!(
        Outcomes::independent(vec![1.0, -1.0])
            .curve(&[1.0, 2.0])
            .area()
            .is_nan()
    );
    assert!(Outcomes::independent(vec![]).curve(&[]).area().is_nan());
}

#[test]
fn scores_of_different_folds_are_not_compared() {
    // Within each fold the order is perfect; the second model's scores are all higher.
    let folds = Outcomes {
        delta: vec![1.0, 0.0, 1.0, 0.0],
        fold: vec![0, 0, 1, 1],
        cluster: vec![0, 1, 2, 3],
    };
    let scores = [0.2, 0.1, 0.9, 0.8];
    assert!(near(folds.curve(&scores).area(), 0.75));
    assert!(
        folds.curve(&scores).area()
            > Outcomes::independent(folds.delta.clone())
                .curve(&scores)
                .area()
    );
}

#[test]
fn differences_are_paired() {
    let delta: Vec<f32> = (0..400)
        .map(|i| f32::from(u8::from(i * 7 % 10 < 3)))
        .collect();
    let noisy: Vec<f32> = delta
        .iter()
        .enumerate()
        .map(|(i, d)| d + (i * 37 % 100) as f32 / 50.0)
        .collect();
    let better: Vec<f32> = noisy
        .iter()
        .zip(&delta)
        .map(|(score, d)| score + 0.3 * d)
        .collect();
    let outcomes = Outcomes::independent(delta);
    let comparison = outcomes.compare(
        [("one", &noisy[..]), ("same", &noisy), ("better", &better)],
        300,
        1,
    );
    let same = comparison
        .difference("one", "same")
        .expect("both are there");
    assert_eq!(
        (same.value, same.low, same.high, same.error),
        (0.0, 0.0, 0.0, 0.0)
    );
    let by = comparison
        .difference("better", "one")
        .expect("both are there");
    let alone = comparison.get("better").expect("it is there").figures.apgr;
    assert!(by.low > 0.0, "{by:?}");
    assert!(
        by.error < alone.error / 1.5,
        "pairing takes out what both share: {by:?} {alone:?}"
    );
    assert!(comparison.difference("one", "nobody").is_none());
}

#[test]
fn intervals_cover_the_truth_about_as_often_as_they_say() {
    let mut state = 9u64;
    let mut unit = move || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 33) as f32 / (1u64 << 31) as f32
    };
    let mut draw = |rows: usize| -> (Vec<f32>, Vec<f32>) {
        (0..rows)
            .map(|_| {
                let score = unit();
                (score, f32::from(unit() < 0.2 + 0.4 * score))
            })
            .unzip()
    };
    let (scores, delta) = draw(100_000);
    let truth = Outcomes::independent(delta).curve(&scores).area();
    let covered = (0..200).filter(|seed| {
        let (scores, delta) = draw(200);
        let apgr = Outcomes::independent(delta)
            .compare([("it", &scores[..])], 200, *seed)
            .contenders[0]
            .figures
            .apgr;
        apgr.low <= truth && truth <= apgr.high
    });
    let covered = covered.count();
    assert!(
        (180..=199).contains(&covered),
        "{covered} of 200 intervals cover {truth}"
    );
}

#[test]
fn an_interval_ends_where_one_resample_in_forty_is_beyond_it() {
    let mut chance = Chance(5);
    let rows = 300;
    let delta: Vec<f32> = (0..rows).map(|_| f32::from(chance.unit() < 0.4)).collect();
    let scores: Vec<f32> = (0..rows).map(|_| chance.unit()).collect();
    let compared = Outcomes::independent(delta).compare([("chance", &scores[..])], 2_000, 3);
    let apgr = compared.contenders[0].figures.apgr;
    for side in [apgr.value - apgr.low, apgr.high - apgr.value] {
        let errors = side / apgr.error;
        assert!((1.75..2.2).contains(&errors), "{errors} errors: {apgr:?}");
    }
}

#[test]
fn as_many_are_drawn_of_a_fold_as_it_has() {
    let alone = Outcomes {
        delta: vec![1.0, 0.0, 1.0],
        fold: vec![0, 0, 1],
        cluster: vec![0, 0, 1],
    };
    // Of one group there is but one draw.
    let compared = alone.compare([("one", &[2.0, 1.0, 0.0][..])], 100, 1);
    let apgr = compared.contenders[0].figures.apgr;
    assert_eq!(
        (apgr.low, apgr.high, apgr.error),
        (apgr.value, apgr.value, 0.0)
    );
}

#[test]
fn rows_of_a_group_are_drawn_together() {
    // Ten groups of forty equal rows: there are ten things to draw, not four hundred.
    let delta: Vec<f32> = (0..400)
        .map(|row| f32::from(u8::from(row / 40 % 3 == 0)))
        .collect();
    let scores: Vec<f32> = (0..400).map(|row| (row / 40 * 7 % 10) as f32).collect();
    let alone = Outcomes::independent(delta);
    let grouped = Outcomes {
        cluster: (0..400).map(|row| row / 40).collect(),
        ..alone.clone()
    };
    let error = |outcomes: &Outcomes| {
        outcomes.compare([("it", &scores[..])], 300, 1).contenders[0]
            .figures
            .apgr
            .error
    };
    assert!(
        error(&grouped) > 3.0 * error(&alone),
        "{} {}",
        error(&grouped),
        error(&alone)
    );
}

proptest! {
    #[test]
    fn the_reverse_order_has_the_rest_of_the_area(rows in proptest::collection::vec((-1i8..=1, 0u8..6), 1..80)) {
        let delta: Vec<f32> = rows.iter().map(|row| f32::from(row.0)).collect();
        prop_assume!(delta.iter().sum::<f32>() > 0.0);
        let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.1)).collect();
        let reverse: Vec<f32> = scores.iter().map(|score| -score).collect();
        let outcomes = Outcomes::independent(delta);
        let (one, other) = (outcomes.curve(&scores), outcomes.curve(&reverse));
        prop_assert!((one.area() + other.area() - 1.0).abs() < 1e-6);
        prop_assert!((one.recovered(0.3) + other.recovered(0.7) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn only_the_order_of_scores_counts(rows in proptest::collection::vec((-1i8..=1, 0u8..6), 1..80), by in 1usize..79) {
        let delta: Vec<f32> = rows.iter().map(|row| f32::from(row.0)).collect();
        prop_assume!(delta.iter().sum::<f32>() > 0.0);
        let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.1)).collect();
        let area = Outcomes::independent(delta.clone()).curve(&scores).area();
        let stretched: Vec<f32> = scores.iter().map(|score| score.exp() - 3.0).collect();
        prop_assert!((area - Outcomes::independent(delta.clone()).curve(&stretched).area()).abs() < 1e-9);
        // Nor does the order of the rows, ties or not.
        let turn = |values: &[f32]| { let mut v = values.to_vec(); v.rotate_left(by % rows.len()); v };
        prop_assert!((area - Outcomes::independent(turn(&delta)).curve(&turn(&scores)).area()).abs() < 1e-6);
    }

    #[test]
    fn no_order_is_better_than_the_oracle(rows in proptest::collection::vec((-1i8..=1, -9.0f32..9.0), 1..80)) {
        let delta: Vec<f32> = rows.iter().map(|row| f32::from(row.0)).collect();
        prop_assume!(delta.iter().sum::<f32>() > 0.0);
        let scores: Vec<f32> = rows.iter().map(|row| row.1).collect();
        let outcomes = Outcomes::independent(delta.clone());
        let (order, oracle) = (outcomes.curve(&scores), outcomes.curve(&delta));
        for percent in 0..=100 {
            let share = f64::from(percent) / 100.0;
            prop_assert!(order.recovered(share) <= oracle.recovered(share) + 1e-6);
        }
    }
}

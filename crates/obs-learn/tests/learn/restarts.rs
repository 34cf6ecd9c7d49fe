//! What was learned in traffic, kept and taken up again.

use std::sync::Arc;

use crate::support::{Row, dataset, rows, trained, trainer};
use obs_learn::{Allowance, By, Goal, Online, Spent, State, StateError};
use proptest::prelude::*;
use serde_json::{Value, json};

fn online() -> Online {
    Online::new(Arc::new(trained().model.clone()), Goal::Share(0.3))
}

/// Sends rows, the truth turned or not.
fn run(online: &Online, rows: &[Row], turned: bool) {
    for row in rows {
        let decision = online.decide(Some(&row.group), row.prompt.as_str());
        online.observe(&decision, f32::from(row.gained != turned));
    }
}

/// Through the text of a file.
fn written(state: &State) -> State {
    let text = serde_json::to_string_pretty(state).expect("plain");
    serde_json::from_str(&text).expect("our own")
}

/// The same with one value put in.
fn with(pointer: &str, value: Value) -> Result<State, serde_json::Error> {
    let online = online();
    run(&online, &rows(20, 3, 2.0), false);
    let mut json = serde_json::to_value(online.state()).expect("plain");
    *json.pointer_mut(pointer).expect("a field") = value;
    serde_json::from_value(json)
}

#[test]
fn a_model_that_fell_is_down_still_and_rises_as_it_would_have() {
    let first = online();
    run(&first, &rows(300, 40, 2.0), false);
    run(&first, &rows(600, 41, 2.0), true);
    assert_eq!(first.stands(), By::Rule);
    let second = online();
    second
        .restore(&written(&first.state()))
        .expect("the same model");
    assert_eq!(second.stands(), By::Rule);
    assert_eq!(second.watch(), first.watch());
    for online in [&first, &second] {
        run(online, &rows(1500, 42, 2.0), false);
        assert_eq!(online.stands(), By::Model);
    }
    assert_eq!(second.state(), first.state());
}

#[test]
fn another_share_begins_with_thresholds_of_its_own() {
    let first = online();
    run(&first, &rows(500, 43, 2.0), false);
    let model = Arc::new(trained().model.clone());
    let (all, like) = (Online::new(model.clone(), Goal::Share(0.9)), online());
    let fresh = Online::new(model, Goal::Share(0.9));
    let state = first.state();
    for online in [&all, &like] {
        online.restore(&state).expect("the same model");
    }
    let of = |online: &Online, field: &str| {
        serde_json::to_value(online.state()).expect("plain")[field].clone()
    };
    for field in ["by_model", "by_rule"] {
        assert_eq!(of(&all, field), of(&fresh, field));
        assert_eq!(of(&like, field), of(&first, field));
    }
    assert_eq!(all.watch(), first.watch());
}

#[test]
fn a_state_of_another_model_is_refused_and_changes_nothing() {
    let data = dataset(&rows(300, 9, 1.0));
    let other = trainer().date("yesterday").train(&data, |_, _| ());
    let other = Online::new(Arc::new(other.expect("a gap").model), Goal::Share(0.3));
    let online = online();
    run(&online, &rows(50, 44, 2.0), false);
    let before = online.state();
    let refused = online.restore(&other.state()).expect_err("another model");
    assert_eq!(
        refused.to_string(),
        r#"a state of another model, trained "yesterday""#
    );
    assert_eq!(online.state(), before);
}

#[test]
fn unsound_states_are_refused_by_name() {
    for (pointer, value, says) in [
        ("/format", json!("obs-learn-state/2"), "of format"),
        ("/watch/trust", json!(0.0), "watch"),
        ("/watch/trust", json!(1.0), "watch"),
        ("/watch/observed", json!(7.0), "watch"),
        ("/share", json!(-0.1), "share"),
        ("/correction/slope/value", json!(1e30), "correction"),
        ("/rule/bias/known", json!(-1.0), "rule"),
    ] {
        let online = online();
        let (state, before) = (with(pointer, value).expect("a state"), online.state());
        let refused = online.restore(&state).expect_err(pointer);
        assert!(refused.to_string().contains(says), "{pointer}: {refused}");
        assert_eq!(online.state(), before, "{pointer}");
    }
    for (pointer, value) in [
        ("/watch/by", json!("nobody")),
        ("/watch/outcomes", json!(-1)),
        ("/correction/slope/value", Value::Null),
        (
            "/correction/groups",
            json!({"256": {"value": 0.1, "known": 1.0}}),
        ),
        ("/rule", json!({})),
    ] {
        assert!(with(pointer, value).is_err(), "{pointer}");
    }
    let online = online();
    let state = with("/model/hash", json!("0")).expect("a state");
    assert!(matches!(online.restore(&state), Err(StateError::Model(_))));
}

#[test]
fn counts_that_are_full_stay_so() {
    let online = online();
    for pointer in ["/watch/outcomes", "/watch/falls"] {
        let full = with(pointer, json!(u64::MAX)).expect("a state");
        online.restore(&full).expect("a count is a count");
        run(&online, &rows(300, 9, 2.0), true);
        assert!(online.watch().predicted.is_finite());
    }
}

#[test]
fn a_look_says_what_a_decision_would_and_moves_nothing() {
    let online = online();
    for row in rows(50, 45, 2.0) {
        let before = online.state();
        let seen = online.look(Some(&row.group), row.prompt.as_str());
        assert_eq!(online.state(), before);
        assert_eq!(online.decide(Some(&row.group), row.prompt.as_str()), seen);
    }
    for (share, premium) in [(0.0, false), (1.0, true)] {
        online.set_share(share);
        assert_eq!(online.look(None, "w1 lemma").premium, premium);
    }
}

#[test]
fn an_allowance_goes_on_where_it_was() {
    let mut first = Allowance::new(10.0);
    for call in 0..400 {
        let premium = call % 4 == 0;
        first.observe(
            f64::from(call) * 30.0,
            premium,
            if premium { 0.04 } else { 0.001 },
        );
    }
    let text = serde_json::to_string(first.spent()).expect("plain");
    let mut second = Allowance::new(10.0);
    assert!(second.restore(serde_json::from_str(&text).expect("our own")));
    assert_eq!(second.share(), first.share());
    assert!(second.share().is_some());
    for bad in [
        r#"{"last":0,"watched":-1,"cheap":{"calls":1,"dollars":1},"premium":{"calls":1,"dollars":1},"owed":0}"#,
        r#"{"last":0,"watched":1,"cheap":{"calls":1,"dollars":-1},"premium":{"calls":1,"dollars":1},"owed":0}"#,
    ] {
        let bad: Spent = serde_json::from_str(bad).expect("figures");
        assert!(!second.restore(bad));
        assert_eq!(second.spent(), first.spent());
    }
    // With less to spend, no more is owed than a quarter of it.
    let mut poorer = Allowance::new(0.001);
    assert!(poorer.restore(first.spent().clone()));
    assert!(poorer.share().is_some_and(|share| share <= 0.02));
    let mut kept = serde_json::to_value(first.spent()).expect("plain");
    kept["owed"] = json!(1e6);
    assert!(poorer.restore(serde_json::from_value(kept).expect("figures")));
    let kept = serde_json::to_value(poorer.spent()).expect("plain");
    assert_eq!(kept["owed"], json!(0.001 / 4.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn who_was_restored_is_as_who_went_on(seed in 0u64..1000, before in 1usize..200, after in 1usize..100, turned: bool) {
        let first = online();
        run(&first, &rows(before, seed, 2.0), turned);
        let second = online();
        second.restore(&written(&first.state())).expect("the same model");
        for row in rows(after, seed + 1, 2.0) {
            let (group, prompt) = (Some(row.group.as_str()), row.prompt.as_str());
            let (one, other) = (first.decide(group, prompt), second.decide(group, prompt));
            prop_assert_eq!(one, other);
            first.observe(&one, f32::from(row.gained));
            second.observe(&other, f32::from(row.gained));
        }
        prop_assert_eq!(first.state(), second.state());
    }
}

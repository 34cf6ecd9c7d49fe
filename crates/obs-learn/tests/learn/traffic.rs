//! Shares that stay true, models that are watched, and what they learn on the way.

use std::sync::Arc;

use crate::support::{Chance, dataset, rows, trained, trainer};
use obs_learn::{By, Dataset, Decision, FEATURES, Goal, Monitor, Online, Target, features};
use proptest::prelude::*;

fn online() -> Online {
    Online::new(Arc::new(trained().model.clone()), Goal::Share(0.3))
}

#[test]
fn the_share_stays_true_when_the_traffic_changes() {
    let target = Target::new(0.3, 0.5, 0.002);
    let mut chance = Chance(1);
    for centre in [0.5f32, 0.9, 0.1] {
        let calls = 6000;
        let admitted = (0..calls)
            .filter(|_| target.admit(f64::from(centre + 0.1 * chance.unit())))
            .count();
        let share = admitted as f64 / f64::from(calls);
        assert!((share - 0.3).abs() < 0.08, "{share} at {centre}");
    }
    // Once it has settled, it is the highest scores that go.
    assert!(target.admit(0.2) && !target.admit(0.1));
}

#[test]
fn all_or_nothing_needs_no_threshold() {
    let target = Target::new(0.0, 0.0, 0.1);
    assert!((0..50).all(|_| !target.admit(1e9)));
    target.set_share(7.0);
    assert!((0..50).all(|_| target.admit(-1e9)));
    target.set_share(f64::NAN);
    assert_eq!(target.share(), 1.0);
    assert_eq!(target.threshold(), 0.0);
}

#[test]
fn a_score_that_is_no_number_stays_cheap_and_moves_nothing() {
    let target = Target::new(0.5, 0.25, 0.1);
    assert!(!target.admit(f64::NAN));
    assert_eq!(target.threshold(), 0.25);
}

#[test]
#[should_panic(expected = "a share must be from 0 to 1")]
fn a_share_beyond_one_is_refused() {
    let _ = Target::new(1.5, 0.0, 0.1);
}

#[test]
fn threads_share_one_threshold() {
    let target = Target::new(0.25, 0.5, 0.001);
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let target = &target;
                scope.spawn(move || {
                    let mut chance = Chance(seed);
                    (0..10_000)
                        .filter(|_| target.admit(f64::from(chance.unit())))
                        .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .sum()
    });
    let share = admitted as f64 / 40_000.0;
    assert!((share - 0.25).abs() < 0.03, "{share}");
}

#[test]
fn begins_with_the_model_where_its_gate_passed() {
    assert_eq!(online().stands(), By::Model);
    let noise = trainer()
        .train(&dataset(&rows(300, 9, 0.0)), |_, _| ())
        .expect("there is a gap")
        .model;
    let refused = Online::new(Arc::new(noise.clone()), Goal::Share(0.3));
    assert_eq!(refused.stands(), By::Rule);
    assert_eq!(
        Online::new(Arc::new(noise), Goal::Share(0.3))
            .trusting()
            .stands(),
        By::Model
    );
}

#[test]
fn falls_back_to_the_rule_when_the_truth_turns_and_comes_back_by_itself() {
    let online = online();
    let mut chance = Chance(2);
    // What made a prompt hard makes it easy, and longer prompts gain.
    let mut run = |count: usize, seed: u64, turned: bool| {
        for row in rows(count, seed, 2.0) {
            let decision = online.decide(Some(&row.group), row.prompt.as_str());
            assert_eq!(decision.by, online.stands());
            let gained = if turned {
                chance.unit() > row.truth
            } else {
                row.gained
            };
            online.observe(&decision, f32::from(gained));
        }
        (online.stands(), online.watch())
    };
    let (by, watch) = run(300, 20, false);
    assert_eq!(by, By::Model);
    assert!(watch.trust > 0.95, "{watch:?}");
    assert_eq!(watch.outcomes, 300);
    let (by, watch) = run(600, 21, true);
    assert_eq!((by, watch.falls), (By::Rule, 1), "{watch:?}");
    let (by, watch) = run(1500, 22, false);
    assert_eq!((by, watch.falls), (By::Model, 1), "{watch:?}");
}

#[test]
fn both_by_model_and_by_rule_the_share_is_kept() {
    for turned in [false, true] {
        let online = online();
        let mut premium = 0;
        for row in rows(4000, 23, 2.0) {
            let decision = online.decide(None, row.prompt.as_str());
            premium += u32::from(decision.premium);
            online.observe(&decision, f32::from(row.gained != turned));
        }
        assert!(
            (f64::from(premium) / 4000.0 - 0.3).abs() < 0.04,
            "{premium} of 4000"
        );
    }
}

#[test]
fn a_group_that_gains_more_than_foreseen_is_learned() {
    let online = online();
    let before = online.decide(Some("new"), "w1 w2 w3 w4 w5 w6 w7 w8").logit;
    for row in rows(400, 24, 2.0) {
        let hard = online.decide(Some("new"), row.prompt.as_str());
        online.observe(&hard, 1.0);
        let as_ever = online.decide(Some("old"), row.prompt.as_str());
        online.observe(&as_ever, f32::from(row.gained));
    }
    let logit = |group| online.decide(Some(group), "w1 w2 w3 w4 w5 w6 w7 w8").logit;
    assert!(
        logit("new") > before + 1.0,
        "{} from {before}",
        logit("new")
    );
    assert!(
        logit("new") > logit("old") + 1.5,
        "{} {}",
        logit("new"),
        logit("old")
    );
}

#[test]
fn what_is_no_outcome_is_not_learned_from() {
    let online = online();
    let decision = online.decide(Some("a"), "w1 lemma");
    online.observe(&decision, f32::NAN);
    assert_eq!(online.watch().outcomes, 0);
    online.observe(&decision, 17.0);
    assert_eq!(online.watch().observed, 1.0, "the nearest that there is");
    assert!(online.decide(Some("a"), "w1 lemma").logit.is_finite());
}

#[test]
fn features_that_are_no_numbers_teach_nothing() {
    let (online, fresh) = (online(), online());
    for bad in [f32::NAN, f32::INFINITY, 1e38] {
        let decision = online.decide_features(Some("a"), &[bad; FEATURES]);
        online.observe(&decision, 1.0);
        online.suppose(&decision, 0.0);
    }
    let look = |online: &Online| {
        let Decision {
            logit, rule_logit, ..
        } = online.look(Some("a"), "w1 lemma");
        (logit, rule_logit)
    };
    let ((logit, rule), (was, rule_was)) = (look(&online), look(&fresh));
    assert!((logit - was).abs() < 0.5, "{logit}, before {was}");
    assert!((rule - rule_was).abs() < 0.5, "{rule}, before {rule_was}");
    assert!(online.restore(&online.state()).is_ok());
}

#[test]
fn what_is_only_supposed_corrects_and_proves_nothing() {
    let (observing, supposing) = (online(), online());
    let decision = observing.decide(Some("a"), "w1 lemma");
    let before = supposing.watch();
    for _ in 0..50 {
        observing.observe(&decision, 0.0);
        supposing.suppose(&decision, 0.0);
    }
    supposing.suppose(&decision, f32::NAN);
    assert_eq!(supposing.watch(), before);
    let logit = |online: &Online| online.look(Some("a"), "w1 lemma").logit;
    assert_eq!(logit(&supposing), logit(&observing));
    assert!(logit(&supposing) < decision.logit - 0.2);
}

#[test]
fn a_monitor_shows_what_was_foreseen_and_what_came() {
    let mut monitor = Monitor::new(true);
    for outcome in 0..1000 {
        monitor.observe(0.25, f32::from(u8::from(outcome % 4 == 0)), 0.5, 0.5);
    }
    let watch = monitor.watch();
    assert!(
        (watch.predicted - 0.25).abs() < 0.01 && (watch.observed - 0.25).abs() < 0.03,
        "{watch:?}"
    );
    assert_eq!(
        (watch.by, watch.falls),
        (By::Model, 0),
        "what is as good as the rule may stay"
    );
    monitor.observe(0.5, 1.0, f64::NAN, 0.5);
    assert_eq!(monitor.watch(), watch);
}

#[test]
fn a_change_is_learned_after_a_long_time_without_one() {
    let online = online();
    let decision = online.decide(Some("a"), "w1 w2 w3");
    for outcome in 0..8000 {
        online.observe(&decision, f32::from(u8::from(outcome % 2 == 0)));
    }
    let settled = online.decide(Some("a"), "w1 w2 w3").logit;
    for _ in 0..400 {
        online.observe(&decision, 1.0);
    }
    let changed = online.decide(Some("a"), "w1 w2 w3").logit;
    assert!(changed > settled + 0.45, "{changed} from {settled}");
}

#[test]
fn the_rule_sends_the_longest_prompts() {
    let noise = trainer()
        .train(&dataset(&rows(300, 9, 0.0)), |_, _| ())
        .expect("there is a gap")
        .model;
    let online = Online::new(Arc::new(noise), Goal::Share(0.3));
    let (mut chance, mut sent, mut kept) = (Chance(31), Vec::new(), Vec::new());
    for call in 0..6000 {
        let prompt = "w1 lemma ".repeat(4 + chance.below(8) as usize);
        let decision = online.decide(None, prompt.as_str());
        assert_eq!(decision.by, By::Rule);
        // The threshold needs some calls to settle.
        if call > 3000 {
            if decision.premium {
                &mut sent
            } else {
                &mut kept
            }
            .push(prompt.len());
        }
    }
    let mean = |of: &[usize]| of.iter().sum::<usize>() as f64 / of.len() as f64;
    assert!(
        mean(&sent) > mean(&kept) + 25.0,
        "{} {}",
        mean(&sent),
        mean(&kept)
    );
}

proptest! {
    #[test]
    fn the_share_is_off_by_no_more_than_promised(
        scores in proptest::collection::vec(0.0f64..1.0, 1..600),
        share in 0.01f64..0.99,
        step in 0.001f64..0.2,
        start in 0.0f64..1.0,
    ) {
        let target = Target::new(share, start, step);
        let admitted = scores.iter().filter(|score| target.admit(**score)).count();
        let calls = scores.len() as f64;
        let off = (admitted as f64 / calls - share).abs();
        prop_assert!(off <= (1.0 + 2.0 * step) / (step * calls) + 1e-9, "{off}");
    }

    #[test]
    fn a_monitor_can_always_come_back(losses in proptest::collection::vec((-50.0f64..50.0, -50.0f64..50.0), 0..200)) {
        let mut monitor = Monitor::new(true);
        for (model, rule) in losses {
            monitor.observe(0.5, 1.0, model, rule);
            let trust = monitor.watch().trust;
            prop_assert!(trust > 0.0 && trust < 1.0, "{trust}");
        }
        for _ in 0..40 {
            monitor.observe(0.5, 1.0, 0.0, 1.0);
        }
        prop_assert_eq!(monitor.watch().by, By::Model);
    }
}

#[test]
fn recorded_features_decide_as_the_prompt_did_where_no_words_are_read() {
    let fresh = rows(400, 5, 2.0);
    let mut data = Dataset::new();
    for row in rows(600, 4, 2.0) {
        let gain = if row.gained { 0.0 } else { 1.0 };
        let features = features(row.prompt.as_str());
        data.push_features(Some(&row.group), &features, gain, 1.0)
            .unwrap();
    }
    let structure = trainer().train(&data, |_, _| ()).unwrap().model;
    assert!(!structure.reads_words() && trained().model.reads_words());
    let [by_prompt, by_features] =
        [(), ()].map(|()| Online::new(Arc::new(structure.clone()), Goal::Share(0.3)).trusting());
    let mut premium = 0;
    for row in &fresh {
        let (group, kept) = (Some(row.group.as_str()), features(row.prompt.as_str()));
        let seen = by_prompt.decide(group, row.prompt.as_str());
        assert_eq!(
            by_prompt.look(group, row.prompt.as_str()),
            by_prompt.look_features(group, &kept)
        );
        assert_eq!(seen, by_features.decide_features(group, &kept));
        premium += usize::from(seen.premium);
        // A model of words says what it can.
        let read = trained().model.read_features(None, &kept);
        assert_eq!(
            read.length,
            trained().model.read(None, row.prompt.as_str()).length
        );
    }
    assert!(
        (60..200).contains(&premium),
        "{premium} of 400: both are there"
    );
}

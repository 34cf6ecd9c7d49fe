//! What is learned where the truth is known, and what is refused where there is none.

use crate::support::{Chance, dataset, rows, trained, trainer};
use obs_learn::{
    Dataset, GROUP_PRIOR, Goal, LENGTH, Model, Outcomes, STRUCTURE, TrainError, Trainer, WORDS,
};

#[test]
fn finds_the_words_that_decide() {
    let fresh = rows(1500, 99, 2.0);
    let outcomes = Outcomes::independent(fresh.iter().map(|row| f32::from(row.gained)).collect());
    let area = |scores: Vec<f32>| outcomes.curve(&scores).area();
    let truth = area(fresh.iter().map(|row| row.truth).collect());
    let model = area(
        fresh
            .iter()
            .map(|row| trained().model.predict(row.prompt.as_str()))
            .collect(),
    );
    assert!(truth > 0.68, "the task has an answer: {truth}");
    assert!(model > truth - 0.03, "{model} of {truth}");
    assert_eq!(trained().model.header().family, WORDS);
}

#[test]
fn probabilities_mean_what_they_say() {
    let fresh = rows(1500, 98, 2.0);
    let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / fresh.len() as f32;
    let model = &trained().model;
    let off = mean(
        &mut fresh
            .iter()
            .map(|row| (model.predict(row.prompt.as_str()) - row.truth).abs()),
    );
    let lean = mean(
        &mut fresh
            .iter()
            .map(|row| model.predict(row.prompt.as_str()) - row.truth),
    );
    assert!(off < 0.08, "mean distance from the truth {off}");
    assert!(lean.abs() < 0.03, "mean lean {lean}");
    let calibration = model.header().calibration;
    assert!(calibration.error < 0.08, "{calibration:?}");
    assert!(
        calibration.log_loss < calibration.log_loss_of_mean,
        "{calibration:?}"
    );
}

#[test]
fn the_gate_lets_truth_pass() {
    let gate = trained().model.gate();
    assert!(gate.better, "{gate}");
    let checks: Vec<_> = gate
        .checks
        .iter()
        .map(|check| (check.on.as_str(), check.against.as_str()))
        .collect();
    assert_eq!(
        checks,
        [("held-out groups", LENGTH), ("held-out rows", GROUP_PRIOR)]
    );
    assert!(
        gate.to_string()
            .starts_with("better than the rule: above the prompt length on held-out groups by +")
    );
}

#[test]
fn the_gate_refuses_noise() {
    for seed in 0..3 {
        let training = trainer()
            .train(&dataset(&rows(600, 50 + seed, 0.0)), |_, _| ())
            .expect("there is a gap");
        assert!(!training.model.gate().better, "{}", training.model.gate());
        assert!(
            training
                .model
                .gate()
                .to_string()
                .starts_with("not better than the rule")
        );
    }
}

#[test]
fn the_gate_refuses_the_rule_itself() {
    let mut chance = Chance(5);
    let mut data = Dataset::new();
    for _ in 0..600 {
        let words = 3 + chance.below(60);
        let prompt: Vec<String> = (0..words)
            .map(|_| format!("w{}", chance.below(500)))
            .collect();
        let gained = chance.unit() < words as f32 / 80.0;
        let group = format!("{}", chance.below(10));
        data.push(
            Some(&group),
            prompt.join(" ").as_str(),
            f32::from(!gained),
            1.0,
        )
        .expect("from 0 to 1");
    }
    let training = trainer().train(&data, |_, _| ()).expect("there is a gap");
    assert!(!training.model.gate().better, "{}", training.model.gate());
}

#[test]
fn words_that_tell_nothing_are_left_out() {
    let model = trainer()
        .train(&dataset(&rows(600, 60, 0.0)), |_, _| ())
        .expect("there is a gap")
        .model;
    assert_eq!(model.header().family, STRUCTURE);
}

#[test]
fn a_repeated_prompt_is_not_known_by_heart() {
    // Forty prompts of pure chance, each twenty times with the same outcome: by heart one would be perfect.
    let mut data = Dataset::new();
    for row in rows(40, 70, 0.0).iter().cycle().take(800) {
        data.push(None, row.prompt.as_str(), f32::from(!row.gained), 1.0)
            .expect("from 0 to 1");
    }
    let training = trainer().train(&data, |_, _| ()).expect("there is a gap");
    let area = training.rows.get(WORDS).expect("a contender").curve.area();
    assert!(area < 0.75, "{area}");
}

#[test]
fn a_group_that_was_seen_has_a_prior_and_an_unknown_one_has_none() {
    let mut chance = Chance(8);
    let mut data = Dataset::new();
    for row in rows(800, 80, 0.0) {
        let hard = row.group.as_str() < "group 3";
        let gained = chance.unit() < if hard { 0.7 } else { 0.1 };
        data.push(
            Some(&row.group),
            row.prompt.as_str(),
            f32::from(!gained),
            1.0,
        )
        .expect("from 0 to 1");
    }
    let model = trainer()
        .train(&data, |_, _| ())
        .expect("there is a gap")
        .model;
    let gain = |group| model.read(group, "w1 w2 w3 w4 w5 w6 w7 w8 w9").gain();
    assert!(gain(Some("group 1")) > 0.5, "{}", gain(Some("group 1")));
    assert!(gain(Some("group 7")) < 0.25, "{}", gain(Some("group 7")));
    assert_eq!(gain(Some("never seen")), gain(None));
    let alone = trainer()
        .prompts_alone()
        .train(&data, |_, _| ())
        .expect("there is a gap")
        .model;
    assert_eq!(alone.read(Some("group 1"), "w1"), alone.read(None, "w1"));
}

#[test]
fn what_words_tell_of_a_group_counts_where_it_is_not_told() {
    let mut chance = Chance(9);
    let mut data = Dataset::new();
    for row in rows(1200, 81, 2.0) {
        let hard = chance.unit() < 0.5;
        let (group, word) = if hard {
            ("law", "statute")
        } else {
            ("art", "museum")
        };
        let odds = row.truth / (1.0 - row.truth) * if hard { 3.0 } else { 1.0 / 3.0 };
        let gained = chance.unit() < odds / (1.0 + odds);
        let prompt = format!("{} {word}", row.prompt);
        let group = format!("{group} {}", chance.below(5));
        data.push(Some(&group), prompt.as_str(), f32::from(!gained), 1.0)
            .expect("from 0 to 1");
    }
    let spread = |trainer: Trainer| {
        let model = trainer
            .train(&data, |_, _| ())
            .expect("there is a gap")
            .model;
        assert_eq!(model.header().family, WORDS);
        let logit = |word: &str| {
            model
                .read(None, format!("w1 w2 w3 w4 {word}").as_str())
                .logit
        };
        logit("statute") - logit("museum")
    };
    let (told, alone) = (spread(trainer()), spread(trainer().prompts_alone()));
    assert!(told > 0.8 * alone, "{told} of {alone}");
}

#[test]
fn the_same_rows_and_seed_give_the_same_bytes() {
    let data = dataset(&rows(300, 3, 2.0));
    let file = |trainer: Trainer| {
        trainer
            .train(&data, |_, _| ())
            .expect("there is a gap")
            .model
            .to_json()
    };
    let first = file(trainer().seed(4));
    assert_eq!(first, file(trainer().seed(4)));
    assert_ne!(first, file(trainer().seed(5)));
}

#[test]
fn graded_answers_are_learned_from() {
    let mut data = Dataset::new();
    for row in rows(800, 30, 2.0) {
        let (cheap, premium) = if row.gained { (0.3, 0.8) } else { (0.7, 0.7) };
        data.push(Some(&row.group), row.prompt.as_str(), cheap, premium)
            .expect("from 0 to 1");
    }
    let model = trainer()
        .train(&data, |_, _| ())
        .expect("there is a gap")
        .model;
    let (hard, easy) = (
        model.predict("w1 w2 lemma w3 w4 w5 w6 w7 w8"),
        model.predict("w1 w2 hello w3 w4 w5 w6 w7 w8"),
    );
    assert!(hard > easy + 0.1, "{hard} {easy}");
    assert!(hard < 0.5, "no more than what there is to gain: {hard}");
}

#[test]
fn progress_is_told_to_its_end() {
    let mut told = Vec::new();
    trainer()
        .train(&dataset(&rows(120, 2, 1.0)), |done, total| {
            told.push((done, total))
        })
        .expect("there is a gap");
    let total = told.len() as u32;
    assert_eq!(
        told,
        (1..=total).map(|done| (done, total)).collect::<Vec<_>>()
    );
}

#[test]
fn rows_that_teach_nothing_are_refused() {
    let refused = |data: &Dataset| {
        trainer()
            .train(data, |_, _| ())
            .expect_err("nothing to learn")
    };
    assert_eq!(
        refused(&dataset(&rows(99, 1, 1.0))),
        TrainError::TooFewRows(99)
    );
    let mut data = Dataset::new();
    for row in rows(200, 1, 1.0) {
        data.push(None, row.prompt.as_str(), 0.5, 0.5)
            .expect("from 0 to 1");
    }
    assert_eq!(
        refused(&data),
        TrainError::NoGap {
            cheap: 0.5,
            premium: 0.5
        }
    );
    let mut rounding = Dataset::new();
    for row in rows(200, 1, 1.0) {
        rounding
            .push(None, row.prompt.as_str(), 0.0, 1e-13)
            .expect("from 0 to 1");
    }
    assert!(matches!(refused(&rounding), TrainError::NoGap { .. }));
    for bad in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
        let error = data.push(None, "a", 0.0, bad).expect_err("out of range");
        assert_eq!(error.route, "premium");
        data.push(None, "a", bad, 0.0).expect_err("out of range");
    }
    assert_eq!(data.len(), 200, "what is refused is not kept");
}

#[test]
fn of_two_groups_and_two_folds_each_is_learned_from() {
    let mut data = Dataset::new();
    for row in rows(300, 4, 3.0) {
        let group = if row.prompt.len() % 2 == 0 { "a" } else { "b" };
        data.push(
            Some(group),
            row.prompt.as_str(),
            f32::from(!row.gained),
            1.0,
        )
        .expect("from 0 to 1");
    }
    for seed in 1..=6 {
        let training = trainer().folds(2).seed(seed).train(&data, |_, _| ());
        let groups = training.expect("there is a gap").groups;
        let words = groups.get(WORDS).expect("a contender").figures.apgr.value;
        assert!(
            words > 0.6,
            "{words} with seed {seed}: of a model of no rows"
        );
    }
}

#[test]
fn thresholds_grant_what_is_wished() {
    let (model, fresh) = (&trained().model, rows(1500, 97, 2.0));
    for share in [0.1, 0.3, 0.62] {
        let at = model.threshold(Goal::Share(share));
        let admitted = fresh
            .iter()
            .filter(|row| model.predict(row.prompt.as_str()) >= at.gain)
            .count();
        let real = admitted as f64 / fresh.len() as f64;
        assert!((real - share).abs() < 0.1, "{real} for {share}");
        assert!((f64::from(at.share) - share).abs() < 1e-6);
    }
    for wish in [0.5, 0.9] {
        let at = model.threshold(Goal::Recovered(wish));
        let gains = fresh.iter().filter(|row| row.gained);
        let kept = gains
            .clone()
            .filter(|row| model.predict(row.prompt.as_str()) >= at.gain)
            .count();
        let kept = kept as f64 / gains.count() as f64;
        assert!((kept - wish).abs() < 0.08, "{kept} for {wish}");
        assert!(f64::from(at.share) < wish, "cheaper than by chance");
    }
    assert_eq!(
        model.threshold(Goal::Recovered(2.0)).share,
        1.0,
        "what cannot be had costs all"
    );
    assert_eq!(model.threshold(Goal::Share(0.0)).share, 0.0);
    assert_eq!(
        model.threshold(Goal::Share(f64::NAN)).share,
        1.0,
        "no number is no saving"
    );
}

#[test]
fn a_model_of_few_rows_is_little_more_than_the_rule() {
    let mut chance = Chance(15);
    let mut data = Dataset::new();
    for _ in 0..150 {
        let words = 3 + chance.below(60);
        let prompt: Vec<String> = (0..words)
            .map(|_| format!("w{}", chance.below(500)))
            .collect();
        let gained = chance.unit() < 0.1 + words as f32 / 90.0;
        data.push(None, prompt.join(" ").as_str(), f32::from(!gained), 1.0)
            .expect("from 0 to 1");
    }
    let model = trainer()
        .train(&data, |_, _| ())
        .expect("there is a gap")
        .model;
    let (short, long) = ("w1 w2 w3 w4 ".repeat(2), "w1 w2 w3 w4 ".repeat(10));
    let length = |prompt: &str| {
        let explained = model.explain(None, prompt, 0);
        explained
            .features
            .iter()
            .find(|part| part.name == "bytes")
            .map_or(0.0, |part| part.added)
    };
    let rule = |prompt: &str| model.header().rule.at(model.read(None, prompt).length);
    let (by_length, by_rule) = (length(&long) - length(&short), rule(&long) - rule(&short));
    assert!(by_rule > 0.5, "the rule is worth something: {by_rule}");
    assert!(by_length > 0.6 * by_rule, "{by_length} of {by_rule}");
}

#[test]
fn the_rule_is_never_turned_round() {
    let mut data = Dataset::new();
    for row in rows(200, 16, 0.0) {
        let short = row.prompt.len() < 45;
        data.push(None, row.prompt.as_str(), f32::from(!short), 1.0)
            .expect("from 0 to 1");
    }
    let model = trainer()
        .train(&data, |_, _| ())
        .expect("there is a gap")
        .model;
    assert!(model.header().rule.slope > 0.0, "{:?}", model.header().rule);
    let usual = model.header().rule.at(45f32.ln_1p());
    let gain = (model.header().trained.gain / (1.0 - model.header().trained.gain)).ln() as f32;
    assert!(
        (usual - gain).abs() < 0.05,
        "it says the mean then: {usual} {gain}"
    );
}

#[test]
fn more_groups_than_a_file_may_have_are_cut_down_to_those_that_tell_most() {
    let mut data = Dataset::new();
    for row in 0..2200 {
        let gained = row % 3 == 0;
        let name = match row {
            ..50 => "long".repeat(40) + &row.to_string(),
            50..100 => row.to_string(),
            // As large in a file as may be.
            _ => {
                "\u{1}".repeat(124 * (row % 2))
                    + &"\"".repeat(124 * (1 - row % 2))
                    + &row.to_string()
            }
        };
        data.push(Some(&name), "w1 w2", f32::from(!gained), 1.0)
            .expect("from 0 to 1");
    }
    let model = trainer()
        .folds(2)
        .resamples(100)
        .train(&data, |_, _| ())
        .expect("there is a gap")
        .model;
    assert_eq!(
        Model::from_json(model.to_json().as_bytes()).expect("a file that can be read"),
        model
    );
    let gain = |group: &str| model.read(Some(group), "w1 w2").gain();
    assert!(gain("60") > gain("61"), "a group that always gained");
    assert_eq!(
        gain(&("long".repeat(40) + "3")),
        model.predict("w1 w2"),
        "a name that is too long is not kept"
    );
}

#[test]
fn a_log_of_features_alone_teaches_what_structure_tells() {
    let mut chance = Chance(7);
    let (mut by_features, mut by_prompt) = (Dataset::new(), Dataset::new());
    for row in 0..400 {
        let hard = chance.unit() < 0.4;
        let prompt = if hard {
            format!("1. sum {row}\n2. and so on: 12 + 7 = ?\n3. prove it")
        } else {
            format!("tell me more about the place called {row}")
        };
        let cheap = f32::from(!hard);
        let features = obs_learn::features(prompt.as_str());
        by_features
            .push_features(None, &features, cheap, 1.0)
            .expect("from 0 to 1");
        by_prompt
            .push(None, prompt.as_str(), cheap, 1.0)
            .expect("from 0 to 1");
    }
    let train = |data: &Dataset| {
        trainer()
            .train(data, |_, _| ())
            .expect("there is a gap")
            .model
    };
    let (one, other) = (train(&by_features), train(&by_prompt));
    assert_eq!(one.header().family, STRUCTURE);
    let hard = one.predict("1. sum 3\n2. and so on: 12 + 7 = ?\n3. prove it");
    let easy = one.predict("tell me more about the place called 3");
    assert!(hard > easy + 0.3, "{hard} {easy}");
    assert_eq!(one.header().rule, other.header().rule);

    let mut odd = Dataset::new();
    assert!(odd.push_features(None, &[f32::NAN; 28], 0.0, 1.0).is_ok());
    assert!(odd.push_features(None, &[0.0; 28], 2.0, 1.0).is_err());
}

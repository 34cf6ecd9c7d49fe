//! A learned policy: by prompts, by features, by what was recorded.
use std::sync::{Arc, OnceLock};

use obs_learn::{Allowance, Dataset, Goal, Model, Online, Trainer, features};
use obs_ledger::{Entry, Piece, Prompt, Record, Role};
use obs_metrics::Metrics;
use obs_replay::{
    Layers,
    log::{ByModel, Log, Replayed, Report, Survey},
};
use obs_router::{Complexity, Route, RouterLayer};
use tempfile::TempDir;

use crate::{
    logs::{call, calls, written},
    world::{ROUTES, layers},
};

/// Long ones are hard.
fn prompt(n: u32) -> String {
    format!(
        "Spell the number {n}. {}",
        "And why? ".repeat(n as usize * 7 % 30)
    )
}

/// Of structure alone.
fn model() -> Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    let trained = || {
        let mut data = Dataset::new();
        for n in 0..200 {
            let cheap = f32::from(u8::from(n * 7 % 30 < 20));
            data.push_features(None, &features(prompt(n).as_str()), cheap, 1.0)
                .unwrap();
        }
        Trainer::new().train(&data, |_, _| ()).unwrap().model
    };
    MODEL.get_or_init(trained).clone()
}

/// What is in the log of a prompt.
#[derive(Clone, Copy)]
enum Kept {
    Text,
    Features,
    Nothing,
}

fn log(of: Kept) -> (TempDir, Survey) {
    let entry = |n: u32| -> Entry {
        let text = prompt(n + 1_000);
        let mut entry = call(&format!("call {n}"), u64::from(n) * 60_000, n + 1);
        entry.prompt = Some(match of {
            Kept::Text => Prompt {
                pieces: Some(vec![Piece {
                    role: Role::User,
                    text,
                }]),
                ..Prompt::default()
            },
            Kept::Features => Prompt {
                features: features(text.as_str()).to_vec(),
                ..Prompt::default()
            },
            Kept::Nothing => Prompt::default(),
        });
        entry
    };
    let (dir, path) = written(&calls((0..300).map(entry)) as &[Record]);
    let log = Log::new(path, ROUTES).by_features();
    (dir, log.survey(&mut |_, _| ()).unwrap())
}

fn played(survey: &Survey, by: ByModel) -> Replayed {
    let routes = ROUTES.map(|(name, model)| Route::new(name).model(model));
    let standing = layers();
    let layers = Layers {
        router: Some(RouterLayer::new(by.clone(), routes).metrics(&Metrics::disabled())),
        time: standing.time,
        timeout: standing.timeout,
        cache: None,
        attempt: None,
        prices: standing.prices,
        routes: standing.routes,
    };
    let heard = &mut |call: &obs_replay::Ended<'_>| by.ended(call);
    survey
        .replay_heard(&layers, 1, &mut |_, _| (), heard)
        .unwrap()
}

fn by(share: f64) -> ByModel {
    let online = Online::new(Arc::new(model()), Goal::Share(share)).trusting();
    ByModel::new(Arc::new(online), Complexity::new(), 0.5)
}

fn premium(of: &Replayed) -> u64 {
    of.by_route[1].answers
}

#[test]
fn features_decide_as_prompts_do_and_the_threshold_follows_the_wish() {
    let (_a, texts) = log(Kept::Text);
    let (_b, kept) = log(Kept::Features);
    assert_eq!((texts.facts.by_features, kept.facts.by_features), (0, 300));
    assert_eq!(kept.facts.undecidable, 0);
    for share in [0.2, 0.4] {
        let by_text = played(&texts, by(share));
        let by_features = played(&kept, by(share));
        assert_eq!(by_text.paid, by_features.paid);
        let went = premium(&by_features) as f64 / 300.0;
        assert!((went - share).abs() < 0.08, "{went} of {share}");
    }
    let twice = [(); 2].map(|()| played(&kept, by(0.5)).paid);
    assert_eq!(twice[0], twice[1]);
    let told = Report::new(kept.facts.clone(), played(&kept, by(0.33)), []).text();
    assert!(
        told.contains("300 of 300 calls have no prompt: the recorded features decide"),
        "{told}"
    );
}

#[test]
fn without_features_the_recorded_score_decides() {
    let (_dir, survey) = log(Kept::Nothing);
    assert_eq!(survey.facts.undecidable, 300);
    // Without a score either, all calls take the default route.
    assert_eq!(premium(&played(&survey, by(0.1))), 300);
}

#[test]
fn dollars_a_day_are_what_is_spent() {
    let (_dir, survey) = log(Kept::Features);
    let spent = |dollars: f64| {
        let model = by(0.2).spending(Allowance::new(dollars), "cheap".into(), "premium".into());
        played(&survey, model).paid.as_dollars_f64()
    };
    // 300 calls in five hours: 0.6 dollars if all are cheap, 7.5 if all are premium.
    let (little, much) = (spent(4.0), spent(40.0));
    assert!(little + 1.5 < much, "{little} and {much}");
}

//! Cascades: what judges said, what they would say, and what they cost.
use obs_core::Usd;
use obs_ledger::{Decision, Entry, Outcome};
use obs_metrics::Metrics;
use obs_replay::{
    Around, Inside, Layers, ModelledJudge,
    log::{Judging, Log, Replayed, Report},
};
use obs_router::{Refusals, Route, RouterLayer};
use obs_timeout::AttemptTimeoutLayer;

use crate::{
    logs::{attempt, call, calls, said, surveyed, usd, written},
    world::{ByKey, ROUTES, layers},
};

/// All calls are tried on the cheap route first.
fn cheap_first(_: &obs_replay::Ask, _: &obs_core::CallContext) -> &'static str {
    "cheap"
}

fn cascaded(log: &[obs_ledger::Record], judging: &Judging, inside: &Inside) -> Replayed {
    let (_dir, survey) = surveyed(log);
    let routes = ROUTES.map(|(name, model)| Route::new(name).model(model));
    let layers = Layers {
        router: Some(RouterLayer::new(cheap_first as ByKey, routes).metrics(&Metrics::disabled())),
        attempt: Some(Around::new(AttemptTimeoutLayer::new()).found_in(inside)),
        ..layers()
    };
    let layers = layers.judge(judging.clone());
    let mut replayed = survey.replay(&layers, 1, &mut |_, _| ()).unwrap();
    replayed.judged = Some(judging.judged());
    let text = Report::new(survey.facts.clone(), replayed.clone(), []).text();
    assert!(text.contains("| judged | "), "{text}");
    replayed
}

/// Asked of the cheap route, and sent on from there or not.
fn judged(name: &str, at: u64, key: u32, sent_on: bool) -> Entry {
    let mut entry = call(name, at, key);
    let mut cheap = attempt("cheap", "small", 100);
    entry.decisions = vec![Decision {
        route: "cheap".into(),
        reason: "simple".into(),
        score: Some(0.1),
    }];
    if sent_on {
        cheap.chosen = false;
        entry.attempts.insert(0, cheap);
        entry.attempts[1].purpose = "escalation".into();
    } else {
        entry.attempts = vec![cheap];
        entry.route = Some("cheap".into());
    }
    entry
}

fn answered(name: &str, at: u64, key: u32, text: &str) -> Entry {
    let mut entry = judged(name, at, key, false);
    entry.answer = Some(text.into());
    entry
}

#[test]
fn what_was_recorded_holds_then_the_text_and_else_an_answer_is_accepted() {
    let judging = Judging::new().checks(Refusals::new());
    let of = cascaded(
        &calls([
            answered("early", 0, 1, "I'm sorry, but I can't help."), // before there were judges: by its text
            judged("one", 1_000, 2, true),                           // 0.002 + 0.025
            answered("two", 2_000, 3, "I'm sorry, but I can't help."), // judges were there and let it pass
            judged("three", 3_000, 4, true),
            answered("four", 4_000, 5, "Lima."),
            judged("five", 5_000, 6, false), // no text: nobody knows
        ]),
        &judging,
        &Inside::default(),
    );
    let told = judging.judged();
    assert_eq!((told.as_recorded, told.by_text, told.unjudged), (3, 2, 1));
    assert_eq!(told.rejected, 3);
    assert_eq!(of.by_route[0].answers, 3);
    assert_eq!((of.paid, of.baseline), (usd("0.087"), usd("0.15")));
    // Three that were sent on lost 0.002 each; two that were not saved 0.023 each; and one that nobody judged.
    assert_eq!(of.saved_by_cascade, usd("0.040"));
    assert_eq!(of.saved_by_router, usd("0.023"));
}

#[test]
fn a_second_answer_is_asked_for_and_paid_as_it_was() {
    let inside = Inside::default();
    let judging = Judging::new().asks_again(inside.clone());
    let again = |mut entry: Entry, output| {
        let mut second = attempt("cheap", "small", 300);
        (second.purpose, second.chosen) = ("judge".into(), false);
        second.usage.as_mut().unwrap().output = output;
        entry.attempts.insert(1, second);
        entry
    };
    let log = calls([
        again(judged("agreed", 0, 2, false), 500), // 0.002 + 0.002
        again(judged("differed", 1_000, 4, true), 1000), // 0.002 + 0.003 + 0.025
        judged("checked", 1_500, 6, true),         // a check rejected it: 0.002 + 0.025
        again(judged("later", 2_000, 8, false), 500), // 0.002 + 0.002
    ]);
    let of = cascaded(&log, &judging, &inside);
    assert_eq!(judging.judged().as_recorded, 4);
    assert_eq!((of.attempts, of.paid_judging), (9, usd("0.007")));
    assert_eq!(of.paid, usd("0.065"));
    assert_eq!(of.saved_by_cascade, usd("0.035"));
    // The second answer took 0.3 s.
    assert_eq!(of.p50_ms, 400);
    // Without it the same answers go on, and cost less.
    let silent = cascaded(&log, &Judging::new(), &Inside::default());
    assert_eq!((silent.attempts, silent.paid_judging), (6, Usd::ZERO));
}

#[test]
fn a_modelled_judge_knows_the_verdicts_and_nothing_else() {
    let judge = ModelledJudge {
        detection: 1.0,
        false_alarm: 0.0,
        seed: 1,
    };
    let judging = Judging::new().modelled(judge);
    let mut log = calls([
        judged("bad", 0, 2, false),
        judged("good", 1_000, 4, false),
        judged("untold", 2_000, 6, false),
    ]);
    log.push(said("bad", false, Some("cheap")));
    log.push(said("bad", true, Some("premium")));
    log.push(said("good", true, None));
    let of = cascaded(&log, &judging, &Inside::default());
    let told = judging.judged();
    assert_eq!((told.modelled, told.unjudged, told.rejected), (2, 1, 1));
    assert_eq!(of.quality.unwrap().mean, 1.0);
    assert_eq!(of.by_route[1].answers, 1);
}

#[test]
fn the_last_route_and_a_route_that_was_named_were_not_judged() {
    let judging = Judging::new();
    let mut named = judged("named", 1_000, 4, false);
    named.decisions[0].reason = "named".into();
    let mut failed = judged("failed", 1_500, 8, false);
    failed.attempts[0].outcome = Some(Outcome::Failed);
    let log = calls([
        judged("a", 0, 2, true),
        named,
        failed,
        judged("b", 2_000, 6, true),
    ]);
    let (_dir, path) = written(&log);
    let survey = Log::new(path, ROUTES).survey(&mut |_, _| ()).unwrap();
    assert_eq!(survey.facts.judged, 2);
    cascaded(&log, &judging, &Inside::default());
    let told = judging.judged();
    assert_eq!((told.as_recorded, told.unjudged), (2, 1));
}

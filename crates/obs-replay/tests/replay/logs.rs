//! Logs that are replayed.
use std::{fs, path::PathBuf};

use obs_core::{Usage, Usd};
use obs_ledger::{
    Attempt, Decision, Entry, Feedback, Outcome, Piece, Prompt, Record, Role, SCHEMA, Verdict,
};
use obs_replay::log::{ByRecord, Log, LogError, Replayed, Report, Survey};
use obs_router::{Route, RouterLayer};
use tempfile::TempDir;

use crate::world::{ByKey, ROUTES, layers};

const BEGIN: u64 = 1_790_000_000_000;

/// A call for `auto` that began so many milliseconds after the first, and was answered by the premium route: 1,000 tokens in, 500 out.
pub(crate) fn call(name: &str, at: u64, key: u32) -> Entry {
    Entry {
        v: SCHEMA,
        call: name.into(),
        time: BEGIN + at,
        operation: "chat".into(),
        model: "auto".into(),
        key: Some(format!("{key:032x}").into()),
        route: Some("premium".into()),
        attempts: vec![attempt("premium", "large", 900)],
        paid: "0.025".parse().unwrap(),
        latency_us: 900_000,
        outcome: Outcome::Answered,
        prompt: Some(Prompt {
            pieces: Some(vec![Piece {
                role: Role::User,
                text: "What is the capital of Peru?".into(),
            }]),
            ..Prompt::default()
        }),
        ..Entry::default()
    }
}

pub(crate) fn attempt(route: &str, model: &str, millis: u64) -> Attempt {
    Attempt {
        route: Some(route.into()),
        asked: model.into(),
        purpose: "first".into(),
        chosen: true,
        usage: Some(Usage {
            input: 1000,
            output: 500,
            ..Usage::default()
        }),
        latency_us: Some(millis * 1000),
        outcome: Some(Outcome::Answered),
        ..Attempt::default()
    }
}

pub(crate) fn written(records: &[Record]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls.jsonl");
    let lines = records
        .iter()
        .map(|of| serde_json::to_string(of).unwrap() + "\n");
    fs::write(&path, lines.collect::<String>()).unwrap();
    (dir, path)
}

pub(crate) fn calls(entries: impl IntoIterator<Item = Entry>) -> Vec<Record> {
    entries
        .into_iter()
        .map(|of| Record::Call(Box::new(of)))
        .collect()
}

pub(crate) fn surveyed(records: &[Record]) -> (TempDir, Survey) {
    let (dir, path) = written(records);
    let survey = Log::new(path, ROUTES).survey(&mut |_, _| ()).unwrap();
    (dir, survey)
}

/// Odd keys are hard, answers are kept for a minute.
fn replayed(survey: &Survey) -> Replayed {
    survey.replay(&layers(), 1, &mut |_, _| ()).unwrap()
}

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub(crate) fn said(call: &str, good: bool, route: Option<&str>) -> Record {
    Record::Feedback(Feedback {
        v: SCHEMA,
        feedback: call.into(),
        verdict: Some(if good { Verdict::Good } else { Verdict::Bad }),
        route: route.map(Into::into),
        ..Feedback::default()
    })
}

#[test]
fn figures_of_a_log_are_those_that_were_worked_out_by_hand() {
    let mut cheap = call("five", 20_000, 8);
    cheap.attempts = vec![attempt("cheap", "small", 100)];
    cheap.route = Some("cheap".into());
    let mut hit = call("six", 30_000, 3);
    (hit.attempts, hit.paid) = (Vec::new(), Usd::ZERO);
    // The log tells of calls as they end, so "two" may stand before "one".
    let (_dir, survey) = surveyed(&calls([
        call("two", 500, 3),     // hard: 0.025, 0.9 s
        call("one", 0, 2),       // easy: 0.002 on the cheap route, 0.1 s as fitted
        call("three", 2_000, 2), // a hit of what had cost 0.002
        call("four", 3_000, 3),  // a hit of what had cost 0.025
        cheap,                   // easy: 0.002
        hit,                     // a hit, of which the usage was remembered
    ]));
    assert_eq!(
        (survey.facts.calls, survey.facts.hits, survey.facts.span_ms),
        (6, 0, 30_000)
    );
    assert_eq!(survey.facts.paid, usd("0.125"));
    let of = replayed(&survey);
    assert_eq!((of.calls, of.answered, of.hits, of.attempts), (6, 6, 3, 3));
    assert_eq!(
        (of.known, of.baseline, of.paid),
        (6, usd("0.15"), usd("0.029"))
    );
    assert_eq!(of.saved_by_cache, usd("0.052"));
    assert_eq!(of.saved_by_router, usd("0.046"));
    assert_eq!(of.saved_by_cascade, Usd::ZERO);
    assert_eq!(of.saved_besides, usd("0.023"));
    assert_eq!((of.p50_ms, of.p99_ms), (0, 900));
    assert_eq!(
        of.by_route.iter().map(|of| of.answers).collect::<Vec<_>>(),
        [2, 1]
    );
    assert!(of.quality.is_none());
    // Nothing is lost: what was not paid stands in some account.
    let parts = of.saved_by_cache + of.saved_by_router + of.saved_by_cascade + of.saved_besides;
    assert_eq!(of.baseline - of.paid, parts);
    let last = of.over_time.last().unwrap();
    assert!((last.paid - 0.029).abs() < 1e-12 && (last.baseline - 0.15).abs() < 1e-12);
}

#[test]
fn verdicts_are_the_quality_of_the_route_that_they_are_about() {
    let mut records = calls([call("a", 0, 2), call("b", 1_000, 4), call("c", 2_000, 5)]);
    records.extend([
        said("a", true, None), // of the premium answer, and not of the cheap one
        said("b", false, Some("cheap")),
        said("b", true, Some("premium")),
        said("c", true, None), // goes to premium again
    ]);
    let (_dir, survey) = surveyed(&records);
    assert_eq!(survey.facts.verdicts, 4);
    let quality = replayed(&survey).quality.unwrap();
    // Cheap for b: bad. Premium for c: good. Of a nothing is known on the cheap route.
    assert_eq!((quality.known, quality.mean), (2, 0.5));
    assert_eq!((quality.kept_known, quality.kept), (1, Some(0.0)));
}

#[test]
fn verdicts_of_one_tenant_are_not_of_the_calls_of_another() {
    let mine = |tenant: Option<&str>, at| Entry {
        tenant: tenant.map(Into::into),
        ..call("c", at, 5) // goes to premium again
    };
    let quality = |tenant: Option<&str>| {
        let mut records = calls([mine(None, 0), mine(Some("a"), 1), mine(Some("b"), 2)]);
        let Record::Feedback(mut of) = said("c", false, None) else {
            unreachable!("it is feedback")
        };
        of.tenant = tenant.map(Into::into);
        records.push(Record::Feedback(of));
        let (_dir, survey) = surveyed(&records);
        replayed(&survey).quality.map(|of| of.known)
    };
    assert_eq!(quality(Some("a")), Some(1));
    assert_eq!(quality(Some("other")), None);
    assert_eq!(quality(None), Some(3), "nobody's is everybody's");
}

#[test]
fn a_clock_that_was_beyond_all_measure_stops_no_replay() {
    for wrong in [0, 1, u64::MAX - 1, u64::MAX] {
        let mut late = call("late", 0, 4);
        (late.time, late.latency_us) = (wrong, u64::MAX);
        let (_dir, survey) = surveyed(&calls([call("one", 0, 2), late, call("two", 5_000, 5)]));
        let of = replayed(&survey);
        assert_eq!((of.calls, of.answered), (3, 3), "{wrong}");
    }
}

#[test]
fn what_is_written_to_a_log_after_its_first_reading_is_not_in_the_second() {
    let (_dir, path) = written(&calls([call("one", 10_000, 2), call("two", 20_000, 5)]));
    let survey = Log::new(&path, ROUTES).survey(&mut |_, _| ()).unwrap();
    let (_dir, later) = written(&calls([call("before", 0, 4), call("after", 30_000, 4)]));
    let all = [&path, &later].map(|file| fs::read_to_string(file).unwrap());
    fs::write(&path, all.concat()).unwrap();
    assert_eq!(replayed(&survey).calls, 2);
}

#[test]
fn what_failed_fails_again_and_what_is_not_known_is_not_made_up() {
    let mut failed = call("failed", 0, 3);
    failed.outcome = Outcome::Failed;
    failed.attempts[0].outcome = Some(Outcome::Failed);
    failed.attempts[0].error = Some("caller".into());
    (failed.attempts[0].usage, failed.attempts[0].chosen) = (None, false);
    let mut slow = call("slow", 1_000, 5);
    slow.attempts[0].latency_us = Some(60_000_000);
    let mut left = call("left", 2_000, 7);
    left.outcome = Outcome::Cancelled;
    let mut work = call("work", 2_500, 7);
    work.work = true;
    let mut untold = call("untold", 3_000, 9);
    untold.attempts[0].usage = None;
    let (_dir, survey) = surveyed(&calls([
        failed,
        slow,
        left,
        work,
        untold,
        call("good", 4_000, 11),
    ]));
    assert_eq!((survey.facts.left, survey.facts.work), (1, 1));
    assert_eq!(survey.facts.work_paid, usd("0.025"));
    let of = replayed(&survey);
    assert_eq!((of.calls, of.answered, of.failed, of.cut), (4, 2, 1, 1));
    // Of the two answers, one has a usage.
    assert_eq!(
        (of.known, of.baseline, of.paid),
        (1, usd("0.025"), usd("0.025"))
    );
    assert_eq!(of.saving, Some(0.0));
}

#[test]
fn without_prompts_the_recorded_score_decides_and_without_both_it_is_said() {
    let scored = |name: &str, at, key, score: Option<f32>| {
        let mut entry = call(name, at, key);
        entry.prompt = None;
        entry.decisions = vec![Decision {
            route: "premium".into(),
            reason: "complex".into(),
            score,
        }];
        entry
    };
    let mut keyless = scored("keyless", 4_000, 0, Some(0.9));
    keyless.key = None;
    let mut again = keyless.clone();
    again.time += 100;
    let (_dir, survey) = surveyed(&calls([
        scored("easy", 0, 1, Some(0.2)),
        scored("hard", 1_000, 2, Some(0.7)),
        scored("neither", 2_000, 4, None),
        keyless,
        again,
    ]));
    let facts = &survey.facts;
    assert_eq!(
        (facts.without_prompt, facts.undecidable, facts.without_key),
        (5, 1, 2)
    );
    let layers = layers();
    let of = obs_replay::Layers {
        router: Some(
            RouterLayer::new(
                ByRecord::new(crate::world::by_key as ByKey, 0.5),
                ROUTES.map(|(name, model)| Route::new(name).model(model)),
            )
            .metrics(&obs_metrics::Metrics::disabled()),
        ),
        timeout: layers.timeout,
        cache: layers.cache,
        attempt: None,
        prices: layers.prices,
        routes: layers.routes,
        time: layers.time,
    };
    let of = survey.replay(&of, 1, &mut |_, _| ()).unwrap();
    assert_eq!(
        of.by_route.iter().map(|of| of.answers).collect::<Vec<_>>(),
        [1, 4]
    );
    assert_eq!(of.hits, 0, "who has no key is no repeat");
    let text = Report::new(survey.facts.clone(), of, ["No hedges.".to_owned()]).text();
    assert!(
        text.contains("1 of 5 calls have neither prompt nor score"),
        "{text}"
    );
    assert!(text.contains("2 of 5 calls have no key"), "{text}");
    assert!(text.contains("- No hedges."), "{text}");
    assert!(
        text.contains("| quality | not known: no verdicts |"),
        "{text}"
    );
}

#[test]
fn a_route_that_was_not_asked_takes_the_time_of_its_own_line() {
    let cheap = |n: u64| {
        let mut entry = call(&format!("cheap {n}"), n * 1_000, 2 * n as u32 + 100);
        let mut attempt = attempt("cheap", "small", 200 + n);
        attempt.usage = Some(Usage {
            input: 1000,
            output: 10 * n,
            ..Usage::default()
        });
        entry.attempts = vec![attempt];
        entry
    };
    let log = (0..40).map(cheap).chain([call("easy", 41_000, 2)]);
    let (_dir, survey) = surveyed(&calls(log));
    // 200 ms, and a tenth for each token written: 250 ms for 500.
    assert_eq!(replayed(&survey).p99_ms, 250);
    let [_, _, written] = survey.facts.routes[0].latency_ms.unwrap();
    assert!((written - 0.1).abs() < 1e-6);
}

#[test]
fn what_cannot_be_read_is_told_and_what_cannot_be_replayed_is_refused() {
    let (_dir, path) = written(&calls([call("one", 0, 2)]));
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("no json\n{good}{{\"v\":1,\"call\":\"to")).unwrap();
    let survey = Log::new(&path, ROUTES).survey(&mut |_, _| ()).unwrap();
    assert_eq!(
        (
            survey.facts.calls,
            survey.facts.unreadable,
            survey.facts.torn
        ),
        (1, 1, 1)
    );
    assert!(
        survey
            .facts
            .first_unreadable
            .as_ref()
            .unwrap()
            .contains("line 1")
    );
    assert_eq!(replayed(&survey).calls, 1);

    fs::write(&path, "").unwrap();
    let error = Log::new(&path, ROUTES).survey(&mut |_, _| ()).unwrap_err();
    assert!(matches!(error, LogError::Empty(_)), "{error}");
    let error = Log::new("-", ROUTES).survey(&mut |_, _| ()).unwrap_err();
    assert!(matches!(error, LogError::Stream), "{error}");
    let error = Log::new("/nowhere", ROUTES)
        .survey(&mut |_, _| ())
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere"), "{error}");
}

#[test]
fn callers_who_named_a_model_can_be_taken_for_such_who_did_not() {
    let mut named = call("named", 0, 2);
    named.model = "large".into();
    let (_dir, path) = written(&calls([named]));
    let layers = || {
        let mut layers = layers();
        layers.router = layers.router.map(|router| router.obey_names("auto"));
        layers
    };
    let paid = |log: Log| {
        let survey = log.survey(&mut |_, _| ()).unwrap();
        survey.replay(&layers(), 1, &mut |_, _| ()).unwrap().paid
    };
    assert_eq!(paid(Log::new(&path, ROUTES)), usd("0.025"));
    assert_eq!(
        paid(Log::new(&path, ROUTES).asking_for("auto")),
        usd("0.002")
    );
}

#[test]
fn the_quality_that_is_kept_has_an_interval_that_tells_how_little_is_known() {
    // Odd keys go to the premium route, which is always right; of the cheap answers a third are.
    let records = |questions: u32| {
        let mut records = Vec::new();
        for n in 0..questions {
            let name = format!("call {n}");
            records.extend(calls([call(&name, u64::from(n) * 100_000, n)]));
            records.push(said(&name, n % 3 == 0, Some("cheap")));
            records.push(said(&name, true, Some("premium")));
        }
        records
    };
    let quality = |questions| {
        let (_dir, survey) = surveyed(&records(questions));
        replayed(&survey).quality.unwrap()
    };
    let (few, many) = (quality(60), quality(600));
    assert_eq!((few.kept_known, many.kept_known), (60, 600));
    let width = |of: obs_replay::log::Quality| {
        let (low, high) = of.kept_interval.unwrap();
        let kept = of.kept.unwrap();
        assert!(low < kept && kept < high, "{low} < {kept} < {high}");
        high - low
    };
    // Ten times as many questions tell three times as much.
    let ratio = width(few) / width(many);
    assert!((2.0..5.0).contains(&ratio), "{ratio}");
    assert_eq!(quality(9).kept_interval, None);
    let (_dir, survey) = surveyed(&records(60));
    let report = Report::new(survey.facts.clone(), replayed(&survey), []);
    let (text, page) = (report.text(), report.html());
    assert!(text.contains("% of the gap kept ("), "{text}");
    assert!(text.contains(", of 60 calls) |"), "{text}");
    assert!(page.contains(", of 60 calls)"), "{page}");
}

#[test]
fn streams_that_were_not_asked_have_first_tokens_that_were_recorded() {
    let cheap = |n: u64| {
        let mut entry = call(&format!("cheap {n}"), n * 1_000, 2 * n as u32 + 100);
        let mut attempt = attempt("cheap", "small", 700);
        attempt.first_token_us = Some(if n.is_multiple_of(2) {
            100_000
        } else {
            300_000
        });
        (entry.attempts, entry.stream) = (vec![attempt], true);
        entry
    };
    let mut asked = call("asked", 60_000, 2);
    asked.stream = true;
    asked.attempts[0].first_token_us = Some(800_000);
    let (_dir, survey) = surveyed(&calls((0..40).map(cheap).chain([asked])));
    let facts = &survey.facts;
    assert_eq!((facts.streams, facts.routes[0].first_tokens), (41, 40));
    let of = replayed(&survey);
    // All go to the cheap route; none has the 0.8 s of the other one.
    let [half, _, most] = of.first_token_ms.unwrap();
    assert!((100..=301).contains(&half), "{half}");
    assert!((299..=301).contains(&most), "{most}");
    // 500 ms after the first token, as on average.
    assert!((600..=801).contains(&of.p99_ms), "{}", of.p99_ms);
    let text = Report::new(facts.clone(), of, []).text();
    assert!(text.contains("41 of 41 calls were streams"), "{text}");
}

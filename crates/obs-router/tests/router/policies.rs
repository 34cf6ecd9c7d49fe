//! Policies, and their bad answers.
use obs_core::{CallContext, ErrorKind};
use obs_metrics::Metrics;
use obs_router::{Complexity, Decision, Policy, Reason, RouterLayer, Score, Target};

use crate::support::*;

/// Route, reason and score of a call with this policy.
async fn decided(policy: impl Policy<Ask>) -> (String, &'static str, Option<f32>, u64) {
    let layer = RouterLayer::new(policy, routes()).metrics(&Metrics::disabled());
    let call = ask();
    let journal = call.journal();
    run(&layer, &script([(0, Ok(whole("a")))]), call)
        .await
        .unwrap();
    let decided = journal.read().decisions.remove(0);
    let reason = Reason::ALL
        .into_iter()
        .find(|r| r.as_str() == decided.reason);
    let (stats, reason) = (layer.stats(), reason.expect("one of a closed set"));
    let route = stats.route(&decided.route).expect("a route");
    assert_eq!(route.decisions(reason), 1);
    (
        decided.route.to_string(),
        decided.reason,
        decided.score,
        stats.policy_errors,
    )
}

#[tokio::test]
async fn closures_answer_with_a_name_or_a_decision() {
    let named = |_: &Ask, _: &CallContext| "cheap";
    assert_eq!(decided(named).await, ("cheap".into(), "caller", None, 0));
    let owned = |ask: &Ask, _: &CallContext| ask.model.replace("auto", "premium");
    assert_eq!(decided(owned).await, ("premium".into(), "caller", None, 0));
    let whole = |_: &Ask, _: &CallContext| Decision::new("cheap", Reason::Budget).score(0.25);
    assert_eq!(
        decided(whole).await,
        ("cheap".into(), "budget", Some(0.25), 0)
    );
    let place = |_: &Ask, _: &CallContext| Target::Last;
    assert_eq!(decided(place).await, ("premium".into(), "caller", None, 0));
    let default = |_: &Ask, _: &CallContext| Decision::new(Target::Default, Reason::Default);
    assert_eq!(
        decided(default).await,
        ("premium".into(), "default", None, 0)
    );
}

#[tokio::test]
async fn a_policy_may_be_a_type_of_another_crate() {
    struct ByTenant;
    impl Policy<Ask> for ByTenant {
        fn decide(&self, _: &Ask, context: &CallContext) -> Decision {
            let paying = context.tenant.as_deref() == Some("acme");
            Decision::new(
                if paying { Target::Last } else { Target::First },
                Reason::Caller,
            )
        }
    }
    assert_eq!(decided(ByTenant).await.0, "cheap");
}

#[tokio::test]
async fn bad_answers_go_to_the_default_route_and_are_counted() {
    let error = |score: f32| {
        move |_: &Ask, _: &CallContext| Decision::new("cheap", Reason::Learned).score(score)
    };
    let expected = ("premium".to_owned(), "policy_error", None, 1);
    let panics = |_: &Ask, _: &CallContext| -> Decision { panic!("oh") };
    assert_eq!(decided(panics).await, expected);
    let unknown = |_: &Ask, _: &CallContext| "nowhere";
    assert_eq!(decided(unknown).await, expected);
    for score in [f32::NAN, f32::INFINITY, -0.1, 1.1] {
        assert_eq!(decided(error(score)).await, expected, "{score}");
    }
    assert_eq!(decided(error(1.0)).await.1, "learned");
}

#[tokio::test]
async fn the_default_route_can_be_set() {
    let unknown = |_: &Ask, _: &CallContext| "nowhere";
    let layer = RouterLayer::new(unknown, routes()).default_route("cheap");
    let layer = layer.metrics(&Metrics::disabled());
    run(&layer, &script([(0, Ok(whole("a")))]), ask())
        .await
        .unwrap();
    let stats = layer.stats();
    assert_eq!(
        stats.route("cheap").unwrap().decisions(Reason::PolicyError),
        1
    );
}

#[tokio::test]
async fn a_score_is_split_at_its_threshold() {
    let score = |score: f32| Score::new(move |_: &Ask, _: &CallContext| score);
    assert_eq!(
        decided(score(0.49)).await,
        ("cheap".into(), "caller", Some(0.49), 0)
    );
    assert_eq!(
        decided(score(0.5)).await,
        ("premium".into(), "caller", Some(0.5), 0)
    );
    assert_eq!(decided(score(0.5).threshold(0.6)).await.0, "cheap");
    assert_eq!(
        decided(score(0.4).routes("premium", "cheap")).await.0,
        "premium"
    );
    assert_eq!(
        decided(score(f32::NAN)).await,
        ("premium".into(), "policy_error", None, 1)
    );
}

#[tokio::test]
async fn rules_say_simple_or_complex_and_how_much() {
    let (route, reason, score, _) = decided(Complexity::default()).await;
    assert_eq!((route.as_str(), reason), ("cheap", "simple"));
    assert!(score.expect("told") < 0.5);
    let (route, reason, ..) = decided(Complexity::default().threshold(0.0)).await;
    assert_eq!((route.as_str(), reason), ("premium", "complex"));
    let (route, ..) = decided(Complexity::default().routes("premium", "cheap")).await;
    assert_eq!(route, "premium");
}

/// A policy that is replaced by the fall-over is counted all the same.
#[tokio::test]
async fn a_policy_error_is_counted_also_when_the_default_route_fails() {
    let unknown = |_: &Ask, _: &CallContext| "nowhere";
    let layer = RouterLayer::new(unknown, routes()).metrics(&Metrics::disabled());
    let script = script([(0, Err(bad(ErrorKind::Connect))), (0, Ok(whole("a")))]);
    run(&layer, &script, ask()).await.unwrap();
    let stats = layer.stats();
    assert_eq!((stats.policy_errors, stats.calls()), (1, 1));
    assert_eq!(stats.route("cheap").unwrap().decisions(Reason::Fallback), 1);
}

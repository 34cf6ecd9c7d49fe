//! Calls that are split by weight.
use std::collections::HashMap;

use obs_core::CallContext;
use obs_router::{Policy, Reason, Target, Weighted};

use crate::support::{Ask, ask};

fn of(policy: &Weighted, prompt: &str, session: Option<&str>) -> Target {
    let mut context = CallContext::default();
    context.session = session.map(Into::into);
    let decision = policy.decide(&ask(prompt).request, &context);
    assert_eq!(decision.reason(), Reason::Weighted);
    decision.target().clone()
}

#[test]
fn a_conversation_stays_on_its_side() {
    let policy = Weighted::new([("cheap", 1), ("premium", 1)]);
    for session in ["a", "b", "c", "d", "e"] {
        let first = of(&policy, "one", Some(session));
        for prompt in ["two", "three", "four", "five", "six"] {
            assert_eq!(of(&policy, prompt, Some(session)), first);
        }
    }
}

#[test]
fn shares_are_those_of_the_weights() {
    let policy = Weighted::new([("cheap", 7), ("never", 0), ("premium", 3)]);
    let mut seen = HashMap::<String, u32>::new();
    for n in 0..10_000 {
        let target = of(&policy, &format!("question {n}"), None);
        *seen.entry(format!("{target:?}")).or_default() += 1;
    }
    let share = |name: &str| {
        let key = format!("{:?}", Target::from(name.to_owned()));
        seen.get(&key).copied().unwrap_or(0)
    };
    assert!((6_850..=7_150).contains(&share("cheap")), "{seen:?}");
    assert_eq!(share("never"), 0);
    assert_eq!(share("cheap") + share("premium"), 10_000);
}

#[test]
fn another_name_splits_in_another_way() {
    let sides = |policy: Weighted| {
        let side = |n| of(&policy, &format!("question {n}"), None) == "premium".into();
        (0..1_000).map(side).collect::<Vec<_>>()
    };
    let plain = || Weighted::new([("cheap", 1), ("premium", 1)]);
    assert_eq!(sides(plain()), sides(plain()));
    let (one, other) = (sides(plain()), sides(plain().named("spring")));
    let same = one.iter().zip(&other).filter(|(a, b)| a == b).count();
    assert!((400..600).contains(&same), "{same}");
}

/// Names of sessions are often numbers from one up.
#[test]
fn the_same_session_of_another_tenant_is_another_conversation() {
    let policy = Weighted::new([("cheap", 1), ("premium", 1)]);
    let side = |tenant: &str| {
        let mut context = CallContext::default();
        context.tenant = Some(tenant.into());
        context.session = Some("1".into());
        let decision = policy.decide(&ask("q").request, &context);
        *decision.target() == "premium".into()
    };
    let premium = (0..1_000).filter(|n| side(&format!("tenant {n}"))).count();
    assert!((400..600).contains(&premium), "{premium}");
}

#[test]
fn a_call_that_may_not_take_all_routes_is_split_among_the_others_by_their_weights() {
    let policy = Weighted::new([("cheap", 6), ("middle", 3), ("premium", 1)]);
    let allowed = |names: &[&str]| {
        let mut context = CallContext::default();
        context.allowed = Some(names.iter().map(|name| (*name).into()).collect());
        context
    };
    let count = |context: &CallContext, route: &'static str| {
        let took = |n: &i32| {
            let ask = ask(&format!("question {n}")).request;
            *policy.decide(&ask, context).target() == Target::from(route)
        };
        (0..2_000).filter(took).count()
    };
    let two = allowed(&["middle", "premium"]);
    assert!((1_420..=1_580).contains(&count(&two, "middle")));
    assert_eq!(count(&two, "middle") + count(&two, "premium"), 2_000);
    assert_eq!(count(&allowed(&["cheap"]), "cheap"), 2_000);
}

#[test]
#[should_panic(expected = "more than zero")]
fn weights_of_zero_alone_are_refused() {
    let _ = Weighted::new([("cheap", 0)]);
}

#[test]
fn it_can_be_explained() {
    let policy = Weighted::new([("cheap", 1), ("premium", 1)]);
    let explained = Policy::<Ask>::explain(&policy, &ask("q").request, &CallContext::default());
    let explained = explained.expect("an explanation");
    assert_eq!(explained.policy, "weighted");
    assert_eq!(explained.parts[0].name, "point");
}

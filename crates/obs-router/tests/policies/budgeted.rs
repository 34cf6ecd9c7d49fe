//! Calls that become cheap as a budget runs out.
use std::time::{Duration, UNIX_EPOCH};

use obs_budget::{Budget, Budgets, Window};
use obs_core::CallContext;
use obs_metrics::Metrics;
use obs_router::{Budgeted, Policy, Target};

use crate::support::{Ask, Models, ask, layer, usd, was};

fn premium(_: &Ask, _: &CallContext) -> &'static str {
    "premium"
}

fn dollars(limit: &str) -> Budgets {
    let limit = Budget::dollars(usd(limit), Window::HOUR);
    let budgets = Budgets::builder("all", [limit]).metrics(Metrics::disabled());
    budgets
        .clock(|| UNIX_EPOCH + Duration::from_secs(100))
        .build()
}

#[tokio::test]
async fn as_a_budget_runs_out_more_and_more_calls_are_cheap() {
    let budgets = dollars("1");
    let policy = Budgeted::new(premium).budget(budgets.clone(), |_| Some("all"));
    let layer = layer(policy.from(0.5));
    let models = Models::using(0, 0, 0);
    let share = async || {
        let mut to_premium = 0;
        for _ in 0..100 {
            let took = models.took(&layer, ask("q")).await;
            if took == was("premium", "caller") {
                to_premium += 1;
            } else {
                assert_eq!(took, was("cheap", "budget"));
            }
        }
        to_premium
    };
    assert_eq!(share().await, 100);
    budgets.charge("all", usd("0.5"));
    assert_eq!(share().await, 100, "half is left");
    budgets.charge("all", usd("0.25"));
    assert!((49..=51).contains(&share().await), "half of that");
    budgets.charge("all", usd("0.2"));
    assert!((9..=11).contains(&share().await));
    budgets.charge("all", usd("0.05"));
    assert_eq!(share().await, 0, "nothing is left");
}

#[test]
fn no_judge_sends_on_what_there_is_no_money_for() {
    let budgets = dollars("1");
    let policy = |to: fn(&Ask, &CallContext) -> Target| {
        Budgeted::new(to).budget(budgets.clone(), |_| Some("all"))
    };
    let (cheap, premium) = (policy(|_, _| Target::First), policy(|_, _| Target::Last));
    let is_judged = |policy: &dyn Policy<Ask>| {
        let call = ask("q");
        policy.decide(&call.request, &call.context).is_judged()
    };
    assert!(is_judged(&cheap) && is_judged(&premium));
    budgets.charge("all", usd("0.9"));
    assert!(is_judged(&cheap), "something is left");
    // With a tenth of the budget left, four of ten calls may go on.
    let refused = (0..10).filter(|_| !is_judged(&premium)).count();
    assert!((6..=7).contains(&refused), "{refused}");
    budgets.charge("all", usd("0.1"));
    assert!(!is_judged(&cheap) && !is_judged(&premium));
}

#[tokio::test]
async fn calls_pay_from_the_budgets_that_bound_them_and_once() {
    let (all, tenants) = (dollars("1"), dollars("0.3"));
    let policy = Budgeted::new(premium)
        .budget(all.clone(), |_| Some("all"))
        .budget(tenants.clone(), |context| context.tenant.as_deref());
    let layer = layer(policy);
    // $0.1 on the premium route, and a tenth of that on the cheap one.
    let models = Models::using(1_000, 0, 0);
    let call = || {
        let mut call = ask("q");
        call.context.tenant = Some("acme".into());
        call.context.journal.listen(&all.payer("all"));
        call
    };
    for _ in 0..3 {
        assert_eq!(models.took(&layer, call()).await, was("premium", "caller"));
    }
    assert_eq!(models.took(&layer, call()).await, was("cheap", "budget"));
    assert_eq!(all.stats().spent, usd("0.31"));
    assert_eq!(tenants.stats().spent, usd("0.31"));
    assert_eq!(
        models.took(&layer, ask("q")).await,
        was("premium", "caller"),
        "another tenant"
    );
}

#[tokio::test]
async fn what_is_cheap_anyway_is_no_matter_of_the_budget() {
    let budgets = dollars("1");
    budgets.charge("all", usd("2"));
    let cheap = |_: &Ask, _: &CallContext| obs_router::Target::First;
    let layer = layer(Budgeted::new(cheap).budget(budgets, |_| Some("all")));
    let models = Models::using(0, 0, 0);
    assert_eq!(models.took(&layer, ask("q")).await, was("cheap", "caller"));
}

#[test]
fn it_can_be_explained() {
    let budgets = dollars("1");
    budgets.charge("all", usd("0.875"));
    let policy = Budgeted::new(obs_router::Complexity::new()).budget(budgets, |_| Some("all"));
    let call = ask("What is the capital of Peru?");
    let told = policy.explain(&call.request, &call.context).expect("told");
    assert_eq!(
        (told.policy, told.parts[0].value, told.parts[0].added),
        ("budget", 0.125, 0.5)
    );
    assert_eq!(told.inner.expect("the rules").policy, "complexity");
}

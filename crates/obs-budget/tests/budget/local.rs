//! What one process spends.
use std::{sync::Arc, time::Duration};

use obs_budget::{Budget, Budgets, Unit, Window};
use obs_core::{AttemptLayer, Call, Error, LlmRequest, Purpose, Usd};
use obs_metrics::Metrics;
use proptest::prelude::*;
use tower_layer::Layer;

use crate::support::{Clock, usd};

fn tenants(clock: &Clock, budgets: impl IntoIterator<Item = Budget>) -> Budgets {
    clock.on(Budgets::builder("tenant", budgets))
}

#[test]
fn what_is_left_is_the_limit_less_what_was_charged_in_this_window() {
    let clock = Clock::at_midnight();
    let budgets = tenants(&clock, [Budget::dollars(usd("2"), Window::HOUR)]);
    budgets.charge("a", usd("0.5"));
    let left = budgets.left("a");
    assert_eq!(left.usd, Some(usd("1.5")));
    assert_eq!(left.share, 0.75);
    assert_eq!(left.until, Some(clock.now() + Duration::from_secs(3600)));
    assert_eq!(budgets.left("b").share, 1.0, "each name has its own");
    clock.pass(3599);
    assert_eq!(budgets.left("a").usd, Some(usd("1.5")));
    clock.pass(1);
    assert_eq!(budgets.left("a").usd, Some(usd("2")));
}

#[test]
fn the_tightest_budget_says_what_is_left() {
    let clock = Clock::at_midnight();
    let limits = [
        Budget::dollars(usd("2"), Window::HOUR),
        Budget::dollars(usd("3"), Window::DAY),
    ];
    let budgets = tenants(&clock, limits);
    budgets.charge("a", usd("2"));
    assert!(budgets.left("a").is_exhausted());
    clock.pass(3600);
    let left = budgets.left("a");
    assert_eq!(left.usd, Some(usd("1")));
    assert_eq!(
        left.until,
        Some(clock.now() + Duration::from_secs(23 * 3600))
    );
}

#[test]
fn requests_beyond_the_limit_are_refused_until_the_window_ends() {
    let clock = Clock::at_midnight();
    clock.pass(20);
    let budgets = tenants(&clock, [Budget::requests(2, Window::MINUTE)]);
    assert_eq!(budgets.admit("a"), Ok(()));
    assert_eq!(budgets.left("a").requests, Some(1));
    assert_eq!(budgets.admit("a"), Ok(()));
    let refused = budgets.admit("a").expect_err("the limit is reached");
    assert_eq!(
        (refused.unit(), refused.window()),
        (Unit::Requests, Window::MINUTE)
    );
    assert_eq!(refused.retry_after(), Duration::from_secs(40));
    assert_eq!(
        refused.to_string(),
        "the limit of this tenant is reached: 2 requests per minute; more in 40 s"
    );
    assert_eq!(budgets.stats().refused, 1);
    clock.pass(40);
    assert_eq!(budgets.admit("a"), Ok(()));
}

#[test]
fn a_refused_request_is_not_counted_by_the_other_budgets() {
    let clock = Clock::at_midnight();
    let limits = [
        Budget::requests(1, Window::MINUTE),
        Budget::requests(3, Window::HOUR),
    ];
    let budgets = tenants(&clock, limits);
    assert_eq!(budgets.admit("a"), Ok(()));
    for _ in 0..5 {
        assert!(budgets.admit("a").is_err());
    }
    clock.pass(60);
    assert_eq!(
        budgets.left("a").requests,
        Some(1),
        "one of this minute, two of this hour"
    );
    assert_eq!(budgets.admit("a"), Ok(()));
    clock.pass(60);
    assert_eq!(budgets.admit("a"), Ok(()));
    clock.pass(60);
    let refused = budgets.admit("a").expect_err("three in this hour");
    assert_eq!(refused.window(), Window::HOUR);
}

#[test]
fn who_has_spent_its_dollars_is_not_admitted() {
    let clock = Clock::at_midnight();
    let budgets = tenants(&clock, [Budget::dollars(usd("1"), Window::HOUR)]);
    budgets.charge("a", usd("0.999999999999"));
    assert_eq!(budgets.admit("a"), Ok(()));
    budgets.charge("a", Usd::from_pico(1));
    let refused = budgets.admit("a").expect_err("spent");
    assert_eq!(
        refused.to_string(),
        "the budget of this tenant is spent: $1 per hour; more in 3600 s"
    );
    budgets.charge("a", usd("5"));
    assert_eq!(
        budgets.left("a").usd,
        Some(Usd::ZERO),
        "never less than nothing"
    );
}

#[test]
fn less_than_nothing_is_charged_as_nothing() {
    let clock = Clock::at_midnight();
    let budgets = tenants(&clock, [Budget::dollars(usd("1"), Window::HOUR)]);
    budgets.charge("a", usd("0.5"));
    budgets.charge("a", usd("-0.2"));
    assert_eq!(budgets.left("a").usd, Some(usd("0.5")));
    assert_eq!(budgets.stats().spent, usd("0.5"));
}

#[test]
fn who_is_refused_hears_of_the_budget_that_lasts_longest_and_is_not_sent_back_too_early() {
    let limits = [
        Budget::requests(1, Window::HOUR),
        Budget::requests(1, Window::MINUTE),
    ];
    let budgets = Budgets::builder("tenant", limits)
        .clock(|| Clock::at_midnight().now() + Duration::from_millis(400))
        .metrics(Metrics::disabled())
        .build();
    assert_eq!(budgets.admit("a"), Ok(()));
    let refused = budgets.admit("a").expect_err("both are used up");
    assert_eq!(refused.window(), Window::HOUR);
    assert_eq!(refused.retry_after(), Duration::from_millis(3_599_600));
    let text = refused.to_string();
    assert!(text.ends_with("more in 3600 s"), "{text}");
}

#[test]
fn limits_of_its_own_stand_in_place_of_those_of_all() {
    let clock = Clock::at_midnight();
    let budgets = tenants(&clock, [Budget::dollars(usd("1"), Window::HOUR)]);
    budgets.charge("a", usd("0.9"));
    budgets.limit("a", [Budget::dollars(usd("3"), Window::HOUR)]);
    assert_eq!(
        budgets.left("a").usd,
        Some(usd("2.1")),
        "what was spent stays spent"
    );
    budgets.limit("free", []);
    budgets.charge("free", usd("100"));
    assert_eq!(budgets.left("free").usd, None);
    assert_eq!(budgets.left("free").share, 1.0);
}

#[test]
fn other_limits_for_all_leave_what_was_spent_as_it_is() {
    let clock = Clock::at_midnight();
    let budgets = tenants(&clock, [Budget::dollars(usd("1"), Window::HOUR)]);
    let payer = budgets.payer("a");
    budgets.charge("a", usd("0.9"));
    budgets.limit("own", [Budget::dollars(usd("5"), Window::HOUR)]);
    budgets.limit_all([
        Budget::requests(9, Window::HOUR),
        Budget::dollars(usd("3"), Window::HOUR),
    ]);
    assert_eq!(budgets.left("a").usd, Some(usd("2.1")));
    assert_eq!(budgets.left("a").requests, Some(9));
    assert!(Arc::ptr_eq(&payer, &budgets.payer("a")), "calls pay on");
    assert_eq!(budgets.left("new").usd, Some(usd("3")));
    assert_eq!(budgets.left("own").usd, Some(usd("5")));
    // Less than what was spent.
    budgets.limit_all([Budget::dollars(usd("0.5"), Window::HOUR)]);
    assert!(budgets.left("a").is_exhausted());
    assert!(!budgets.left("new").is_exhausted());
    assert!(format!("{budgets:?}").contains("500000000000"));
}

#[test]
fn a_clock_that_steps_back_brings_no_old_window_back() {
    let clock = Clock::at_midnight();
    let budgets = tenants(&clock, [Budget::dollars(usd("1"), Window::HOUR)]);
    budgets.charge("a", usd("0.4"));
    clock.step_back(5);
    assert_eq!(budgets.left("a").usd, Some(usd("0.6")));
    clock.pass(5);
    assert_eq!(budgets.left("a").usd, Some(usd("0.6")));
}

#[test]
fn names_are_bounded_and_idle_ones_make_room() {
    let clock = Clock::at_midnight();
    let limits = [Budget::dollars(usd("1"), Window::HOUR)];
    let budgets = clock.on(Budgets::builder("tenant", limits).names(2));
    budgets.charge("a", usd("0.1"));
    budgets.charge("b", usd("0.2"));
    budgets.charge("c", usd("0.3"));
    budgets.charge("d", usd("0.3"));
    assert_eq!(
        budgets.left("e").usd,
        Some(usd("0.4")),
        "the crowd shares one account"
    );
    assert_eq!(budgets.left("a").usd, Some(usd("0.9")), "and nobody else's");
    assert_eq!(budgets.stats().names, 2);
    assert_eq!(budgets.stats().crowded, 3);
    clock.pass(3600);
    budgets.charge("f", usd("0.5"));
    assert_eq!(budgets.left("f").usd, Some(usd("0.5")));
    assert_eq!(budgets.left("g").usd, Some(usd("1")));
    assert_eq!(budgets.stats().names, 2);
}

#[test]
fn room_for_names_is_looked_for_once_a_second() {
    let clock = Clock::at_midnight();
    let limits = [Budget::dollars(usd("1"), Window::HOUR)];
    let budgets = clock.on(Budgets::builder("tenant", limits).names(1));
    let payer = budgets.payer("a");
    assert_eq!(budgets.stats().crowded, 0);
    let _ = budgets.left("b");
    assert_eq!(budgets.stats().crowded, 1, "a call of a is under way");
    drop(payer);
    let _ = budgets.left("b");
    assert_eq!(budgets.stats().crowded, 2);
    clock.pass(1);
    let _ = budgets.left("b");
    let _ = budgets.left("c");
    assert_eq!(budgets.stats().crowded, 2, "and room that is found is used");
}

#[test]
fn names_with_limits_of_their_own_are_never_forgotten() {
    let clock = Clock::at_midnight();
    let budgets = clock.on(Budgets::builder("key", []).names(1));
    budgets.limit("a", [Budget::requests(1, Window::DAY)]);
    budgets.limit("b", [Budget::requests(2, Window::DAY)]);
    let _ = budgets.left("c");
    assert_eq!(budgets.left("a").requests, Some(1));
    assert_eq!(budgets.left("b").requests, Some(2));
}

#[derive(Clone)]
struct Ask(&'static str);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        self.0
    }

    fn set_model(&mut self, _: &str) {}

    fn visit_prompt(&self, _: &mut dyn FnMut(obs_core::Role, &str)) {}

    fn fingerprint(&self, to: &mut obs_core::Fingerprint) {
        to.field("model", self.0.as_bytes());
    }
}

struct Answer;

impl obs_core::LlmResponse for Answer {
    type Chunk = std::convert::Infallible;

    fn usage(&self) -> Option<obs_core::Usage> {
        Some(obs_core::Usage {
            input: 10,
            output: 5,
            ..Default::default()
        })
    }

    fn model(&self) -> Option<&str> {
        None
    }

    fn finish(&self) -> Option<obs_core::Finish> {
        None
    }
}

#[tokio::test]
async fn attempts_charge_their_payer_once_and_unknown_costs_nobody() {
    let clock = Clock::at_midnight();
    let budgets = tenants(&clock, [Budget::dollars(usd("1"), Window::HOUR)]);
    let price = obs_core::Price::per_million("1", "2").expect("a price");
    let prices = obs_core::PriceTable::from_json("{}").expect("no prices");
    let prices = prices.with_model("m", price);
    let layer = AttemptLayer::new(prices);
    let service = layer.layer(tower::service_fn(
        |_: Ask| async move { Ok::<_, Error>(Answer) },
    ));
    for (model, purpose) in [
        ("m", Purpose::First),
        ("m", Purpose::Shadow),
        ("nobody-knows", Purpose::First),
        ("nobody-knows", Purpose::Shadow),
    ] {
        let mut call = Call::new(Ask(model));
        call.context.purpose = purpose;
        assert!(call.context.journal.listen(&budgets.payer("a")));
        assert!(
            !call.context.journal.listen(&budgets.payer("a")),
            "the same one"
        );
        let answer = tower::ServiceExt::oneshot(service.clone(), call).await;
        assert!(answer.is_ok());
    }
    // 10 tokens at $1 and 5 at $2 a million, of the one that the caller asked for.
    assert_eq!(budgets.left("a").usd, Some(usd("0.99998")));
    assert_eq!(budgets.stats().unknown, 1);
}

proptest! {
    #[test]
    fn nothing_is_lost_between_threads(amounts in prop::collection::vec(0_i64..1_000_000, 1..40)) {
        let budgets = Budgets::builder("tenant", [Budget::dollars(usd("1"), Window::DAY)])
            .clock(|| Clock::at_midnight().now())
            .metrics(Metrics::disabled())
            .build();
        let all = Arc::new(amounts);
        let threads: Vec<_> = (0..2).map(|_| {
            let (budgets, all) = (budgets.clone(), all.clone());
            std::thread::spawn(move || {
                for amount in &*all {
                    budgets.charge("a", Usd::from_pico((*amount).into()));
                }
            })
        }).collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        let sum: i64 = all.iter().sum();
        let spent = Usd::from_pico(i128::from(sum) * 2);
        prop_assert_eq!(budgets.stats().spent, spent);
        prop_assert_eq!(budgets.left("a").usd, Some(usd("1") - spent));
    }
}

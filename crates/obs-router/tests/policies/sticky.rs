//! Conversations that stay where their prompt is cached.
use std::time::Duration;

use obs_core::{Call, CallContext, Purpose};
use obs_router::{Decision, Policy, Reason, RouterLayer, Sticky, Target};

use crate::support::{Ask, Models, ask, layer, routes, usd, was};

/// What the prompt says: a route, and a score after it.
fn as_told(ask: &Ask, _: &CallContext) -> Decision {
    let mut words = ask.prompt.split(' ');
    let target = match words.next() {
        Some("cheap") => Target::First,
        _ => Target::Last,
    };
    let decision = Decision::new(target, Reason::Learned);
    match words.next() {
        Some(score) => decision.score(score.parse().expect("a score")),
        None => decision,
    }
}

type Told = fn(&Ask, &CallContext) -> Decision;

fn sticky() -> Sticky<Told> {
    Sticky::new(as_told as Told, &routes())
}

fn turn(session: &str, prompt: &str) -> Call<Ask> {
    let mut call = ask(prompt);
    call.context.session = Some(session.into());
    call.context.tenant = Some("acme".into());
    call
}

async fn premium_first(models: &Models, layer: &RouterLayer<Sticky<Told>>) {
    let took = models.took(layer, turn("s", "premium")).await;
    assert_eq!(took, was("premium", "learned"));
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stays_where_its_cache_is_worth_more_than_the_switch() {
    let models = Models::using(1_000, 1_000, 0);
    let layer = layer(sticky());
    premium_first(&models, &layer).await;
    // All cached: $0.01 where it is, $0.01 on the cheap route.
    assert_eq!(
        models.took(&layer, turn("s", "cheap")).await,
        was("premium", "sticky")
    );
    // A tenth is not: $0.019 where it is.
    models.uses(1_000, 900, 0);
    assert_eq!(
        models.took(&layer, turn("s", "premium")).await,
        was("premium", "learned")
    );
    assert_eq!(
        models.took(&layer, turn("s", "cheap")).await,
        was("cheap", "learned")
    );
}

#[tokio::test(start_paused = true)]
async fn the_answer_counts_too() {
    // $0.01 and 200 tokens for $0.02 where it is; $0.01 and $0.002 on the cheap route.
    let models = Models::using(1_000, 1_000, 200);
    let layer = layer(sticky());
    premium_first(&models, &layer).await;
    assert_eq!(
        models.took(&layer, turn("s", "cheap")).await,
        was("cheap", "learned")
    );
}

#[tokio::test(start_paused = true)]
async fn a_better_route_is_taken_at_any_price_unless_one_is_told() {
    let models = Models::using(1_000, 1_000, 0);
    let free = layer(sticky());
    assert_eq!(
        models.took(&free, turn("s", "cheap")).await,
        was("cheap", "learned")
    );
    assert_eq!(
        models.took(&free, turn("s", "premium 0.1")).await,
        was("premium", "learned")
    );

    // $0.001 where it is, $0.1 on the better route.
    let valued = layer(sticky().worth(usd("0.2")));
    assert_eq!(
        models.took(&valued, turn("s", "cheap")).await,
        was("cheap", "learned")
    );
    assert_eq!(
        models.took(&valued, turn("s", "premium 0.4")).await,
        was("cheap", "sticky")
    );
    assert_eq!(
        models.took(&valued, turn("s", "premium 0.6")).await,
        was("premium", "learned")
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_a_conversation_is_free_to_go() {
    let models = Models::using(1_000, 1_000, 0);
    let layer = layer(sticky());
    premium_first(&models, &layer).await;
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(
        models.took(&layer, turn("s", "cheap")).await,
        was("premium", "sticky")
    );
    tokio::time::advance(Duration::from_secs(300)).await;
    assert_eq!(
        models.took(&layer, turn("s", "cheap")).await,
        was("cheap", "learned")
    );
}

#[tokio::test(start_paused = true)]
async fn sessions_are_those_of_their_tenant_and_calls_without_one_are_free() {
    let models = Models::using(1_000, 1_000, 0);
    let layer = layer(sticky());
    premium_first(&models, &layer).await;
    let mut stranger = turn("s", "cheap");
    stranger.context.tenant = Some("other".into());
    assert_eq!(models.took(&layer, stranger).await, was("cheap", "learned"));
    assert_eq!(
        models.took(&layer, ask("cheap")).await,
        was("cheap", "learned")
    );
    assert_eq!(
        models.took(&layer, turn("other", "cheap")).await,
        was("cheap", "learned")
    );
    assert_eq!(
        models.took(&layer, turn("s", "cheap")).await,
        was("premium", "sticky")
    );
}

/// The prompt of the conversation is not where something was only looked at.
#[tokio::test(start_paused = true)]
async fn what_is_asked_aside_moves_no_conversation() {
    for purpose in [Purpose::Judge, Purpose::Shadow, Purpose::Refresh] {
        let models = Models::using(1_000, 1_000, 0);
        let layer = layer(sticky());
        assert_eq!(
            models.took(&layer, turn("s", "cheap")).await,
            was("cheap", "learned")
        );
        let mut aside = turn("s", "premium");
        aside.context.purpose = purpose;
        assert_eq!(models.took(&layer, aside).await, was("premium", "learned"));
        assert_eq!(
            models.took(&layer, turn("s", "cheap")).await,
            was("cheap", "learned")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_costs_nobody_knows_stays() {
    let models = Models::default();
    let layer = layer(sticky());
    premium_first(&models, &layer).await;
    assert_eq!(
        models.took(&layer, turn("s", "cheap")).await,
        was("premium", "sticky")
    );
}

#[tokio::test(start_paused = true)]
async fn it_can_be_explained() {
    let models = Models::using(1_000, 800, 0);
    let policy = std::sync::Arc::new(sticky());
    let shared = policy.clone();
    let layer = layer(move |ask: &Ask, context: &CallContext| shared.decide(ask, context));
    models.took(&layer, turn("s", "premium")).await;
    let call = turn("s", "cheap");
    let told = policy.explain(&call.request, &call.context).expect("told");
    let part = |name: &str| {
        told.parts
            .iter()
            .find(|part| part.name == name)
            .expect("there")
    };
    assert_eq!(part("cached_share").value, 0.8);
    assert!((part("stay").added - 0.028).abs() < 1e-6);
    assert!((part("go_cheap").added - 0.01).abs() < 1e-6);
}

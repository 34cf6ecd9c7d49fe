//! Values for operations and models.
use std::time::Duration;

use crate::common::{Ask, MS, Reply, S, Tok, ask, elapsed, timed};
use futures_util::StreamExt;
use obs_core::{Call, Error, Limit, Operation};
use obs_metrics::Metrics;
use obs_timeout::{AttemptLimits, AttemptTimeoutLayer, CallLimits, TimeoutLayer};
use tower::{Layer, ServiceExt, service_fn};

async fn never(_: Call<Ask>) -> Result<Reply, Error> {
    std::future::pending().await
}

/// The limit and the grace of a call.
async fn total(
    layer: &TimeoutLayer,
    operation: Operation,
    model: &'static str,
) -> (Duration, Duration) {
    let mut call = ask(model, false);
    call.request.operation = operation;
    let error = layer.layer(service_fn(never)).oneshot(call).await;
    let (limit, after, grace) = elapsed(&error.expect_err("too slow"));
    assert_eq!(limit, Limit::Total);
    (after, grace)
}

fn new() -> TimeoutLayer {
    TimeoutLayer::new(30 * S)
        .grace(5 * S)
        .metrics(&Metrics::disabled())
}

#[tokio::test(start_paused = true)]
async fn the_models_value_wins_over_that_of_the_operation_and_that_over_the_layers() {
    let layer = new()
        .for_operation(
            Operation::Embeddings,
            CallLimits::new().limit(3 * S).grace(S),
        )
        .for_model("o3", CallLimits::new().limit(300 * S));
    use Operation::{Chat, Embeddings};
    assert_eq!(total(&layer, Chat, "m").await, (30 * S, 5 * S));
    assert_eq!(total(&layer, Embeddings, "m").await, (3 * S, S));
    assert_eq!(total(&layer, Chat, "o3").await, (300 * S, 5 * S));
    // Value by value.
    assert_eq!(total(&layer, Embeddings, "o3").await, (300 * S, S));
    // The name is the whole name.
    assert_eq!(total(&layer, Chat, "o3-mini").await, (30 * S, 5 * S));
}

#[tokio::test(start_paused = true)]
async fn the_order_of_setters_makes_no_difference() {
    let o3 = CallLimits::new().limit(300 * S);
    let embeddings = CallLimits::new().limit(3 * S);
    let layer = TimeoutLayer::new(30 * S)
        .for_model("o3", o3)
        .for_operation(Operation::Embeddings, embeddings)
        .for_model("o3", CallLimits::new().grace(2 * S))
        .grace(5 * S)
        .metrics(&Metrics::disabled());
    assert_eq!(
        total(&layer, Operation::Embeddings, "o3").await,
        (300 * S, 2 * S)
    );
    assert_eq!(
        total(&layer, Operation::Embeddings, "m").await,
        (3 * S, 5 * S)
    );
}

#[tokio::test(start_paused = true)]
async fn a_setter_changes_no_clone() {
    let plain = new();
    let special = plain.clone().for_model("m", CallLimits::new().limit(S));
    assert_eq!(total(&special, Operation::Chat, "m").await, (S, 5 * S));
    assert_eq!(total(&plain, Operation::Chat, "m").await, (30 * S, 5 * S));
    assert_eq!((plain.stats().failures, special.stats().failures), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_endless_limit_lifts_the_general_one() {
    let layer = new().for_model("o3", CallLimits::new().limit(Duration::MAX));
    let slow = service_fn(|_: Call<Ask>| async {
        tokio::time::sleep(9_999 * S).await;
        Ok::<_, Error>(Reply::Whole("hi"))
    });
    assert!(layer.layer(slow).oneshot(ask("o3", false)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_call_has_the_values_of_operation_other() {
    let layer = new().for_operation(Operation::Other, CallLimits::new().limit(S).grace(S));
    let inner = service_fn(|_: u8| std::future::pending::<Result<u8, Error>>());
    let error = layer.any().layer(inner).oneshot(7).await;
    assert_eq!(elapsed(&error.expect_err("too slow")), (Limit::Total, S, S));
}

/// Which limit an attempt of this model reaches, which answers with a head after one second, content after two, and nothing
/// more.
async fn attempt(
    layer: &AttemptTimeoutLayer,
    operation: Operation,
    model: &'static str,
) -> (Limit, Duration) {
    let mut call = ask(model, true);
    call.request.operation = operation;
    let inner = service_fn(|_: Call<Ask>| async {
        tokio::time::sleep(S).await;
        Ok::<_, Error>(timed([(1_000, Tok::Word("a"))]))
    });
    let error = match layer.layer(inner).oneshot(call).await {
        Err(error) => error,
        Ok(reply) => {
            let mut chunks = reply.chunks();
            loop {
                if let Err(error) = chunks.next().await.expect("open") {
                    break error;
                }
            }
        }
    };
    let (limit, after, _) = elapsed(&error);
    (limit, after)
}

#[tokio::test(start_paused = true)]
async fn each_limit_of_an_attempt_is_chosen_by_itself() {
    use Operation::{Chat, TextCompletion};
    let layer = AttemptTimeoutLayer::new()
        .connect(20 * S)
        .first_token(30 * S)
        .idle(40 * S)
        .for_operation(
            TextCompletion,
            AttemptLimits::new().idle(4 * S).first_token(1_500 * MS),
        )
        .for_model("quick", AttemptLimits::new().connect(500 * MS))
        .for_model(
            "pauses",
            AttemptLimits::new().idle(7 * S).first_token(9 * S),
        )
        .for_model("whole", AttemptLimits::new().attempt(3 * S));
    assert_eq!(attempt(&layer, Chat, "m").await, (Limit::Idle, 40 * S));
    assert_eq!(
        attempt(&layer, TextCompletion, "m").await,
        (Limit::FirstToken, 1_500 * MS)
    );
    assert_eq!(
        attempt(&layer, Chat, "quick").await,
        (Limit::Connect, 500 * MS)
    );
    assert_eq!(
        attempt(&layer, TextCompletion, "pauses").await,
        (Limit::Idle, 7 * S)
    );
    assert_eq!(
        attempt(&layer, Chat, "whole").await,
        (Limit::Attempt, 3 * S)
    );
}

#[test]
fn values_of_zero_are_refused() {
    assert!(CallLimits::new().try_limit(Duration::ZERO).is_err());
    let panic = std::panic::catch_unwind(|| CallLimits::new().limit(Duration::ZERO));
    let text = panic.expect_err("zero").downcast::<String>().expect("text");
    assert!(text.contains("expected a duration above zero"), "{text}");
    assert!(std::panic::catch_unwind(|| AttemptLimits::new().idle(Duration::ZERO)).is_err());
}

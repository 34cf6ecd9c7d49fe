//! Two answers to one question.
use std::time::Duration;

use obs_core::{AttemptLayer, Deadline, ErrorKind, Outcome, Price, PriceTable};
use obs_router::{Consistency, agree};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Answer, Word, ask, asked, chunks, layer, model, stream};

async fn run(answers: Vec<Answer>) -> Vec<String> {
    let model = model(answers);
    let layer = layer().judge(Consistency::new(model.clone()));
    let call = ask();
    let context = call.context.clone();
    let answer = layer.layer(model).oneshot(call).await;
    assert!(answer.is_ok(), "{answer:?}");
    asked(&context)
}

#[tokio::test]
async fn an_answer_that_comes_again_is_accepted_and_the_second_is_paid_for() {
    let answers = vec![Answer::Whole("It is 42."), Answer::Whole("So, 42!")];
    assert_eq!(run(answers).await, ["small first", "small judge"]);
}

#[tokio::test]
async fn one_that_does_not_leads_to_the_next_route() {
    let answers = vec![
        Answer::Whole("It is 42."),
        Answer::Whole("It is 41."),
        Answer::Whole("It is 40."),
    ];
    assert_eq!(
        run(answers).await,
        ["small first", "small judge", "large escalation"]
    );
}

#[tokio::test]
async fn streams_are_compared_too() {
    let answers = vec![stream(&["Lima ", "it is"]), stream(&["it is ", "Lima."])];
    assert_eq!(run(answers).await.len(), 2);
    let answers = vec![
        stream(&["Lima"]),
        stream(&["Quito"]),
        stream(&["Lima, of course"]),
    ];
    assert_eq!(run(answers).await.len(), 3);
}

#[tokio::test]
async fn where_there_is_no_second_answer_the_first_one_is_accepted() {
    let answers = vec![Answer::Whole("It is 42.")];
    assert_eq!(run(answers).await, ["small first", "small judge"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_that_does_not_come_in_time_is_not_waited_for() {
    let silent = service_fn(|_: obs_core::Call<crate::support::Ask>| async move {
        std::future::pending::<Result<Answer, obs_core::Error>>().await
    });
    let layer = layer().judge(Consistency::new(silent));
    let mut call = ask();
    call.context.deadline = Deadline::after(Duration::from_secs(10), Duration::ZERO);
    let answer = layer
        .layer(model([Answer::Whole("Lima.")]))
        .oneshot(call)
        .await;
    assert!(matches!(answer, Ok(Answer::Whole("Lima."))));
}

#[tokio::test]
async fn calls_of_tools_are_not_asked_for_twice() {
    assert_eq!(run(vec![chunks([Word::Called])]).await, ["small first"]);
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_second_question_and_has_paid_for_the_first() {
    let asks = std::sync::atomic::AtomicUsize::new(0);
    let asks = std::sync::Arc::new(asks);
    let count = asks.clone();
    let price = Price::per_million("1", "1").expect("a price");
    let prices = PriceTable::new().with_model("small", price);
    // The second question is never answered.
    let service = AttemptLayer::new(prices).layer(service_fn(move |_: crate::support::Ask| {
        let first = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        async move {
            match first {
                true => Ok::<_, obs_core::Error>(Answer::Whole("Lima.")),
                false => std::future::pending().await,
            }
        }
    }));
    let layer = layer().judge(Consistency::new(service.clone()));
    let call = ask();
    let context = call.context.clone();
    let mut answer = tokio_test::task::spawn(layer.layer(service).oneshot(call));
    tokio_test::assert_pending!(answer.poll());
    assert_eq!(asked(&context), ["small first", "small judge"]);
    drop(answer);
    let report = context.journal.read();
    let outcomes: Vec<_> = report.attempts.iter().map(|of| of.outcome).collect();
    assert_eq!(
        outcomes,
        [Some(Outcome::Answered), Some(Outcome::Cancelled)]
    );
    assert_eq!(asks.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_caller_may_say_what_agrees() {
    let model = model([Answer::Whole("a"), Answer::Whole("b")]);
    let judge = Consistency::new(model.clone()).by(|_, _| true);
    let mut service = layer().judge(judge).layer(model);
    let answer = service.call(ask()).await;
    assert!(matches!(answer, Ok(Answer::Whole("a"))));
    let error = service.call(ask()).await.expect_err("no more answers");
    assert_eq!(error.kind(), ErrorKind::Overloaded);
}

#[test]
fn answers_agree_by_their_last_number_or_by_their_words() {
    for (one, other) in [
        ("The answer is 42.", "6 x 7 = 42"),
        ("1,000", "1000.0"),
        ("Paris is the capital.", "the capital is PARIS"),
        ("", ""),
    ] {
        assert!(agree(one, other), "{one} / {other}");
    }
    for (one, other) in [
        ("The answer is 42.", "The answer is 43."),
        ("Paris", "Rome"),
        ("Yes", ""),
        ("-3", "3"),
    ] {
        assert!(!agree(one, other), "{one} / {other}");
    }
}

//! Streams that break off after their commit point, and are gone on with.
use std::sync::{Arc, Mutex};

use obs_core::{AttemptLayer, Call, Deadline, Error, ErrorKind, Outcome, Purpose};
use obs_metrics::Metrics;
use obs_router::{ContinueLayer, Policy, Reason, Route, RouterLayer};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use crate::support::{Tok::*, *};

/// Of these routes, of which `cheap` is chosen, and with the model that each was asked, and how its answer was begun.
struct Stack<P> {
    layer: RouterLayer<P>,
    script: Script,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

type Items = Result<Vec<Result<Tok, ErrorKind>>, ErrorKind>;

impl<P: Policy<Ask> + Send + Sync + 'static> Stack<P> {
    async fn read(&self, call: Call<Ask>) -> Items {
        let (asked, script) = (self.asked.clone(), self.script.clone());
        let model = service_fn(move |ask: Ask| {
            let of = (ask.model.clone(), ask.begun.clone());
            asked.lock().unwrap().push(of);
            script.model().oneshot(ask)
        });
        let routed = self.layer.layer(AttemptLayer::new(prices()).layer(model));
        let answer = ContinueLayer::new().layer(routed).oneshot(call).await;
        match answer {
            Ok(answer) => Ok(answer.drain().await),
            Err(error) => Err(error.kind()),
        }
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

fn stack<const N: usize, const M: usize>(
    routes: [Route; N],
    answers: [(u64, Result<Reply, Error>); M],
) -> Stack<impl Policy<Ask> + Copy> {
    Stack {
        layer: RouterLayer::new(to("cheap"), routes).metrics(&Metrics::disabled()),
        script: script(answers),
        asked: Arc::default(),
    }
}

fn cheap() -> Route {
    Route::new("cheap").model("small")
}

fn premium() -> Route {
    Route::new("premium").model("big")
}

/// `a`, `b`, and this end.
fn breaks_off(kind: ErrorKind) -> (u64, Result<Reply, Error>) {
    let items = vec![
        (0, Ok(Head)),
        (1, Ok(Word("a"))),
        (1, Ok(Word("b"))),
        (1, Err(kind)),
    ];
    (0, Ok(stream(items)))
}

/// What comes after `a` and `b`.
fn rest() -> (u64, Result<Reply, Error>) {
    let items = vec![
        (1, Ok(Head)),
        (1, Ok(Word("c"))),
        (1, Ok(Stop)),
        (0, Ok(Used(12, 1))),
    ];
    (0, Ok(stream(items)))
}

fn refused(kind: ErrorKind) -> (u64, Result<Reply, Error>) {
    (0, Err(bad(kind)))
}

fn whole_answer() -> Items {
    let items = [Head, Word("a"), Word("b"), Word("c"), Stop, Used(12, 1)];
    Ok(items.map(Ok).into())
}

fn stump(kind: ErrorKind) -> Items {
    Ok(vec![Ok(Head), Ok(Word("a")), Ok(Word("b")), Err(kind)])
}

fn of<const N: usize>(asked: [(&str, &str); N]) -> Vec<(String, String)> {
    asked.map(|(m, b)| (m.to_owned(), b.to_owned())).into()
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_stream_that_breaks_off_follows_it() {
    for kind in [ErrorKind::CutOff, ErrorKind::Upstream] {
        let stack = stack([cheap().prefill(), premium()], [breaks_off(kind), rest()]);
        let call = ask_streamed();
        let journal = call.journal();
        assert_eq!(stack.read(call).await, whole_answer(), "{kind}");
        assert_eq!(stack.asked(), of([("small", ""), ("small", "ab")]));
        let small = |purpose, outcome| ("small".to_owned(), purpose, outcome);
        assert_eq!(
            outcomes(&journal),
            [
                small(Purpose::First, Outcome::Failed(kind)),
                small(Purpose::Continuation, Outcome::Answered),
            ]
        );
        assert_eq!(
            decisions(&journal),
            [
                ("cheap".to_owned(), "caller"),
                ("cheap".to_owned(), "continued")
            ]
        );
        // What the first one cost is not known.
        assert_eq!(journal.read().paid().exact(), None);
        let stats = stack.layer.stats();
        let cheap = stats.route("cheap").unwrap();
        assert_eq!((stats.calls(), cheap.calls()), (1, 1));
        assert_eq!(cheap.decisions(Reason::Continued), 1);
        assert_eq!((cheap.errors, cheap.savings_unknown), (1, 1));
    }
}

/// Only the head of the rest is passed by.
#[tokio::test(start_paused = true)]
async fn what_comes_in_the_middle_of_the_rest_is_passed_on() {
    let items = [Head, Head, Word("c"), Head, Word("d"), Stop];
    let rest = stream(items.map(|item| (0, Ok(item))).into());
    let answers = [breaks_off(ErrorKind::CutOff), (0, Ok(rest))];
    let stack = stack([cheap().prefill()], answers);
    let whole = [Head, Word("a"), Word("b"), Word("c"), Head, Word("d"), Stop];
    assert_eq!(stack.read(ask_streamed()).await, Ok(whole.map(Ok).to_vec()));
}

#[tokio::test(start_paused = true)]
async fn only_routes_that_declare_it_are_asked_for_the_rest() {
    let routes = [
        cheap(),
        Route::new("other-one").model("small"),
        premium().prefill(),
    ];
    let stack1 = stack(routes, [breaks_off(ErrorKind::CutOff), rest()]);
    assert_eq!(stack1.read(ask_streamed()).await, whole_answer());
    assert_eq!(stack1.asked(), of([("small", ""), ("big", "ab")]));

    let none = stack([cheap(), premium()], [breaks_off(ErrorKind::CutOff)]);
    assert_eq!(none.read(ask_streamed()).await, stump(ErrorKind::CutOff));
    assert_eq!(none.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_fell_silent_is_not_asked_for_the_rest() {
    let routes = [cheap().prefill(), premium().prefill()];
    let there = stack(routes, [breaks_off(ErrorKind::Timeout), rest()]);
    assert_eq!(there.read(ask_streamed()).await, whole_answer());
    assert_eq!(there.asked(), of([("small", ""), ("big", "ab")]));

    let alone = stack([cheap().prefill()], [breaks_off(ErrorKind::Timeout)]);
    assert_eq!(alone.read(ask_streamed()).await, stump(ErrorKind::Timeout));
}

/// Nor is any other failure of it.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_beginning_is_never_the_callers_answer() {
    for kind in [
        ErrorKind::Caller,
        ErrorKind::Overloaded,
        ErrorKind::ContentFilter,
    ] {
        let routes = [cheap().prefill(), premium()];
        let alone = stack(routes, [breaks_off(ErrorKind::CutOff), refused(kind)]);
        let got = alone.read(ask_streamed()).await;
        assert_eq!(got, stump(ErrorKind::CutOff), "{kind}");
        assert_eq!(alone.script.left(), 0);
    }
    // What one refuses another one may take.
    let routes = [cheap().prefill(), premium().prefill()];
    let answers = [
        breaks_off(ErrorKind::CutOff),
        refused(ErrorKind::Caller),
        rest(),
    ];
    let both = stack(routes, answers);
    assert_eq!(both.read(ask_streamed()).await, whole_answer());
    let asked = of([("small", ""), ("small", "ab"), ("big", "ab")]);
    assert_eq!(both.asked(), asked);
    let stats = both.layer.stats();
    let premium = stats.route("premium").unwrap();
    assert_eq!(premium.decisions(Reason::Continued), 1);
    assert_eq!(stats.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_breaks_off_again_is_gone_on_with_three_times_at_most() {
    let more = || {
        let items = vec![
            (0, Ok(Head)),
            (1, Ok(Word("c"))),
            (1, Err(ErrorKind::CutOff)),
        ];
        (0, Ok(stream(items)))
    };
    let routes = [cheap().prefill()];
    let answers = [breaks_off(ErrorKind::CutOff), more(), more(), more()];
    let stack = stack(routes, answers);
    let got = stack.read(ask_streamed()).await.unwrap();
    let words: String = got.iter().flatten().map(obs_core::LlmChunk::text).collect();
    assert_eq!(words, "abccc");
    assert_eq!(got.last(), Some(&Err(ErrorKind::CutOff)));
    let begun: Vec<_> = stack.asked().into_iter().map(|(_, begun)| begun).collect();
    assert_eq!(begun, ["", "ab", "abc", "abcc"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_more_than_text_is_not_gone_on_with() {
    let tool = vec![
        (1, Ok(Word("a"))),
        (1, Ok(Tool)),
        (1, Ok(Word("b"))),
        (1, Err(ErrorKind::CutOff)),
    ];
    let ended = vec![
        (1, Ok(Word("a"))),
        (1, Ok(Stop)),
        (1, Err(ErrorKind::CutOff)),
    ];
    let long = vec![
        (1, Ok(Word("a".repeat((1 << 20) + 1).leak()))),
        (1, Err(ErrorKind::CutOff)),
    ];
    for items in [tool, ended, long] {
        let stack = stack([cheap().prefill()], [(0, Ok(stream(items)))]);
        let got = stack.read(ask_streamed()).await.unwrap();
        assert_eq!(got.last(), Some(&Err(ErrorKind::CutOff)));
        assert_eq!(stack.asked().len(), 1);
    }
    // Nor what its request refuses to be.
    let stack = stack([cheap().prefill()], [breaks_off(ErrorKind::CutOff)]);
    let mut call = ask_streamed();
    call.request.words = 1_000;
    assert_eq!(stack.read(call).await, stump(ErrorKind::CutOff));
}

#[tokio::test(start_paused = true)]
async fn faults_that_are_not_the_providers_are_not_gone_on_with() {
    for kind in [
        ErrorKind::Caller,
        ErrorKind::ContentFilter,
        ErrorKind::Policy,
    ] {
        let stack = stack([cheap().prefill()], [breaks_off(kind)]);
        assert_eq!(stack.read(ask_streamed()).await, stump(kind));
    }
    // The time is up.
    let stack = stack([cheap().prefill()], [breaks_off(ErrorKind::CutOff)]);
    let end = Instant::now() + std::time::Duration::from_millis(3);
    let call = ask_streamed().deadline(Deadline::at(end));
    let journal = call.journal();
    assert_eq!(stack.read(call).await, stump(ErrorKind::CutOff));
    assert_eq!(stack.asked().len(), 1);
    assert_eq!(decisions(&journal).len(), 1, "nothing is decided either");
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_named_is_gone_on_with_along_its_own_list_alone() {
    let routes = || {
        [
            cheap().fallback(["third"]),
            premium().prefill(),
            Route::new("third").model("big").prefill(),
        ]
    };
    let answers = [breaks_off(ErrorKind::CutOff), rest()];
    let mut named = stack(routes(), answers);
    named.layer = named.layer.obey_names("auto");
    let mut call = ask_streamed();
    call.request.model = "cheap".into();
    let journal = call.journal();
    assert_eq!(named.read(call).await, whole_answer());
    assert_eq!(decisions(&journal)[1], ("third".to_owned(), "continued"));

    // What passes through has no route at all.
    let mut through = stack(routes(), [breaks_off(ErrorKind::CutOff)]);
    through.layer = through.layer.obey_names("auto");
    let mut call = ask_streamed();
    call.request.model = "unknown".into();
    assert_eq!(through.read(call).await, stump(ErrorKind::CutOff));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_drops_the_rest_that_is_waited_for() {
    let slow = (60_000, Ok(good()));
    let stack = stack([cheap().prefill()], [breaks_off(ErrorKind::CutOff), slow]);
    let call = ask_streamed();
    let journal = call.journal();
    let read = tokio::time::timeout(S, stack.read(call)).await;
    assert!(read.is_err());
    let last = attempts(&journal).pop().unwrap();
    assert_eq!(
        (last.purpose, last.outcome),
        (Purpose::Continuation, Some(Outcome::Cancelled))
    );
}

#[tokio::test(start_paused = true)]
async fn whole_answers_pass_as_they_are() {
    let stack = stack([cheap().prefill()], [(0, Ok(whole("x")))]);
    let routed = stack
        .layer
        .layer(AttemptLayer::new(prices()).layer(stack.script.model()));
    let answer = ContinueLayer::new().layer(routed).oneshot(ask()).await;
    assert_eq!(answer.unwrap().text(), "x");
}

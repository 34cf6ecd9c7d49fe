//! Answers that a judge looks at.
use obs_core::{Call, Commit, Deadline, ErrorKind, LlmChunk, Purpose};
use obs_metrics::Metrics;
use obs_router::{Breaker, Judge, Route, RouterLayer, Verdict};
use tokio::time::{Instant, sleep};

use crate::support::*;

/// A closure that sees the answer, and decides on a copy of what it saw.
fn wants(text: &'static str) -> impl Judge<Ask, Reply> + Copy {
    move |_: &Call<Ask>, answer: &Reply| {
        let fine = answer.text() == text;
        async move {
            if fine {
                Verdict::Accept
            } else {
                Verdict::Escalate
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_will_not_do_leads_to_the_better_route_and_is_paid_for() {
    let layer = cheap_first().judge(wants("b"));
    let call = ask();
    let journal = call.journal();
    let script = script([(0, Ok(whole("a"))), (0, Ok(whole("b")))]);
    assert_eq!(run(&layer, &script, call).await.unwrap().text(), "b");
    let report = journal.read();
    assert_eq!(
        report.chosen().expect("answered").purpose,
        Purpose::Escalation
    );
    assert_eq!(report.paid().exact(), Some(units(154)));
    assert_eq!(report.saved_by_route(), Some(units(-14)));
    assert_eq!(
        decisions(&journal),
        [("cheap".into(), "caller"), ("premium".into(), "cascade")]
    );
    let stats = layer.stats();
    let premium = stats.route("premium").unwrap();
    assert_eq!((premium.saved, premium.lost), (units(0), units(14)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_will_do_goes_out() {
    let layer = cheap_first().judge(wants("a"));
    let script = script([(0, Ok(whole("a")))]);
    assert_eq!(run(&layer, &script, ask()).await.unwrap().text(), "a");
    assert_eq!(layer.stats().saved(), units(126));
}

#[tokio::test(start_paused = true)]
async fn a_judge_sees_a_whole_stream_that_can_still_go_out() {
    let judge = |_: &Call<Ask>, answer: &Reply| {
        let Reply::Stream(chunks) = answer else {
            panic!("a stream was asked for")
        };
        let words = chunks.read_ahead().filter(|c| c.is_content()).count();
        async move {
            sleep(S).await;
            if words > 1 {
                Verdict::Accept
            } else {
                Verdict::Escalate
            }
        }
    };
    let layer = cheap_first().judge(judge);
    let script = script([(0, Ok(good())), (0, Ok(good()))]);
    let start = Instant::now();
    let answer = run(&layer, &script, ask_streamed()).await.unwrap();
    // Nobody judges the last route, so its stream is not held back.
    assert_eq!(start.elapsed().as_millis(), 20 + 1_000 + 10);
    assert_eq!(answer.drain().await.len(), 4);
}

/// A cheaper route is no way out of an answer that will not do.
#[tokio::test(start_paused = true)]
async fn nobody_judges_the_answer_of_the_last_route() {
    let layer = RouterLayer::new(to("premium"), routes()).metrics(&Metrics::disabled());
    let layer = layer.judge(wants("nothing"));
    let script = script([(0, Ok(whole("a")))]);
    assert_eq!(run(&layer, &script, ask()).await.unwrap().text(), "a");
}

#[tokio::test(start_paused = true)]
async fn routes_are_climbed_one_by_one() {
    let routes = ["a", "b", "c"].map(|name| Route::new(name).model(name));
    let layer = RouterLayer::new(to("a"), routes).metrics(&Metrics::disabled());
    let script = script([
        (0, Ok(whole("1"))),
        (0, Ok(whole("2"))),
        (0, Ok(whole("3"))),
    ]);
    let answer = run(&layer.judge(wants("nothing")), &script, ask()).await;
    assert_eq!(answer.unwrap().text(), "3");
}

#[tokio::test(start_paused = true)]
async fn who_names_a_route_gets_its_answer_unjudged() {
    let [cheap, premium] = routes();
    let layer = RouterLayer::new(to("premium"), [cheap.fallback(["premium"]), premium]);
    let layer = layer.metrics(&Metrics::disabled()).obey_names("auto");
    let script = script([(0, Ok(whole("a")))]);
    let answer = run(&layer.judge(wants("nothing")), &script, ask_for("cheap")).await;
    assert_eq!(answer.unwrap().text(), "a");
}

/// The rejected answer is nobody's answer, also when the better route fails.
#[tokio::test(start_paused = true)]
async fn a_rejected_answer_is_not_the_chosen_one() {
    let layer = cheap_first().judge(wants("b"));
    let call = ask();
    let journal = call.journal();
    let script = script([(0, Ok(whole("a"))), (0, Err(bad(ErrorKind::Upstream)))]);
    run(&layer, &script, call).await.unwrap_err();
    assert!(journal.read().chosen().is_none());
    assert_eq!(layer.stats().saved(), units(0));
}

/// A good answer late is worse than an unjudged one.
#[tokio::test(start_paused = true)]
async fn what_is_not_judged_in_time_goes_out() {
    let never = |_: &Call<Ask>, _: &Reply| std::future::pending::<Verdict>();
    let layer = cheap_first().judge(never);
    let start = Instant::now();
    let call = ask().deadline(Deadline::at(start + 10 * S));
    let script = script([(1_000, Ok(whole("a")))]);
    assert_eq!(run(&layer, &script, call).await.unwrap().text(), "a");
    assert_eq!(start.elapsed(), 5 * S);
}

/// Neither the call nor its answer is lost by it.
#[tokio::test(start_paused = true)]
async fn the_answer_goes_out_where_the_judge_panics() {
    fn at_once(_: &Call<Ask>, _: &Reply) -> std::future::Ready<Verdict> {
        panic!("at once")
    }
    async fn panics() -> Verdict {
        sleep(S).await;
        panic!("later")
    }
    let later = |_: &Call<Ask>, _: &Reply| panics();
    let (layer, start) = (cheap_first(), Instant::now());
    for call in [ask(), ask_streamed()] {
        let answer = || match call.request.stream {
            true => script([(0, Ok(good()))]),
            false => script([(0, Ok(whole("a")))]),
        };
        let copy = || Call::new(call.request.clone());
        let first = run(&layer.judged_by(at_once), &answer(), copy()).await;
        let second = run(&layer.judged_by(later), &answer(), copy()).await;
        for answer in [first, second] {
            match answer.expect("an answer") {
                Reply::Whole(text, _) => assert_eq!(text, "a"),
                stream => assert_eq!(stream.drain().await.len(), 4),
            }
        }
    }
    assert_eq!(start.elapsed().as_secs(), 2);
    let stats = layer.stats();
    assert_eq!(
        (stats.calls(), stats.route("cheap").unwrap().errors),
        (4, 0)
    );
}

/// Nobody is hammered, and an answer that is there is better than none that could come.
#[tokio::test(start_paused = true)]
async fn a_better_route_that_is_left_out_is_passed_over() {
    let routes = ["a", "b", "c"].map(|name| Route::new(name).model(name));
    let choose = |_: &Ask, context: &obs_core::CallContext| match context.tenant.as_deref() {
        Some("b") => "b",
        Some("c") => "c",
        _ => "a",
    };
    let layer = RouterLayer::new(choose, routes).metrics(&Metrics::disabled());
    let layer = layer.breaker(Breaker::new(1)).judge(wants("good"));
    let down = |route| {
        let (layer, call) = (layer.clone(), ask().tenant(route));
        async move {
            let script = script([(0, Err(bad(ErrorKind::Overloaded))), (0, Ok(whole("good")))]);
            run(&layer, &script, call).await.unwrap();
        }
    };
    down("b").await;
    let call = ask();
    let journal = call.journal();
    let answers = script([(0, Ok(whole("bad"))), (0, Ok(whole("good")))]);
    assert_eq!(run(&layer, &answers, call).await.unwrap().text(), "good");
    assert_eq!(outcomes(&journal)[1].0, "c");
    // With both of them left out there is nowhere to go on to.
    down("c").await;
    let call = ask();
    let journal = call.journal();
    let answers = script([(0, Ok(whole("bad")))]);
    assert_eq!(run(&layer, &answers, call).await.unwrap().text(), "bad");
    assert!(journal.read().chosen().is_some());
    assert_eq!(decisions(&journal), [("a".into(), "caller")]);
}

/// One from another crate, beside the closures.
#[tokio::test(start_paused = true)]
async fn the_later_commit_point_holds() {
    #[derive(Clone, Copy)]
    struct AtOnce;
    impl Judge<Ask, Reply> for AtOnce {
        const COMMIT: Commit = Commit::FirstContent;
        type Future = std::future::Ready<Verdict>;
        fn judge(&self, _: &Call<Ask>, answer: &Reply) -> Self::Future {
            let Reply::Stream(chunks) = answer else {
                panic!("a stream was asked for")
            };
            // As much is there as the layer's own commit point says.
            assert_eq!(chunks.read_ahead().count(), 4);
            std::future::ready(Verdict::Accept)
        }
    }
    let layer = cheap_first().judge(AtOnce).commit(Commit::Complete);
    run(&layer, &script([(0, Ok(good()))]), ask_streamed())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_judge_sees_as_much_as_it_must_whatever_else_is_set() {
    #[derive(Clone, Copy)]
    struct TwoWords;
    impl Judge<Ask, Reply> for TwoWords {
        const COMMIT: Commit = Commit::Tokens(2);
        type Future = std::future::Ready<Verdict>;
        fn judge(&self, _: &Call<Ask>, answer: &Reply) -> Self::Future {
            let Reply::Stream(chunks) = answer else {
                panic!("a stream was asked for")
            };
            let words = chunks.read_ahead().filter(|chunk| chunk.is_content());
            std::future::ready(Verdict::of(words.count() >= 2))
        }
    }
    let ms = std::time::Duration::from_millis;
    for commit in [Commit::After(ms(1)), Commit::Tokens(1), Commit::Head] {
        let layer = cheap_first().judge(TwoWords).commit(commit);
        let words = || {
            vec![
                (10, Ok(Tok::Word("a"))),
                (10, Ok(Tok::Word("b"))),
                (10, Ok(Tok::Stop)),
            ]
        };
        let call = ask_streamed();
        let journal = call.journal();
        let script = script([(0, Ok(stream(words())))]);
        let answer = run(&layer, &script, call).await.unwrap();
        assert_eq!(answer.drain().await.len(), 3);
        assert_eq!(outcomes(&journal).len(), 1, "{commit:?}");
    }
}

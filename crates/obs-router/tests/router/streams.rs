//! Streams: what is repaired, and up to where.
use std::time::Duration;

use futures_util::StreamExt;
use obs_core::{Commit, ErrorKind, Outcome, Paid};
use tokio::time::Instant;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_before_its_first_content_is_repaired_unseen() {
    let broken = stream(vec![(0, Ok(Tok::Head)), (5, Err(ErrorKind::CutOff))]);
    let (call, layer) = (ask_streamed(), cheap_first());
    let journal = call.journal();
    let answer = run(&layer, &script([(0, Ok(broken)), (0, Ok(good()))]), call).await;
    let answer = answer.unwrap();
    assert_eq!(layer.stats().calls(), 1);
    assert_eq!(
        layer.stats().saved(),
        units(0),
        "nothing is saved before the end"
    );
    assert_eq!(
        answer.drain().await,
        [
            Ok(Tok::Head),
            Ok(Tok::Word("a")),
            Ok(Tok::Stop),
            Ok(Tok::Used(10, 2))
        ]
    );
    let ends: Vec<_> = outcomes(&journal).into_iter().map(|o| o.2).collect();
    assert_eq!(
        ends,
        [Outcome::Failed(ErrorKind::CutOff), Outcome::Answered]
    );
    let paid = Paid {
        known: units(140),
        unknown: 1,
    };
    assert_eq!(journal.read().paid(), paid);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_later_ends_in_its_error() {
    let broken = stream(vec![(0, Ok(Tok::Word("a"))), (5, Err(ErrorKind::CutOff))]);
    let script = script([(0, Ok(broken)), (0, Ok(good()))]);
    let answer = run(&cheap_first(), &script, ask_streamed()).await.unwrap();
    assert_eq!(
        answer.drain().await,
        [Ok(Tok::Word("a")), Err(ErrorKind::CutOff)]
    );
    assert_eq!(script.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn with_the_commit_point_at_the_end_every_break_is_repaired() {
    let broken = stream(vec![(0, Ok(Tok::Word("x"))), (5, Err(ErrorKind::CutOff))]);
    let layer = cheap_first().commit(Commit::Complete);
    let start = Instant::now();
    let answer = run(
        &layer,
        &script([(0, Ok(broken)), (0, Ok(good()))]),
        ask_streamed(),
    )
    .await;
    // The whole answer was held back.
    assert_eq!(start.elapsed(), Duration::from_millis(25));
    let answer = answer.unwrap();
    assert_eq!(answer.drain().await[1], Ok(Tok::Word("a")));
}

#[tokio::test(start_paused = true)]
async fn a_commit_point_after_some_tokens_repairs_up_to_there() {
    let words = |n: u64| (0..n).map(|_| (1, Ok(Tok::Word("a"))));
    let broken_after = |n| stream(words(n).chain([(0, Err(ErrorKind::CutOff))]).collect());
    let layer = cheap_first().commit(Commit::Tokens(3));
    for (n, repaired) in [(2, true), (3, false)] {
        let script = script([(0, Ok(broken_after(n))), (0, Ok(good()))]);
        let answer = run(&layer, &script, ask_streamed()).await.unwrap();
        assert_eq!(
            answer.drain().await.last() == Some(&Ok(Tok::Used(10, 2))),
            repaired
        );
    }
}

/// Left half-way, by a reader that never saw the end.
#[tokio::test(start_paused = true)]
async fn a_dropped_stream_saves_nothing_and_its_call_is_counted_once() {
    let (call, layer) = (ask_streamed(), cheap_first());
    let journal = call.journal();
    let answer = run(&layer, &script([(0, Ok(good()))]), call).await.unwrap();
    let mut chunks = answer.chunks();
    chunks.next().await;
    drop(chunks);
    assert_eq!(outcomes(&journal)[0].2, Outcome::Cancelled);
    let stats = layer.stats();
    assert_eq!((stats.calls(), stats.saved()), (1, units(0)));
    assert_eq!(stats.route("cheap").unwrap().savings_unknown, 0);
}

/// Many readers stop at the finish reason.
#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_at_the_finish_reason_has_saved() {
    let layer = cheap_first();
    let script = script([(0, Ok(good()))]);
    let mut chunks = run(&layer, &script, ask_streamed()).await.unwrap().chunks();
    for _ in 0..3 {
        chunks.next().await;
    }
    drop(chunks);
    assert_eq!(layer.stats().saved(), units(126));
}

//! The innermost layer: what is recorded of an attempt, and that it is recorded once however it ends.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::chat::{Answer, Ask, Piece, channel, prices};
use futures_util::StreamExt;
use obs_core::*;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Service, ServiceExt, limit::ConcurrencyLimit};
use tower_layer::Layer;
use tower_test::mock;

type Inner = mock::Mock<Ask, Answer>;
type Handle = mock::Handle<Ask, Answer>;

fn setup() -> (Attempts<Inner>, Handle) {
    let (inner, handle) = mock::pair();
    (AttemptLayer::new(prices()).layer(inner), handle)
}

fn outcome(journal: &Journal) -> (Option<Outcome>, Option<Usd>, Option<Usd>) {
    let report = journal.read();
    assert_eq!(report.attempts.len(), 1);
    let attempt = &report.attempts[0];
    assert_eq!(attempt.outcome.is_some(), attempt.ended.is_some());
    (attempt.outcome, attempt.cost, attempt.estimate)
}

#[derive(Default)]
struct Heard(Mutex<Vec<(Option<Outcome>, Option<Usd>)>>);

impl AttemptListener for Heard {
    fn ended(&self, attempt: &Attempt) {
        let mut heard = self.0.lock().unwrap();
        heard.push((attempt.outcome, attempt.cost));
    }
}

struct Panics;

impl AttemptListener for Panics {
    fn ended(&self, _: &Attempt) {
        panic!("a listener's own fault");
    }
}

#[tokio::test]
async fn a_whole_answer_is_priced_by_the_model_that_answered() {
    let (mut service, mut handle) = setup();
    let call = Call::new(Ask("auto"));
    let journal = call.journal();
    let heard = Arc::new(Heard::default());
    let listener: Arc<dyn AttemptListener> = heard.clone();
    let panics: Arc<dyn AttemptListener> = Arc::new(Panics);
    assert!(journal.listen(&panics));
    assert!(journal.listen(&listener));
    assert!(
        !journal.listen(&listener),
        "it is told once, however often it asks"
    );

    let mut answer = task::spawn(service.ready().await.unwrap().call(call));
    assert_pending!(answer.poll());
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_response(Answer::Whole(7));
    assert_ready_ok!(answer.poll());

    let cost = Some(Usd::from_pico(14));
    assert_eq!(outcome(&journal), (Some(Outcome::Answered), cost, None));
    assert_eq!(*heard.0.lock().unwrap(), [(Some(Outcome::Answered), cost)]);
    let report = journal.read();
    let attempt = &report.attempts[0];
    assert_eq!(&*attempt.asked, "auto");
    assert_eq!(attempt.answered.as_deref(), Some("small-2026-01-01"));
    assert_eq!(report.paid().exact(), cost);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_recorded_to_its_last_chunk() {
    let (mut service, mut handle) = setup();
    let call = Call::new(Ask("small"));
    let journal = call.journal();
    let started = tokio::time::Instant::now();
    let answer = service.ready().await.unwrap().call(call);
    let (sender, chunks) = channel();
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_response(Answer::Stream(chunks));
    let mut chunks = answer.await.unwrap().chunks();

    tokio::time::advance(Duration::from_secs(1)).await;
    sender.send(Ok(Piece::Text("four"))).unwrap();
    chunks.next().await.unwrap().unwrap();
    sender.send(Ok(Piece::Stop)).unwrap();
    sender.send(Ok(Piece::Used(3))).unwrap();
    chunks.next().await.unwrap().unwrap();
    assert_eq!(
        outcome(&journal).0,
        None,
        "it is open until the stream ends"
    );
    chunks.next().await.unwrap().unwrap();
    drop(sender);
    assert!(chunks.next().await.is_none());

    let cost = Some(Usd::from_pico(6));
    assert_eq!(outcome(&journal), (Some(Outcome::Answered), cost, None));
    let first = journal.read().attempts[0].first_token.unwrap();
    assert_eq!(first - started, Duration::from_secs(1));
}

#[tokio::test]
async fn usage_that_is_there_is_taken_for_a_reader_who_stops_at_the_finish() {
    let (mut service, mut handle) = setup();
    let call = Call::new(Ask("small"));
    let journal = call.journal();
    let answer = service.ready().await.unwrap().call(call);
    let (sender, chunks) = channel();
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_response(Answer::Stream(chunks));
    let mut chunks = answer.await.unwrap().chunks();
    for piece in [Piece::Text("four"), Piece::Stop, Piece::Used(3)] {
        sender.send(Ok(piece)).unwrap();
    }
    chunks.next().await.unwrap().unwrap();
    chunks.next().await.unwrap().unwrap();
    drop(chunks);
    let cost = Some(Usd::from_pico(6));
    assert_eq!(outcome(&journal), (Some(Outcome::Answered), cost, None));
}

#[tokio::test]
async fn what_a_stream_has_cost_that_an_overload_breaks_off_is_unknown_and_not_nothing() {
    // What comes in an answer's place has not begun; a head without content has, and the prompt was read.
    let all: [(&[_], _); 3] = [(&[], Some(Usd::ZERO)), (&[""], None), (&["", "four"], None)];
    for (pieces, cost) in all {
        let (mut service, mut handle) = setup();
        let call = Call::new(Ask("small"));
        let journal = call.journal();
        let answer = service.ready().await.unwrap().call(call);
        let (sender, chunks) = channel();
        let (_, reply) = handle.next_request().await.unwrap();
        reply.send_response(Answer::Stream(chunks));
        let mut chunks = answer.await.unwrap().chunks();
        for piece in pieces {
            sender.send(Ok(Piece::Text(piece))).unwrap();
            chunks.next().await.unwrap().unwrap();
        }
        let error = Error::new(ErrorKind::Overloaded, "too much to do");
        sender.send(Err(error)).unwrap();
        chunks.next().await.unwrap().unwrap_err();
        let failed = Some(Outcome::Failed(ErrorKind::Overloaded));
        assert_eq!(outcome(&journal), (failed, cost, None));
        assert_eq!(journal.read().paid().exact(), cost);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_has_an_estimate_and_no_cost() {
    let (mut service, mut handle) = setup();
    let call = Call::new(Ask("small"));
    let journal = call.journal();
    let answer = service.ready().await.unwrap().call(call);
    let (sender, chunks) = channel();
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_response(Answer::Stream(chunks));
    let mut chunks = answer.await.unwrap().chunks();
    sender.send(Ok(Piece::Used(3))).unwrap();
    let broken = Error::new(ErrorKind::CutOff, "broken");
    sender.send(Err(broken)).unwrap();
    chunks.next().await.unwrap().unwrap();
    chunks.next().await.unwrap().unwrap_err();
    let failed = Some(Outcome::Failed(ErrorKind::CutOff));
    assert_eq!(outcome(&journal), (failed, None, Some(Usd::from_pico(6))));
    assert_eq!(journal.read().paid().exact(), None, "unknown is never zero");
}

#[tokio::test]
async fn an_error_that_no_provider_bills_costs_nothing() {
    let (mut service, mut handle) = setup();
    let call = Call::new(Ask("small"));
    let journal = call.journal();
    let answer = service.ready().await.unwrap().call(call);
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_error(Error::new(ErrorKind::RateLimited, "slow down"));
    assert_eq!(answer.await.unwrap_err().kind(), ErrorKind::RateLimited);
    let failed = Some(Outcome::Failed(ErrorKind::RateLimited));
    assert_eq!(outcome(&journal), (failed, Some(Usd::ZERO), None));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_attempt_is_cancelled_or_out_of_time() {
    let (mut service, mut handle) = setup();
    let cancelled = Call::new(Ask("small"));
    let late = Call::new(Ask("small")).deadline(Deadline::after(
        Duration::from_secs(1),
        Duration::from_secs(1),
    ));
    let cut = Call::new(Ask("small"));
    let scope = cut.context.clone();
    // In the same scope, once the cut is over.
    let next = Call::with_context(Ask("small"), scope.clone());
    let journals = [cancelled.journal(), late.journal()];
    let both = cut.journal();
    handle.allow(4);
    let cancelled = service.ready().await.unwrap().call(cancelled);
    let late = service.ready().await.unwrap().call(late);
    let cut = service.ready().await.unwrap().call(cut);
    drop(cancelled);
    scope.cut(|| drop(cut));
    drop(service.ready().await.unwrap().call(next));
    tokio::time::advance(Duration::from_secs(2)).await;
    drop(late);
    let outcomes = journals.map(|journal| outcome(&journal).0.unwrap());
    assert_eq!(outcomes, [Outcome::Cancelled, Outcome::TimedOut]);
    let attempts = both.read().attempts;
    let outcomes: Vec<_> = attempts.iter().filter_map(|a| a.outcome).collect();
    assert_eq!(outcomes, [Outcome::TimedOut, Outcome::Cancelled]);
}

#[tokio::test]
async fn inner_not_ready_is_pending_then_woken() {
    let (service, mut handle) = setup();
    let mut service = mock::Spawn::new(service);
    handle.allow(0);
    assert_pending!(service.poll_ready::<Call<Ask>>());
    handle.allow(1);
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready::<Call<Ask>>());
}

#[tokio::test]
async fn clones_do_not_share_readiness_and_dropping_before_the_call_releases() {
    let (inner, _handle) = mock::pair::<Ask, Answer>();
    let service = AttemptLayer::new(prices()).layer(ConcurrencyLimit::new(inner, 1));
    let mut first = mock::Spawn::new(service.clone());
    let mut second = mock::Spawn::new(service);
    assert_ready_ok!(first.poll_ready::<Call<Ask>>());
    assert_pending!(second.poll_ready::<Call<Ask>>());
    drop(first);
    assert!(second.is_woken());
    assert_ready_ok!(second.poll_ready::<Call<Ask>>());
}

#[tokio::test]
async fn a_readiness_error_propagates_with_its_kind() {
    let (service, mut handle) = setup();
    let mut service = mock::Spawn::new(service);
    handle.send_error(Error::new(ErrorKind::Connect, "gone"));
    let error = assert_ready_err!(service.poll_ready::<Call<Ask>>());
    assert_eq!(error.kind(), ErrorKind::Connect);
}

#[tokio::test]
async fn an_enveloped_service_sees_the_context() {
    let inner = tower::service_fn(|call: Call<Ask>| async move {
        assert_eq!(call.context.tenant.as_deref(), Some("acme"));
        Ok::<_, Error>(Answer::Whole(1))
    });
    let service = AttemptLayer::new(prices()).enveloped().layer(inner);
    service
        .oneshot(Call::new(Ask("small")).tenant("acme"))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_out_at_its_commit_point() {
    let second = Duration::from_secs(1);
    for (commit, sends, reached) in [
        (Commit::Head, 0, true),
        (Commit::FirstContent, 0, false),
        (Commit::FirstContent, 1, true),
        (Commit::Tokens(2), 1, false),
        (Commit::Tokens(2), 2, true),
        (Commit::Complete, 3, false),
        (Commit::After(second), 1, false),
    ] {
        let (sender, chunks) = channel();
        let call = std::future::ready(Ok::<_, Error>(Answer::Stream(chunks)));
        let mut committed = task::spawn(Committed::new(call, commit));
        for _ in 0..sends {
            sender.send(Ok(Piece::Text("a"))).unwrap();
        }
        assert_eq!(
            committed.poll().is_ready(),
            reached,
            "{commit:?} after {sends}"
        );
        if !reached {
            sender.send(Ok(Piece::Text("z"))).unwrap();
            drop(sender);
            let chunks = assert_ready_ok!(committed.poll()).chunks();
            assert_eq!(chunks.count().await, sends + 1, "nothing is lost");
        }
    }
    let (sender, chunks) = channel();
    let call = std::future::ready(Ok::<_, Error>(Answer::Stream(chunks)));
    let mut committed = pin!(Committed::new(call, Commit::After(second)));
    sender.send(Ok(Piece::Text("a"))).unwrap();
    let start = tokio::time::Instant::now();
    committed.as_mut().await.unwrap();
    assert_eq!(start.elapsed(), second);
}

#[tokio::test]
async fn a_failure_before_the_commit_point_is_the_calls_error() {
    let (sender, chunks) = channel();
    let call = std::future::ready(Ok::<_, Error>(Answer::Stream(chunks)));
    let committed = Committed::new(call, Commit::Complete);
    sender.send(Ok(Piece::Text("a"))).unwrap();
    let broken = Error::new(ErrorKind::CutOff, "broken");
    sender.send(Err(broken)).unwrap();
    assert_eq!(committed.await.unwrap_err().kind(), ErrorKind::CutOff);
}

#[test]
fn everything_is_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Call<Ask>>();
    check::<Journal>();
    check::<Error>();
    check::<Attempts<Ask>>();
    check::<AttemptLayer>();
    check::<PriceTable>();
    check::<Background>();
}

#[tokio::test]
async fn attempts_are_told_apart_and_copies_are_known() {
    let numbers = async || {
        let (mut service, mut handle) = setup();
        let call = Call::new(Ask("auto"));
        let journal = call.journal();
        let answer = service.ready().await.unwrap().call(call);
        let reply = async { handle.next_request().await.unwrap().1 };
        let (answer, ()) = tokio::join!(answer, async {
            reply.await.send_response(Answer::Whole(7));
        });
        assert!(answer.is_ok());
        let taken = CallContext::default();
        taken.absorb(&journal.read());
        let number = journal.read().attempts[0].number;
        assert_eq!(taken.journal.read().attempts[0].number, number);
        number
    };
    assert!(numbers().await < numbers().await);
}

//! What an entry says.
use std::{
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use futures_util::StreamExt;
use obs_core::*;
use obs_ledger::{Entry, Feedback, LONGEST_TEXT, LedgerLayer, Outcome, Record, Role};
use tokio::time::{advance, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::chat::{Answer, Ask, Chunk, Kept, prices};

const S: Duration = Duration::from_secs(1);

/// One call under this layer, read to its end.
async fn one<F>(layer: LedgerLayer, call: Call<Ask>, model: impl Fn(Ask) -> F + Clone)
where
    F: Future<Output = Result<Answer, Error>>,
{
    let inner = AttemptLayer::new(prices()).layer(service_fn(model));
    if let Ok(Answer::Stream(mut chunks)) = layer.layer(inner).oneshot(call).await {
        while let Some(Ok(_)) = chunks.next().await {}
    }
}

async fn entry_of(layer: impl Fn(LedgerLayer) -> LedgerLayer, call: Call<Ask>) -> Entry {
    let kept = Kept::default();
    one(layer(kept.layer()), call, |ask| async move {
        sleep(S).await;
        match ask.0 {
            "stream" => Ok(Answer::streamed()),
            "fails" => Err(Error::new(ErrorKind::Overloaded, "busy")),
            "late" => Err(Error::new(ErrorKind::Timeout, "late")),
            "breaks" => Ok(Answer::of([
                Ok(Chunk::Text("x")),
                Err(Error::new(ErrorKind::CutOff, "cut")),
            ])),
            _ => Ok(Answer::Whole),
        }
    })
    .await;
    kept.one()
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_told_with_all_that_is_known_of_it() {
    let call = Call::new(Ask("why?")).tenant("t").session("talk");
    let at = UNIX_EPOCH + Duration::from_millis(7);
    let layer = |layer: LedgerLayer| layer.format("own").wall_clock(move || at);
    let entry = entry_of(layer, call).await;
    assert_eq!((entry.v, entry.time, &*entry.operation), (1, 7, "chat"));
    assert_eq!(entry.format.as_deref(), Some("own"));
    assert!(
        entry.call.starts_with("call-"),
        "named, so that feedback can be given"
    );
    assert_eq!((&*entry.model, entry.tenant.as_deref()), ("m", Some("t")));
    assert_ne!(entry.session.as_deref(), Some("talk"), "a hash");
    assert_eq!(entry.key.as_ref().unwrap().len(), 32);
    assert_eq!(entry.outcome, Outcome::Answered);
    assert_eq!((entry.latency_us, entry.first_token_us), (1_000_000, None));
    let attempt = &entry.attempts[0];
    assert!(attempt.chosen && attempt.is(Purpose::First));
    assert_eq!((attempt.at_us, attempt.latency_us), (0, Some(1_000_000)));
    assert_eq!(attempt.usage.unwrap().output, 10);
    assert_eq!(attempt.cost, Some(Usd::from_pico(10)));
    assert_eq!((entry.paid, entry.unknown_costs), (Usd::from_pico(10), 0));
    assert_eq!(entry.baseline, Some(Usd::from_pico(10)));
    let prompt = entry.prompt.unwrap();
    assert_eq!((prompt.bytes, prompt.chars), (11, 11));
    let pieces = [
        (obs_core::Role::System, "be kind"),
        (obs_core::Role::User, "why?"),
    ];
    assert_eq!(prompt.features, obs_learn::features(&pieces[..]));
    assert_eq!((prompt.pieces, entry.answer), (None, None), "no text");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_told_at_its_last_token() {
    let entry = entry_of(|layer| layer.answers(), Call::new(Ask("stream"))).await;
    assert!(entry.stream);
    assert_eq!(entry.outcome, Outcome::Answered);
    assert_eq!(entry.first_token_us, Some(1_000_000));
    assert_eq!(entry.attempts[0].first_token_us, Some(1_000_000));
    assert_eq!(entry.paid, Usd::from_pico(10));
    assert_eq!(entry.answer.as_deref(), Some("hello"));
}

#[tokio::test(start_paused = true)]
async fn text_is_kept_where_it_is_wanted() {
    let entry = entry_of(|layer| layer.prompts().answers(), Call::new(Ask("why?"))).await;
    assert_eq!(entry.answer.as_deref(), Some("hello"));
    let pieces = entry.prompt.unwrap().pieces.unwrap();
    let pieces: Vec<_> = pieces.iter().map(|p| (p.role, &*p.text)).collect();
    assert_eq!(pieces, [(Role::System, "be kind"), (Role::User, "why?")]);
}

#[tokio::test(start_paused = true)]
async fn a_text_beyond_all_measure_is_cut_and_its_size_is_told() {
    let long: &'static str = "ü".repeat(LONGEST_TEXT).leak();
    let entry = entry_of(|layer| layer.prompts(), Call::new(Ask(long))).await;
    let prompt = entry.prompt.unwrap();
    assert_eq!(prompt.bytes, 7 + 2 * LONGEST_TEXT as u64);
    assert_eq!(prompt.chars, 7 + LONGEST_TEXT as u64);
    let kept: usize = prompt.pieces.unwrap().iter().map(|p| p.text.len()).sum();
    assert_eq!(kept, LONGEST_TEXT - 1, "whole characters");
}

#[tokio::test(start_paused = true)]
async fn errors_are_told_by_their_kind() {
    for (prompt, outcome, error) in [
        ("fails", Outcome::Failed, "overloaded"),
        ("late", Outcome::TimedOut, "timeout"),
        ("breaks", Outcome::Failed, "cut_off"),
    ] {
        let entry = entry_of(|layer| layer, Call::new(Ask(prompt))).await;
        assert_eq!(
            (entry.outcome, entry.error.as_deref()),
            (outcome, Some(error))
        );
        assert_eq!(entry.attempts[0].outcome, Some(outcome));
        assert_eq!(entry.saved(), None);
        assert_eq!(
            entry.baseline, None,
            "{prompt}: no answer, nothing to compare"
        );
    }
}

#[tokio::test]
async fn a_call_without_an_attempt_layer_costs_nobody_knows_what() {
    let kept = Kept::default();
    let inner = service_fn(|_: Call<Ask>| async { Ok::<_, Error>(Answer::Whole) });
    let service = kept.layer().unmetered().layer(inner);
    service.oneshot(Call::new(Ask("a"))).await.unwrap();
    let entry = kept.one();
    assert_eq!((entry.unknown_costs, entry.baseline), (1, None));
}

#[tokio::test(start_paused = true)]
async fn equal_questions_have_equal_keys_and_those_of_other_tenants_have_not() {
    let key = async |call: Call<Ask>| entry_of(|layer| layer, call).await.key;
    let ask = || Call::new(Ask("a"));
    let this = key(ask()).await;
    assert_eq!(key(ask()).await, this);
    for other in [Call::new(Ask("b")), ask().tenant("t"), ask().namespace("n")] {
        assert_ne!(key(other).await, this);
    }
    let secret = FingerprintSecret::new(b"secret");
    let with = entry_of(|layer| layer.secret(secret.clone()), ask()).await;
    assert_ne!(with.key, this, "nobody can ask whether something was asked");
}

#[tokio::test(start_paused = true)]
async fn what_a_cache_may_not_answer_is_said() {
    let no_store = CacheDirectives::parse("no-store").unwrap();
    for (call, is) in [
        (Call::new(Ask("a")), false),
        (Call::new(Ask("another")), true),
        (Call::new(Ask("a")).cache(no_store), true),
    ] {
        assert_eq!(entry_of(|layer| layer, call).await.uncacheable, is);
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_of_different_tenants_are_different() {
    let session = async |tenant: &str| {
        let call = Call::new(Ask("a")).session("1").tenant(tenant);
        entry_of(|layer| layer, call).await.session
    };
    assert_eq!(session("a").await, session("a").await);
    assert_ne!(session("a").await, session("b").await);
}

#[tokio::test]
async fn feedback_goes_where_entries_go() {
    let kept = Kept::default();
    let feedback = Feedback::new("call-1", 1.0);
    kept.layer().feedback(feedback.clone());
    assert_eq!(kept.records(), [Record::Feedback(feedback)]);
}

#[tokio::test]
async fn a_sink_that_panics_fails_no_call() {
    let layer = LedgerLayer::new(|_| panic!("full"));
    let inner = service_fn(|_: Call<Ask>| async { Ok::<_, Error>(Answer::Whole) });
    let answer = layer.layer(inner).oneshot(Call::new(Ask("a"))).await;
    assert!(answer.is_ok());
}

/// A layer that sets off work: an attempt of its own journal, made when a test says so.
type Work = Arc<Mutex<Vec<CallContext>>>;

async fn with_work(kept: &Kept) -> (LedgerLayer, CallContext) {
    let work = Work::default();
    let begin = work.clone();
    let inner = service_fn(move |call: Call<Ask>| {
        begin
            .lock()
            .unwrap()
            .push(call.context.fresh(Purpose::Refresh));
        async { Ok::<_, Error>(Answer::Whole) }
    });
    let layer = kept.layer();
    let mut service = layer.layer(inner);
    let call = Call::new(Ask("a")).tenant("t");
    service.ready().await.unwrap().call(call).await.unwrap();
    let context = work.lock().unwrap().pop().unwrap();
    (layer, context)
}

async fn attempt(context: CallContext) {
    let inner = service_fn(|_: Ask| async { Ok::<_, Error>(Answer::Whole) });
    let call = Call::with_context(Ask("a"), context);
    let answer = AttemptLayer::new(prices()).layer(inner).oneshot(call).await;
    assert!(answer.is_ok());
}

#[tokio::test(start_paused = true)]
async fn work_that_outlives_its_caller_is_told_apart_with_the_call_that_set_it_off() {
    let kept = Kept::default();
    let (layer, context) = with_work(&kept).await;
    advance(S).await;
    attempt(context).await;
    assert_eq!(kept.entries().len(), 1, "it may still find a payer");
    layer.settle();
    let [call, work] = &kept.entries()[..] else {
        panic!("{:?}", kept.entries());
    };
    assert!(work.work && !call.work);
    assert_eq!((&work.call, &work.tenant), (&call.call, &call.tenant));
    assert!(work.attempts[0].is(Purpose::Refresh) && !work.attempts[0].chosen);
    assert_eq!((work.paid, work.baseline), (Usd::from_pico(10), None));
    assert_eq!(
        (work.attempts[0].at_us, work.outcome),
        (1_000_000, Outcome::Answered)
    );
    assert_eq!(call.paid, Usd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_outlives_its_call_is_told_when_it_ends() {
    let kept = Kept::default();
    let held = Arc::new(Mutex::new(Vec::new()));
    let hold = held.clone();
    let inner = service_fn(move |call: Call<Ask>| {
        let never = service_fn(|_: Ask| std::future::pending::<Result<Answer, Error>>());
        let mut attempts = AttemptLayer::new(prices()).layer(never);
        let loser = Call::with_context(Ask("a"), call.context.child(Purpose::Hedge));
        hold.lock().unwrap().push(attempts.call(loser));
        async { Ok::<_, Error>(Answer::Whole) }
    });
    let layer = kept.layer();
    let answer = layer.layer(inner).oneshot(Call::new(Ask("a"))).await;
    assert!(answer.is_ok());
    assert_eq!(kept.one().attempts[0].outcome, None, "still under way");
    held.lock().unwrap().clear();
    layer.settle();
    let entries = kept.entries();
    assert!(entries[1].work);
    assert_eq!(entries[1].attempts[0].outcome, Some(Outcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_hit_that_its_caller_leaves_has_its_baseline() {
    let kept = Kept::default();
    let inner = service_fn(|call: Call<Ask>| async move {
        let mut note = CacheNote::new(CacheStatus::Hit);
        note.saved = Some(Usd::from_pico(9));
        call.context
            .journal
            .with(|report| report.cache = Some(note));
        Ok::<_, Error>(Answer::streamed())
    });
    let answer = kept.layer().layer(inner).oneshot(Call::new(Ask("stream")));
    drop(answer.await.unwrap());
    let entry = kept.one();
    assert_eq!(entry.outcome, Outcome::Cancelled);
    assert_eq!(entry.saved_by_cache, Some(Usd::from_pico(9)));
    assert_eq!(entry.baseline, entry.saved_by_cache, "as it paid nothing");
}

#[tokio::test(start_paused = true)]
async fn work_is_told_with_the_next_call_once_it_has_settled() {
    let kept = Kept::default();
    let (layer, context) = with_work(&kept).await;
    attempt(context).await;
    let call = async |layer: &LedgerLayer| {
        let inner = service_fn(|_: Call<Ask>| async { Ok::<_, Error>(Answer::Whole) });
        let answer = layer.layer(inner).oneshot(Call::new(Ask("b"))).await;
        assert!(answer.is_ok());
        kept.entries().iter().filter(|entry| entry.work).count()
    };
    assert_eq!(call(&layer).await, 0);
    advance(6 * S).await;
    assert_eq!(call(&layer).await, 1);
    assert_eq!(call(&layer).await, 1, "once");
}

#[tokio::test(start_paused = true)]
async fn work_that_another_caller_pays_for_is_told_as_his() {
    let kept = Kept::default();
    let (layer, context) = with_work(&kept).await;
    let shared = context.journal.clone();
    attempt(context).await;
    let inner = service_fn(move |call: Call<Ask>| {
        call.context.absorb(&shared.read());
        async { Ok::<_, Error>(Answer::Whole) }
    });
    let answer = layer.layer(inner).oneshot(Call::new(Ask("a"))).await;
    assert!(answer.is_ok());
    layer.settle();
    let paid: Vec<_> = kept
        .entries()
        .iter()
        .map(|entry| entry.paid.pico())
        .collect();
    assert_eq!(paid, [0, 10], "and not once more");
}

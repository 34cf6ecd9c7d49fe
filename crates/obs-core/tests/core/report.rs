//! The ledger of one call: who pays, what was saved, and what is not known.

use crate::chat::{Answer, Ask, prices};
use obs_core::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

/// One attempt on this route, in its own scope, whose answer used so many output tokens.
async fn attempt(context: &CallContext, purpose: Purpose, model: &'static str, output: u64) {
    let inner = service_fn(move |_: Ask| async move { Ok::<_, Error>(Answer::Whole(output)) });
    let service = AttemptLayer::new(prices()).layer(inner);
    let context = context.child(purpose);
    let call = Call::with_context(Ask(model), context);
    service.oneshot(call).await.unwrap();
}

fn baseline(model: &str) -> Option<Baseline> {
    Some(Baseline {
        route: "premium".into(),
        model: Some(model.into()),
    })
}

#[tokio::test]
async fn what_was_paid_and_saved_makes_up_the_baseline() {
    let call = Call::new(Ask("auto"));
    let journal = call.journal();
    journal.with(|report| report.baseline = baseline("big"));
    attempt(&call.context, Purpose::First, "small", 5).await;
    let report = journal.read();
    // The model says of itself that it is the small one.
    let (paid, saved) = (
        report.paid().exact().unwrap(),
        report.saved_by_route().unwrap(),
    );
    assert_eq!((paid.pico(), saved.pico()), (10, 40));
    assert_eq!(report.baseline_cost(), Some(paid + saved));
}

#[tokio::test]
async fn an_answer_that_was_rejected_is_paid_and_not_chosen() {
    let call = Call::new(Ask("auto"));
    let journal = call.journal();
    journal.with(|report| report.baseline = baseline("big"));
    let first = call.context.child(Purpose::First);
    attempt(&first, Purpose::First, "small", 5).await;
    first.reject();
    assert!(journal.read().chosen().is_none());
    attempt(&call.context, Purpose::Escalation, "small", 1).await;
    let report = journal.read();
    assert_eq!(report.chosen().unwrap().purpose, Purpose::Escalation);
    assert_eq!(report.paid().exact().unwrap().pico(), 12);
    assert_eq!(report.saved_by_route().unwrap().pico(), 10 - 12, "a loss");
}

#[tokio::test]
async fn a_judge_is_paid_and_answers_nobody() {
    let call = Call::new(Ask("auto"));
    let journal = call.journal();
    journal.with(|report| report.baseline = baseline("big"));
    attempt(&call.context, Purpose::First, "small", 5).await;
    attempt(&call.context, Purpose::Judge, "small", 1).await;
    let report = journal.read();
    assert_eq!(report.chosen().unwrap().purpose, Purpose::First);
    assert_eq!(report.saved_by_route().unwrap().pico(), 50 - 12);
}

#[tokio::test]
async fn an_unknown_price_is_never_a_saving() {
    let call = Call::new(Ask("auto"));
    let journal = call.journal();
    journal.with(|report| report.baseline = baseline("nobody knows"));
    attempt(&call.context, Purpose::First, "small", 5).await;
    assert_eq!(journal.read().saved_by_route(), None);
    assert_eq!(journal.read().baseline_cost(), None);
}

#[tokio::test]
async fn absorbed_attempts_keep_their_scopes() {
    let shared = CallContext::default();
    let rejected = shared.child(Purpose::First);
    attempt(&rejected, Purpose::First, "small", 5).await;
    rejected.reject();
    attempt(&shared, Purpose::Fallback, "small", 1).await;

    let payer = CallContext::default();
    let mine = payer.child(Purpose::First);
    attempt(&mine, Purpose::First, "small", 2).await;
    payer.absorb(&shared.journal.read());
    let report = payer.journal.read();
    assert_eq!(report.attempts.len(), 3);
    assert_eq!(report.chosen().unwrap().purpose, Purpose::Fallback);
    assert_eq!(report.paid().exact().unwrap().pico(), 4 + 10 + 2);
    mine.reject();
    assert_eq!(
        payer.journal.read().chosen().unwrap().purpose,
        Purpose::Fallback
    );
    payer.reject();
    assert!(
        payer.journal.read().chosen().is_none(),
        "all of it was rejected"
    );
}

#[test]
fn a_hit_costs_nothing_and_saves_what_the_stored_call_paid() {
    let context = CallContext::default();
    let mut note = CacheNote::new(CacheStatus::Hit);
    note.saved = Some(Usd::from_pico(9));
    context.journal.with(|report| report.cache = Some(note));
    let report = context.journal.read();
    assert_eq!(report.baseline_cost(), Some(Usd::from_pico(9)));
    assert_eq!(report.saved_by_cache(), Some(Usd::from_pico(9)));
}

#[test]
fn a_fresh_context_keeps_circumstances_and_listeners_but_no_history() {
    let mut call = Call::new(Ask("small")).tenant("acme").session("s");
    call.context.mark_late();
    let fresh = call.context.fresh(Purpose::Refresh);
    assert_eq!(fresh.tenant.as_deref(), Some("acme"));
    assert_eq!(fresh.purpose, Purpose::Refresh);
    assert!(fresh.journal.read().late.is_none());
    call.context.tenant = None;
    assert_eq!(fresh.tenant.as_deref(), Some("acme"));
}

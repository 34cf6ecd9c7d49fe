//! Comparisons of two routes, off the caller's path.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use obs_budget::{Budget, Budgets, Window};
use obs_core::{
    Attempt, AttemptLayer, AttemptListener, Background, Call, Error, Outcome, Price, PriceTable,
    Purpose,
};
use obs_metrics::Metrics;
use obs_router::{Comparison, Route, ShadowLayer, ShadowStats};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Answer, Ask, ask, asked, layer};

const LONG: Duration = Duration::from_secs(3600);

/// Says which model it is; `slow` and `mute` do not.
fn models()
-> impl Service<Call<Ask>, Response = Answer, Error = Error, Future: Send> + Clone + Send + 'static
{
    let price = |price| Price::per_million(price, price).expect("a price");
    let prices = PriceTable::new()
        .with_model("small", price("1"))
        .with_model("large", price("10"));
    AttemptLayer::new(prices).layer(service_fn(|ask: Ask| async move {
        match &*ask.0 {
            "small" => Ok::<_, Error>(Answer::Whole("small")),
            "large" => {
                sleep(Duration::from_secs(1)).await;
                Ok(Answer::Whole("large"))
            }
            "mute" => Ok(Answer::Blank),
            "broken" => panic!("a fault of the model's client"),
            _ => std::future::pending().await,
        }
    }))
}

/// What was compared: both texts, both costs, the tenant.
type Seen = Arc<Mutex<Vec<String>>>;

fn shadow(
    seen: &Seen,
    background: &Background,
) -> ShadowLayer<impl Fn(Comparison<Ask>) -> std::future::Ready<()> + use<>> {
    of_route(seen, background, "large")
}

fn of_route(
    seen: &Seen,
    background: &Background,
    better: &'static str,
) -> ShadowLayer<impl Fn(Comparison<Ask>) -> std::future::Ready<()> + use<>> {
    let seen = seen.clone();
    let compare = move |found: Comparison<Ask>| {
        let (cheap, better) = (&found.cheap, &found.better);
        let cost = |of: &obs_router::Compared| of.cost.expect("a price").to_string();
        seen.lock().expect("sound").push(format!(
            "{} {} {}, {} {} {}, {:?}",
            cheap.route,
            cheap.answer.text,
            cost(cheap),
            better.route,
            better.answer.text,
            cost(better),
            found.context.tenant.as_deref(),
        ));
        std::future::ready(())
    };
    let route = |name: &'static str, model: &'static str| Route::new(name).model(model);
    let [cheap, better] = [route("cheap", "small"), route("premium", better)];
    let layer = ShadowLayer::new(cheap, better, background.clone(), compare);
    layer.share(1.0).metrics(&Metrics::disabled())
}

fn stats(of: impl FnOnce(&mut ShadowStats)) -> ShadowStats {
    let mut stats = ShadowStats::default();
    of(&mut stats);
    stats
}

#[derive(Default)]
struct Heard(Mutex<Vec<Attempt>>);

impl AttemptListener for Heard {
    fn ended(&self, attempt: &Attempt) {
        self.0.lock().expect("sound").push(attempt.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn both_routes_are_asked_and_the_caller_neither_waits_nor_pays() {
    let (seen, background) = (Seen::default(), Background::new(4));
    let shadow = shadow(&seen, &background);
    let mut call = ask();
    call.context.tenant = Some("acme".into());
    let context = call.context.clone();
    let heard = Arc::new(Heard::default());
    context
        .journal
        .listen(&(heard.clone() as Arc<dyn AttemptListener>));
    let answer = layer().layer(shadow.layer(models())).oneshot(call).await;
    assert!(matches!(answer, Ok(Answer::Whole("small"))));
    assert!(seen.lock().expect("sound").is_empty(), "it is under way");
    assert!(background.drain(LONG).await);
    let seen = seen.lock().expect("sound").clone();
    assert_eq!(
        seen,
        ["cheap small $0.000012, premium large $0.00012, Some(\"acme\")"]
    );
    assert_eq!(asked(&context), ["small first"]);
    let heard = heard.0.lock().expect("sound").clone();
    let shadows = heard.iter().filter(|of| of.purpose == Purpose::Shadow);
    assert_eq!(shadows.count(), 2, "listeners hear of them");
    assert_eq!(shadow.stats(), stats(|of| of.compared = 1));
}

#[tokio::test(start_paused = true)]
async fn no_call_is_compared_with_a_route_that_it_may_not_take() {
    for allowed in [&["cheap"][..], &["cheap", "premium"]] {
        let (seen, background) = (Seen::default(), Background::new(4));
        let shadow = shadow(&seen, &background);
        let mut call = ask();
        call.context.allowed = Some(allowed.iter().map(|name| (*name).into()).collect());
        let answer = layer().layer(shadow.layer(models())).oneshot(call).await;
        assert!(answer.is_ok());
        assert!(background.drain(LONG).await);
        let compared = u64::from(allowed.len() == 2);
        assert_eq!(shadow.stats(), stats(|of| of.compared = compared));
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_of_the_calls_is_drawn_and_no_later_attempts() {
    let (seen, background) = (Seen::default(), Background::new(100));
    let drawn = Arc::new(AtomicUsize::new(0));
    let draws = drawn.clone();
    let shadow = shadow(&seen, &background).share(0.25);
    let shadow = shadow.random(move || (draws.fetch_add(1, SeqCst) % 10) as f64 / 10.0);
    let service = layer().layer(shadow.layer(models()));
    for _ in 0..20 {
        assert!(service.clone().oneshot(ask()).await.is_ok());
    }
    for purpose in [
        Purpose::Retry,
        Purpose::Hedge,
        Purpose::Judge,
        Purpose::Refresh,
    ] {
        let mut call = ask();
        call.context.purpose = purpose;
        call.request.0 = "small".into();
        assert!(shadow.layer(models()).oneshot(call).await.is_ok());
    }
    assert!(background.drain(LONG).await);
    assert_eq!(drawn.load(SeqCst), 20);
    assert_eq!(shadow.stats(), stats(|of| of.compared = 6));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_answer_in_time_has_failed() {
    for better in ["slow", "mute"] {
        let (seen, background) = (Seen::default(), Background::new(4));
        let shadow = of_route(&seen, &background, better).limit(Duration::from_secs(5));
        let call = ask();
        let heard = Arc::new(Heard::default());
        let listener = heard.clone() as Arc<dyn AttemptListener>;
        call.context.journal.listen(&listener);
        assert!(
            layer()
                .layer(shadow.layer(models()))
                .oneshot(call)
                .await
                .is_ok()
        );
        assert!(background.drain(LONG).await);
        assert_eq!(shadow.stats(), stats(|of| of.failed = 1));
        let heard = heard.0.lock().expect("sound");
        let last = heard.last().expect("an attempt");
        let outcome = if better == "slow" {
            Outcome::TimedOut
        } else {
            Outcome::Answered
        };
        assert_eq!((&*last.asked, last.outcome), (better, Some(outcome)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_panics_has_failed() {
    let (seen, background) = (Seen::default(), Background::new(1));
    let shadow = of_route(&seen, &background, "broken");
    let service = layer().layer(shadow.layer(models()));
    for failed in 1..=2 {
        assert!(service.clone().oneshot(ask()).await.is_ok());
        sleep(Duration::from_secs(10)).await;
        assert_eq!(shadow.stats(), stats(|of| of.failed = failed));
    }
    assert!(background.drain(LONG).await);
}

#[tokio::test(start_paused = true)]
async fn a_setter_makes_a_layer_that_counts_for_itself() {
    let (seen, background) = (Seen::default(), Background::new(4));
    let shadow = shadow(&seen, &background);
    let service = layer().layer(shadow.clone().layer(models()));
    assert!(service.oneshot(ask()).await.is_ok());
    let other = shadow.clone().metrics(&Metrics::disabled());
    let another = shadow.clone().limit(LONG).share(0.5).random(|| 0.0);
    assert!(background.drain(LONG).await);
    assert_eq!(shadow.stats(), stats(|of| of.compared = 1));
    assert_eq!(
        (other.stats(), another.stats()),
        (ShadowStats::default(), ShadowStats::default())
    );
}

#[tokio::test(start_paused = true)]
async fn without_room_there_is_no_comparison() {
    let (seen, background) = (Seen::default(), Background::new(1));
    let shadow = shadow(&seen, &background);
    let service = layer().layer(shadow.layer(models()));
    for _ in 0..3 {
        assert!(service.clone().oneshot(ask()).await.is_ok());
    }
    assert!(background.drain(LONG).await);
    assert_eq!(
        shadow.stats(),
        stats(|of| (of.compared, of.crowded) = (1, 2))
    );
}

#[tokio::test(start_paused = true)]
async fn a_budget_bounds_comparisons_and_no_tenant_pays_for_them() {
    let budgets = |scope, limit: &str| {
        let limit = limit.parse().expect("dollars");
        let limits = [Budget::dollars(limit, Window::DAY)];
        Budgets::builder(scope, limits).metrics(Metrics::disabled())
    };
    let shadows = budgets("shadow", "0.0002").with_shadows().build();
    let tenants = budgets("tenant", "1").build();
    let (seen, background) = (Seen::default(), Background::new(4));
    let shadow = shadow(&seen, &background).budget(shadows.clone(), "shadow");
    let service = layer().layer(shadow.layer(models()));
    for _ in 0..4 {
        let call = ask();
        call.context.journal.listen(&tenants.payer("acme"));
        assert!(service.clone().oneshot(call).await.is_ok());
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(
        shadow.stats(),
        stats(|of| (of.compared, of.unaffordable) = (2, 2))
    );
    assert_eq!(shadows.stats().spent, "0.000264".parse().expect("dollars"));
    assert_eq!(tenants.stats().spent, "0.000048".parse().expect("dollars"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_does_not_end_the_comparison() {
    let (seen, background) = (Seen::default(), Background::new(4));
    let shadow = shadow(&seen, &background);
    drop(layer().layer(shadow.layer(models())).oneshot(ask()));
    assert_eq!(background.in_flight(), 0, "nothing was asked");
    let mut call = ask();
    call.request.0 = "slow".into();
    call.context.purpose = Purpose::First;
    let mut service = shadow.layer(models());
    drop(service.ready().await.expect("ready").call(call));
    assert!(background.drain(LONG).await);
    assert_eq!(shadow.stats(), stats(|of| of.compared = 1));
}

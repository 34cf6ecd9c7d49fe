//! What a layer counts.
use std::sync::Arc;

use obs_core::{Attempt, AttemptListener, Outcome, Usd};
use obs_metrics::{BoundHistogram, Count, Dollars, EXECUTION_SECONDS, Metrics};
use opentelemetry::KeyValue;

use tokio::time::Instant;

use crate::{
    Breaker, BreakerState, OTHER, Reason, RouteStats, Stats, breaker::RouteBreaker, setup::Table,
};

/// What a layer counts; shared by all its services.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// One for each route, and one for what passes through.
    pages: Box<[Page]>,
    policy_errors: Count,
}

/// What is counted of one route.
#[derive(Debug)]
struct Page {
    route: Arc<str>,
    label: KeyValue,
    decisions: [Count; Reason::COUNT],
    attempts: Count,
    errors: Count,
    saved: Dollars,
    lost: Dollars,
    unknown: Count,
    retries: Count,
    breaker: RouteBreaker,
    seconds: BoundHistogram,
}

/// A ledger, and its ear for attempts, which journals tell apart by its address.
#[derive(Clone)]
pub(crate) struct Counts {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) listener: Arc<dyn AttemptListener>,
}

/// The decision that stands for one call. It is counted once, when the call is answered, fails, or is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    ledger: Arc<Ledger>,
    stands: Option<(usize, Reason)>,
}

impl Counts {
    /// Shown by these metrics from now on, with zeros.
    pub(crate) fn new(table: &Table, breaker: Option<&Breaker>, metrics: &Metrics) -> Self {
        let ledger = Ledger::new(table, breaker, metrics);
        ledger.show(metrics);
        let listener = ledger.clone();
        Self { ledger, listener }
    }
}

impl Ledger {
    fn new(table: &Table, breaker: Option<&Breaker>, metrics: &Metrics) -> Arc<Self> {
        let seconds = metrics.histogram(
            "router_execution",
            "s",
            "How long attempts took, streams to their last token.",
            EXECUTION_SECONDS,
        );
        let other = OTHER.into();
        let routes = table.names().chain([&other]);
        let pages = routes.map(|route| {
            let label = KeyValue::new("route", route.clone());
            Page {
                route: route.clone(),
                decisions: Default::default(),
                attempts: Count::new(),
                errors: Count::new(),
                saved: Dollars::new(),
                lost: Dollars::new(),
                unknown: Count::new(),
                retries: Count::new(),
                // What passes through has nowhere else to go.
                breaker: RouteBreaker::new(
                    route.clone(),
                    breaker.filter(|_| **route != *OTHER).cloned(),
                ),
                seconds: seconds.bind(std::slice::from_ref(&label)),
                label,
            }
        });
        Arc::new(Self {
            pages: pages.collect(),
            policy_errors: Count::new(),
        })
    }

    fn show(self: &Arc<Self>, metrics: &Metrics) {
        let of = self.clone();
        metrics.counter(
            "router_decisions_total",
            "Calls by the route that they took in the end, and why.",
            move |tell| {
                for page in &of.pages {
                    for reason in Reason::ALL {
                        let label = KeyValue::new("reason", reason.as_str());
                        tell(
                            &[page.label.clone(), label],
                            page.decisions[reason.index()].get(),
                        );
                    }
                }
            },
        );
        self.count(
            metrics,
            "router_errors_total",
            "Attempts that failed or ran out of time.",
            |page| &page.errors,
        );
        self.count(
            metrics,
            "router_savings_unknown_total",
            "Complete answers of which nobody knows what they saved, for want of a price or of usage.",
            |page| &page.unknown,
        );
        self.count(
            metrics,
            "router_retries_total",
            "Attempts on a route that had failed the same call before.",
            |page| &page.retries,
        );
        self.count(
            metrics,
            "router_breaker_opened_total",
            "How often a route was left out because it failed, or asked for a rest.",
            |page| &page.breaker.opened,
        );
        let of = self.clone();
        metrics.up_down(
            "router_breaker_state",
            "1 for the state in which the breaker of a route is.",
            move |tell| {
                let now = Instant::now();
                for page in of.pages.iter().filter(|page| *page.route != *OTHER) {
                    let is = page.breaker.state(now);
                    for state in BreakerState::ALL {
                        let label = KeyValue::new("state", state.as_str());
                        tell(&[page.label.clone(), label], i64::from(state == is));
                    }
                }
            },
        );
        self.sum(
            metrics,
            "router_cost_savings_usd",
            "What calls cost less than at the baseline route.",
            |page| &page.saved,
        );
        self.sum(
            metrics,
            "router_cost_losses_usd",
            "What calls cost more than at the baseline route.",
            |page| &page.lost,
        );
        let of = self.clone();
        metrics.counter(
            "router_policy_errors_total",
            "Panics of the policy, and answers of it that were of no use.",
            move |tell| tell(&[], of.policy_errors.get()),
        );
    }

    fn count(
        self: &Arc<Self>,
        metrics: &Metrics,
        name: &'static str,
        description: &'static str,
        count: impl Fn(&Page) -> &Count + Send + Sync + 'static,
    ) {
        let of = self.clone();
        metrics.counter(name, description, move |tell| {
            for page in &of.pages {
                tell(std::slice::from_ref(&page.label), count(page).get());
            }
        });
    }

    fn sum(
        self: &Arc<Self>,
        metrics: &Metrics,
        name: &'static str,
        description: &'static str,
        sum: impl Fn(&Page) -> &Dollars + Send + Sync + 'static,
    ) {
        let of = self.clone();
        metrics.usd(name, description, move |tell| {
            for page in &of.pages {
                tell(std::slice::from_ref(&page.label), sum(page).get());
            }
        });
    }

    /// The breaker of that route, or of what passes through.
    pub(crate) fn breaker(&self, at: usize) -> &RouteBreaker {
        &self.pages[at].breaker
    }

    pub(crate) fn retried(&self, at: usize) {
        self.pages[at].retries.inc();
    }

    pub(crate) fn policy_error(&self) {
        self.policy_errors.inc();
    }

    /// Of a complete answer of this route; `None`: nobody knows how much.
    pub(crate) fn saved(&self, at: usize, saved: Option<Usd>) {
        let page = &self.pages[at];
        match saved {
            Some(saved) if saved < Usd::ZERO => page.lost.add(Usd::ZERO - saved),
            Some(saved) => page.saved.add(saved),
            None => page.unknown.inc(),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let routes = self.pages.iter().map(|page| RouteStats {
            route: page.route.clone(),
            decisions: std::array::from_fn(|reason| page.decisions[reason].get()),
            attempts: page.attempts.get(),
            errors: page.errors.get(),
            saved: page.saved.get(),
            lost: page.lost.get(),
            savings_unknown: page.unknown.get(),
            retries: page.retries.get(),
            breaker: page.breaker.state(Instant::now()),
        });
        Stats {
            routes: routes.collect(),
            policy_errors: self.policy_errors.get(),
        }
    }
}

/// Attempts on routes of other routers are not counted here.
impl AttemptListener for Ledger {
    fn ended(&self, attempt: &Attempt) {
        let route = attempt.route.as_deref().unwrap_or(OTHER);
        let Some(page) = self.pages.iter().find(|page| *page.route == *route) else {
            return;
        };
        page.attempts.inc();
        if matches!(
            attempt.outcome,
            Some(Outcome::Failed(_) | Outcome::TimedOut)
        ) {
            page.errors.inc();
        }
        let since = |moment: Instant| moment.saturating_duration_since(attempt.started);
        match (attempt.outcome, attempt.first_token.or(attempt.ended)) {
            (Some(Outcome::Answered), Some(first)) => page.breaker.answered(since(first)),
            (Some(Outcome::Failed(kind)), _) => page.breaker.failed(kind),
            // Whose fault it was when time was up is known where the limit was.
            _ => {}
        }
        if let Some(ended) = attempt.ended {
            page.seconds.record(since(ended).as_secs_f64());
        }
    }
}

impl Entry {
    pub(crate) fn open(ledger: Arc<Ledger>, at: usize, reason: Reason) -> Self {
        Self {
            ledger,
            stands: Some((at, reason)),
        }
    }

    /// Another decision stands now.
    pub(crate) fn moved(&mut self, at: usize, reason: Reason) {
        if let Some(stands) = &mut self.stands {
            *stands = (at, reason);
        }
    }

    /// Counts it, the first time that this is called.
    pub(crate) fn settle(&mut self) {
        if let Some((at, reason)) = self.stands.take() {
            self.ledger.pages[at].decisions[reason.index()].inc();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.settle();
    }
}

//! What is counted of attempts, by model and route. It hears of them once each, also when their caller has left.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use obs_core::{Attempt, AttemptListener, Outcome, Paid};
use obs_metrics::{Capped, Count, DEFAULT_CAP, Dollars, Metrics, OTHER, PerOperation};
use opentelemetry::{KeyValue, Value};

use crate::{
    Conventions, names,
    setup::Setup,
    stats::Stats,
    tokens::{Tokens, Used},
};

/// The route of attempts that no router made.
const NO_ROUTE: &str = "none";

/// Most pairs of a model and a route that are told apart. The SDK keeps 2,000 label sets of an instrument, and four outcomes
/// make four of each pair.
const PAIRS: usize = 400;

/// What is counted of attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    provider: Arc<str>,
    /// By route, where a route has a provider of its own.
    providers: HashMap<Arc<str>, Arc<str>>,
    models: Capped<Model>,
    tokens: Tokens,
    /// How many series there are.
    pairs: AtomicUsize,
}

#[derive(Debug)]
struct Model {
    name: Arc<str>,
    routes: Capped<Series>,
}

/// One model on one route.
#[derive(Debug)]
struct Series {
    provider: Arc<str>,
    labels: [KeyValue; 2],
    ended: Ended,
    cost: Dollars,
    estimated: Dollars,
    unknown: Unknown,
    used: PerOperation<OnceLock<Used>>,
}

#[derive(Debug, Default)]
struct Ended {
    answered: Count,
    failed: Count,
    timed_out: Count,
    cancelled: Count,
}

/// Attempts whose cost is not known, by the reason.
#[derive(Debug, Default)]
struct Unknown {
    /// The model has no price.
    price: Count,
    /// The provider did not tell what was used.
    usage: Count,
    /// The answer did not come to its end.
    cut: Count,
}

impl Attempts {
    pub(crate) fn new(metrics: &Metrics, setup: &Setup, conventions: Conventions) -> Arc<Self> {
        let providers = setup.routes.iter();
        let attempts = Arc::new(Self {
            provider: setup.provider.clone(),
            providers: providers
                .map(|(route, _, provider)| (route.clone(), provider.clone()))
                .collect(),
            models: Capped::new(setup.max_models),
            tokens: Tokens::new(metrics, conventions),
            pairs: AtomicUsize::new(0),
        });
        for (route, model, _) in &setup.routes {
            attempts.series(model, Some(route), true);
        }
        attempts.show(metrics);
        attempts.tokens.show(metrics, &attempts);
        attempts
    }

    fn show(self: &Arc<Self>, metrics: &Metrics) {
        let ledger = self.clone();
        let description = "Requests that models got, by how they ended.";
        metrics.counter(names::ATTEMPTS_TOTAL, description, move |tell| {
            ledger.each(|series| {
                let [model, route] = &series.labels;
                for (outcome, count) in series.ended.each() {
                    let outcome = KeyValue::new("outcome", outcome);
                    tell(&[model.clone(), route.clone(), outcome], count.get());
                }
            });
        });
        let ledger = self.clone();
        let description = "Dollars that attempts cost, where it is known.";
        metrics.usd(names::COST_TOTAL, description, move |tell| {
            ledger.each(|series| tell(&series.labels, series.cost.get()));
        });
        let ledger = self.clone();
        let description = "Dollars that attempts without an answer may have cost; in no other sum.";
        metrics.usd(names::COST_ESTIMATED_TOTAL, description, move |tell| {
            ledger.each(|series| tell(&series.labels, series.estimated.get()));
        });
        let ledger = self.clone();
        let description =
            "Attempts whose cost is not known: no price, no usage told, or cut short.";
        metrics.counter(names::COST_UNKNOWN_TOTAL, description, move |tell| {
            ledger.each(|series| {
                let [model, route] = &series.labels;
                for (reason, count) in series.unknown.each() {
                    let reason = KeyValue::new("reason", reason);
                    tell(&[model.clone(), route.clone(), reason], count.get());
                }
            });
        });
    }

    /// Tells all that was used, by operation, with the labels of the conventions.
    pub(crate) fn used(&self, mut show: impl FnMut(&[KeyValue], &Used)) {
        self.each(|series| {
            for (operation, used) in series.used.iter() {
                if let Some(used) = used.get() {
                    show(&series.labels_of(operation.value), used);
                }
            }
        });
    }

    fn each(&self, mut show: impl FnMut(&Series)) {
        self.models
            .for_each(|_, model| model.routes.for_each(|_, series| show(series)));
    }

    /// Callers choose names of models: one that was never answered to (`proven`), nor announced, is no label.
    fn series(&self, model: &str, route: Option<&Arc<str>>, proven: bool) -> Arc<Series> {
        let entry = |model: &str| {
            self.models.entry(model, |name| Model {
                name: name.clone(),
                routes: Capped::new(DEFAULT_CAP),
            })
        };
        let known = self.models.get(model);
        let model = known.unwrap_or_else(|| entry(if proven { model } else { OTHER }));
        let name = route.map_or(NO_ROUTE, |route| route);
        if let Some(series) = model.routes.get(name) {
            return series;
        }
        let room = self.pairs.load(Ordering::Relaxed) < PAIRS;
        let (model, name) = match room {
            true => (model, name),
            false => (entry(OTHER), OTHER),
        };
        // The rest of the routes may have several providers: it is said to be of that of the layer.
        let provider = route.and_then(|route| self.providers.get(route));
        let provider = provider.unwrap_or(&self.provider);
        model.routes.entry(name, |route| {
            self.pairs.fetch_add(1, Ordering::Relaxed);
            Series {
                provider: provider.clone(),
                labels: [
                    KeyValue::new("model", model.name.clone()),
                    KeyValue::new("route", route.clone()),
                ],
                ended: Ended::default(),
                cost: Dollars::new(),
                estimated: Dollars::new(),
                unknown: Unknown::default(),
                used: PerOperation::default(),
            }
        })
    }

    pub(crate) fn add_to(&self, stats: &mut Stats) {
        self.each(|series| {
            stats.attempts += series
                .ended
                .each()
                .map(|(_, count)| count.get())
                .sum::<u64>();
            let unknown: u64 = series.unknown.each().map(|(_, count)| count.get()).sum();
            stats.paid = stats.paid.merge(Paid {
                known: series.cost.get(),
                unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
            });
            stats.estimated += series.estimated.get();
        });
    }
}

impl AttemptListener for Attempts {
    fn ended(&self, attempt: &Attempt) {
        let proven = attempt.outcome == Some(Outcome::Answered) || attempt.answered.is_some();
        let series = self.series(&attempt.asked, attempt.route.as_ref(), proven);
        match attempt.cost {
            Some(cost) => series.cost.add(cost),
            None => series.unknown.count(attempt).inc(),
        }
        if let Some(estimate) = attempt.estimate {
            series.estimated.add(estimate);
        }
        if attempt.usage.is_some() || self.tokens.tells_of_failures() {
            let operation = attempt.operation;
            let labels = || series.labels_of(operation.as_str().into());
            let used = series.used[operation].get_or_init(|| self.tokens.bind(&labels()));
            self.tokens.record(used, attempt, labels);
        }
        // Last, so that who waits for the count finds the rest.
        series.ended.count(attempt.outcome).inc();
    }
}

impl Series {
    /// Those of the conventions.
    fn labels_of(&self, operation: Value) -> [KeyValue; 3] {
        let [model, _] = &self.labels;
        [
            KeyValue::new(names::OPERATION_NAME, operation),
            KeyValue::new(names::PROVIDER_NAME, self.provider.clone()),
            KeyValue::new(names::REQUEST_MODEL, model.value.clone()),
        ]
    }
}

impl Ended {
    const fn count(&self, outcome: Option<Outcome>) -> &Count {
        match outcome {
            Some(Outcome::Answered) => &self.answered,
            Some(Outcome::Failed(_)) => &self.failed,
            Some(Outcome::TimedOut) => &self.timed_out,
            // `None` is told of attempts that are still open, and those are not told here.
            Some(Outcome::Cancelled) | None => &self.cancelled,
        }
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &Count)> {
        [
            ("answered", &self.answered),
            ("failed", &self.failed),
            ("timed_out", &self.timed_out),
            ("cancelled", &self.cancelled),
        ]
        .into_iter()
    }
}

impl Unknown {
    fn count(&self, attempt: &Attempt) -> &Count {
        match (attempt.outcome, attempt.usage) {
            (Some(Outcome::Answered), Some(_)) => &self.price,
            (Some(Outcome::Answered), None) => &self.usage,
            _ => &self.cut,
        }
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &Count)> {
        [
            ("price", &self.price),
            ("usage", &self.usage),
            ("cut", &self.cut),
        ]
        .into_iter()
    }
}

//! Comparisons of the first route with the last one, in the background, and what comes of them.
use std::{
    future::{Ready, ready},
    sync::Arc,
};

use obs_core::{Background, LlmRequest};
use obs_metrics::Metrics;
use obs_router::{Check, Compare, Comparison, Refusals, Route, Seen, ShadowLayer, agree};
use tracing::debug;

use crate::{
    api::Api,
    outcomes::Outcomes,
    settings::{self, Settings},
    spending::Spending,
};

/// Grades comparisons.
#[derive(Clone, Debug)]
pub(crate) struct Grader(Arc<Outcomes>);

/// `None`: nothing is compared.
pub(crate) fn layer(
    settings: &Settings,
    api: Api,
    spending: &Spending,
    background: &Background,
    metrics: &Metrics,
    outcomes: &Arc<Outcomes>,
) -> Option<ShadowLayer<Grader>> {
    let budgets = spending.shadows()?.clone();
    let speaks = |route: &&settings::Route| api.has_route(settings, route.provider.as_deref());
    let mut here = settings.routes.iter().filter(speaks);
    let (first, last) = (here.next()?, here.next_back()?);
    let route = |of: &settings::Route| Route::new(of.name.clone()).model(of.model.clone());
    let grader = Grader(outcomes.clone());
    let layer = ShadowLayer::new(route(first), route(last), background.clone(), grader);
    let layer = layer
        .share(settings.router.shadow_share)
        .limit(settings.timeout.total)
        .budget(budgets, "shadow")
        .metrics(metrics);
    Some(layer)
}

impl<R: LlmRequest> Compare<R> for Grader {
    type Future = Ready<()>;

    fn compare(&self, found: Comparison<R>) -> Ready<()> {
        let (cheap, better) = qualities(&found.cheap.answer, &found.better.answer);
        if let Some(call) = &found.context.id {
            let (one, other) = (&found.cheap.route, &found.better.route);
            self.0.compared(call, (one, cheap), (other, better));
        }
        debug!(
            cheap = &*found.cheap.route,
            better = &*found.better.route,
            gain = (better - cheap).max(0.0),
            "routes were compared"
        );
        ready(())
    }
}

/// Nobody knows the right answer here. What is taken for a gain: the cheap answer is none and the better one is, or they do not agree. Where
/// they differ because many answers are right, that is too much, and as much for easy prompts as for hard ones.
fn qualities(cheap: &Seen, better: &Seen) -> (f32, f32) {
    let check = Refusals::new();
    match (check.accepts(cheap), check.accepts(better)) {
        (true, true) if agree(&cheap.text, &better.text) => (1.0, 1.0),
        (_, true) => (0.0, 1.0),
        (true, false) => (1.0, 0.0),
        (false, false) => (0.0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Seen {
        let mut seen = Seen::default();
        seen.text = text.into();
        seen
    }

    #[test]
    fn a_better_answer_is_one_that_differs_from_the_cheap_one_or_stands_where_there_is_none() {
        for (cheap, better, expected) in [
            ("It is 42.", "42", (1.0, 1.0)),
            ("It is 42.", "It is 43.", (0.0, 1.0)),
            ("I'm sorry, but I can't.", "It is 43.", (0.0, 1.0)),
            ("It is 42.", "I'm sorry, but I can't.", (1.0, 0.0)),
            ("I can't.", "I cannot.", (0.0, 0.0)),
        ] {
            assert_eq!(
                qualities(&seen(cheap), &seen(better)),
                expected,
                "{cheap} / {better}"
            );
        }
    }
}

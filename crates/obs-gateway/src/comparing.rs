//! Comparisons of the first route with the last one, in the background, and what comes of them.
use std::future::{Ready, ready};

use obs_core::{Background, LlmRequest};
use obs_metrics::Metrics;
use obs_router::{Check, Compare, Comparison, Refusals, Route, Seen, ShadowLayer, agree};
use tracing::debug;

use crate::{
    api::Api,
    settings::{self, Settings},
    spending::Spending,
};

/// Grades comparisons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grader;

/// `None`: nothing is compared.
pub(crate) fn layer(
    settings: &Settings,
    api: Api,
    spending: &Spending,
    background: &Background,
    metrics: &Metrics,
) -> Option<ShadowLayer<Grader>> {
    let budgets = spending.shadows()?.clone();
    let speaks = |route: &&settings::Route| api.has_route(settings, route.provider.as_deref());
    let mut here = settings.routes.iter().filter(speaks);
    let (first, last) = (here.next()?, here.next_back()?);
    let route = |of: &settings::Route| Route::new(of.name.clone()).model(of.model.clone());
    let layer = ShadowLayer::new(route(first), route(last), background.clone(), Grader);
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
        let gain = gain(&found.cheap.answer, &found.better.answer);
        debug!(
            cheap = &*found.cheap.route,
            better = &*found.better.route,
            gain,
            "routes were compared"
        );
        ready(())
    }
}

/// Nobody knows the right answer here. What is taken for a gain: the cheap answer is none and the better one is, or they do not agree. Where
/// they differ because many answers are right, that is too much, and as much for easy prompts as for hard ones.
fn gain(cheap: &Seen, better: &Seen) -> f32 {
    let check = Refusals::new();
    match (check.accepts(cheap), check.accepts(better)) {
        (_, false) => 0.0,
        (false, true) => 1.0,
        (true, true) if agree(&cheap.text, &better.text) => 0.0,
        (true, true) => 1.0,
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
            ("It is 42.", "42", 0.0),
            ("It is 42.", "It is 43.", 1.0),
            ("I'm sorry, but I can't.", "It is 43.", 1.0),
            ("It is 42.", "I'm sorry, but I can't.", 0.0),
            ("I can't.", "I cannot.", 0.0),
        ] {
            assert_eq!(
                gain(&seen(cheap), &seen(better)),
                expected,
                "{cheap} / {better}"
            );
        }
    }
}

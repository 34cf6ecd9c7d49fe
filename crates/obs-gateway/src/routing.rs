//! The router of the settings.
use std::sync::Arc;

use obs_core::{CallContext, LlmRequest, PriceTable};
use obs_router::{
    Breaker, Budgeted, Complexity, Decision, Explanation, Policy, Reason, Retries, Route,
    RouterLayer, Sticky, Target, Weighted,
};

use crate::{
    api::Api,
    build_error::BuildError,
    names::AUTO,
    outcomes::{Outcomes, learned::Learning, money::Money},
    settings::{self, Settings},
    spending::Spending,
};

/// The policy of the settings.
#[derive(Clone, Debug)]
pub(crate) enum Deciding {
    Complexity(Complexity),
    Weighted(Weighted),
    Default,
    Learned(Arc<Learning>),
    Money(Arc<Money>),
}

/// The same, where conversations stay if they are to.
#[derive(Debug)]
pub(crate) enum Staying {
    Free(Deciding),
    Sticky(Sticky<Deciding>),
}

/// All that decides, from the outside in: the budget, the conversation, the policy.
pub(crate) type Routing = RouterLayer<Budgeted<Staying>>;

impl<R: LlmRequest> Policy<R> for Deciding {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        match self {
            Self::Complexity(rules) => rules.decide(request, context),
            Self::Weighted(split) => split.decide(request, context),
            Self::Default => Decision::new(Target::Default, Reason::Default),
            Self::Learned(learning) => learning.decide(request, context),
            Self::Money(money) => money.decide(request, context),
        }
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        match self {
            Self::Complexity(rules) => rules.explain(request, context),
            Self::Weighted(split) => split.explain(request, context),
            Self::Default => None,
            Self::Learned(learning) => learning.explain(request, context),
            Self::Money(money) => money.explain(request, context),
        }
    }
}

impl<R: LlmRequest> Policy<R> for Staying {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        match self {
            Self::Free(policy) => policy.decide(request, context),
            Self::Sticky(policy) => policy.decide(request, context),
        }
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        match self {
            Self::Free(policy) => policy.explain(request, context),
            Self::Sticky(policy) => policy.explain(request, context),
        }
    }
}

/// The router, with the budgets that bound it.
pub(crate) fn layer(
    settings: &Settings,
    prices: &PriceTable,
    spending: &Spending,
    api: Api,
    outcomes: &Outcomes,
) -> Result<Option<Routing>, BuildError> {
    with(settings, prices, api, Some(outcomes), |policy| {
        spending.around(policy)
    })
}

/// Among the routes whose providers speak this, with something around the policy. `None`: there are none, and every call
/// passes through as it is.
pub(crate) fn with<P>(
    settings: &Settings,
    prices: &PriceTable,
    api: Api,
    outcomes: Option<&Outcomes>,
    around: impl FnOnce(Staying) -> P,
) -> Result<Option<RouterLayer<P>>, BuildError> {
    let speaks = |route: &&settings::Route| api.has_route(settings, route.provider.as_deref());
    let here: Vec<_> = settings.routes.iter().filter(speaks).collect();
    if here.is_empty() {
        return Ok(None);
    }
    let is_here = |name: &str| here.iter().any(|route| *route.name == *name);
    let of = &settings.router;
    for (setting, name) in [
        ("router.default", &of.default),
        ("router.baseline", &of.baseline),
    ] {
        let known = |name: &String| settings.routes.iter().any(|route| *route.name == **name);
        if let Some(name) = name.as_ref().filter(|name| !known(name)) {
            return Err(BuildError::new(format!(
                "{setting}: there is no route {name:?}"
            )));
        }
    }
    let routes = here.iter().map(|route| {
        let context = route
            .context
            .or_else(|| prices.context_window(&route.model));
        let mut made = Route::new(route.name.clone())
            .model(route.model.clone())
            .fallback(route.fallback.iter().filter(|name| is_here(name)).cloned());
        if let Some(tokens) = context {
            made = made.context(tokens);
        }
        if let Some(share) = route.weight {
            made = made.weight(share);
        }
        match route.prefill {
            true => made.prefill(),
            false => made,
        }
    });
    let routes: Vec<_> = routes.collect();
    let policy = match of.policy {
        settings::Policy::Complexity => {
            // A threshold is a share that was checked; as a float of half the size it is one still.
            let rules = Complexity::new().threshold((of.threshold as f32).clamp(0.0, 1.0));
            Deciding::Complexity(rules)
        }
        settings::Policy::Weighted => {
            let weights = here.iter().map(|route| {
                let name = Target::from(route.name.to_string());
                (name, route.weight.unwrap_or(1))
            });
            Deciding::Weighted(Weighted::new(weights))
        }
        settings::Policy::Default => Deciding::Default,
        settings::Policy::Learned | settings::Policy::ExpectedCost => {
            match (outcomes.map(Outcomes::learning), of.policy) {
                (Some(Some(learning)), settings::Policy::ExpectedCost) => {
                    are_priced(&here, prices)?;
                    Deciding::Money(Arc::new(Money::new(learning, &routes, prices, of)))
                }
                (Some(Some(learning)), _) => Deciding::Learned(learning.clone()),
                // A gateway that serves already reads no model, and another policy would decide unseen.
                (Some(None), _) => {
                    return Err(BuildError::new(
                        "router.policy: decides by a model, and did not when the gateway was started: start it again".into(),
                    ));
                }
                // A replay has a policy of its own.
                (None, _) => Deciding::Default,
            }
        }
    };
    let policy = match of.sticky {
        true => {
            let sticky = Sticky::new(policy, &routes);
            let worth = of
                .answer_worth
                .filter(|_| of.policy == settings::Policy::ExpectedCost);
            Staying::Sticky(match worth {
                Some(worth) => sticky.worth(worth),
                None => sticky,
            })
        }
        false => Staying::Free(policy),
    };
    let mut router = RouterLayer::try_new(around(policy), routes)
        .map_err(|error| BuildError::new(format!("[[routes]]: {error}")))?
        .commit(of.commit)
        .retries(Retries::new(of.retries));
    if of.breaker_failures > 0 {
        let longest = of.breaker_rest.saturating_mul(4);
        let breaker = Breaker::new(of.breaker_failures).rests(of.breaker_rest, longest);
        router = router.breaker(match of.breaker_slow {
            Some(slow) => breaker.slow(slow),
            None => breaker,
        });
    }
    if settings
        .routes
        .iter()
        .any(|route| *route.name == *AUTO || *route.model == *AUTO)
    {
        return Err(BuildError::new(format!(
            "[[routes]]: `{AUTO}` is no name of a route or model"
        )));
    }
    router = router.obey_names(AUTO);
    if let Some(default) = of.default.as_ref().filter(|name| is_here(name)) {
        router = router.default_route(default);
    }
    if let Some(baseline) = of.baseline.as_ref().filter(|name| is_here(name)) {
        router = router.baseline(baseline);
    }
    Ok(Some(router))
}

/// One without a price would never be taken, which nobody means who lists it.
fn are_priced(routes: &[&settings::Route], prices: &PriceTable) -> Result<(), BuildError> {
    let unpriced = |of: &&&settings::Route| prices.price(Some(&of.name), &of.model).is_none();
    match routes.iter().find(unpriced) {
        Some(of) => Err(BuildError::new(format!(
            "router.policy: is expected-cost, and nobody knows what the route {:?} costs ({}): give it a `price`, or a table that has one \
             with prices.file",
            of.name, of.model
        ))),
        None => Ok(()),
    }
}

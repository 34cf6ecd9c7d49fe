//! The router of the settings.
use obs_core::{CallContext, LlmRequest, PriceTable};
use obs_router::{
    Breaker, Complexity, Decision, Policy, Reason, Retries, Route, RouterLayer, Target,
};

use crate::{
    api::Api,
    build::BuildError,
    names::AUTO,
    settings::{self, Settings},
};

/// The policy of the settings.
#[derive(Clone, Debug)]
pub(crate) enum Deciding {
    Complexity(Complexity),
    Default,
}

impl<R: LlmRequest> Policy<R> for Deciding {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        match self {
            Self::Complexity(rules) => rules.decide(request, context),
            Self::Default => Decision::new(Target::Default, Reason::Default),
        }
    }
}

/// Among the routes whose providers speak this. `None`: there are none, and every call passes through as it is.
pub(crate) fn layer(
    settings: &Settings,
    prices: &PriceTable,
    api: Api,
) -> Result<Option<RouterLayer<Deciding>>, BuildError> {
    let speaks = |route: &&settings::Route| api.has_route(settings, route.provider.as_deref());
    let here: Vec<_> = settings.routes.iter().filter(speaks).collect();
    if here.is_empty() {
        return Ok(None);
    }
    let is_here = |name: &str| here.iter().any(|route| *route.name == *name);
    let of = &settings.router;
    let policy = match of.policy {
        settings::Policy::Complexity => {
            // A threshold is a share that was checked; as a float of half the size it is one still.
            let rules = Complexity::new().threshold((of.threshold as f32).clamp(0.0, 1.0));
            Deciding::Complexity(rules)
        }
        settings::Policy::Default => Deciding::Default,
    };
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
    let mut router = RouterLayer::try_new(policy, routes)
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

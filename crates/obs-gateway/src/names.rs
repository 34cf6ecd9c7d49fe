//! What the `model` of a request means, and which part of the cache its answers belong to.
mod parts;
mod route;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use obs_core::Operation;

use self::parts::Parts;
pub(crate) use self::route::{RouteName, routes};
use crate::{api::Api, keys, providers::Providers, settings::Settings};

/// The name that leaves the choice to the policy.
pub(crate) const AUTO: &str = "auto";

/// What is called by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The policy decides.
    Auto,
    /// The route at this place was called by its name, or by that of its model.
    Route(usize),
    /// A model that goes to the first provider as it is.
    Other,
}

/// Why a name means nothing at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// There is no route to choose from.
    NoRoutes,
    /// The route at this place goes to a provider that speaks something else.
    OtherApi(usize),
}

/// All names.
#[derive(Debug)]
pub(crate) struct Names {
    routes: Vec<RouteName>,
    by_name: HashMap<Arc<str>, usize>,
    parts: Parts,
    /// Of keys that not every route may answer, by the routes that may: what is shared by two callers is answered once for both.
    bounded: HashMap<Arc<[Arc<str>]>, Parts>,
    /// Which interfaces a provider speaks, in the order of [`Api::ALL`].
    spoken: [bool; 2],
}

impl Names {
    pub(crate) fn new(settings: &Settings, providers: &Providers) -> Self {
        let routes = &settings.routes;
        let named = route::routes(settings);
        // A name stands over a model of the same name, and of two routes to one model the first is called.
        let mut by_name = HashMap::new();
        let all = routes.iter().enumerate();
        for (at, route) in all.clone() {
            by_name.entry(route.name.clone()).or_insert(at);
        }
        for (at, route) in all {
            by_name.entry(route.model.clone()).or_insert(at);
        }
        let parts = |allowed: Option<&[Arc<str>]>| Parts::new(&named, providers, allowed);
        let bounds = settings.keys.iter();
        let bounds = bounds.filter_map(|key| keys::allowed(key, settings));
        Self {
            spoken: Api::ALL.map(|api| providers.of(api, None).is_some()),
            parts: parts(None),
            bounded: bounds.map(|of| (of.clone(), parts(Some(&of)))).collect(),
            routes: named,
            by_name,
        }
    }

    /// Whether a provider speaks this.
    pub(crate) fn speaks(&self, api: Api) -> bool {
        self.spoken[api.index()]
    }

    /// Who is called by this name at an endpoint of this interface.
    pub(crate) fn called_at(&self, api: Api, model: &str) -> Result<Named, Unheard> {
        match self.called(model).ok_or(Unheard::NoRoutes)? {
            Named::Auto if !self.routes.iter().any(|route| route.speaks(api)) => {
                Err(Unheard::NoRoutes)
            }
            Named::Route(at) if !self.routes[at].speaks(api) => {
                // Another route, or none, may have a model of this name there.
                let mut others = self.routes.iter().enumerate();
                let other = others.find(|(_, of)| of.speaks(api) && *of.model == *model);
                other.map_or(Err(Unheard::OtherApi(at)), |(at, _)| Ok(Named::Route(at)))
            }
            named => Ok(named),
        }
    }

    /// Who is called by this name. `None`: the policy, and there is nothing to choose from.
    pub(crate) fn called(&self, model: &str) -> Option<Named> {
        if model == AUTO {
            return (!self.routes.is_empty()).then_some(Named::Auto);
        }
        Some(
            self.by_name
                .get(model)
                .map_or(Named::Other, |at| Named::Route(*at)),
        )
    }

    /// The part of the cache that answers of this one belong to, where these routes may answer; `None`: all of them.
    pub(crate) fn namespace(
        &self,
        api: Api,
        operation: Operation,
        of: Named,
        allowed: Option<&[Arc<str>]>,
    ) -> Option<Arc<str>> {
        let parts = match allowed {
            None => &self.parts,
            Some(allowed) => self.bounded.get(allowed)?,
        };
        let route = match of {
            Named::Auto => return parts.auto.get(&(api, operation)).cloned(),
            Named::Route(at) => Some(at),
            Named::Other => None,
        };
        parts.of_route.get(&(api, operation, route)).cloned()
    }

    /// All parts of the cache that answers of this one belong to.
    pub(crate) fn namespaces(&self, of: Named) -> BTreeSet<Arc<str>> {
        let all = || self.bounded.values().chain([&self.parts]);
        let place = match of {
            Named::Auto => return all().flat_map(|of| of.auto.values()).cloned().collect(),
            Named::Route(at) => Some(at),
            Named::Other => None,
        };
        let all = all().flat_map(|of| &of.of_route);
        let of = all.filter(|((_, _, route), _)| *route == place);
        of.map(|(_, namespace)| namespace.clone()).collect()
    }

    /// In the order of the settings.
    pub(crate) fn routes(&self) -> &[RouteName] {
        &self.routes
    }
}

#[cfg(test)]
mod tests {
    use obs_apm::Propagator;

    use super::*;
    use crate::{
        clock::WallClock,
        settings::{Environment, Sources, load},
    };

    fn names(variables: &[(&str, &str)]) -> Names {
        let environment: Environment = variables.iter().copied().collect();
        let sources = Sources {
            environment,
            ..Sources::default()
        };
        let settings = load(&sources).unwrap().settings;
        let providers =
            Providers::new(&settings, &WallClock::default(), &Propagator::default()).unwrap();
        Names::new(&settings, &providers)
    }

    #[test]
    fn auto_routes_and_their_models_are_called_by_name_and_the_rest_passes_through() {
        let names = names(&[]);
        assert_eq!(names.called("auto"), Some(Named::Auto));
        assert_eq!(names.called("cheap"), Some(Named::Route(0)));
        assert_eq!(names.called("sim-large"), Some(Named::Route(1)));
        assert_eq!(names.called("gpt-1"), Some(Named::Other));
    }

    #[test]
    fn a_namespace_is_the_operation_and_who_answers_and_nothing_else() {
        let at = |url, more: &[(&'static str, &'static str)]| {
            let mut variables = vec![("OPENAI_BASE_URL", url)];
            variables.extend(more);
            names(&variables)
        };
        let of = |names: &Names, operation, named| {
            names
                .namespace(Api::OpenAi, operation, named, None)
                .unwrap()
        };
        let (here, there) = (at("http://a/v1", &[]), at("http://b/v1", &[]));
        let same = at(
            "http://a/v1/",
            &[("OBS_ROUTER_THRESHOLD", "0.9"), ("OPENAI_API_KEY", "k")],
        );
        let other_cheap = at("http://a/v1", &[("OBS_ROUTER_CHEAP_MODEL", "m")]);
        let chat = Operation::Chat;
        for named in [Named::Auto, Named::Route(0), Named::Route(1), Named::Other] {
            assert_eq!(of(&here, chat, named), of(&same, chat, named));
            assert_ne!(of(&here, chat, named), of(&there, chat, named));
            assert_ne!(
                of(&here, chat, named),
                of(&here, Operation::Embeddings, named)
            );
        }
        for named in [Named::Auto, Named::Route(0)] {
            assert_ne!(of(&here, chat, named), of(&other_cheap, chat, named));
        }
        assert_eq!(
            of(&here, chat, Named::Route(1)),
            of(&other_cheap, chat, Named::Route(1))
        );
        assert_ne!(
            of(&here, chat, Named::Auto),
            of(&here, chat, Named::Route(0))
        );
        assert_ne!(
            of(&here, chat, Named::Route(0)),
            of(&here, chat, Named::Other)
        );
    }
}

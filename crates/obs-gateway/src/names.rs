//! What the `model` of a request means, and which part of the cache its answers belong to.
use std::{collections::HashMap, sync::Arc};

use obs_core::{Fingerprint, Operation};

use crate::{providers::Providers, settings::Settings};

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

/// A route as it is called.
#[derive(Clone, Debug)]
pub(crate) struct RouteName {
    pub(crate) name: Arc<str>,
    pub(crate) model: Arc<str>,
    /// Places of the routes that follow it when it was called by name.
    pub(crate) fallback: Vec<usize>,
}

/// All names.
#[derive(Debug)]
pub(crate) struct Names {
    routes: Vec<RouteName>,
    by_name: HashMap<Arc<str>, usize>,
    namespaces: HashMap<(Operation, Option<usize>), Arc<str>>,
    auto: HashMap<Operation, Arc<str>>,
}

impl Names {
    pub(crate) fn new(settings: &Settings, providers: &Providers) -> Self {
        let routes = &settings.routes;
        let place = |name: &Arc<str>| routes.iter().position(|route| route.name == *name);
        let named = routes.iter().map(|route| RouteName {
            name: route.name.clone(),
            model: route.model.clone(),
            fallback: route.fallback.iter().filter_map(place).collect(),
        });
        let named: Vec<_> = named.collect();
        // A name stands over a model of the same name, and of two routes to one model the first is called.
        let mut by_name = HashMap::new();
        let all = routes.iter().enumerate();
        for (at, route) in all.clone() {
            by_name.entry(route.name.clone()).or_insert(at);
        }
        for (at, route) in all {
            by_name.entry(route.model.clone()).or_insert(at);
        }
        let answers = |route: Option<usize>| {
            let route = route.map(|at| &named[at]);
            let provider = providers.of(route.map(|route| &*route.name));
            (provider.place(), route.map(|route| &*route.model))
        };
        let (mut namespaces, mut auto) = (HashMap::new(), HashMap::new());
        for operation in [Operation::Chat, Operation::Embeddings] {
            let every: Vec<_> = (0..named.len()).map(|at| answers(Some(at))).collect();
            auto.insert(operation, namespace(operation, &every));
            for route in std::iter::once(None).chain((0..named.len()).map(Some)) {
                namespaces.insert((operation, route), namespace(operation, &[answers(route)]));
            }
        }
        Self {
            routes: named,
            by_name,
            namespaces,
            auto,
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

    /// The part of the cache that answers of this one belong to.
    pub(crate) fn namespace(&self, operation: Operation, of: Named) -> Option<Arc<str>> {
        match of {
            Named::Auto => self.auto.get(&operation).cloned(),
            Named::Route(at) => self.namespaces.get(&(operation, Some(at))).cloned(),
            Named::Other => self.namespaces.get(&(operation, None)).cloned(),
        }
    }

    /// All parts of the cache that answers of this one belong to.
    pub(crate) fn namespaces(&self, of: Named) -> Vec<Arc<str>> {
        let place = match of {
            Named::Auto => return self.auto.values().cloned().collect(),
            Named::Route(at) => Some(at),
            Named::Other => None,
        };
        let all = self.namespaces.iter();
        let of = all.filter(|((_, route), _)| *route == place);
        of.map(|(_, namespace)| namespace.clone()).collect()
    }

    /// In the order of the settings.
    pub(crate) fn routes(&self) -> &[RouteName] {
        &self.routes
    }
}

/// Operation, wire format, and who answers: base URL and model of each.
fn namespace(operation: Operation, answers: &[(&str, Option<&str>)]) -> Arc<str> {
    let mut hash = Fingerprint::new();
    hash.field("operation", operation.as_str().as_bytes());
    hash.field("format", b"openai");
    for (place, model) in answers {
        hash.field("at", place.as_bytes());
        hash.optional("model", model.map(str::as_bytes));
    }
    let mut hex = hash.finish().to_string();
    hex.truncate(32);
    hex.into()
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
        let of = |names: &Names, operation, named| names.namespace(operation, named).unwrap();
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

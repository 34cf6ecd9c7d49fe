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

//! Which part of the cache answers belong to.
use std::{collections::HashMap, sync::Arc};

use obs_core::{Fingerprint, Operation};

use super::route::RouteName;
use crate::{api::Api, providers::Providers};

/// Parts of the cache.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Of a route that was called by name, or of what goes to the first provider as it is.
    pub(super) of_route: HashMap<(Api, Operation, Option<usize>), Arc<str>>,
    /// Where the policy decides.
    pub(super) auto: HashMap<(Api, Operation), Arc<str>>,
}

impl Parts {
    /// Those of answers of these routes; `allowed`: which of them may answer, where not all may.
    pub(super) fn new(
        routes: &[RouteName],
        providers: &Providers,
        allowed: Option<&[Arc<str>]>,
    ) -> Self {
        let may = |at: usize| {
            allowed.is_none_or(|allowed| allowed.iter().any(|name| *name == routes[at].name))
        };
        let answers = |api, route: Option<usize>| {
            let route = route.map(|at| &routes[at]);
            let provider = providers.of(api, route.map(|route| &*route.name))?;
            Some((provider.place(), route.map(|route| &*route.model)))
        };
        let mut parts = Self::default();
        let all = Api::ALL.map(|api| [(api, Operation::Chat), (api, Operation::Embeddings)]);
        for (api, operation) in all.into_iter().flatten() {
            let here = |at: &usize| routes[*at].speaks(api);
            let of: Vec<_> = (0..routes.len()).filter(here).map(Some).collect();
            let every = of.iter().filter(|at| at.is_some_and(may));
            let every: Vec<_> = every.filter_map(|at| answers(api, *at)).collect();
            parts
                .auto
                .insert((api, operation), namespace(api, operation, &every, &[]));
            for route in of.into_iter().chain([None]) {
                let Some(answer) = answers(api, route) else {
                    continue;
                };
                // Where some of the routes that follow it may not answer, those that may stand for what it is then.
                let follow = route.map_or(&[][..], |at| &routes[at].fallback);
                let follow: Vec<_> = follow.iter().copied().filter(here).collect();
                let bounded = !follow.iter().all(|at| may(*at));
                let names = follow.iter().filter(|at| bounded && may(**at));
                let mut names: Vec<_> = names.map(|at| &*routes[*at].name).collect();
                if bounded {
                    names.push("");
                }
                let namespace = namespace(api, operation, &[answer], &names);
                parts.of_route.insert((api, operation, route), namespace);
            }
        }
        parts
    }
}

/// Operation, wire format, who answers: base URL and model of each, and who may follow, where not all may.
fn namespace(
    api: Api,
    operation: Operation,
    answers: &[(&str, Option<&str>)],
    follow: &[&str],
) -> Arc<str> {
    let mut hash = Fingerprint::new();
    hash.field("operation", operation.as_str().as_bytes());
    hash.field("format", api.as_str().as_bytes());
    for (place, model) in answers {
        hash.field("at", place.as_bytes());
        hash.optional("model", model.map(str::as_bytes));
    }
    for name in follow {
        hash.field("then", name.as_bytes());
    }
    let mut hex = hash.finish().to_string();
    hex.truncate(32);
    hex.into()
}

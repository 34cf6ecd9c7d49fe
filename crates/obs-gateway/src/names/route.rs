//! Routes as they are called.
use std::sync::Arc;

use crate::{api::Api, settings::Settings};

/// A route as it is called.
#[derive(Clone, Debug)]
pub(crate) struct RouteName {
    pub(crate) name: Arc<str>,
    pub(crate) model: Arc<str>,
    /// Places of the routes that follow it when it was called by name.
    pub(crate) fallback: Vec<usize>,
    /// In the order of [`Api::ALL`].
    speaks: [bool; 2],
}

/// All routes as they are called.
pub(crate) fn routes(settings: &Settings) -> Vec<RouteName> {
    let routes = &settings.routes;
    let place = |name: &Arc<str>| routes.iter().position(|route| route.name == *name);
    let named = routes.iter().map(|route| RouteName {
        name: route.name.clone(),
        model: route.model.clone(),
        fallback: route.fallback.iter().filter_map(place).collect(),
        speaks: Api::ALL.map(|api| api.has_route(settings, route.provider.as_deref())),
    });
    named.collect()
}

impl RouteName {
    /// Whether its provider speaks this.
    pub(crate) fn speaks(&self, api: Api) -> bool {
        self.speaks[api.index()]
    }
}

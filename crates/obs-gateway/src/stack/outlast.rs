//! What a stack takes over from the one before it: where its own settings are the same, what it has learned and holds is
//! worth more than a new one.
use obs_apm::ApmLayer;
use obs_cache::{BoxStore, CacheLayer};
use obs_timeout::{HedgeLayer, TimeoutLayer};

use super::Stacks;
use crate::{
    routing::Routing,
    settings::{Cache, Settings, Store},
    spending::Spending,
};

/// What is taken over; `None`: it is made anew.
#[derive(Debug, Default)]
pub(super) struct Kept<'a> {
    apms: &'a [ApmLayer],
    pub(super) timeout: Option<&'a TimeoutLayer>,
    pub(super) cache: Option<&'a Option<CacheLayer<BoxStore>>>,
    routers: &'a [Routing],
    pub(super) hedge: Option<&'a Option<HedgeLayer>>,
    pub(super) spending: Option<&'a Spending>,
    /// Those of this stack.
    pub(super) stores: Option<&'a Stacks>,
}

impl<'a> Kept<'a> {
    pub(super) fn new(settings: &Settings, before: Option<(&Settings, &'a Stacks)>) -> Self {
        let Some((was, stacks)) = before else {
            return Self::default();
        };
        let of = &stacks.figures;
        let routes = was.routes == settings.routes;
        // Savings are told in prices: a table of another file may differ in any of them.
        let prices = was.prices.file.is_none() && settings.prices.file.is_none();
        let providers = was.providers == settings.providers;
        // Where not every interface has a router, nobody could say whose each one is.
        let all = of.routers.len() == of.apms.len();
        let stores = same_stores(&was.cache, &settings.cache);
        let is_alone = |of: &Settings| !matches!(of.cache.store, Store::Redis(_));
        // Sums are where answers are only in Redis.
        let sums = stores || (is_alone(was) && is_alone(settings));
        let purses = sums && stacks.spending.is_like(settings);
        let alike = purses && routes && providers && prices && all && was.router == settings.router;
        let timeout = was.timeout == settings.timeout;
        Self {
            apms: if routes && providers { &of.apms } else { &[] },
            timeout: timeout.then_some(&of.timeout),
            cache: (was.cache == settings.cache).then_some(&of.cache),
            routers: if alike { &of.routers } else { &[] },
            hedge: timeout.then_some(&of.hedge),
            spending: sums.then_some(&stacks.spending),
            stores: stores.then_some(stacks),
        }
    }

    /// Of the first interface, or of the second one where it has its own.
    pub(super) fn apm(&self, of: usize) -> Option<&'a ApmLayer> {
        self.apms.get(of)
    }

    /// The same.
    pub(super) fn router(&self, of: usize) -> Option<&'a Routing> {
        self.routers.get(of)
    }
}

fn same_stores(was: &Cache, is: &Cache) -> bool {
    let of = |cache: &Cache| {
        let store = (cache.store.clone(), cache.tier, cache.max_bytes);
        let codec = cache.seal.clone();
        (store, cache.redis_timeout, cache.ca_file.clone(), codec)
    };
    of(was) == of(is)
}

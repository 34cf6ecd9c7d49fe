//! What calls cost.
use obs_core::PriceTable;

use crate::{
    settings::{Format, Settings},
    simulated,
};

/// The bundled prices, over them the simulated ones, the user's file, and what routes say themselves.
pub(crate) fn prices(settings: &Settings) -> PriceTable {
    let mut prices = PriceTable::bundled();
    if settings
        .providers
        .iter()
        .any(|p| p.format == Format::Simulated)
    {
        prices = prices.merge(&simulated::prices());
    }
    if let Some(own) = &settings.prices.own {
        prices = prices.merge(own);
    }
    for route in &settings.routes {
        if let Some(price) = &route.price {
            prices = prices.with_route(&route.name, price.clone());
        }
    }
    prices
}

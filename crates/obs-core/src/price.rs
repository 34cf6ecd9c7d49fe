//! What models cost.
mod error;
mod litellm;
mod name;
mod rates;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock},
};

pub use self::{error::PriceError, rates::Price};
use crate::{Usage, Usd};

/// Prices by model and by route.
///
/// A price is looked for in this order, and there is no guess beyond it (`gpt-4o-mini` never has the price of
/// `gpt-4o`):
///
/// 1. a price of the route itself ([`with_route`](Self::with_route));
/// 2. the model's name as it is;
/// 3. without the provider in front of it: `openai/gpt-4o` is `gpt-4o`. Where a reseller has prices of its own, give the
///    whole name a row;
/// 4. without the date behind it (`-2024-08-06`, `-20240806`, `@20240806`), then without both.
///
/// Where nothing is found the cost is `None`: not known. That is never the same as [`Price::FREE`].
///
/// A clone is cheap and shares the rows until one of the two is changed.
#[derive(Clone, Default)]
pub struct PriceTable(Arc<Rows>);

#[derive(Clone, Default)]
struct Rows {
    models: HashMap<Box<str>, Price>,
    routes: HashMap<Box<str>, Price>,
}

static BUNDLED: LazyLock<PriceTable> = LazyLock::new(|| {
    litellm::read(include_str!("price/bundled.json"))
        .expect("the table in this crate is well-formed: a test reads it")
});

impl PriceTable {
    /// Without any row: no price is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Public list prices of the large providers as of [`bundled_date`](Self::bundled_date), in dollars before taxes and
    /// discounts, from the list that LiteLLM publishes (MIT licence; see `LICENCE-PRICES.md` in this crate for how
    /// they were taken). Read when it is first asked for, and once.
    #[must_use]
    pub fn bundled() -> Self {
        BUNDLED.clone()
    }

    /// The day of the list in [`bundled`](Self::bundled), as `2026-11-23`.
    #[must_use]
    pub const fn bundled_date() -> &'static str {
        "2026-11-23"
    }

    /// Reads a user's own table, in the format of LiteLLM's `model_prices_and_context_window.json`: an object of models,
    /// each with these fields, in dollars a token, as JSON numbers or as strings.
    ///
    /// | field | |
    /// |---|---|
    /// | `input_cost_per_token`, `output_cost_per_token` | needed: a row without is skipped (embeddings need only the first) |
    /// | `cache_read_input_token_cost` | else as input |
    /// | `cache_creation_input_token_cost` | else as input |
    /// | `cache_creation_input_token_cost_above_1hr` | for writes that are kept for an hour; else not known, where other writes have a price |
    /// | `output_cost_per_reasoning_token` | else as output |
    /// | `search_context_cost_per_query`, of it `search_context_size_medium` | for a search; else not known |
    /// | those of a token but for reasoning with `_above_200k_tokens` (or another number of thousands) | for requests whose whole input is larger than that |
    /// | `max_input_tokens` | context window |
    ///
    /// All other fields, and the row `sample_spec`, are ignored. Prices are read from their text, never through a float;
    /// the published list has figures such as `2.0000000000000002e-07`, so digits finer than a pico-dollar are rounded,
    /// half to even. A price of zero is a price: the model is free.
    ///
    /// # Errors
    ///
    /// Text that is not such JSON, and a price that is no number, negative, or absurdly large: the error names the
    /// model, the field, the value and what is allowed.
    pub fn from_json(text: &str) -> Result<Self, PriceError> {
        litellm::read(text)
    }

    /// With this price for the model, in place of any other.
    #[must_use]
    pub fn with_model(mut self, model: &str, price: Price) -> Self {
        Arc::make_mut(&mut self.0)
            .models
            .insert(model.into(), price);
        self
    }

    /// With this price for whatever goes over the route, in place of any other.
    #[must_use]
    pub fn with_route(mut self, route: &str, price: Price) -> Self {
        Arc::make_mut(&mut self.0)
            .routes
            .insert(route.into(), price);
        self
    }

    /// With the rows of `over`, which stand in place of rows of the same name here:
    /// `PriceTable::bundled().merge(&own)`.
    #[must_use]
    pub fn merge(mut self, over: &Self) -> Self {
        let rows = Arc::make_mut(&mut self.0);
        rows.models.extend(over.0.models.clone());
        rows.routes.extend(over.0.routes.clone());
        self
    }

    /// The price of this model on this route. `None`: not known.
    #[must_use]
    pub fn price(&self, route: Option<&str>, model: &str) -> Option<&Price> {
        route
            .and_then(|route| self.0.routes.get(route))
            .or_else(|| self.of_model(model))
    }

    /// What the usage costs. `None`: no price is known, or none of a [part of it](Price::covers), which is not a price of zero.
    #[must_use]
    pub fn cost(&self, route: Option<&str>, model: &str, usage: &Usage) -> Option<Usd> {
        let price = self.price(route, model)?;
        price.covers(usage).then(|| price.cost(usage))
    }

    /// How many tokens the model can read, where the table says so.
    #[must_use]
    pub fn context_window(&self, model: &str) -> Option<u64> {
        self.of_model(model)?.context_window()
    }

    /// The models in the table, in no particular order.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.0.models.iter().map(|(name, price)| (&**name, price))
    }

    fn of_model(&self, model: &str) -> Option<&Price> {
        name::forms(model).find_map(|name| self.0.models.get(name))
    }
}

/// Without the figures: every attempt has the table.
impl fmt::Debug for PriceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriceTable")
            .field("models", &self.0.models.len())
            .field("routes", &self.0.routes.len())
            .finish()
    }
}

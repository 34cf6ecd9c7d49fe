//! The price of one model.
use super::PriceError;
use crate::{
    Usage, Usd,
    money::{Finer, parse},
};

/// What tokens of each kind cost, and how many the model can read.
///
/// All prices are whole pico-dollars a token and not negative. Cached input and cache writes cost as much as other
/// input, and reasoning as much as other output, where nothing else is said. Cache writes for an hour cost as much as other writes where those
/// have no price of their own; else they have a price where one is said. So have searches.
///
/// ```
/// # use obs_core::{Price, Usage};
/// let price = Price::per_million("0.15", "0.60")?
///     .cached_input_per_million("0.075")?
///     .context(128_000);
/// let usage = Usage { input: 1_000, cached_input: 400, output: 100, ..Usage::default() };
/// assert_eq!(price.cost(&usage).to_string(), "$0.00018");
/// # Ok::<(), obs_core::PriceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    rates: Rates,
    /// Rates of requests whose input is larger than the figure, from the lowest up.
    above: Vec<(u64, Rates)>,
    context: Option<u64>,
}

/// Dollars a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) input: Usd,
    pub(super) cached_input: Option<Usd>,
    pub(super) cache_write: Option<Usd>,
    pub(super) output: Usd,
    pub(super) reasoning: Option<Usd>,
    pub(super) cache_write_1h: Option<Usd>,
    /// Each.
    pub(super) search: Option<Usd>,
}

impl Price {
    /// Known, and nothing: a model of one's own.
    pub const FREE: Self = Self::new(Rates {
        input: Usd::ZERO,
        cached_input: None,
        cache_write: None,
        output: Usd::ZERO,
        reasoning: None,
        cache_write_1h: None,
        search: Some(Usd::ZERO),
    });

    /// Dollars for a million tokens of input and of output, as decimal text: `("0.15", "0.60")`.
    ///
    /// # Errors
    ///
    /// Text that is no number, is negative, or has more than six decimals (finer than a pico-dollar a token).
    pub fn per_million(input: &str, output: &str) -> Result<Self, PriceError> {
        Ok(Self::new(Rates {
            input: a_million("input", input)?,
            output: a_million("output", output)?,
            search: None,
            ..Self::FREE.rates
        }))
    }

    /// Dollars for a million tokens that the provider read from its prompt cache.
    ///
    /// # Errors
    ///
    /// As [`per_million`](Self::per_million).
    pub fn cached_input_per_million(mut self, price: &str) -> Result<Self, PriceError> {
        self.rates.cached_input = Some(a_million("cached_input", price)?);
        Ok(self)
    }

    /// Dollars for a million tokens that the provider wrote to its prompt cache.
    ///
    /// # Errors
    ///
    /// As [`per_million`](Self::per_million).
    pub fn cache_write_per_million(mut self, price: &str) -> Result<Self, PriceError> {
        self.rates.cache_write = Some(a_million("cache_write", price)?);
        Ok(self)
    }

    /// Dollars for a million tokens of reasoning.
    ///
    /// # Errors
    ///
    /// As [`per_million`](Self::per_million).
    pub fn reasoning_per_million(mut self, price: &str) -> Result<Self, PriceError> {
        self.rates.reasoning = Some(a_million("reasoning", price)?);
        Ok(self)
    }

    /// Dollars for a million tokens that the provider wrote to its prompt cache for an hour.
    ///
    /// # Errors
    ///
    /// As [`per_million`](Self::per_million).
    pub fn cache_write_1h_per_million(mut self, price: &str) -> Result<Self, PriceError> {
        self.rates.cache_write_1h = Some(a_million("cache_write_1h", price)?);
        Ok(self)
    }

    /// Dollars for each search that the provider makes.
    ///
    /// # Errors
    ///
    /// Text that is no number, is negative, or has more than twelve decimals.
    pub fn per_search(mut self, price: &str) -> Result<Self, PriceError> {
        let price = read(price, 12, Finer::Refuse).map_err(|e| e.of_field("search"))?;
        self.rates.search = Some(price);
        Ok(self)
    }

    /// How many tokens the model can read.
    #[must_use]
    pub fn context(mut self, tokens: u64) -> Self {
        self.context = Some(tokens);
        self
    }

    pub(super) const fn new(rates: Rates) -> Self {
        Self {
            rates,
            above: Vec::new(),
            context: None,
        }
    }

    /// With other rates for requests whose input is larger than `tokens`.
    pub(super) fn above(mut self, tokens: u64, rates: Rates) -> Self {
        self.above.push((tokens, rates));
        self.above.sort_by_key(|(tokens, _)| *tokens);
        self
    }

    /// What the usage of **one request** costs. Where a provider asks for more above a size of the input, that size
    /// counts by request: sums of usage belong to no request, and are not priced rightly then.
    ///
    /// Of a usage that is not [covered](Self::covers) this is a part.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Usd {
        self.rates(usage).cost(usage)
    }

    /// Whether all of this has a price. Where it has not, what it costs is not known, and a [`PriceTable`](crate::PriceTable) says so.
    #[must_use]
    pub fn covers(&self, usage: &Usage) -> bool {
        let rates = self.rates(usage);
        let knows_long = rates.cache_write_1h.is_some() || rates.cache_write.is_none();
        (usage.cache_write_1h == 0 || knows_long) && (usage.searches == 0 || rates.search.is_some())
    }

    fn rates(&self, usage: &Usage) -> &Rates {
        let mut above = self.above.iter().rev();
        let above = above.find(|(tokens, _)| usage.input > *tokens);
        above.map_or(&self.rates, |(_, rates)| rates)
    }

    /// For a token of input.
    #[must_use]
    pub const fn input(&self) -> Usd {
        self.rates.input
    }

    /// For a token of output.
    #[must_use]
    pub const fn output(&self) -> Usd {
        self.rates.output
    }

    /// For a token that the provider had cached.
    #[must_use]
    pub fn cached_input(&self) -> Usd {
        self.rates.cached_input.unwrap_or(self.rates.input)
    }

    /// For a token that the provider puts into its cache.
    #[must_use]
    pub fn cache_write(&self) -> Usd {
        self.rates.cache_write.unwrap_or(self.rates.input)
    }

    /// For a token that the provider puts into its cache for an hour, where that is known.
    #[must_use]
    pub fn cache_write_1h(&self) -> Option<Usd> {
        let writes = self.rates.cache_write.is_none();
        let write = writes.then_some(self.rates.input);
        self.rates.cache_write_1h.or(write)
    }

    /// For a search, where that is known.
    #[must_use]
    pub const fn search(&self) -> Option<Usd> {
        self.rates.search
    }

    /// For a token of reasoning.
    #[must_use]
    pub fn reasoning(&self) -> Usd {
        self.rates.reasoning.unwrap_or(self.rates.output)
    }

    /// How many tokens the model can read, where that is known.
    #[must_use]
    pub const fn context_window(&self) -> Option<u64> {
        self.context
    }
}

impl Rates {
    /// No part counts beyond its whole, whatever the provider told.
    fn cost(&self, usage: &Usage) -> Usd {
        let cached = usage.cached_input.min(usage.input);
        let write = usage.cache_write.min(usage.input - cached);
        let long = usage.cache_write_1h.min(write);
        let reasoning = usage.reasoning.min(usage.output);
        let writes = self.cache_write.unwrap_or(self.input);
        self.input * (usage.input - cached - write)
            + self.cached_input.unwrap_or(self.input) * cached
            + writes * (write - long)
            + self.cache_write_1h.unwrap_or(writes) * long
            + self.output * (usage.output - reasoning)
            + self.reasoning.unwrap_or(self.output) * reasoning
            + self.search.unwrap_or(Usd::ZERO) * usage.searches
    }
}

fn a_million(field: &str, text: &str) -> Result<Usd, PriceError> {
    // A dollar for a million tokens is a million pico-dollars a token.
    read(text, 6, Finer::Refuse).map_err(|e| e.of_field(field))
}

/// `text` times ten to the power of `scale`, in pico-dollars, and not below zero.
pub(super) fn read(text: &str, scale: i64, finer: Finer) -> Result<Usd, PriceError> {
    let quoted = || format!("{text:?}");
    match parse(text, scale, finer) {
        Ok(pico) if pico < 0 => Err(PriceError::new(&quoted(), "a price that is not negative")),
        Ok(pico) => Ok(Usd::from_pico(pico)),
        Err(error) => Err(PriceError::new(&quoted(), error.allowed())),
    }
}

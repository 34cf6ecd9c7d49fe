//! The price of one model.
use super::PriceError;
use crate::{
    Usage, Usd,
    money::{Finer, parse},
};

/// What tokens of each kind cost, and how many the model can read.
///
/// All prices are whole pico-dollars a token and not negative. Cached input and cache writes cost as much as other
/// input, and reasoning as much as other output, where nothing else is said.
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
}

impl Price {
    /// Known, and nothing: a model of one's own.
    pub const FREE: Self = Self::new(Rates {
        input: Usd::ZERO,
        cached_input: None,
        cache_write: None,
        output: Usd::ZERO,
        reasoning: None,
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
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Usd {
        let above = self.above.iter().rev();
        let above = above.clone().find(|(tokens, _)| usage.input > *tokens);
        above.map_or(&self.rates, |(_, rates)| rates).cost(usage)
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
        let reasoning = usage.reasoning.min(usage.output);
        self.input * (usage.input - cached - write)
            + self.cached_input.unwrap_or(self.input) * cached
            + self.cache_write.unwrap_or(self.input) * write
            + self.output * (usage.output - reasoning)
            + self.reasoning.unwrap_or(self.output) * reasoning
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

//! The models that are simulated: how fast they are, what they cost, how much they say.
use std::{ops::RangeInclusive, time::Duration};

use obs_core::{Price, PriceError, PriceTable};

/// The cheap model.
pub(crate) const SMALL: &str = "sim-small";
/// The better one.
pub(crate) const LARGE: &str = "sim-large";
/// The one that makes vectors.
pub(crate) const EMBED: &str = "sim-embed";

/// One simulated model. The figures are of the kind that small and large models of 2026 have.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    /// Until the first token, before jitter.
    pub(super) first_token: Duration,
    /// From one token to the next.
    pub(super) per_token: Duration,
    /// Sentences of an answer.
    pub(super) sentences: RangeInclusive<u64>,
    /// Dollars a million tokens.
    input: &'static str,
    output: &'static str,
    /// Tokens that it can read.
    pub(super) context: u64,
}

pub(super) const MODELS: [Model; 3] = [
    Model {
        name: SMALL,
        first_token: Duration::from_millis(180),
        per_token: Duration::from_millis(7),
        sentences: 1..=3,
        input: "0.15",
        output: "0.60",
        context: 128_000,
    },
    Model {
        name: LARGE,
        first_token: Duration::from_millis(550),
        per_token: Duration::from_millis(20),
        sentences: 3..=7,
        input: "2.50",
        output: "10.00",
        context: 256_000,
    },
    Model {
        name: EMBED,
        first_token: Duration::from_millis(60),
        per_token: Duration::ZERO,
        sentences: 0..=0,
        input: "0.02",
        output: "0",
        context: 8_192,
    },
];

/// The model of this name that answers chats.
pub(super) fn chat(name: &str) -> Option<&'static Model> {
    MODELS
        .iter()
        .find(|model| model.name == name && name != EMBED)
}

/// The model of this name that makes vectors.
pub(super) fn embedding(name: &str) -> Option<&'static Model> {
    MODELS
        .iter()
        .find(|model| model.name == name && name == EMBED)
}

/// The names of those that answer chats.
pub(super) fn chats() -> [&'static str; 2] {
    [SMALL, LARGE]
}

/// The names of all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|model| model.name)
}

/// What the simulated models cost.
pub(crate) fn prices() -> PriceTable {
    MODELS.iter().fold(PriceTable::new(), |table, model| {
        let price = model.price().expect("a test reads the prices above");
        table.with_model(model.name, price)
    })
}

/// About as many as real ones: a token is four bytes of text.
pub(super) fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}

impl Model {
    fn price(&self) -> Result<Price, PriceError> {
        Ok(Price::per_million(self.input, self.output)?.context(self.context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_price_and_a_window() {
        let prices = prices();
        for model in &MODELS {
            assert_eq!(prices.context_window(model.name), Some(model.context));
        }
    }
}

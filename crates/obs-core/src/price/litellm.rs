//! Tables in the format that LiteLLM publishes.
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::value::RawValue;

use super::{
    PriceError, PriceTable, Rows,
    rates::{Price, Rates, read as read_price},
};
use crate::{
    Usd,
    money::{Finer, parse},
};

/// In the published file: an explanation in the form of a row.
const EXPLANATION: &str = "sample_spec";

const INPUT: &str = "input_cost_per_token";
const CACHED_INPUT: &str = "cache_read_input_token_cost";
const CACHE_WRITE: &str = "cache_creation_input_token_cost";
const CACHE_WRITE_1H: &str = "cache_creation_input_token_cost_above_1hr";
const SEARCH: &str = "search_context_cost_per_query";
/// Of the three sizes of a search, the one that is made where nobody asks for another.
const SEARCH_SIZE: &str = "search_context_size_medium";
const OUTPUT: &str = "output_cost_per_token";
const REASONING: &str = "output_cost_per_reasoning_token";
const CONTEXT: &str = "max_input_tokens";

/// One row: the text of each field.
struct Row<'a>(HashMap<String, &'a RawValue>);

pub(super) fn read(text: &str) -> Result<PriceTable, PriceError> {
    let rows: HashMap<String, &RawValue> = serde_json::from_str(text)
        .map_err(|e| PriceError::new(&format!("this JSON ({e})"), "an object of models"))?;
    let mut models = HashMap::new();
    for (model, row) in rows {
        if model == EXPLANATION {
            continue;
        }
        let row = serde_json::from_str(row.get())
            .map(Row)
            .map_err(|_| PriceError::new(row.get(), "an object with prices").of_model(&model))?;
        if let Some(price) = row.price().map_err(|e| e.of_model(&model))? {
            models.insert(model.into(), price);
        }
    }
    let routes = HashMap::new();
    Ok(PriceTable(Arc::new(Rows { models, routes })))
}

impl Row<'_> {
    /// `None`: tokens have no price here (images, seconds, searches).
    fn price(&self) -> Result<Option<Price>, PriceError> {
        let input = self.amount(INPUT)?;
        let output = self.amount(OUTPUT)?;
        let (input, output) = match (input, output) {
            (Some(input), Some(output)) => (input, output),
            // An embedding has no tokens of output.
            (Some(input), None) if self.text("mode") == Some("embedding") => (input, Usd::ZERO),
            _ => return Ok(None),
        };
        let mut rates = Rates {
            input,
            cached_input: self.amount(CACHED_INPUT)?,
            cache_write: self.amount(CACHE_WRITE)?,
            output,
            reasoning: self.amount(REASONING)?,
            cache_write_1h: self.amount(CACHE_WRITE_1H)?,
            search: self.search()?,
        };
        let mut price = Price::new(rates);
        for thousands in self.steps() {
            let above = |field: &str| self.amount(&format!("{field}_above_{thousands}k_tokens"));
            // What a step does not name stays as it is below.
            rates = Rates {
                input: above(INPUT)?.unwrap_or(rates.input),
                cached_input: above(CACHED_INPUT)?.or(rates.cached_input),
                cache_write: above(CACHE_WRITE)?.or(rates.cache_write),
                output: above(OUTPUT)?.unwrap_or(rates.output),
                // Reasoning has no column for this.
                reasoning: above(OUTPUT)?.or(rates.reasoning),
                cache_write_1h: above(CACHE_WRITE_1H)?.or(rates.cache_write_1h),
                search: rates.search,
            };
            price = price.above(thousands.saturating_mul(1000), rates);
        }
        Ok(Some(match self.tokens(CONTEXT)? {
            Some(tokens) => price.context(tokens),
            None => price,
        }))
    }

    /// Sizes of the input, in thousands, above which the price is another.
    fn steps(&self) -> BTreeSet<u64> {
        let step = |field: &str| {
            let (of, step) = field.split_once("_above_")?;
            let (of, step) = match step.split_once("_above_") {
                Some(("1hr", step)) if of == CACHE_WRITE => (CACHE_WRITE_1H, step),
                _ => (of, step),
            };
            let known = [INPUT, CACHED_INPUT, CACHE_WRITE, CACHE_WRITE_1H, OUTPUT].contains(&of);
            let thousands = step.strip_suffix("k_tokens")?.parse().ok()?;
            known.then_some(thousands)
        };
        self.0.keys().filter_map(|field| step(field)).collect()
    }

    fn search(&self) -> Result<Option<Usd>, PriceError> {
        let sizes = self.0.get(SEARCH).map(|sizes| sizes.get());
        let Some(sizes) = sizes.filter(|sizes| *sizes != "null") else {
            return Ok(None);
        };
        let sizes = serde_json::from_str(sizes).map(Row);
        let sizes = sizes.map_err(|_| PriceError::new(SEARCH, "an object of sizes"))?;
        sizes.amount(SEARCH_SIZE)
    }

    fn amount(&self, field: &str) -> Result<Option<Usd>, PriceError> {
        let read = |text| read_price(text, 12, Finer::Round).map_err(|e| e.of_field(field));
        self.text(field).map(read).transpose()
    }

    fn tokens(&self, field: &str) -> Result<Option<u64>, PriceError> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        match parse(text, 0, Finer::Refuse).ok().map(u64::try_from) {
            Some(Ok(tokens)) => Ok(Some(tokens)),
            _ => Err(
                PriceError::new(&format!("{text:?}"), "a whole number of tokens").of_field(field),
            ),
        }
    }

    /// Of a number or a string, without its quotes; `null` is not there.
    fn text(&self, field: &str) -> Option<&str> {
        let text = self.0.get(field)?.get();
        (text != "null").then(|| text.trim_matches('"'))
    }
}

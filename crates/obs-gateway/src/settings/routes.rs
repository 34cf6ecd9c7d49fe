//! Reads `[[routes]]`, with their prices.
use std::sync::Arc;

use obs_core::Price;

use super::{
    Problems, Route,
    document::{Entry, Node, Value},
    items::{Field, items, put, text},
    parse,
};

const ROUTE: &[Field<Route>] = &[
    Field {
        key: "name",
        set: |r, v| put(&mut r.name, text(v, parse::name).map(Into::into)),
    },
    Field {
        key: "provider",
        set: |r, v| {
            put(
                &mut r.provider,
                text(v, parse::name).map(|name| Some(name.into())),
            )
        },
    },
    Field {
        key: "model",
        set: |r, v| put(&mut r.model, text(v, parse::model).map(Into::into)),
    },
    Field {
        key: "fallback",
        set: |r, v| put(&mut r.fallback, names(v)),
    },
    Field {
        key: "context",
        set: |r, v| put(&mut r.context, text(v, tokens).map(Some)),
    },
    Field {
        key: "price",
        set: |r, v| put(&mut r.price, price(v).map(Some)),
    },
    Field {
        key: "first_token",
        set: |r, v| put(&mut r.first_token, text(v, parse::duration).map(Some)),
    },
    Field {
        key: "weight",
        set: |r, v| put(&mut r.weight, text(v, weight).map(Some)),
    },
    Field {
        key: "prefill",
        set: |r, v| put(&mut r.prefill, text(v, parse::boolean)),
    },
];

/// The routes of the file, each with its place.
pub(super) fn routes(file: &str, node: &Node, problems: &mut Problems) -> Vec<(String, Route)> {
    items(file, "routes", node, ROUTE, &["name", "model"], problems)
}

fn weight(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(share) if share > 0 => Ok(share),
        _ => Err("expected a share, a whole number above zero, such as 3".into()),
    }
}

fn tokens(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(tokens) if tokens > 0 => Ok(tokens),
        _ => Err("expected a number of tokens above zero, such as 128000".into()),
    }
}

fn names(node: &Node) -> Result<Vec<Arc<str>>, String> {
    let expected = || String::from("expected a list of route names, such as [\"premium\"]");
    let Value::List(list) = &node.value else {
        return Err(expected());
    };
    let name = |node| {
        text(node, parse::name)
            .map(Into::into)
            .map_err(|_| expected())
    };
    list.iter().map(name).collect()
}

/// Dollars a million tokens, as decimal text that is never read through a float.
fn price(node: &Node) -> Result<Price, String> {
    let expected = "expected dollars a million tokens, such as { input = \"0.15\", output = \"0.60\" }, with \
                    cached_input, cache_write, cache_write_1h and reasoning where they differ, and search: dollars for one";
    let Value::Table(entries) = &node.value else {
        return Err(expected.into());
    };
    let (mut input, mut output, mut more) = (None, None, Vec::new());
    for Entry { key, node, .. } in entries {
        let Value::Text(amount) = &node.value else {
            return Err(format!("{key} is {}: {expected}", node.shown()));
        };
        match key.as_str() {
            "input" => input = Some(amount),
            "output" => output = Some(amount),
            "cached_input" | "cache_write" | "cache_write_1h" | "reasoning" | "search" => {
                more.push((key.as_str(), amount));
            }
            _ => return Err(format!("`{key}` is no price: {expected}")),
        }
    }
    let (Some(input), Some(output)) = (input, output) else {
        return Err(format!("input or output is missing: {expected}"));
    };
    let read = || {
        let mut price = Price::per_million(input, output)?;
        for (key, amount) in more {
            price = match key {
                "cached_input" => price.cached_input_per_million(amount)?,
                "cache_write" => price.cache_write_per_million(amount)?,
                "cache_write_1h" => price.cache_write_1h_per_million(amount)?,
                "search" => price.per_search(amount)?,
                _ => price.reasoning_per_million(amount)?,
            };
        }
        Ok(price)
    };
    read().map_err(|error: obs_core::PriceError| error.to_string())
}

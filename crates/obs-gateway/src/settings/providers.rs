//! Reads `[[providers]]` and `[[routes]]`, which stand in the file alone.
use std::path::PathBuf;

use obs_core::Price;

use super::{
    Environment, Format, Malformed, Problems, Provider, Route, Secret, TellDeadline,
    document::{Entry, Node, Value, place},
    parse,
    problem::did_you_mean,
};

/// Where Anthropic's API is, unless a provider says something else.
const ANTHROPIC_URL: &str = "https://api.anthropic.com";

/// A field of a `[[table]]`: its key, and how its value gets to its place. The error says what is expected.
pub(super) struct Field<T> {
    pub(super) key: &'static str,
    pub(super) set: fn(&mut T, &Node) -> Result<(), String>,
}

const PROVIDER: &[Field<Provider>] = &[
    Field {
        key: "name",
        set: |p, v| put(&mut p.name, text(v, parse::name).map(Into::into)),
    },
    Field {
        key: "format",
        set: |p, v| put(&mut p.format, text(v, format)),
    },
    Field {
        key: "base_url",
        set: |p, v| put(&mut p.base_url, text(v, parse::base_url)),
    },
    Field {
        key: "api_key_env",
        set: |p, v| put(&mut p.api_key_env, text(v, variable).map(Some)),
    },
    Field {
        key: "api_key_file",
        set: |p, v| put(&mut p.api_key_file, text(v, path).map(Some)),
    },
    Field {
        key: "ca_file",
        set: |p, v| put(&mut p.ca_file, text(v, path).map(Some)),
    },
    Field {
        key: "deadline",
        set: |p, v| put(&mut p.deadline, text(v, deadline)),
    },
    Field {
        key: "http2",
        set: |p, v| put(&mut p.http2, text(v, parse::boolean)),
    },
    Field {
        key: "malformed",
        set: |p, v| put(&mut p.malformed, text(v, malformed)),
    },
];

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

/// The providers of the file, with their keys from the environment, each with its place.
pub(super) fn providers(
    file: &str,
    node: &Node,
    environment: &Environment,
    problems: &mut Problems,
) -> Vec<(String, Provider)> {
    let mut found = items(file, "providers", node, PROVIDER, &["name"], problems);
    for (place, provider) in &mut found {
        let simulated = provider.format == Format::Simulated;
        if provider.format == Format::Anthropic && provider.base_url.is_empty() {
            provider.base_url = ANTHROPIC_URL.into();
        }
        if provider.base_url.is_empty() != simulated {
            let is = if simulated { "has no" } else { "needs a" };
            problems.add(
                place.clone(),
                format!("provider {:?} {is} base_url", provider.name),
            );
        }
        if let Some(file) = &provider.ca_file {
            match std::fs::read(file) {
                Ok(pem) => provider.ca = Some(pem),
                Err(error) => problems.add(
                    place.clone(),
                    format!("ca_file {} cannot be read: {error}", file.display()),
                ),
            }
        }
        match api_key(provider, environment) {
            Ok(key) => provider.api_key = key,
            Err(problem) => problems.add(place.clone(), problem),
        }
    }
    found
}

/// The key of a provider, from where it says; what is wrong is said without it.
fn api_key(of: &Provider, environment: &Environment) -> Result<Option<Secret>, String> {
    let (key, from) = match (&of.api_key_env, &of.api_key_file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err("both api_key_env and api_key_file are given: expected one of them".into());
        }
        (Some(variable), None) => {
            let key = environment.get(variable).ok_or_else(|| {
                format!("the variable {variable}, which api_key_env names, is not set")
            })?;
            (key.to_owned(), format!("the variable {variable}"))
        }
        (None, Some(file)) => {
            let from = format!("api_key_file {}", file.display());
            let key = std::fs::read_to_string(file);
            (
                key.map_err(|error| format!("{from} cannot be read: {error}"))?,
                from,
            )
        }
    };
    match key.trim() {
        "" => Err(format!("{from} is empty")),
        key => Ok(Some(Secret::new(key))),
    }
}

/// The routes of the file, each with its place.
pub(super) fn routes(file: &str, node: &Node, problems: &mut Problems) -> Vec<(String, Route)> {
    items(file, "routes", node, ROUTE, &["name", "model"], problems)
}

pub(super) fn items<T: Default>(
    file: &str,
    of: &str,
    node: &Node,
    fields: &[Field<T>],
    needed: &[&str],
    problems: &mut Problems,
) -> Vec<(String, T)> {
    let Value::List(list) = &node.value else {
        problems.add(
            place(file, node.line),
            format!("{of} is no list: write [[{of}]]"),
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in list {
        let here = place(file, item.line);
        let Value::Table(entries) = &item.value else {
            problems.add(here, format!("{of} has {}: write [[{of}]]", item.shown()));
            continue;
        };
        // The value of an item in double brackets begins at its first key, or at the brackets.
        let mut value = T::default();
        for entry in entries {
            set(file, of, fields, &mut value, entry, problems);
        }
        for needed in needed {
            if !entries.iter().any(|entry| entry.key == *needed) {
                problems.add(
                    here.clone(),
                    format!("this one of [[{of}]] has no `{needed}`"),
                );
            }
        }
        found.push((here, value));
    }
    found
}

fn set<T>(
    file: &str,
    of: &str,
    fields: &[Field<T>],
    value: &mut T,
    entry: &Entry,
    problems: &mut Problems,
) {
    let key = entry.key.as_str();
    let here = place(file, entry.line);
    let Some(field) = fields.iter().find(|field| field.key == key) else {
        let names = || fields.iter().map(|field| field.key);
        let hint = match key {
            // Its value is a secret: it is not shown.
            "key" => " (give its `hash`)".into(),
            "api_key" => {
                " (name the variable that holds it in `api_key_env`, or a file in `api_key_file`)"
                    .into()
            }
            _ => did_you_mean(key, names()),
        };
        let all = names().collect::<Vec<_>>().join(", ");
        problems.add(
            here,
            format!("[[{of}]] knows no `{key}`{hint}: expected one of {all}"),
        );
        return;
    };
    if let Err(expected) = (field.set)(value, &entry.node) {
        let shown = match key {
            // Somebody may have written the key itself.
            "hash" => String::new(),
            _ => format!(" = {}", entry.node.shown()),
        };
        problems.add(here, format!("{key}{shown}: {expected}"));
    }
}

pub(super) fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

pub(super) fn text<T>(node: &Node, parse: fn(&str) -> Result<T, String>) -> Result<T, String> {
    match &node.value {
        Value::Text(text) => parse(text),
        // What a parser says about an empty text is what it expects.
        _ => Err(parse("")
            .err()
            .unwrap_or_else(|| "expected a string".into())),
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "openai" => Ok(Format::OpenAi),
        "anthropic" => Ok(Format::Anthropic),
        "simulated" => Ok(Format::Simulated),
        _ => Err("expected openai, anthropic or simulated".into()),
    }
}

fn deadline(text: &str) -> Result<TellDeadline, String> {
    use TellDeadline::{Both, Grpc, Http, Off};
    let found = [Both, Http, Grpc, Off]
        .into_iter()
        .find(|of| of.as_str() == text);
    found.ok_or_else(|| "expected both, http, grpc or off".into())
}

fn malformed(text: &str) -> Result<Malformed, String> {
    match text {
        "error" => Ok(Malformed::Error),
        "skip" => Ok(Malformed::Skip),
        _ => Err("expected error or skip".into()),
    }
}

fn weight(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(share) if share > 0 => Ok(share),
        _ => Err("expected a share, a whole number above zero, such as 3".into()),
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("expected the path of a file in PEM form".into()),
        path => Ok(path.into()),
    }
}

fn variable(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.is_empty() && text.chars().all(fits) {
        Ok(text.into())
    } else {
        Err(
            "expected the name of a variable, such as OPENAI_API_KEY, and not the key itself"
                .into(),
        )
    }
}

fn tokens(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(tokens) if tokens > 0 => Ok(tokens),
        _ => Err("expected a number of tokens above zero, such as 128000".into()),
    }
}

fn names(node: &Node) -> Result<Vec<std::sync::Arc<str>>, String> {
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

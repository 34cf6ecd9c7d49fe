//! Reads `[[providers]]`, and their keys from the environment or files.
use std::path::PathBuf;

use super::{
    Environment, Format, Malformed, Problems, Provider, Secret, TellDeadline,
    document::Node,
    items::{Field, items, put, text},
    parse,
};

/// Where Anthropic's API is, unless a provider says something else.
const ANTHROPIC_URL: &str = "https://api.anthropic.com";

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

//! Settings as TOML, as they are in force.
use std::fmt::Write;

use obs_core::{Price, Usd};

use super::{
    Format, Loaded, Malformed, Provider, Route, TellDeadline, VirtualKey, keys, secret::mask_url,
    table::SCALARS,
};

/// Where what is to be said after a value begins.
const COLUMN: usize = 40;

pub(super) fn print(loaded: &Loaded) -> String {
    let mut out = String::new();
    let mut section = "";
    // `[[keys]]` and `[keys]` cannot stand in one file.
    let settings = &loaded.settings;
    let keys_here = settings.keys_file.is_none() && !settings.keys.is_empty();
    for (scalar, given) in SCALARS.iter().zip(&loaded.origins) {
        if scalar.section() == "keys" && keys_here {
            continue;
        }
        if scalar.section() != section {
            section = scalar.section();
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}[{section}]");
        }
        let line = match &given.text {
            Some(_) if scalar.secret => format!("# {} = \"***\"", scalar.key()),
            Some(text) => format!("{} = {}", scalar.key(), value(text)),
            None => format!("# {}", scalar.key()),
        };
        let origin = if given.text.is_some() {
            &given.origin
        } else {
            "unset"
        };
        let _ = writeln!(out, "{line:COLUMN$} # {origin}");
    }
    for provider in &loaded.settings.providers {
        print_provider(&mut out, provider);
    }
    for route in &loaded.settings.routes {
        print_route(&mut out, route);
    }
    if keys_here {
        for key in &settings.keys {
            print_key(&mut out, key);
        }
    }
    out
}

fn print_provider(out: &mut String, provider: &Provider) {
    let _ = writeln!(out, "\n[[providers]]\nname = {}", quoted(&provider.name));
    let format = match provider.format {
        Format::OpenAi => "openai",
        Format::Anthropic => "anthropic",
        Format::Simulated => "simulated",
    };
    let _ = writeln!(out, "format = {}", quoted(format));
    if !provider.base_url.is_empty() {
        let _ = writeln!(out, "base_url = {}", quoted(&mask_url(&provider.base_url)));
    }
    if let Some(file) = &provider.ca_file {
        let _ = writeln!(out, "ca_file = {}", quoted(&file.display().to_string()));
    }
    if provider.deadline != TellDeadline::Both {
        let _ = writeln!(out, "deadline = {}", quoted(provider.deadline.as_str()));
    }
    if provider.http2 {
        let _ = writeln!(out, "http2 = true");
    }
    if provider.malformed == Malformed::Skip {
        let _ = writeln!(out, "malformed = \"skip\"");
    }
    if let Some(file) = &provider.api_key_file {
        let line = format!("api_key_file = {}", quoted(&file.display().to_string()));
        let _ = writeln!(out, "{line:COLUMN$} # is read");
    }
    match &provider.api_key_env {
        Some(variable) => {
            let line = format!("api_key_env = {}", quoted(variable));
            let _ = writeln!(out, "{line:COLUMN$} # is set");
        }
        None if provider.format == Format::Simulated || provider.api_key_file.is_some() => {}
        None => {
            let line = "# api_key_env";
            let _ = writeln!(
                out,
                "{line:COLUMN$} # unset: the caller's own credential is passed on"
            );
        }
    }
}

fn print_route(out: &mut String, route: &Route) {
    let _ = writeln!(out, "\n[[routes]]\nname = {}", quoted(&route.name));
    if let Some(provider) = &route.provider {
        let _ = writeln!(out, "provider = {}", quoted(provider));
    }
    let _ = writeln!(out, "model = {}", quoted(&route.model));
    if !route.fallback.is_empty() {
        let names: Vec<_> = route.fallback.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(out, "fallback = [{}]", names.join(", "));
    }
    if let Some(context) = route.context {
        let _ = writeln!(out, "context = {context}");
    }
    if let Some(price) = &route.price {
        let _ = writeln!(out, "price = {{ {} }}", price_fields(price));
    }
    if let Some(limit) = route.first_token {
        let limit = humantime::format_duration(limit).to_string();
        let _ = writeln!(out, "first_token = {}", quoted(&limit));
    }
    if let Some(share) = route.weight {
        let _ = writeln!(out, "weight = {share}");
    }
    if route.prefill {
        let _ = writeln!(out, "prefill = true");
    }
}

fn print_key(out: &mut String, key: &VirtualKey) {
    let hash = blake3::Hash::from_bytes(key.hash).to_hex();
    let hash = quoted(&format!("{}{hash}", keys::HASH));
    let _ = writeln!(
        out,
        "\n[[keys]]\nname = {}\nhash = {hash}",
        quoted(&key.name)
    );
    if let Some(tenant) = &key.tenant {
        let _ = writeln!(out, "tenant = {}", quoted(tenant));
    }
    if let Some(models) = &key.models {
        let names: Vec<_> = models.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(out, "models = [{}]", names.join(", "));
    }
    if key.other_endpoints {
        let _ = writeln!(out, "other_endpoints = true");
    }
    if let Some(most) = key.requests_per_minute {
        let _ = writeln!(out, "requests_per_minute = {most}");
    }
    let hour = key.usd_per_hour.map(|most| ("usd_per_hour", most));
    let day = key.usd_per_day.map(|most| ("usd_per_day", most));
    for (name, most) in hour.into_iter().chain(day) {
        let most = most.to_string();
        let _ = writeln!(out, "{name} = {}", quoted(most.trim_start_matches('$')));
    }
    if let Some(end) = key.expires {
        let end = humantime::format_rfc3339_seconds(end).to_string();
        let _ = writeln!(out, "expires = {}", quoted(&end));
    }
}

fn price_fields(price: &Price) -> String {
    let all = [
        ("input", Some(price.input())),
        ("output", Some(price.output())),
        ("cached_input", Some(price.cached_input())),
        ("cache_write", Some(price.cache_write())),
        ("cache_write_1h", price.cache_write_1h()),
        ("reasoning", Some(price.reasoning())),
    ];
    let all = all.into_iter().filter_map(|(name, usd)| Some((name, usd?)));
    // A price a token times a million, in pico-dollars, is a million times the figure in dollars: exact.
    let million = |(name, usd): (&str, Usd)| {
        let dollars = (usd * 1_000_000).to_string();
        format!("{name} = {}", quoted(dollars.trim_start_matches('$')))
    };
    let search = |usd: Usd| {
        let dollars = usd.to_string();
        format!("search = {}", quoted(dollars.trim_start_matches('$')))
    };
    let all = all.map(million).chain(price.search().map(search));
    all.collect::<Vec<_>>().join(", ")
}

/// Numbers and truth values stand without quotes.
pub(super) fn value(text: &str) -> String {
    let number = |text: &str| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.split_once('.')
            .is_some_and(|(whole, part)| digits(whole) && digits(part))
    };
    let bare = matches!(text, "true" | "false") || number(text);
    if bare {
        text.into()
    } else {
        quoted(&mask_url(text))
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

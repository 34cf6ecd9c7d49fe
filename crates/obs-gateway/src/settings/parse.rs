//! From the text of a setting to its value. An error says what is expected in its place.
use std::{net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use obs_core::{Commit, Usd};

use super::{LogFormat, Policy, Secret, Store, Tenant, Wish};

/// Longer than any call or entry should live, and still a sum that every clock can show.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080 \
         (all interfaces)"
            .into()
    })
}

pub(super) fn address_or_off(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "off" => Ok(None),
        text => Ok(Some(address(text).map_err(|e| format!("{e}, or off"))?)),
    }
}

/// Also zero.
pub(super) fn any_duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a duration such as 500ms, 30s, 5m or 1h";
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err(format!("{expected}, at most ten years")),
        Err(_) => Err(expected.into()),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match any_duration(text)? {
        short if short < Duration::from_millis(1) => {
            Err("expected a duration above zero, such as 500ms, 30s or 1h".into())
        }
        duration => Ok(duration),
    }
}

pub(super) fn duration_or_off(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "off" => Ok(None),
        text => Ok(Some(duration(text).map_err(|e| format!("{e}, or off"))?)),
    }
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    let bytes = text.parse::<ByteSize>().ok();
    match bytes.and_then(|size| usize::try_from(size.as_u64()).ok()) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err("expected a size above zero, such as 512KiB, 10MiB or 1GiB".into()),
    }
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".into()),
    }
}

pub(super) fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.0..=100.0).contains(&factor) => Ok(factor),
        _ => Err("expected a number from 0 to 100".into()),
    }
}

/// A whole number, also zero.
pub(super) fn number(text: &str, most: u32) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(format!("expected a whole number from 0 to {most}")),
    }
}

pub(super) fn percentile_or_off(text: &str) -> Result<Option<f64>, String> {
    match text.parse::<f64>() {
        _ if text == "off" => Ok(None),
        Ok(percentile) if percentile > 0.0 && percentile < 100.0 => Ok(Some(percentile)),
        _ => Err("expected a percentile above 0 and below 100, such as 99, or off".into()),
    }
}

/// An amount above zero, read as decimal text.
pub(super) fn dollars(text: &str) -> Result<Usd, String> {
    match text.parse::<Usd>() {
        Ok(amount) if amount > Usd::ZERO => Ok(amount),
        _ => Err("expected dollars above zero, such as 1.50".into()),
    }
}

/// A whole number above zero.
pub(super) fn count(text: &str, most: u32) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from 1 to {most}")),
    }
}

/// A whole number from this one on.
pub(super) fn amount(text: &str, least: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (least..=1_000_000).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from {least} to 1000000")),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

pub(super) fn tenant(text: &str) -> Result<Tenant, String> {
    match text {
        "credential" => Ok(Tenant::Credential),
        "header" => Ok(Tenant::Header),
        "shared" => Ok(Tenant::Shared),
        _ => Err("expected credential, header or shared".into()),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected auto, text or json".into()),
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A filter of tracing-subscriber, kept as text.
pub(super) fn log_level(text: &str) -> Result<String, String> {
    // A lone word that is no level would be taken for the name of a module, and nothing else would be logged.
    let fits = |directive: &str| {
        let directive = directive.trim();
        let mut levels = LEVELS.iter();
        levels.any(|level| level.eq_ignore_ascii_case(directive))
            || directive.contains(['=', '[', ']'])
    };
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) if text.split(',').all(fits) => Ok(text.into()),
        _ => Err(
            "expected error, warn, info, debug, trace or off, or directives such as \
             info,obs_cache=debug"
                .into(),
        ),
    }
}

/// What a URL must be beyond its scheme, the connection says when the gateway is built.
pub(super) fn store(text: &str) -> Result<Store, String> {
    const BRANDS: [&str; 4] = ["redis", "rediss", "valkey", "valkeys"];
    const KINDS: [&str; 3] = ["", "cluster", "sentinel"];
    match text {
        "off" => return Ok(Store::Off),
        "memory" => return Ok(Store::Memory),
        _ => {}
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (brand, kind) = scheme.split_once('-').unwrap_or((scheme, ""));
    if BRANDS.contains(&brand) && KINDS.contains(&kind) && !rest.is_empty() {
        return Ok(Store::Redis(Secret::new(text)));
    }
    Err(
        "expected off, memory, or a URL that begins with redis://, rediss:// (TLS), redis-cluster:// or \
         redis-sentinel://"
            .into(),
    )
}

pub(super) fn policy(text: &str) -> Result<Policy, String> {
    match text {
        "complexity" => Ok(Policy::Complexity),
        "weighted" => Ok(Policy::Weighted),
        "default" => Ok(Policy::Default),
        "learned" => Ok(Policy::Learned),
        "expected-cost" => Ok(Policy::ExpectedCost),
        _ => Err(
            "expected complexity, weighted, learned, expected-cost, or default (always the default route)".into(),
        ),
    }
}

/// `30%`, `quality:90%` or `20usd`.
pub(super) fn wish(text: &str) -> Result<Wish, String> {
    let percent = |text: &str| {
        let number = text.strip_suffix('%')?.trim().parse::<f64>().ok()?;
        (0.0..=100.0).contains(&number).then_some(number / 100.0)
    };
    let wish = if let Some(part) = text.strip_prefix("quality:") {
        percent(part.trim()).map(Wish::Quality)
    } else if let Some(dollars) = text.strip_suffix("usd") {
        let dollars = dollars.trim().parse::<Usd>().ok();
        dollars.filter(|usd| *usd > Usd::ZERO).map(Wish::UsdPerDay)
    } else {
        percent(text).map(Wish::Share)
    };
    wish.ok_or_else(|| {
        "expected a share of premium calls such as 30%, a part of the quality such as quality:90%, or dollars a day such as 20usd"
            .into()
    })
}

pub(super) fn commit(text: &str) -> Result<Commit, String> {
    let expected = "expected first-content, complete, a duration such as 500ms, or a number of \
                    tokens such as 20tokens";
    match text {
        "first-content" => return Ok(Commit::FirstContent),
        "complete" => return Ok(Commit::Complete),
        _ => {}
    }
    match text.strip_suffix("tokens").map(|n| n.trim().parse()) {
        Some(Ok(tokens)) if tokens > 0 => Ok(Commit::Tokens(tokens)),
        Some(_) => Err(expected.into()),
        None => duration(text)
            .map(Commit::After)
            .map_err(|_| expected.into()),
    }
}

pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.into())
}

pub(super) fn secret(text: &str) -> Result<Secret, String> {
    match text.len() {
        16.. => Ok(Secret::new(text)),
        _ => Err("expected a secret of at least 16 characters".into()),
    }
}

/// Of a route or a provider: it becomes a label of metrics and the value of a header.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match text {
        "auto" => {
            Err("`auto` is the name that leaves the choice to the policy: take another".into())
        }
        "other" => Err("`other` is what calls without a route are counted as: take another".into()),
        text if (1..=64).contains(&text.len()) && text.chars().all(fits) => Ok(text.into()),
        _ => Err("expected 1 to 64 of a-z, A-Z, 0-9, `-`, `_` and `.`".into()),
    }
}

/// Of a model, as the provider calls it.
pub(super) fn model(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_graphic();
    match text {
        "auto" => Err("`auto` is the name that leaves the choice to the policy".into()),
        text if (1..=256).contains(&text.len()) && text.chars().all(fits) => Ok(text.into()),
        _ => Err("expected the provider's name of a model, without spaces".into()),
    }
}

/// An absolute `http` or `https` URL, without the slash at its end.
pub(super) fn base_url(text: &str) -> Result<String, String> {
    let parsed = text.parse::<http::Uri>().ok();
    let fits = parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
    });
    if fits && !text.contains('#') {
        Ok(text.trim_end_matches('/').into())
    } else {
        Err("expected a URL such as https://api.openai.com/v1, without credentials".into())
    }
}

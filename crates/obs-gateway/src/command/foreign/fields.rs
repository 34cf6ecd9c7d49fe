//! Fields by the names that they have in the logs of others.
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub(super) const NAMES: &[&str] = &["id", "call_id", "request_id", "trace_id", "custom_id"];
pub(super) const RESPONSES: &[&str] = &["response", "output", "completion"];
pub(super) const JUDGED: &[&str] = &["feedback", "score", "rating"];
const TIMES: &[&str] = &[
    "time",
    "timestamp",
    "created_at",
    "start_time",
    "startTime",
    "created",
];
const MILLISECONDS: &[&str] = &["latency_ms", "duration_ms", "response_time_ms"];
const SECONDS: &[&str] = &["latency", "duration", "response_time", "latency_s"];
const OTHERS: [&str; 5] = ["route", "group", "status", "status_code", "tenant"];

pub(super) type Line = Map<String, Value>;

/// The first of these fields that is there.
pub(super) fn field<'a>(line: &'a Line, names: &[&str]) -> Option<&'a Value> {
    let mut found = names.iter().filter_map(|name| line.get(*name));
    found.find(|value| !value.is_null())
}

pub(super) fn text(line: &Line, names: &[&str]) -> Option<String> {
    match field(line, names)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An object, or one in a string.
pub(super) fn object(line: &Line, names: &[&str]) -> Option<Line> {
    let found = names.iter().filter_map(|name| line.get(*name));
    let mut objects = found.filter_map(|value| match value {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    });
    objects.next()
}

/// The request of a line that is one, with other fields beside its own: those would make each question another.
pub(super) fn flat(line: &Line) -> Line {
    let mut request = line.clone();
    let others = [NAMES, TIMES, RESPONSES, JUDGED, MILLISECONDS, SECONDS];
    for name in others.into_iter().flatten().chain(&OTHERS) {
        request.remove(*name);
    }
    request
}

pub(super) fn prompt(line: &Line) -> Option<&str> {
    line.get("prompt")?.as_str()
}

/// When a line says that it was, in milliseconds since 1970; `None`: it says nothing.
pub(super) fn time(line: &Line) -> Result<Option<u64>, String> {
    let said = TIMES
        .iter()
        .filter_map(|name| Some((name, line.get(*name)?)));
    let Some((name, value)) = { said }.find(|(_, value)| !value.is_null()) else {
        return Ok(None);
    };
    let time = moment(value).ok_or_else(|| {
        format!("{name}: {value} is no time: give seconds or milliseconds since 1970, or RFC 3339")
    })?;
    Ok(Some(time))
}

/// Milliseconds since 1970, of seconds, milliseconds or RFC 3339; without an offset it is UTC.
fn moment(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => {
            let millis = match OffsetDateTime::parse(text, &Rfc3339) {
                Ok(time) => time.unix_timestamp_nanos() / 1_000_000,
                Err(_) => {
                    let at = humantime::parse_rfc3339_weak(text).ok()?;
                    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
                    i128::try_from(since.as_millis()).ok()?
                }
            };
            u64::try_from(millis).ok()
        }
        value => {
            let number = value.as_f64().filter(|number| *number >= 0.0)?;
            // Seconds are that large in the year 5138.
            Some(if number < 1e11 { number * 1e3 } else { number } as u64)
        }
    }
}

/// In microseconds.
pub(super) fn latency(line: &Line) -> Option<u64> {
    let of = |names: &[&str], factor: f64| {
        let value = field(line, names)?.as_f64()?;
        (value >= 0.0).then_some((value * factor) as u64)
    };
    of(MILLISECONDS, 1e3).or_else(|| of(SECONDS, 1e6))
}

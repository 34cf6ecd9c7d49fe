//! Settings that are tried at several values.
use std::time::Duration;

use crate::settings::{
    Settings,
    table::{self, SCALARS},
};

/// Values between the ends of a range, these included.
const STEPS: u32 = 9;

/// One setting, and the values that are tried.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WhatIf {
    at: usize,
    pub(super) values: Vec<Value>,
}

/// A value as it is written, and as a number: seconds, of a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) number: f64,
}

impl WhatIf {
    /// Reads `router.threshold=0.1..0.9`, `cache.ttl=1m..1d` or `cache.ttl=1m,5m,1h`.
    pub(super) fn read(text: &str, settings: &Settings) -> Result<Self, String> {
        let problem = |expected: &str| format!("--what-if {text:?}: {expected}");
        let (setting, values) = text
            .split_once('=')
            .ok_or_else(|| problem("expected SETTING=FROM..TO or SETTING=VALUE,VALUE,.."))?;
        let at = table::position(setting)
            .filter(|at| !SCALARS[*at].secret)
            .ok_or_else(|| problem("there is no such setting"))?;
        let values = match values.split_once("..") {
            Some((from, to)) => between(from, to)
                .ok_or_else(|| problem("a range goes from one number, or time, to a larger one"))?,
            None => values.split(',').map(Value::of).collect(),
        };
        let this = Self { at, values };
        for value in &this.values {
            this.with(settings, value)
                .map_err(|expected| problem(&expected))?;
        }
        Ok(this)
    }

    pub(super) fn setting(&self) -> &'static str {
        SCALARS[self.at].name
    }

    /// The settings with this value.
    pub(super) fn with(&self, settings: &Settings, value: &Value) -> Result<Settings, String> {
        let mut settings = settings.clone();
        (SCALARS[self.at].set)(&mut settings, &value.text)
            .map_err(|expected| format!("{} is {:?}: {expected}", self.setting(), value.text))?;
        Ok(settings)
    }
}

impl Value {
    fn of(text: &str) -> Self {
        let text = text.trim();
        let time = || humantime::parse_duration(text).map(|of| of.as_secs_f64());
        Self {
            text: text.into(),
            number: text.parse().or_else(|_| time()).unwrap_or(f64::NAN),
        }
    }
}

/// Numbers in even steps, and times in steps that grow alike.
fn between(from: &str, to: &str) -> Option<Vec<Value>> {
    let part = |step: u32| f64::from(step) / f64::from(STEPS - 1);
    if let (Ok(low), Ok(high)) = (from.parse::<f64>(), to.parse::<f64>()) {
        let of = |step| {
            // Tenths that are no tenths in binary are written as they are meant.
            let number = ((low + part(step) * (high - low)) * 1e6).round() / 1e6;
            Value::of(&number.to_string())
        };
        return (low < high && low.is_finite() && high.is_finite())
            .then(|| (0..STEPS).map(of).collect());
    }
    let time = |text| {
        humantime::parse_duration(text)
            .ok()
            .filter(|of| !of.is_zero())
    };
    let (low, high) = (time(from)?, time(to)?);
    let of = |step| {
        let ratio = high.as_secs_f64() / low.as_secs_f64();
        let time = low.as_secs_f64() * ratio.powf(part(step));
        let time = Duration::from_millis((time * 1e3).round() as u64);
        // More than a minute is told in seconds.
        let time = match time.as_secs() {
            0..60 => time,
            seconds => Duration::from_secs(seconds + u64::from(time.subsec_millis() >= 500)),
        };
        Value::of(
            &humantime::format_duration(time)
                .to_string()
                .replace(' ', ""),
        )
    };
    (low < high).then(|| (0..STEPS).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let of = WhatIf::read(text, &Settings::default())?;
        Ok(of.values.into_iter().map(|of| of.text).collect())
    }

    #[test]
    fn ranges_have_nine_values_and_lists_those_that_are_given() {
        let tenths = [
            "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9",
        ];
        assert_eq!(read("router.threshold=0.1..0.9").unwrap(), tenths);
        assert_eq!(read("cache.ttl=1m, 5m,1h").unwrap(), ["1m", "5m", "1h"]);
        let times = read("cache.ttl=1s..256s").unwrap();
        assert_eq!(
            times,
            [
                "1s", "2s", "4s", "8s", "16s", "32s", "1m4s", "2m8s", "4m16s"
            ]
        );
    }

    #[test]
    fn what_cannot_be_tried_is_refused_with_what_can() {
        let told = |text| read(text).unwrap_err();
        assert!(told("router.threshold").contains("SETTING=FROM..TO"));
        assert!(told("router.treshold=0..1").contains("no such setting"));
        assert!(
            told("cache.key=a,b").contains("no such setting"),
            "secrets are not tried"
        );
        assert!(told("router.threshold=0.9..0.1").contains("to a larger one"));
        assert!(told("router.threshold=0.5,7").contains("\"7\""));
    }
}

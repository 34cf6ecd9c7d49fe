//! Environment variables, looked up through a function so that tests can hold them.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::status::{Degraded, Part};

/// How a variable is looked up.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<String> + Send + Sync + 'a;

/// Reads variables, and notes those that make no sense.
pub(crate) struct Vars<'a> {
    lookup: &'a Lookup<'a>,
    pub(crate) problems: Vec<Degraded>,
}

impl<'a> Vars<'a> {
    pub(crate) fn new(lookup: &'a Lookup<'a>) -> Self {
        Self {
            lookup,
            problems: Vec::new(),
        }
    }

    /// The value without blanks around it. An empty one is as good as none, as the specification wants it.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The value as something else. What cannot be read is noted and overlooked.
    pub(crate) fn read<T>(
        &mut self,
        name: &str,
        allowed: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(name)?;
        let read = read(&value);
        if read.is_none() {
            self.overlook(name, &value, allowed);
        }
        read
    }

    /// A number of things, at least one.
    pub(crate) fn count(&mut self, name: &str) -> Option<usize> {
        self.read(name, "a whole number, 1 or more", |value| {
            value.parse().ok().filter(|n| *n > 0)
        })
    }

    /// A time in milliseconds, at least one.
    pub(crate) fn millis(&mut self, name: &str) -> Option<Duration> {
        let allowed = "a whole number of milliseconds, 1 or more";
        self.read(name, allowed, |value| value.parse().ok().filter(|n| *n > 0))
            .map(Duration::from_millis)
    }

    /// A list of names with values, such as `team=search,region=eu`, its parts percent-encoded. One that cannot be read is
    /// overlooked as a whole, as the specification wants it.
    pub(crate) fn pairs(&mut self, name: &str, show: Show) -> Vec<(String, String)> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let entries = value.split(',').map(str::trim);
        let pairs = entries.filter(|entry| !entry.is_empty()).map(|entry| {
            let (key, value) = entry.split_once('=')?;
            let decode = |part: &str| {
                let part = percent_decode_str(part.trim()).decode_utf8().ok()?;
                Some(part.into_owned())
            };
            let key = decode(key).filter(|key| !key.is_empty())?;
            Some((key, decode(value)?))
        });
        let pairs: Option<Vec<_>> = pairs.collect();
        pairs.unwrap_or_else(|| {
            let shown = match show {
                Show::Value => value.as_str(),
                Show::Nothing => "not a list (it may be secret, and is not shown)",
            };
            let allowed = "a list such as `team=search,region=eu`, with `%2C` for a comma and `%3D` for an equals sign";
            self.overlook(name, shown, allowed);
            Vec::new()
        })
    }

    pub(crate) fn overlook(&mut self, name: &str, value: &str, allowed: &str) {
        let problem = Degraded::new(
            Part::Settings,
            format!("the variable {name} is `{value}`, which is overlooked"),
            format!("set it to {allowed}"),
        );
        // One that goes for several things is read for each of them.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// What a warning may tell of a variable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Show {
    Value,
    Nothing,
}

/// What people write for yes and no.
pub(crate) fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

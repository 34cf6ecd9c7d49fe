//! Environment variables, looked up through a function so that tests can hold them.

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

    pub(crate) fn overlook(&mut self, name: &str, value: &str, allowed: &str) {
        self.problems.push(Degraded::new(
            Part::Settings,
            format!("the variable {name} is `{value}`, which is overlooked"),
            format!("set it to {allowed}"),
        ));
    }
}

/// What people write for yes and no.
pub(crate) fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

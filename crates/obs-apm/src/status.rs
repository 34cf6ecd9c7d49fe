//! How telemetry is doing.

use std::{error::Error, fmt};

/// How telemetry is doing. The application goes on in every case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// All of it works as wanted.
    Active,
    /// Some of it does not work as wanted, and the rest does.
    Degraded(Vec<Degraded>),
    /// It is switched off.
    Disabled,
}

/// What does not work as wanted, why, and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded {
    part: Part,
    cause: String,
    remedy: String,
}

/// A part of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// A setting or variable, which was overlooked.
    Settings,
    /// The port where metrics are scraped.
    Listener,
    /// What is exported, or flushed at the end.
    Export,
    /// What the whole process shares.
    Process,
}

impl Degraded {
    pub(crate) fn new(part: Part, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            part,
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }

    /// What does not work.
    #[must_use]
    pub const fn part(&self) -> Part {
        self.part
    }

    /// Why it does not.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// What would mend it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// Warns, also where nobody listens to `tracing` yet: set-up often comes before it.
    pub(crate) fn warn(&self) {
        if tracing::dispatcher::has_been_set() {
            tracing::warn!(part = ?self.part, cause = self.cause, remedy = self.remedy, "telemetry is degraded");
        } else {
            eprintln!("warning: telemetry is degraded: {self}");
        }
    }
}

impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.cause, self.remedy)
    }
}

impl Error for Degraded {}

//! Where the process runs.

use std::fmt;

/// Where the process runs, which chooses the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Environment {
    /// On somebody's desk: one line on the console for each call, every trace kept. The default.
    Development,
    /// Under trial: every trace kept.
    Staging,
    /// In earnest: one trace in ten is kept, and the spans of failed calls.
    Production,
}

impl Environment {
    /// Reads `development`, `staging` or `production`, or a usual short form of it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "development" | "dev" | "local" => Some(Self::Development),
            "staging" | "stage" => Some(Self::Staging),
            "production" | "prod" => Some(Self::Production),
            _ => None,
        }
    }

    /// Its full name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

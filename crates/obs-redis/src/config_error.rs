//! Settings that cannot be.
use std::fmt;

/// Settings that cannot be used. The message says which, and what would be right; it never holds the URL, in which
/// there may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(message: String) -> Self {
        Self(message)
    }

    pub(crate) fn url(cause: &str) -> Self {
        Self(format!("redis url: {cause}"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

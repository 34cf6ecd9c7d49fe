//! Settings that cannot be.
use std::{error::Error as StdError, fmt};

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    setting: &'static str,
    problem: Box<str>,
}

impl BuildError {
    pub(super) fn new(setting: &'static str, problem: impl Into<Box<str>>) -> Self {
        let problem = problem.into();
        Self { setting, problem }
    }

    /// The method of the builder that set it.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.setting, self.problem)
    }
}

impl StdError for BuildError {}

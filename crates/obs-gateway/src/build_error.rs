//! Settings of which no gateway can be made.
use std::fmt;

/// Why no gateway can be made of these settings. What [`load`](crate::settings::load) could see was refused there.
#[derive(Clone, Debug)]
pub struct BuildError(String);

impl BuildError {
    pub(crate) fn new(problem: String) -> Self {
        Self(problem)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

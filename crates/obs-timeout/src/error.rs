//! A limit that would fail every call.
use std::{error::Error, fmt};

/// A limit of zero was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroLimit {
    _private: (),
}

impl ZeroLimit {
    pub(crate) const fn new() -> Self {
        Self { _private: () }
    }
}

impl fmt::Display for ZeroLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit of zero would fail every call: expected a duration above zero")
    }
}

impl Error for ZeroLimit {}

//! The one error of this layer's own.
use std::{error::Error as StdError, fmt};

use obs_core::{Error, ErrorKind};

/// The caller wanted an answer from the cache or none, and there is none: the cause of errors of kind
/// [`NotCached`](ErrorKind::NotCached).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCached(());

impl NotCached {
    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::NotCached, Self(()))
    }
}

impl fmt::Display for NotCached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no stored answer will do, and the caller wants no other (only-if-cached)")
    }
}

impl StdError for NotCached {}

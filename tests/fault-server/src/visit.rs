//! One request, as a script sees it.
use std::time::Duration;

use bytes::Bytes;
use http::Request;

use crate::{ask::Ask, pace::Pace};

/// One request, as a script sees it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Visit<'a> {
    /// The request.
    pub request: &'a Request<Bytes>,
    /// What it asks for.
    pub ask: &'a Ask,
    /// How many came before it, for this model and script, since the server started or was reset.
    pub number: usize,
    /// Since the first of them, in the server's tempo.
    pub elapsed: Duration,
    /// How many came before it on the same connection, for whatever model.
    pub on_connection: usize,
    /// How a healthy answer is given.
    pub pace: Pace,
    pub(crate) passes: bool,
}

impl Visit<'_> {
    /// Whether the fault is one that passes (`-once`, `-x3`, `-for-60s`), so that a provider could announce the end.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.passes
    }

    /// The path, and nothing of the query.
    pub(crate) fn path(&self) -> &str {
        self.request.uri().path()
    }
}

//! What a flight brings.
use bytes::Bytes;
use obs_core::{Report, Usage};

/// An answer that all who waited for it have.
pub(crate) struct Landed<'a> {
    pub(crate) body: &'a Bytes,
    pub(crate) usage: Option<Usage>,
    /// Whether it is all of the answer: not cut by a limit or a filter.
    pub(crate) is_complete: bool,
    /// What the call for it did.
    pub(crate) report: &'a Report,
}

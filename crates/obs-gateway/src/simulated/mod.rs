//! A provider in this process that only pretends.
/// The cheap model.
pub(crate) const SMALL: &str = "sim-small";
/// The other one.
pub(crate) const LARGE: &str = "sim-large";

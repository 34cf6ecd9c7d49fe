//! What a model sees of a prompt: structure in any language, and hashed words.

mod bytes;
mod dense;
mod scan;
mod terms;

pub(crate) use dense::Dense;
pub use dense::{FEATURES, NAMES, features};
pub use scan::MAX_SCANNED;
pub(crate) use scan::{NoTerms, Terms};
pub(crate) use terms::BUCKETS;

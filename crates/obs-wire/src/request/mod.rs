//! Requests as they came in, and what the layers must know of them.
mod ask;
mod body;
pub(crate) mod expect;
mod invalid;
mod parameters;
mod passed;
#[expect(
    clippy::module_inception,
    reason = "the type that all others here serve"
)]
mod request;

pub use ask::Ask;
pub use expect::{Expect, check_field};
pub use invalid::InvalidRequest;
pub use request::Request;

pub(crate) use crate::splice::Edit;
pub(crate) use passed::{Passed, is_identity};

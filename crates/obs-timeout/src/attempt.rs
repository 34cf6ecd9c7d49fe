//! The limits of one attempt.
mod layer;
mod learning;
mod limits;
mod service;
mod trying;

pub use self::{layer::AttemptTimeoutLayer, limits::AttemptLimits, service::AttemptTimeout};

//! The limit on a whole call.
mod layer;
mod mode;
mod running;
mod service;

pub use self::{
    layer::TimeoutLayer,
    mode::{Any, Calls},
    service::Timeout,
};

/// How long a call may take, and how much longer once it is late.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    limit: std::time::Duration,
    grace: std::time::Duration,
}

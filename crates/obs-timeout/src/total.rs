//! The limit on a whole call.
mod layer;
mod limits;
mod mode;
mod running;
mod service;

pub use self::{
    layer::TimeoutLayer,
    limits::CallLimits,
    mode::{Any, Calls},
    service::Timeout,
};

//! The limits of one attempt.
mod layer;
mod service;
mod trying;

pub use self::{layer::AttemptTimeoutLayer, service::AttemptTimeout};

use std::time::Duration;

/// `None`: no limit.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    connect: Option<Duration>,
    first_token: Option<Duration>,
    idle: Option<Duration>,
    attempt: Option<Duration>,
}

#![cfg_attr(
    all(feature = "axum", feature = "async-openai"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(feature = "axum", feature = "async-openai")),
    doc = "The layers of an LLM call where HTTP is: as a service to mount, as axum handlers, and under reqwest and async-openai."
)]
//!
//! # Readiness and cancellation
//!
//! Everything here is always ready, and calls a clone of the stack by `Oneshot`: backpressure and errors of readiness come with
//! the answer. Dropping the future of a call, or the body of its answer, ends the call and everything under it. Nothing is
//! spawned.

#[cfg(feature = "axum")]
mod axum;
mod body;
mod circumstances;
#[cfg(feature = "reqwest")]
mod client;
mod endpoint;
mod invalid;
mod read;
mod report;
mod respond;
mod tenant;

#[cfg(feature = "axum")]
pub use self::axum::{Answer, Asked, Circumstances, Failure};
#[cfg(feature = "reqwest")]
pub use self::client::{Outbound, OutboundFuture};
pub use self::{
    body::Body,
    circumstances::circumstances,
    endpoint::{Endpoint, EndpointFuture},
    invalid::InvalidHeader,
    report::{Told, report},
    respond::respond,
    tenant::{Tenant, TenantBy},
};

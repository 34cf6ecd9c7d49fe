//! Three agents that know nothing of each other but an address, and one trace through all of them.
//!
//! A [planner] (axum) asks a [researcher] (tonic, which streams its findings), and the researcher asks models through the
//! gateway. Each has a telemetry of its own, as if it were a process of its own, and sends its spans to a [collector] by OTLP.
//! What holds them together travels with the requests: W3C trace context, the time that is left, and the tenant.

pub mod agents;
pub mod collector;
pub mod planner;
pub mod researcher;
pub mod tree;

/// What `build.rs` made of `proto/research.proto`.
#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    reason = "made by a generator"
)]
mod proto {
    tonic::include_proto!("research");
}

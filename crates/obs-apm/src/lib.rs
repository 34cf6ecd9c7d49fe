#![doc = include_str!("../README.md")]
//!
//! # What the layer covers
//!
//! A call from [`Service::call`](tower_service::Service::call) to the end of its answer: of a whole answer when the future is
//! ready, of a stream at its last chunk, or when the reader leaves. Waiting for readiness is not in it.
//!
//! **Order.** Outermost. It then sees hits and what other layers refuse, and counts every call once. Use one in a stack: two would
//! both count every attempt.
//!
//! **Readiness** is that of the service inside. **Cancellation**: dropping the future or the stream at any point counts the call as
//! cancelled, or as timed out when its deadline had passed; after the finish reason it is a success.
//!
//! **Spans** are children of the OpenTelemetry context that is current when the call is made, and current themselves while what is
//! inside is polled, so that spans made there are their children. With metrics and spans switched off no clock is read.

mod activity;
mod activity_metrics;
mod after;
mod asked;
mod attempt_span;
mod attempts;
mod batch;
mod calls;
mod capture;
mod config;
mod console;
mod conventions;
mod environment;
mod events;
mod export;
mod exporters;
mod future;
mod init;
mod keep;
mod layer;
mod listener;
mod names;
mod otlp;
mod outcome;
mod pages;
mod processors;
mod propagation;
mod push;
mod sample;
mod sampling;
mod scrape;
mod service;
mod settings;
mod setup;
mod shared;
mod span;
mod spans;
mod stats;
mod status;
mod telemetry;
mod tokens;
mod told;
mod vars;

pub use activity::{Activity, Ongoing};
pub use attempt_span::{AttemptFuture, AttemptSpanLayer, AttemptSpans};
pub use capture::Capture;
pub use config::Config;
pub use conventions::Conventions;
pub use environment::Environment;
pub use future::ResponseFuture;
pub use init::{Guard, init, metrics, propagator};
pub use keep::Keep;
pub use layer::ApmLayer;
pub use propagation::{Incoming, Propagator};
pub use service::Apm;
pub use stats::Stats;
pub use status::{Degraded, Part, Status};
pub use telemetry::Telemetry;

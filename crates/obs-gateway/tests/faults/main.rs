//! What the gateway does when a provider misbehaves: it stands with plain settings in front of a provider that does so on
//! purpose. Sockets are real ones, and time passes ten times faster, for the faults and for the limits of the settings alike.
//!
//! What a provider *says* is not faster: a `Retry-After` of two seconds is one of two seconds. Nor are pauses before retries.
#[path = "../common/mod.rs"]
mod common;

mod alpn;
mod connections;
mod continued;
mod deadlines;
mod http2;
mod leaving;
mod limits;
mod others;
mod outage;
mod refusals;
mod settings;
mod setup;
mod slowness;
mod streams;

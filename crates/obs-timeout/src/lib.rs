#![doc = include_str!("../README.md")]
//!
//! # Which phase each limit covers
//!
//! | limit | from | to | applies to |
//! |---|---|---|---|
//! | [`TimeoutLayer::new`] | the call | its last token | every call |
//! | [`TimeoutLayer::grace`] | that limit | being dropped | every call |
//! | [`AttemptTimeoutLayer::connect`] | the attempt | the head of its answer | requests that stream |
//! | [`AttemptTimeoutLayer::first_token`] | the attempt | its first content | requests that stream |
//! | [`AttemptTimeoutLayer::idle`] | a chunk, once we wait for the next | the next chunk, of any kind | streams with a first token |
//! | [`AttemptTimeoutLayer::attempt`] | the attempt | its last token | every attempt |
//! | a deadline in the [`CallContext`](obs_core::CallContext) | | | wherever it is shorter |
//!
//! A plain answer comes all at once: nothing of it is seen earlier, so that only the whole can be limited. A reader who takes
//! time between two chunks is no idle model, but the limits of the whole run on; they are enforced when the stream is read.
//!
//! Each has its own value for an operation or a model, where one is set (`for_operation`, `for_model`): of each value, that of
//! the model holds, or else that of the operation, or else that of the layer. The limits to the first token and of the attempt
//! can be [learned](Adaptive). Inside, the time that is left is in the context: `context.deadline.remaining()`, and whether the
//! call is late, `is_late()`.
//!
//! # What happens at a limit
//!
//! What is inside is dropped, which cancels it, and then the caller is told [`Elapsed`](obs_core::Elapsed), with the kind
//! [`ErrorKind::Timeout`](obs_core::ErrorKind::Timeout) and with which [`Limit`](obs_core::Limit) it was. A stream that is cut
//! ends with that error, never as if it were complete. Only if its finish reason has come does it end without one: nothing is
//! missing then but perhaps the usage. A stream that ends by itself is taken at its word: a service that sees a connection
//! break must say so with an error.
//!
//! What is ready at the moment of the limit still counts: answers are looked for before the clock is. A call whose deadline
//! has passed when it comes in is not passed on at all.
//!
//! # A second attempt
//!
//! [`HedgeLayer`] asks again when the first content is slow to come, gives out the answer that begins first, and drops the
//! other. It makes few calls faster, those that were slow, at the price of a share of calls made twice; both attempts are in the
//! journal.
//!
//! # Deadlines of other processes
//!
//! [`Deadline::extract`](obs_core::Deadline::extract) reads `grpc-timeout` and `x-obs-deadline-ms`, and
//! [`Deadline::inject`](obs_core::Deadline::inject) writes them, less what was spent:
//!
//! ```
//! # use std::collections::HashMap;
//! use obs_core::{Call, Deadline};
//!
//! # fn headers_in() -> HashMap<String, String> { HashMap::from([("grpc-timeout".into(), "3S".into())]) }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let headers = headers_in();
//! let deadline = Deadline::extract(|name| headers.get(name).map(String::as_str))?;
//! let call = Call::new("a request").deadline(deadline);
//! # let mut metadata = HashMap::new();
//! // ... and in the service inside, that is given the call (`AttemptLayer::enveloped`):
//! call.context.deadline.inject(|name, value| { metadata.insert(name, value); })?;
//! # assert!(metadata.contains_key("grpc-timeout") && metadata.contains_key("x-obs-deadline-ms"));
//! # Ok(())
//! # }
//! ```
//!
//! # Order, readiness, cancellation
//!
//! [`TimeoutLayer`] belongs outside of cache and router, [`HedgeLayer`] inside of the router, and [`AttemptTimeoutLayer`] inside
//! of both, right around [`AttemptLayer`](obs_core::AttemptLayer). The two timeouts pass readiness through, so that waiting in
//! `poll_ready` is on no clock here: layers inside that are always ready (cache, router, hedge) bring it onto that of the call.
//! Dropping the future, or the stream, drops what is inside at once; nothing is spawned, and no timer is made where no limit is
//! set, nor before there is something to wait for.
//!
//! A deadline can move away while a call waits that others share, so timers ask for it again when they fire.

mod adaptive;
mod attempt;
mod error;
mod future;
mod hedge;
mod ledger;
mod stats;
mod stream;
mod targets;
mod total;
mod watch;

pub use self::{
    adaptive::{Adaptive, Learned},
    attempt::{AttemptLimits, AttemptTimeout, AttemptTimeoutLayer},
    error::ZeroLimit,
    future::ResponseFuture,
    hedge::{Hedge, HedgeFuture, HedgeLayer, HedgeStats, Refusal},
    stats::Stats,
    total::{Any, CallLimits, Calls, Timeout, TimeoutLayer},
};

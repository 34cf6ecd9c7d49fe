//! The vocabulary of an LLM call.
//!
//! The layers of this workspace (`obs-apm`, `obs-timeout`, `obs-cache`, `obs-router`) know this crate and not each
//! other. What they share is here:
//!
//! - [`Call`]: the envelope in which a request travels, with its [`CallContext`]: tenant, session, [`Deadline`],
//!   [`CacheDirectives`], and the [`Journal`] in which every layer writes what it did.
//! - [`LlmRequest`], [`LlmResponse`], [`LlmChunk`], [`Replay`]: what the layers must know of your types; about twenty
//!   lines for plain ones.
//! - [`AttemptLayer`]: the innermost layer. It takes the envelope off, and records and prices every request that a
//!   model really gets. Whatever does not pass it costs nothing.
//! - [`Usd`], [`Usage`], [`PriceTable`]: exact money. An unknown price is never a price of zero.
//! - [`Error`]: the one error of all layers, which says whose fault it was and what can be done.
//!
//! Nothing here spawns but [`Background`], and nothing makes a timer where no limit is set. Dropping the future or the
//! stream of a call at any point ends everything under it, and its attempts are recorded as cancelled.

mod alarm;
mod attempt;
mod attempt_layer;
mod background;
mod call;
mod canonical;
mod commit;
mod context;
mod deadline;
mod directives;
mod elapsed;
mod error;
mod fingerprint;
mod guard;
mod journal;
mod money;
mod observe;
mod price;
mod replay;
mod report;
mod request;
mod response;
mod scope;
mod stream;
mod sync;
mod tokens;
mod usage;

pub use self::{
    alarm::Alarm,
    attempt::{Attempt, Outcome, Purpose},
    attempt_layer::{AttemptLayer, Attempts, Bare, Enveloped, Recording},
    background::{Background, BackgroundFull},
    call::Call,
    commit::{Commit, Committed},
    context::CallContext,
    deadline::{Deadline, InvalidTimeout},
    directives::{CacheDirectives, InvalidDirective, MaxStale},
    elapsed::{Elapsed, Limit},
    error::{BoxError, Error, ErrorKind, Fault},
    fingerprint::{Fingerprint, FingerprintSecret, Key},
    journal::{AttemptListener, Journal},
    money::{Paid, ParseUsdError, Usd},
    observe::{End, Observe, Observed, observe_answer},
    price::{Price, PriceError, PriceTable},
    replay::{Capture, Replay},
    report::{Baseline, CacheNote, CacheStatus, Decided, Report},
    request::{LlmRequest, Operation, Parameter, Role},
    response::{Finish, LlmChunk, LlmResponse, LlmResponseExt},
    stream::ChunkStream,
    tokens::least_tokens,
    usage::Usage,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

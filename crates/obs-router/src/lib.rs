#![doc = include_str!("../README.md")]
//!
//! # What the router promises
//!
//! - **Every call gets a route.** A [`Policy`] decides; if it panics, names a route that does not exist, or gives a score
//!   that is none, the call takes the default route with the reason [`PolicyError`](Reason::PolicyError), and is counted.
//! - **What another route may mend, another route tries**: connect errors, timeouts, 429, 5xx, overload, answers that break
//!   off before the [commit point](RouterLayer::commit). A caller's own error stays the caller's. A prompt that is too long
//!   goes on only to a route with a [larger window](Route::context), and a route that surely cannot hold it is not asked while
//!   another one can. A content filter's refusal goes to the caller.
//! - **After the commit point nothing is switched unseen.** A stream that breaks off then ends with its error; with
//!   [`ContinueLayer`] around the router, routes that [can](Route::prefill) go on with its text.
//! - **A call takes no route that it [may not](obs_core::CallContext::allowed)**: a policy chooses among the others (the first and the last of
//!   them are its first and last; in place of one that is named the next better one is taken), and fallbacks, escalations, shadows and
//!   continuations leave it out. Where none is left, that is the caller's error. Savings are then measured against such a route.
//! - **Nobody is hammered.** Where it is [switched on](RouterLayer::retries), a failure that may pass is [retried](Retries) on the
//!   same route, after a pause that differs from call to call; a silent route is not. A route that keeps failing is left out by
//!   a [`Breaker`], and tried again by single calls.
//! - **An answer that a [`Judge`] rejects is nobody's answer**: the next better route is asked that is not left out, and what becomes of
//!   that is what becomes of the call. Where none is there to be asked, the answer goes out all the same.
//! - **Within the deadline of the call.** What is left of it is shared among the routes that are left, so that a silent
//!   first route leaves time for the second. Waiting for a service to become ready is on this clock too.
//! - **Savings are honest**: the usage of the answer at the price of the baseline, less *everything* that was paid, failed
//!   attempts and escalations included. Where that is negative it is a loss, and where a price is unknown it is counted as
//!   unknown. Failed and abandoned calls save nothing.
//!
//! # What a commit point costs
//!
//! Up to the [commit point](RouterLayer::commit) of a stream any failure is repaired unseen; what comes before it is held back. So
//! it is paid for in the time until the caller has the first token, of every call and not of the failed ones alone:
//!
//! | [`Commit`](obs_core::Commit) | the caller's first token comes | what is repaired |
//! |---|---|---|
//! | `Head` | when it is there | what fails before the head |
//! | `FirstContent`, the default | when it is there; the head waits for it | what fails before it: refusals, silence, empty answers |
//! | `After(time)` | that time later, or with the end | what fails so early |
//! | `Tokens(n)` | n - 1 tokens later, or with the end | what fails within the first n tokens |
//! | `Complete` | with the last one: a stream in form only | everything |
//!
//! At 50 tokens a second `Tokens(20)` makes 0.4 s, and `Complete` 10 s of an answer of 500. Meanwhile the edge may keep the caller's
//! connection alive with comments. An answer that is whole has no commit point: it is repaired in any case.
//!
//! # Metrics
//!
//! | metric | type | labels | counts |
//! |---|---|---|---|
//! | `router_decisions_total` | counter | route, reason | each call once, with the decision that stood in the end; `continued` comes on top |
//! | `router_execution_seconds` | histogram | route | each attempt, streams to their last token |
//! | `router_errors_total` | counter | route | attempts that failed or ran out of time |
//! | `router_cost_savings_usd` | counter | route | what answers of a route cost less than at the baseline |
//! | `router_cost_losses_usd` | counter | route | what calls cost more than at the baseline |
//! | `router_savings_unknown_total` | counter | route | complete answers for which neither can be said |
//! | `router_shadow_comparisons_total` | counter | result | comparisons of two routes by a [`ShadowLayer`] |
//! | `router_policy_errors_total` | counter | | bad answers of the policy |
//! | `router_retries_total` | counter | route | attempts on a route that had failed the same call |
//! | `router_breaker_state` | gauge | route, state | 1 for the state of a route: `closed`, `open`, `half_open` |
//! | `router_breaker_opened_total` | counter | route | how often a route was left out |
//!
//! The route `other` is that of calls which pass through unrouted. Attempts are what passes
//! [`AttemptLayer`](obs_core::AttemptLayer), which belongs innermost: without one nothing is known of attempts and costs.
//! [`RouterLayer::stats`] answers from the same ledger.
//!
//! # Readiness, cancellation, order
//!
//! [`Router`] is always ready, and waits for the service inside with `Oneshot` on a clone: backpressure and readiness errors
//! arrive from the response future, where they can be failed over. So it belongs *outside* of limiters, and inside of cache
//! and of the timeout for the whole call. Dropping the future or the stream ends everything under it. Nothing is spawned,
//! and no timer is made where there is neither a deadline nor a limit of a route, and no retry is waited for.

mod backends;
mod breaker;
mod chance;
mod commit;
mod complexity;
mod continuation;
mod continued;
mod deciding;
mod decision;
mod error;
mod future;
mod given;
mod judge;
mod layer;
mod ledger;
mod plan;
mod policy;
mod reason;
mod retries;
mod route;
mod run;
mod score;
mod service;
mod setup;
mod shadow;
mod stats;

pub use self::{
    backends::{BackendFuture, Backends, NoBackend},
    breaker::{Breaker, BreakerState},
    complexity::{Assessment, Complexity, Feature},
    continuation::{Continue, ContinueFuture, ContinueLayer},
    decision::{Decision, Target},
    error::InvalidRoutes,
    future::ResponseFuture,
    judge::{
        AllOf, AnyOf, Both, BothFuture, Check, Checked, Consistency, ConsistencyFuture, Judge,
        Margin, NoJudge, Number, Parses, Refusals, Seen, Verdict, agree,
    },
    layer::RouterLayer,
    policy::{
        Discernment, DynPolicy, ExpectedCost, Explanation, Forecast, Part, Policy, Qualities,
        Sticky, Weighted,
    },
    reason::Reason,
    retries::Retries,
    route::{MAX_ROUTES, OTHER, Route},
    score::Score,
    service::Router,
    shadow::{Compare, Compared, Comparison, Shadow, ShadowLayer, ShadowStats},
    stats::{RouteStats, Stats},
};

#[cfg(feature = "json-schema")]
pub use self::judge::{AskedSchema, InvalidSchema, Schema, SchemaStats};
#[cfg(feature = "budget")]
pub use self::policy::Budgeted;
#[cfg(feature = "learn")]
pub use self::policy::{Gains, GroupOf, Learned};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

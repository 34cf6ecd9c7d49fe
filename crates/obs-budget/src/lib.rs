#![doc = include_str!("../README.md")]
//!
//! # Windows
//!
//! A window is fixed, and aligned to wall time in UTC: an hour begins at its minute zero, a day at midnight. What was left
//! of one window is not carried into the next. So a name may spend one window's limit just before its end, and the next one's
//! just after. A clock that steps back by less than a window stays in the window that it was in.
//!
//! # What a limit bounds
//!
//! Calls are charged when their cost is known, at their end. What is under way when a budget runs out is not stopped, and
//! comes on top: at most the cost of the calls that are under way at a time. Costs that nobody knows are not charged; they are
//! counted ([`Stats::unknown`]).
//!
//! # Sharing
//!
//! Processes that share a budget add up what they spent under one key for each name, budget and window. Each knows at once
//! what it spent itself; what it knows of the others is as old as the last exchange: by default a second, and what that took,
//! for a name that is in use. Exchanges are work of a [`Background`](obs_core::Background), one piece at a time, and nobody waits for
//! them. A key holds no name, but a hash of it. Amounts are exact up to nine million dollars a window.
//!
//! An exchange that failed half-way is repeated: an amount may then count twice, and is never lost. A store that lost what it was told (a restart, a
//! replica that lagged) is told
//! again by each process that notices, never more than it lost. While there is no store,
//! each process has [a share](Builder::local_share) of the limit for what it spends itself, and what was spent so is counted
//! ([`Stats::alone`]). The clocks of the processes should agree within a small part of the shortest window.
//!
//! # Metrics
//!
//! | metric | type | labels | counts |
//! |---|---|---|---|
//! | `budget_spent_usd_total` | counter | scope | what was charged here |
//! | `budget_remaining_ratio` | gauge | scope, unit, window | what is left of the limit, 0 to 1, of the name that has the least |
//! | `budget_refused_total` | counter | scope | requests that were refused |
//! | `budget_cost_unknown_total` | counter | scope | attempts of unknown cost, which were charged to nobody |
//! | `budget_store_errors_total` | counter | scope | exchanges that failed |
//!
//! No name is a label. [`Budgets::stats`] reads the same figures.
//!
//! # Cancellation
//!
//! Nothing here waits, and nothing is spawned but exchanges with a store that was given, in the background that was given with it.

mod account;
mod budget;
mod budgets;
mod builder;
mod core;
mod exchange;
mod ledger;
#[cfg(feature = "redis")]
mod redis;
mod remaining;
mod spending;
mod sums;
mod window;

pub use self::{
    budget::{Budget, Unit},
    budgets::Budgets,
    builder::Builder,
    ledger::Stats,
    remaining::{Exhausted, Remaining},
    sums::{Added, Sums},
    window::Window,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

//! What decides.
#[cfg(feature = "budget")]
mod budgeted;
mod dynamic;
mod expected;
mod explanation;
mod forecast;
#[cfg(feature = "learn")]
mod learned;
mod sticky;
mod weighted;

use obs_core::CallContext;

#[cfg(feature = "budget")]
pub use self::budgeted::Budgeted;
#[cfg(feature = "learn")]
pub use self::learned::{Gains, GroupOf, Learned};
pub use self::{
    dynamic::DynPolicy,
    expected::{Discernment, ExpectedCost},
    explanation::{Explanation, Part},
    forecast::{Forecast, Qualities},
    sticky::Sticky,
    weighted::Weighted,
};
use crate::Decision;

/// Says which route a call takes.
///
/// A closure `|request: &R, context: &CallContext| ..` is one, with its arguments annotated, if it answers a [`Decision`],
/// or the name of a route. It runs on the caller's path, so it should take microseconds. If it panics, or its answer is of no
/// use, the call takes the default route.
///
/// ```
/// use obs_core::CallContext;
/// use obs_router::{Decision, Policy, Reason, Target};
///
/// /// Paying tenants get the best.
/// struct Plans;
///
/// impl<R> Policy<R> for Plans {
///     fn decide(&self, _: &R, context: &CallContext) -> Decision {
///         match context.tenant.as_deref() {
///             Some("acme") => Decision::new(Target::Last, Reason::Caller),
///             _ => Decision::new(Target::First, Reason::Caller),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not choose routes for `{R}`",
    note = "a policy is a `Policy<{R}>`, or a closure `|request: &{R}, context: &CallContext| ..` that answers a `Decision` or the name of a route"
)]
pub trait Policy<R> {
    /// Decides on one call.
    fn decide(&self, request: &R, context: &CallContext) -> Decision;

    /// What a decision on this call would rest on, for whoever asks; it changes nothing. `None`: it cannot be told.
    ///
    /// No text of the prompt is in it.
    fn explain(&self, _request: &R, _context: &CallContext) -> Option<Explanation> {
        None
    }
}

impl<R, F, D> Policy<R> for F
where
    F: Fn(&R, &CallContext) -> D,
    D: Into<Decision>,
{
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        self(request, context).into()
    }
}

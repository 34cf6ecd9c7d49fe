//! A check as a judge.
use std::{fmt, future};

use obs_core::{Call, Commit, LlmResponse};

use crate::{Check, Judge, Seen, Verdict};

/// Judges by a [`Check`]. It sees answers complete, and costs nothing. An answer that shows nothing of itself is accepted, and so is
/// a stream that is longer than may be held back.
///
/// ```
/// use obs_router::{AllOf, Checked, Parses, Refusals};
///
/// let judge = Checked::new(AllOf::new().and(Refusals::new()).and(Parses::json()));
/// ```
#[derive(Clone, Copy)]
pub struct Checked<C>(C);

impl<C> Checked<C> {
    /// By this check.
    pub const fn new(check: C) -> Self {
        Self(check)
    }
}

impl<C: Check, R, Res: LlmResponse> Judge<R, Res> for Checked<C> {
    const COMMIT: Commit = Commit::Complete;

    type Future = future::Ready<Verdict>;

    fn judge(&self, _: &Call<R>, answer: &Res) -> Self::Future {
        let will_do = Seen::whole(answer).is_none_or(|seen| self.0.accepts(&seen));
        future::ready(Verdict::of(will_do))
    }
}

impl<C> fmt::Debug for Checked<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checked(..)")
    }
}

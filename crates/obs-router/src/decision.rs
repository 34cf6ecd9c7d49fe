//! What a policy answers.
use std::borrow::Cow;

use crate::Reason;

/// Where a call goes, why, and how difficult it was found.
///
/// A closure may answer with the name of a route alone: the reason is then [`Reason::Caller`].
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    target: Target,
    reason: Reason,
    score: Option<f32>,
    judged: bool,
}

/// A route, by name or by its place. Routes are listed from the cheapest to the best.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The first route.
    First,
    /// The last route.
    Last,
    /// The [default route](crate::RouterLayer::default_route).
    Default,
    /// The route of this name.
    Named(Cow<'static, str>),
}

impl Decision {
    /// To this route, for this reason.
    #[must_use]
    pub fn new(target: impl Into<Target>, reason: Reason) -> Self {
        Self {
            target: target.into(),
            reason,
            score: None,
            judged: true,
        }
    }

    /// How difficult the request was found, from 0 to 1; anything else makes the decision a bad one.
    #[must_use]
    pub fn score(mut self, score: f32) -> Self {
        self.score = Some(score);
        self
    }

    /// The answer is not [judged](crate::Judge), and goes to the caller as it is.
    #[must_use]
    pub fn unjudged(mut self) -> Self {
        self.judged = false;
        self
    }

    /// Where the call goes.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Why it goes there.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// How difficult the request was found, from 0 to 1, if that was said.
    #[must_use]
    pub const fn difficulty(&self) -> Option<f32> {
        self.score
    }

    /// Whether a judge may look at the answer.
    #[must_use]
    pub const fn is_judged(&self) -> bool {
        self.judged
    }

    pub(crate) fn into_parts(self) -> (Target, Reason, Option<f32>, bool) {
        (self.target, self.reason, self.score, self.judged)
    }
}

impl From<Target> for Decision {
    fn from(target: Target) -> Self {
        Self::new(target, Reason::Caller)
    }
}

impl From<&'static str> for Decision {
    fn from(route: &'static str) -> Self {
        Self::new(route, Reason::Caller)
    }
}

impl From<String> for Decision {
    fn from(route: String) -> Self {
        Self::new(route, Reason::Caller)
    }
}

impl From<&'static str> for Target {
    fn from(route: &'static str) -> Self {
        Self::Named(Cow::Borrowed(route))
    }
}

impl From<String> for Target {
    fn from(route: String) -> Self {
        Self::Named(Cow::Owned(route))
    }
}

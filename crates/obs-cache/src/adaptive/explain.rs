//! What a learned time to live is, and why.
use std::{fmt, sync::Arc, time::Duration};

/// The time to live that was learned for a class of answers, and why it is so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClassTtl {
    /// The name of the class: operation, model and namespace, or what
    /// [`classify`](crate::AdaptiveTtl::classify) says.
    pub class: Arc<str>,
    /// The time to live now.
    pub ttl: Duration,
    /// What keeps it from being longer.
    pub reason: TtlReason,
    /// How often an answer was asked for again and compared with the one before.
    pub compared: u64,
    /// How often it said something else.
    pub changed: u64,
    /// The estimated mean time between two changes of an answer.
    pub changes_every: Duration,
    /// About half of the uses of an answer come within this time of the one before; `None` before the second use.
    pub reused_within: Option<Duration>,
    /// The share of hits that is expected to be outdated, from 0 to 1.
    pub outdated: f64,
    /// How often answers suddenly changed more often, so that most of what was learned was forgotten.
    pub drifts: u64,
}

/// What keeps a learned time to live from being longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TtlReason {
    /// Nothing is known yet: it is the one that was set.
    Unknown,
    /// The lower bound: a shorter one would be needed to reach the target.
    Floor,
    /// The target: more of the hits would be outdated.
    Target,
    /// The times of calls: a longer one would bring too few hits for what would be outdated.
    Reuse,
    /// The upper bound.
    Ceiling,
}

impl TtlReason {
    /// A fixed lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Floor => "floor",
            Self::Target => "target",
            Self::Reuse => "reuse",
            Self::Ceiling => "ceiling",
        }
    }
}

impl fmt::Display for ClassTtl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason {
            TtlReason::Unknown => "as it was set, for nothing is known yet",
            TtlReason::Floor => "the lower bound, though the target asks for less",
            TtlReason::Target => "more would be outdated than the target allows",
            TtlReason::Reuse => "longer would bring too few hits for what would be outdated",
            TtlReason::Ceiling => "the upper bound",
        };
        let Self {
            class,
            ttl,
            compared,
            changed,
            changes_every,
            ..
        } = self;
        write!(
            f,
            "{class}: {ttl:.1?} ({why}); {changed} of {compared} renewed answers were different, an answer changes every \
             {changes_every:.1?}"
        )?;
        if let Some(within) = self.reused_within {
            write!(f, ", half of the uses come within {within:.1?}")?;
        }
        write!(f, "; outdated: {:.2} % of hits", self.outdated * 100.0)
    }
}

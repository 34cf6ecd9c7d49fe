//! How long a fault lasts.
use std::time::Duration;

use crate::visit::Visit;

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    Forever,
    /// For the first requests.
    Times(usize),
    /// Since the first request.
    For(Duration),
}

impl Lasting {
    /// What follows the name of a fault and a hyphen.
    pub(crate) fn parse(suffix: &str) -> Option<Self> {
        if let Some(time) = suffix.strip_prefix("for-") {
            return humantime::parse_duration(time).ok().map(Self::For);
        }
        match suffix {
            "forever" => Some(Self::Forever),
            "once" => Some(Self::Times(1)),
            "twice" => Some(Self::Times(2)),
            _ => {
                let times = suffix.strip_prefix('x')?.parse().ok()?;
                (times > 0).then_some(Self::Times(times))
            }
        }
    }

    /// Whether it is still there.
    pub(crate) fn holds(self, visit: &Visit<'_>) -> bool {
        match self {
            Self::Forever => true,
            Self::Times(times) => visit.number < times,
            Self::For(time) => visit.elapsed < time,
        }
    }
}

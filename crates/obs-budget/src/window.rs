//! Spans of wall time.
use std::{
    borrow::Cow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A span of wall time for which a budget is given, aligned to 1970 in UTC: whole minutes, hours and days begin where a clock
/// on the wall says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    seconds: u64,
}

impl Window {
    /// From one full minute to the next.
    pub const MINUTE: Self = Self { seconds: 60 };
    /// From one full hour to the next.
    pub const HOUR: Self = Self { seconds: 3_600 };
    /// From midnight to midnight, in UTC.
    pub const DAY: Self = Self { seconds: 86_400 };

    /// A window of so many seconds.
    ///
    /// # Panics
    ///
    /// With zero.
    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        assert!(seconds > 0, "a window is one second long at least");
        Self { seconds }
    }

    /// How long it is.
    #[must_use]
    pub const fn length(self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// `minute`, `hour`, `day`, or its length such as `90s`.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::MINUTE => "minute".into(),
            Self::HOUR => "hour".into(),
            Self::DAY => "day".into(),
            Self { seconds } => format!("{seconds}s").into(),
        }
    }

    /// Which one it is at this moment, counted from 1970; zero before that.
    pub(crate) fn index(self, now: SystemTime) -> u64 {
        now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / self.seconds
    }

    /// When the one of this number ends.
    pub(crate) fn end(self, index: u64) -> SystemTime {
        let seconds = index.saturating_add(1).saturating_mul(self.seconds);
        let end = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        end.unwrap_or(UNIX_EPOCH)
    }
}

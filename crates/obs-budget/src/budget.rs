//! How much of what, and for how long.
use obs_core::Usd;

use crate::Window;

/// How much may be used of something within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    pub(crate) unit: Unit,
    /// Pico-dollars, or requests.
    pub(crate) limit: i128,
    pub(crate) window: Window,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Money.
    Usd,
    /// Requests that were admitted.
    Requests,
}

impl Budget {
    /// So many dollars a window.
    ///
    /// # Panics
    ///
    /// With zero or less.
    #[must_use]
    pub fn dollars(limit: Usd, window: Window) -> Self {
        assert!(limit > Usd::ZERO, "a budget is more than nothing");
        Self {
            unit: Unit::Usd,
            limit: limit.pico(),
            window,
        }
    }

    /// So many requests a window.
    ///
    /// # Panics
    ///
    /// With zero.
    #[must_use]
    pub fn requests(limit: u64, window: Window) -> Self {
        assert!(limit > 0, "a budget is more than nothing");
        Self {
            unit: Unit::Requests,
            limit: i128::from(limit),
            window,
        }
    }

    /// Whether both count the same in the same window, whatever their limits.
    pub(crate) fn counts_as(&self, other: &Self) -> bool {
        (self.unit, self.window) == (other.unit, other.window)
    }

    /// Of those that count the same in the same window the tightest: they would share what is known of other processes, and count
    /// each other's charges for those of others.
    pub(crate) fn tightest<B: FromIterator<Self>>(budgets: impl IntoIterator<Item = Self>) -> B {
        let mut tightest: Vec<Self> = Vec::new();
        for budget in budgets {
            match tightest.iter_mut().find(|known| known.counts_as(&budget)) {
                Some(known) => known.limit = known.limit.min(budget.limit),
                None => tightest.push(budget),
            }
        }
        tightest.into_iter().collect()
    }

    /// What it counts.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// The span of time that it is for.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }
}

impl Unit {
    /// `usd` or `requests`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Requests => "requests",
        }
    }
}

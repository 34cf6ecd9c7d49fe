//! The figures of a layer, as numbers.
use std::{fmt, iter::Sum};

/// What became of second attempts, under a [`HedgeLayer`](crate::HedgeLayer).
///
/// `started` is the sum of `won`, `lost`, `failed` and `cancelled`, and of those under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HedgeStats {
    /// Second attempts that were made.
    pub started: u64,
    /// Those whose answer was given out.
    pub won: u64,
    /// Those whose call was answered by the first attempt.
    pub lost: u64,
    /// Those whose call ended without an answer: both failed, or time was up.
    pub failed: u64,
    /// Those whose caller left while both were under way.
    pub cancelled: u64,
    /// Second attempts that were due and not made, by [`Refusal::index`].
    pub refused: [u64; Refusal::ALL.len()],
}

/// Why a second attempt that was due is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// It would be more than the share of calls that may be hedged.
    Share,
    /// It would cost more than hedges may in that time.
    Dollars,
    /// There is a budget in dollars, and nobody knows what it would cost.
    Unpriced,
    /// The deadline comes before it could answer.
    Deadline,
}

impl Refusal {
    /// Every reason, in the order of [`index`](Self::index).
    pub const ALL: [Self; 4] = [Self::Share, Self::Dollars, Self::Unpriced, Self::Deadline];

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// A fixed lower-case name, for labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Dollars => "dollars",
            Self::Unpriced => "unpriced",
            Self::Deadline => "deadline",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl HedgeStats {
    /// How many were not made for this reason.
    #[must_use]
    pub const fn refused_by(&self, reason: Refusal) -> u64 {
        self.refused[reason.index()]
    }
}

impl Sum for HedgeStats {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            started: a.started + b.started,
            won: a.won + b.won,
            lost: a.lost + b.lost,
            failed: a.failed + b.failed,
            cancelled: a.cancelled + b.cancelled,
            refused: std::array::from_fn(|i| a.refused[i] + b.refused[i]),
        })
    }
}

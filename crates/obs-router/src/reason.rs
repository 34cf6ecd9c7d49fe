//! Why a call takes its route.
use std::fmt;

/// Why a call takes its route: a closed set, the label `reason` of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The rules found it simple.
    Simple,
    /// The rules found it complex.
    Complex,
    /// The application decided, with a score or a closure of its own.
    Caller,
    /// The caller named the route or the model.
    Named,
    /// The conversation stays where it was.
    Sticky,
    /// A budget runs out.
    Budget,
    /// An answer was judged unfit, and a better route was asked.
    Cascade,
    /// The route before it failed.
    Fallback,
    /// Drawn by weight.
    Weighted,
    /// A learned model decided.
    Learned,
    /// The policy panicked, or its answer was of no use.
    PolicyError,
    /// Nothing else decided.
    Default,
    /// The route before it surely cannot hold the prompt.
    Context,
    /// The rest of an answer that broke off was asked for. Counted besides the decision of the call.
    Continued,
}

impl Reason {
    /// How many there are.
    pub const COUNT: usize = 14;

    /// All of them, in the order of their declaration.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Simple,
        Self::Complex,
        Self::Caller,
        Self::Named,
        Self::Sticky,
        Self::Budget,
        Self::Cascade,
        Self::Fallback,
        Self::Weighted,
        Self::Learned,
        Self::PolicyError,
        Self::Default,
        Self::Context,
        Self::Continued,
    ];

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// A fixed lower-case name, for labels and the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Complex => "complex",
            Self::Caller => "caller",
            Self::Named => "named",
            Self::Sticky => "sticky",
            Self::Budget => "budget",
            Self::Cascade => "cascade",
            Self::Fallback => "fallback",
            Self::Weighted => "weighted",
            Self::Learned => "learned",
            Self::PolicyError => "policy_error",
            Self::Default => "default",
            Self::Context => "context",
            Self::Continued => "continued",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! Looks at answers, and waits for nothing.
use std::fmt;

use crate::Seen;

/// Says of the text of an answer whether it will do, at once. [`Checked`](crate::Checked) makes a judge of it.
///
/// A closure `|answer: &Seen| ..` is one.
pub trait Check {
    /// Whether the answer will do.
    fn accepts(&self, answer: &Seen) -> bool;
}

impl<F: Fn(&Seen) -> bool> Check for F {
    fn accepts(&self, answer: &Seen) -> bool {
        self(answer)
    }
}

type Boxed = Box<dyn Check + Send + Sync>;

/// Accepts what all of its checks accept. Without any it accepts everything.
#[derive(Default)]
pub struct AllOf(Vec<Boxed>);

/// Accepts what one of its checks accepts. Without any it accepts nothing.
#[derive(Default)]
pub struct AnyOf(Vec<Boxed>);

impl AllOf {
    /// No check yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This one, too.
    #[must_use]
    pub fn and(mut self, check: impl Check + Send + Sync + 'static) -> Self {
        self.0.push(Box::new(check));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AnyOf {
    /// No check yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Or this one.
    #[must_use]
    pub fn or(mut self, check: impl Check + Send + Sync + 'static) -> Self {
        self.0.push(Box::new(check));
        self
    }
}

impl Check for AllOf {
    fn accepts(&self, answer: &Seen) -> bool {
        self.0.iter().all(|check| check.accepts(answer))
    }
}

impl Check for AnyOf {
    fn accepts(&self, answer: &Seen) -> bool {
        self.0.iter().any(|check| check.accepts(answer))
    }
}

impl fmt::Debug for AllOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AllOf({} checks)", self.0.len())
    }
}

impl fmt::Debug for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyOf({} checks)", self.0.len())
    }
}

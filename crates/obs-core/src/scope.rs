//! Scopes: the parts of a call that are tried apart from each other.

/// Names a scope within one journal; zero is the call itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope(u32);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ScopeEntry {
    pub(crate) parent: Scope,
    pub(crate) rejected: bool,
    /// Its time is up, and what is inside is being dropped.
    pub(crate) cut: bool,
}

impl Scope {
    /// The scope at this place in a list of those inside the call.
    pub(crate) fn at(index: usize) -> Self {
        Self(u32::try_from(index + 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn index(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }

    /// Its name in a journal where `base` scopes were before it, and the call itself is the scope `root`.
    pub(crate) fn moved(self, base: usize, root: Self) -> Self {
        match self.index() {
            None => root,
            Some(index) => Self::at(index + base),
        }
    }
}

//! What is counted, and under which name.
use bytes::Bytes;
use quick_cache::Equivalent;

use crate::Purge;

const PREFIX: &[u8] = b"obs:gen:";
const ALL: &[u8] = b"obs:gen:all";
const NONE: &[u8] = b"obs:gen:none";
const NO_TENANT: &[u8] = b"obs:gen:tenant:none";
/// Of all purges.
pub(super) const PURGES: &[u8] = b"obs:gen:purges";

/// What is counted: a [`Purge`] that is remembered. Their variants are in the same order, so that their hashes are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Part {
    All,
    Namespace(Option<Box<str>>),
    Tenant(Option<Box<str>>),
}

/// Those of a [`Scope`](crate::Scope).
pub(super) type Parts = [Option<Part>; 4];

impl Part {
    /// Where it is counted.
    pub(super) fn name(&self) -> Bytes {
        name(self.as_purge())
    }

    fn as_purge(&self) -> Purge<'_> {
        match self {
            Self::All => Purge::All,
            Self::Namespace(name) => Purge::Namespace(name.as_deref()),
            Self::Tenant(name) => Purge::Tenant(name.as_deref()),
        }
    }
}

impl From<Purge<'_>> for Part {
    fn from(what: Purge<'_>) -> Self {
        match what {
            Purge::All => Self::All,
            Purge::Namespace(name) => Self::Namespace(name.map(Box::from)),
            Purge::Tenant(name) => Self::Tenant(name.map(Box::from)),
        }
    }
}

impl Equivalent<Part> for Purge<'_> {
    fn equivalent(&self, part: &Part) -> bool {
        *self == part.as_purge()
    }
}

/// Whether this is the name of a generation.
pub(super) fn is_name(name: &[u8]) -> bool {
    name.starts_with(PREFIX)
}

pub(super) fn is_of_all(name: &[u8]) -> bool {
    name == ALL
}

/// No namespace and no tenant is readable in the store.
fn name(of: Purge<'_>) -> Bytes {
    let hashed = |prefix: &str, name: &str| {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        Bytes::from([prefix, &hash].concat())
    };
    match of {
        Purge::All => Bytes::from_static(ALL),
        Purge::Namespace(None) => Bytes::from_static(NONE),
        Purge::Namespace(Some(name)) => hashed("obs:gen:", name),
        Purge::Tenant(None) => Bytes::from_static(NO_TENANT),
        Purge::Tenant(Some(name)) => hashed("obs:gen:tenant:", name),
    }
}

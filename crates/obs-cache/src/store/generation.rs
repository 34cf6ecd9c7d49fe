//! How often answers were purged, which is a part of each key: what was kept before is not found any more.
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::StoreError;

/// Work of a store that may take time.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// How often all answers, those of one namespace, and those of one tenant were purged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation {
    /// All answers.
    pub all: u64,
    /// Those of the namespace.
    pub namespace: u64,
    /// Those of the tenant, and of the one that it is a part of.
    pub tenant: u64,
}

/// Whose generation is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope<'a> {
    /// The namespace of a call; `None` is a namespace of its own.
    pub namespace: Option<&'a str>,
    /// Its tenant; `None` is a tenant of its own.
    pub tenant: Option<&'a str>,
}

/// What is to be purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purge<'a> {
    /// All answers of the store.
    All,
    /// Those of one namespace, of all its tenants; `None` is a namespace of its own.
    Namespace(Option<&'a str>),
    /// Those of one tenant, in all namespaces; `None` is a tenant of its own. A tenant `a/b` is a part of the tenant `a`.
    Tenant(Option<&'a str>),
}

/// A generation, or the wait for it.
pub enum Reading {
    /// It is known, or was a moment ago.
    Known(Generation),
    /// It has to be asked for.
    Asking {
        /// What it most likely is: an entry is looked for by this meanwhile, and is used if that is so.
        guess: Generation,
        /// The wait for it.
        asking: Pending<Generation>,
    },
}

/// The tenant that this one is a part of.
fn root(tenant: &str) -> Option<&str> {
    tenant.split_once('/').map(|(root, _)| root)
}

#[cfg(feature = "redis")]
impl<'a> Scope<'a> {
    /// What is counted that changes its generation.
    pub(super) fn parts(self) -> [Option<Purge<'a>>; 4] {
        let root = self.tenant.and_then(root);
        [
            Some(Purge::All),
            Some(Purge::Namespace(self.namespace)),
            Some(Purge::Tenant(self.tenant)),
            root.map(|root| Purge::Tenant(Some(root))),
        ]
    }
}

#[cfg(feature = "redis")]
impl Generation {
    /// From the counts of [`Scope::parts`]. A sum of counts has been another one before each of them grew.
    pub(super) const fn of_counts([all, namespace, tenant, root]: [u64; 4]) -> Self {
        Self {
            all,
            namespace,
            tenant: tenant.wrapping_add(root),
        }
    }
}

/// Generations in memory. There are as many as there were namespaces and tenants purged.
#[derive(Debug, Default)]
pub(super) struct Generations {
    all: AtomicU64,
    namespaces: Named,
    tenants: Named,
}

/// Counts by a name, or by none.
#[derive(Debug, Default)]
struct Named {
    none: AtomicU64,
    /// How many purges of names there were: while there are none, nobody need look.
    purged: AtomicU64,
    names: Mutex<HashMap<Box<str>, u64>>,
}

impl Generations {
    pub(super) fn read(&self, scope: Scope<'_>) -> Generation {
        let root = scope.tenant.and_then(root);
        let of_root = root.map_or(0, |root| self.tenants.read(Some(root)));
        Generation {
            all: self.all.load(Relaxed),
            namespace: self.namespaces.read(scope.namespace),
            tenant: self.tenants.read(scope.tenant) + of_root,
        }
    }

    pub(super) fn purge(&self, what: Purge<'_>) {
        match what {
            Purge::All => _ = self.all.fetch_add(1, Relaxed),
            Purge::Namespace(name) => self.namespaces.purge(name),
            Purge::Tenant(name) => self.tenants.purge(name),
        }
    }
}

impl Named {
    fn read(&self, name: Option<&str>) -> u64 {
        let Some(name) = name else {
            return self.none.load(Relaxed);
        };
        if self.purged.load(Relaxed) == 0 {
            return 0;
        }
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).copied().unwrap_or_default()
    }

    fn purge(&self, name: Option<&str>) {
        let Some(name) = name else {
            self.none.fetch_add(1, Relaxed);
            return;
        };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        *names.entry(name.into()).or_default() += 1;
        self.purged.fetch_add(1, Relaxed);
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(generation) => f.debug_tuple("Known").field(generation).finish(),
            Self::Asking { guess, .. } => f
                .debug_struct("Asking")
                .field("guess", guess)
                .finish_non_exhaustive(),
        }
    }
}

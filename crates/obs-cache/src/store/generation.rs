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

/// How often all answers, and those of one namespace, were purged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation {
    /// All answers.
    pub all: u64,
    /// Those of the namespace.
    pub namespace: u64,
}

/// What is to be purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purge<'a> {
    /// All answers of the store.
    All,
    /// Those of one namespace, of all its tenants; `None` is a namespace of its own.
    Namespace(Option<&'a str>),
}

/// A generation, or the wait for it.
pub enum Reading {
    /// It is known, or was a moment ago.
    Known(Generation),
    /// It has to be asked for.
    Asking(Pending<Generation>),
}

/// Generations in memory. There are as many as there were namespaces purged.
#[derive(Debug, Default)]
pub(super) struct Generations {
    all: AtomicU64,
    /// How many entries the map has had: while there are none, nobody need look.
    purged: AtomicU64,
    namespaces: Mutex<HashMap<Option<Box<str>>, u64>>,
}

impl Generations {
    pub(super) fn read(&self, namespace: Option<&str>) -> Generation {
        let mut generation = Generation {
            all: self.all.load(Relaxed),
            namespace: 0,
        };
        if self.purged.load(Relaxed) > 0 {
            let namespaces = self.namespaces.lock();
            let namespaces = namespaces.unwrap_or_else(PoisonError::into_inner);
            let found = namespaces.get(&namespace.map(Box::from));
            generation.namespace = found.copied().unwrap_or_default();
        }
        generation
    }

    pub(super) fn purge(&self, what: Purge<'_>) {
        match what {
            Purge::All => _ = self.all.fetch_add(1, Relaxed),
            Purge::Namespace(namespace) => {
                let namespaces = self.namespaces.lock();
                let mut namespaces = namespaces.unwrap_or_else(PoisonError::into_inner);
                *namespaces.entry(namespace.map(Box::from)).or_default() += 1;
                self.purged.fetch_add(1, Relaxed);
            }
        }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(generation) => f.debug_tuple("Known").field(generation).finish(),
            Self::Asking(_) => f.write_str("Asking(..)"),
        }
    }
}

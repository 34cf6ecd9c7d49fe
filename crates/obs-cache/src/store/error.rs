//! Why a store gave nothing.
use std::{error::Error as StdError, fmt};

use obs_core::BoxError;

/// Why a store gave nothing. It is counted, and the call goes on as a miss.
#[derive(Debug)]
pub struct StoreError {
    fault: StoreFault,
    source: Option<BoxError>,
}

/// What went wrong in a store: a closed list, since it is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreFault {
    /// The store was not asked, because it has not answered of late.
    Refused,
    /// There is no connection to it.
    Unavailable,
    /// It gave no answer in time.
    Timeout,
    /// It answered with an error.
    Server,
    /// The entry was too large for it.
    TooLarge,
    /// Too much waits for it.
    Busy,
    /// What it holds is no entry, or not a whole one. It is removed.
    Unreadable,
    /// What it holds is the entry of another key. It is removed.
    Foreign,
    /// What it holds is encrypted with a key that is not known, or is not encrypted and should be. It is removed.
    Sealed,
    /// It panicked.
    Panicked,
    /// Anything else.
    Other,
}

impl StoreFault {
    /// Every fault, in the order of [`index`](Self::index).
    pub const ALL: [Self; 11] = [
        Self::Refused,
        Self::Unavailable,
        Self::Timeout,
        Self::Server,
        Self::TooLarge,
        Self::Busy,
        Self::Unreadable,
        Self::Foreign,
        Self::Sealed,
        Self::Panicked,
        Self::Other,
    ];

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// A fixed lower-case name, for labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Server => "server",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Unreadable => "unreadable",
            Self::Foreign => "foreign",
            Self::Sealed => "sealed",
            Self::Panicked => "panicked",
            Self::Other => "other",
        }
    }
}

impl StoreError {
    /// A fault, and its cause.
    #[must_use]
    pub fn new(fault: StoreFault, source: impl Into<BoxError>) -> Self {
        Self {
            fault,
            source: Some(source.into()),
        }
    }

    /// What went wrong.
    #[must_use]
    pub const fn fault(&self) -> StoreFault {
        self.fault
    }
}

impl From<StoreFault> for StoreError {
    fn from(fault: StoreFault) -> Self {
        Self {
            fault,
            source: None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            StoreFault::Refused => "the store was not asked, for it has not answered of late",
            StoreFault::Unavailable => "the store cannot be reached",
            StoreFault::Timeout => "the store gave no answer in time",
            StoreFault::Server => "the store refused",
            StoreFault::TooLarge => "the entry is too large for the store",
            StoreFault::Busy => "too much waits for the store",
            StoreFault::Unreadable => "the store holds something that is no entry",
            StoreFault::Foreign => "the store holds the entry of another key",
            StoreFault::Sealed => "the store holds something that no key at hand opens",
            StoreFault::Panicked => "the store panicked",
            StoreFault::Other => "the store failed",
        };
        f.write_str(what)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

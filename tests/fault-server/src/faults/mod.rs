//! All faults, family by family.
mod body;
mod connection;
mod events;
mod framing;
mod http2;
mod refusals;
mod slow;
mod status;
mod stream;

use std::fmt;

use crate::{reply::Reply, visit::Visit};

/// A way to misbehave.
pub struct Fault {
    name: &'static str,
    about: &'static str,
    reply: fn(&Visit<'_>) -> Reply,
}

/// Faults of one kind.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    faults: &'static [Fault],
}

/// All families of faults.
pub const FAMILIES: &[Family] = &[
    Family::new("errors with a status", status::FAULTS),
    Family::new("refusals", refusals::FAULTS),
    Family::new("connections", connection::FAULTS),
    Family::new("slowness", slow::FAULTS),
    Family::new("broken streams", stream::FAULTS),
    Family::new("odd events", events::FAULTS),
    Family::new("wrong bodies", body::FAULTS),
    Family::new("wrong framing (HTTP/1.1)", framing::FAULTS),
    Family::new("HTTP/2", http2::FAULTS),
];

/// All faults.
pub(crate) fn all() -> impl Iterator<Item = &'static Fault> {
    FAMILIES.iter().flat_map(|family| family.faults)
}

/// The fault of this name.
pub(crate) fn find(name: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.name == name)
}

impl Fault {
    const fn new(name: &'static str, about: &'static str, reply: fn(&Visit<'_>) -> Reply) -> Self {
        Self { name, about, reply }
    }

    /// Its name, without how long it lasts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it does, in a sentence.
    #[must_use]
    pub const fn about(&self) -> &'static str {
        self.about
    }

    pub(crate) fn reply(&self, visit: &Visit<'_>) -> Reply {
        (self.reply)(visit)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fault").field(&self.name).finish()
    }
}

impl Family {
    const fn new(name: &'static str, faults: &'static [Fault]) -> Self {
        Self { name, faults }
    }

    /// What they have in common.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The faults.
    #[must_use]
    pub const fn faults(&self) -> &'static [Fault] {
        self.faults
    }
}

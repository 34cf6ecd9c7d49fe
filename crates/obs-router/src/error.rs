//! Routes of which no router can be made.
use std::{error::Error, fmt, sync::Arc};

use crate::{MAX_ROUTES, OTHER};

/// Why no router can be made of these routes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRoutes {
    /// There is none.
    Empty,
    /// There are more than [`MAX_ROUTES`]: so many.
    TooMany(usize),
    /// One has no name.
    Unnamed,
    /// One has the name that is reserved for what passes through.
    Reserved,
    /// Two have this name.
    Duplicate(Arc<str>),
    /// This one has a limit of zero.
    ZeroLimit(Arc<str>),
    /// This one has a weight of zero.
    ZeroWeight(Arc<str>),
    /// The first falls back to the second, which is itself or no route.
    Fallback(Arc<str>, Arc<str>),
    /// There is no route of this name.
    Unknown(Arc<str>),
    /// The name that lets the policy decide is empty, or that of a route or of its model.
    Auto(Arc<str>),
}

impl fmt::Display for InvalidRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a router needs at least one route"),
            Self::TooMany(n) => write!(
                f,
                "there are {n} routes, and a router has at most {MAX_ROUTES}"
            ),
            Self::Unnamed => f.write_str("a route has an empty name"),
            Self::Reserved => write!(
                f,
                "no route can be called `{OTHER}`: calls that pass through unrouted are counted so"
            ),
            Self::Duplicate(name) => write!(f, "two routes are called `{name}`"),
            Self::ZeroLimit(name) => write!(
                f,
                "the limit of route `{name}` is zero, and every attempt would fail"
            ),
            Self::ZeroWeight(name) => write!(
                f,
                "the weight of route `{name}` is zero: expected a share of one or more, or none"
            ),
            Self::Fallback(name, to) if name == to => {
                write!(f, "route `{name}` falls back to itself")
            }
            Self::Fallback(name, to) => {
                write!(f, "route `{name}` falls back to `{to}`, which is no route")
            }
            Self::Unknown(name) => write!(f, "there is no route `{name}`"),
            Self::Auto(name) if name.is_empty() => {
                f.write_str("the name that lets the policy decide is empty")
            }
            Self::Auto(name) => write!(
                f,
                "`{name}` is to let the policy decide, and is the name or model of a route"
            ),
        }
    }
}

impl Error for InvalidRoutes {}

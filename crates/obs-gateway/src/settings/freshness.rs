//! For how long answers are good, and what is done about those that are not.
use std::time::Duration;

use super::Secret;

/// For how long answers are good, and what is done about those that are not.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Freshness {
    /// The largest part by which one answer is good for less, 0 to 1.
    pub jitter: f64,
    /// For so long after its end an answer is given while a new one is asked for; `None`: not at all.
    pub stale_while_revalidate: Option<Duration>,
    /// For so long after its end an answer is given in the place of an error; `None`: not at all.
    pub stale_if_error: Option<Duration>,
    /// For so long after its end an answer is given to who says `max-stale`; `None`: not at all.
    pub max_stale: Option<Duration>,
    /// How early hot answers are renewed; `None`: not before their end.
    pub early_refresh: Option<f64>,
    /// Whether times to live are learned.
    pub adaptive: bool,
    /// The shortest that is learned.
    pub adaptive_floor: Duration,
    /// The longest that is learned.
    pub adaptive_ceiling: Duration,
    /// The share of hits that may be outdated, above 0 and below 1.
    pub adaptive_target: f64,
    /// For so long a refusal that will repeat is given again; `None`: not at all.
    pub negative_ttl: Option<Duration>,
    /// For so long at most others wait for the gateway that asks; `None`: each asks for itself.
    pub lease: Option<Duration>,
    /// Whether Redis tells each gateway at once of what the others delete.
    pub invalidation: bool,
}

/// What answers in Redis are encrypted with.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Seal {
    /// Encrypts, and is needed to read; `None`: nothing is encrypted.
    pub key: Option<Secret>,
    /// The key of before, which is still read.
    pub previous: Option<Secret>,
}

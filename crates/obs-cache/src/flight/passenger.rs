//! Who boards a flight.
use obs_core::{CacheStatus, CallContext};

use crate::{ledger::Tally, spare::Spare};

/// A caller who boards.
pub(crate) struct Passenger {
    pub(crate) context: CallContext,
    /// Whether it wants a stream.
    pub(crate) streams: bool,
    pub(crate) tally: Tally,
    /// What it is when it pays.
    pub(crate) status: CacheStatus,
    /// It has another answer, should this call fail.
    pub(crate) spare: Option<Spare>,
}

//! What all clones of a service share.
use std::sync::Arc;

use crate::{
    Timestamp, flight::Flights, key::Derived, ledger::Ledger, resting::Resting, settings::Settings,
};

/// What all clones of a service share.
#[derive(Debug)]
pub(crate) struct Shared<St> {
    pub(crate) store: St,
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) flights: Flights,
    pub(crate) resting: Resting,
    /// When the service was made.
    pub(crate) since: Timestamp,
}

impl<St> Shared<St> {
    /// What keys are made with while the store cannot say.
    pub(crate) const fn alone(&self) -> Derived {
        Derived::Alone { since: self.since }
    }
}

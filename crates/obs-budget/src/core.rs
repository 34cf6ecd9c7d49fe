//! What the accounts of all names share.
use std::{sync::Arc, time::SystemTime};

use crate::{exchange::Exchange, ledger::Ledger};

/// What all accounts share.
pub(crate) struct Core {
    pub(crate) scope: &'static str,
    pub(crate) clock: Clock,
    pub(crate) ledger: Ledger,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) with_shadows: bool,
}

/// Tells wall time.
pub(crate) struct Clock(pub(crate) Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Core {
    pub(crate) fn alone(&self) -> Option<u32> {
        self.exchange.as_ref()?.alone()
    }
}

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl Default for Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock that stands where no other is injected"
    )]
    fn default() -> Self {
        Self(Arc::new(SystemTime::now))
    }
}

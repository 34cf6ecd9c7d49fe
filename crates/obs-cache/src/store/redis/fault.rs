//! What a fault of Redis is to a cache.
use obs_redis::Fault;

use crate::{StoreError, StoreFault};

pub(super) fn failed(fault: Fault) -> StoreError {
    StoreError::new(kind(&fault), fault)
}

fn kind(fault: &Fault) -> StoreFault {
    match fault {
        Fault::Refused => StoreFault::Refused,
        Fault::Unavailable(_) => StoreFault::Unavailable,
        Fault::Timeout(_) => StoreFault::Timeout,
        Fault::Server { .. } => StoreFault::Server,
        Fault::TooLarge { .. } => StoreFault::TooLarge,
        Fault::Busy => StoreFault::Busy,
        _ => StoreFault::Other,
    }
}

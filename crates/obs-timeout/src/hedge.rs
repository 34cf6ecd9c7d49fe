//! A second attempt when the first is slow.
mod budget;
mod entry;
mod future;
mod layer;
mod ledger;
mod service;
mod shared;
mod spending;
mod stats;

pub use self::{
    future::HedgeFuture,
    layer::HedgeLayer,
    service::Hedge,
    stats::{HedgeStats, Refusal},
};

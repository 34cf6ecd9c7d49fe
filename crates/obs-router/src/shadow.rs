//! Comparisons of two routes, off the caller's path.
mod comparison;
mod layer;
mod ledger;
mod service;

pub use self::{
    comparison::{Compare, Compared, Comparison},
    layer::ShadowLayer,
    ledger::ShadowStats,
    service::Shadow,
};

//! One entry for each call, however it ends.
mod chat;
mod contract;
mod entries;

//! The whole stack over a scripted model: apm > timeout > cache > router > attempt timeout > attempt > model.
mod books;
mod deadlines;
mod entries;
mod faults;
mod flights;
mod ledger;
mod order;
mod permits;
mod random_faults;
mod scripted;
mod support;

//! The cache over real servers that fail in every way there is: no call may fail, wait for longer than its budget, or
//! keep a server out that has come back.
#![cfg(feature = "redis")]
mod failover;
mod invalidation;
mod outages;
mod purging;
mod strangers;
mod support;

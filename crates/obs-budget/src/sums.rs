//! Where several processes add up what they spent.
use std::{future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use obs_core::BoxError;

/// An addition that is under way.
pub type Added = Pin<Box<dyn Future<Output = Result<i64, BoxError>> + Send>>;

/// Adds up numbers for several processes. With the feature `redis`, a connection of `obs-redis` is one.
///
/// It is asked in the background. It should give up by itself within a second or so: meanwhile nothing else is exchanged.
pub trait Sums: Send + Sync {
    /// Adds this amount, which may be zero, to the number at this key, and gives the sum.
    ///
    /// Where there is none yet it is zero, and is to be kept for so long from now on. A store may lose a number at any time (a restart,
    /// too little memory), so that any addition may be the first one.
    fn add(&self, key: Bytes, amount: i64, keep_for: Duration) -> Added;
}

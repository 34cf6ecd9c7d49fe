//! Redis as the place of sums.
use std::time::Duration;

use bytes::Bytes;
use obs_redis::Redis;

use crate::{Added, Sums};

/// Nobody waits for exchanges, so they may take so many times as long as what callers wait for.
const PATIENCE: u32 = 10;

impl Sums for Redis {
    fn add(&self, key: Bytes, amount: i64, keep_for: Duration) -> Added {
        let redis = self.within(self.budget().saturating_mul(PATIENCE));
        Box::pin(async move {
            // Else a number that was lost would come back as one that is kept for ever.
            let zero = Bytes::from_static(b"0");
            redis.set_if_absent(key.clone(), zero, keep_for).await?;
            Ok(redis.incr_by(key, amount).await?)
        })
    }
}

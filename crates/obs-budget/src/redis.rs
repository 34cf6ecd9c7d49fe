//! Redis as the place of sums.
use std::time::Duration;

use bytes::Bytes;
use obs_redis::Redis;

use crate::{Added, Sums};

/// Nobody waits for exchanges, so they may take so many times as long as what callers wait for.
const PATIENCE: u32 = 10;

impl Sums for Redis {
    fn add(&self, key: Bytes, amount: i64, keep_for: Option<Duration>) -> Added {
        let redis = self.within(self.budget().saturating_mul(PATIENCE));
        Box::pin(async move {
            if let Some(time) = keep_for {
                let zero = Bytes::from_static(b"0");
                redis.set_if_absent(key.clone(), zero, time).await?;
            }
            Ok(redis.incr_by(key, amount).await?)
        })
    }
}

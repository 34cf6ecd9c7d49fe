//! What can be asked of Redis. Each is on a single key, so that a cluster takes it.
use std::time::Duration;

use bytes::Bytes;
use fred::types::SetOptions;

use crate::{Fault, Redis, command::Command};

impl Redis {
    /// The value of a key, if it has one.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn get(&self, key: Bytes) -> Result<Option<Bytes>, Fault> {
        self.run(key, Command::Get).await
    }

    /// Sets a key for so long: at least a millisecond, at most what the server can count (292 million years).
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn set(&self, key: Bytes, value: Bytes, ttl: Duration) -> Result<(), Fault> {
        self.fits(&value)?;
        let unless = None;
        self.run(key, Command::Set { value, ttl, unless }).await
    }

    /// Sets a key for so long, unless it has a value already; `true`: it was set.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn set_if_absent(
        &self,
        key: Bytes,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, Fault> {
        self.fits(&value)?;
        let unless = Some(SetOptions::NX);
        let set = self.run::<Option<String>>(key, Command::Set { value, ttl, unless });
        Ok(set.await?.is_some())
    }

    /// Removes a key; `true`: there was one.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn del(&self, key: Bytes) -> Result<bool, Fault> {
        Ok(self.run::<u32>(key, Command::Del).await? > 0)
    }

    /// Adds one to the number at this key, and gives the sum; a key without a value counts as zero.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn incr(&self, key: Bytes) -> Result<i64, Fault> {
        self.run(key, Command::Incr).await
    }

    /// Adds this to the number at this key, and gives the sum; a key without a value counts as zero, and what is beyond 64 bits
    /// is an error of the server. When it got no answer in time, it may have been added all the same.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn incr_by(&self, key: Bytes, amount: i64) -> Result<i64, Fault> {
        self.run(key, Command::IncrBy(amount)).await
    }
}

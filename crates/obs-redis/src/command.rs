//! The commands. Each is on a single key, so that a cluster takes it.
use std::time::Duration;

use bytes::Bytes;
use fred::{
    interfaces::KeysInterface,
    types::{Expiration, SetOptions},
};

use crate::{Fault, Redis};

impl Redis {
    /// The value of a key, if it has one.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn get(&self, key: Bytes) -> Result<Option<Bytes>, Fault> {
        let get = async |client: Client| client.get(key.clone()).await;
        self.run(&key, get).await
    }

    /// Sets a key for so long: at least a millisecond, at most what the server can count (292 million years).
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn set(&self, key: Bytes, value: Bytes, ttl: Duration) -> Result<(), Fault> {
        self.fits(&value)?;
        let expires = Some(expiration(ttl));
        let set = async |client: Client| client.set(key.clone(), value, expires, None, false).await;
        self.run(&key, set).await
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
        let expires = Some(expiration(ttl));
        let absent = Some(SetOptions::NX);
        let set = async |client: Client| {
            let set =
                client.set::<Option<String>, _, _>(key.clone(), value, expires, absent, false);
            set.await.map(|set| set.is_some())
        };
        self.run(&key, set).await
    }

    /// Removes a key; `true`: there was one.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn del(&self, key: Bytes) -> Result<bool, Fault> {
        let del = async |client: Client| client.del::<u32, _>(key.clone()).await;
        Ok(self.run(&key, del).await? > 0)
    }

    /// Adds one to the number at this key, and gives the sum; a key without a value counts as zero.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn incr(&self, key: Bytes) -> Result<i64, Fault> {
        let incr = async |client: Client| client.incr(key.clone()).await;
        self.run(&key, incr).await
    }

    /// Adds this to the number at this key, and gives the sum; a key without a value counts as zero, and what is beyond 64 bits
    /// is an error of the server. When it got no answer in time, it may have been added all the same.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub async fn incr_by(&self, key: Bytes, amount: i64) -> Result<i64, Fault> {
        let incr = async |client: Client| client.incr_by(key.clone(), amount).await;
        self.run(&key, incr).await
    }
}

type Client = fred::clients::WithOptions<fred::clients::Client>;

fn expiration(ttl: Duration) -> Expiration {
    let millis = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    Expiration::PX(millis.max(1))
}

//! The commands. Each is on a single key, so that a cluster takes it.
use std::time::Duration;

use bytes::Bytes;
use fred::{
    error::Error,
    interfaces::KeysInterface,
    types::{Expiration, FromValue, SetOptions},
};

use crate::{Fault, Redis};

/// What is asked of the server about one key. It can be sent again, to another server.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Get,
    Set {
        value: Bytes,
        ttl: Duration,
        unless: Option<SetOptions>,
    },
    Del,
    Exists,
    Incr,
    IncrBy(i64),
}

impl Command {
    pub(crate) const fn writes(&self) -> bool {
        !matches!(self, Self::Get | Self::Exists)
    }

    pub(crate) async fn send<R: FromValue>(
        &self,
        client: &(impl KeysInterface + Sync),
        key: Bytes,
    ) -> Result<R, Error> {
        match self {
            Self::Get => client.get(key).await,
            Self::Set { value, ttl, unless } => {
                let ttl = Some(expiration(*ttl));
                let unless = unless.clone();
                client.set(key, value.clone(), ttl, unless, false).await
            }
            Self::Del => client.del(key).await,
            Self::Exists => client.exists(key).await,
            Self::Incr => client.incr(key).await,
            Self::IncrBy(amount) => client.incr_by(key, *amount).await,
        }
    }
}

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

fn expiration(ttl: Duration) -> Expiration {
    let millis = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    Expiration::PX(millis.max(1))
}

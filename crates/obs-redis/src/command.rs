//! One command, which is on a single key, so that a cluster takes it.
use std::time::Duration;

use bytes::Bytes;
use fred::{
    error::Error,
    interfaces::KeysInterface,
    types::{Expiration, FromValue, SetOptions},
};

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

fn expiration(ttl: Duration) -> Expiration {
    let millis = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    Expiration::PX(millis.max(1))
}

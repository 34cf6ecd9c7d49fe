//! What is kept of an answer.
#[cfg(feature = "redis")]
mod codec;
mod wire;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use obs_core::{Key, Paid, Usage};

#[cfg(feature = "redis")]
pub use self::codec::{Codec, SealKey};
use crate::{StoreError, Timestamp};

/// An answer as it is kept, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The answer, as [`Replay`](obs_core::Replay) encoded it.
    pub body: Bytes,
    /// When the answer was complete.
    pub created: Timestamp,
    /// Until when it may be given without asking again.
    pub fresh_until: Timestamp,
    /// Until when it is kept at all: not before `fresh_until`.
    pub keep_until: Timestamp,
    /// What all attempts for it cost.
    pub paid: Paid,
    /// What the answer used.
    pub usage: Option<Usage>,
    /// The model that answered.
    pub model: Option<Arc<str>>,
    /// The route that answered.
    pub route: Option<Arc<str>>,
    /// Whether another route had failed, so that this one answered in its place.
    pub fallback: bool,
}

impl Entry {
    /// An answer that was complete at `created` and is good for so long, of which nothing else is known.
    #[must_use]
    pub fn new(body: Bytes, created: Timestamp, ttl: Duration) -> Self {
        Self {
            body,
            created,
            fresh_until: created.after(ttl),
            keep_until: created.after(ttl),
            paid: Paid::default(),
            usage: None,
            model: None,
            route: None,
            fallback: false,
        }
    }

    /// For how long a store should keep it from now on; `None`: no longer.
    #[must_use]
    pub fn keep_for(&self, now: Timestamp) -> Option<Duration> {
        let left = self.keep_until.since(now);
        (!left.is_zero()).then_some(left)
    }

    /// About how many bytes it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len() + 16);
        size_of::<Self>() + self.body.len() + text(&self.model) + text(&self.route)
    }

    /// The entry as bytes, for a store outside of this process. They hold the key's check and a checksum.
    #[must_use]
    pub fn encode(&self, key: &Key) -> Bytes {
        wire::encode(self, key, usize::MAX)
    }

    /// The entry that [`encode`](Self::encode) gave, its body being a part of `bytes`. Never panics.
    ///
    /// # Errors
    ///
    /// [`Unreadable`](crate::StoreFault::Unreadable) for anything that was not encoded by this version, in whole
    /// and unchanged; [`Foreign`](crate::StoreFault::Foreign) for an entry of another key.
    pub fn decode(bytes: &Bytes, key: &Key) -> Result<Self, StoreError> {
        wire::decode(bytes, key)
    }
}

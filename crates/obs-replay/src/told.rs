//! What is known of an answer, and how it is kept.
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use obs_core::{BoxError, Usage};

use crate::Outcome;

/// What is known of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) model: Option<Arc<str>>,
    pub(crate) usage: Option<Usage>,
    pub(crate) quality: Option<f32>,
    pub(crate) bytes: usize,
    /// What judges need is not kept: they look at answers before a cache does.
    pub(crate) accepted: Option<bool>,
    pub(crate) asked_again: bool,
    pub(crate) text: Option<Arc<str>>,
}

/// A stored answer that is none.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a stored answer of {0} bytes is cut short")]
struct Short(usize);

impl Told {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self {
            model: outcome.model.clone(),
            usage: outcome.usage,
            quality: outcome.quality,
            bytes: outcome.bytes,
            accepted: outcome.accepted,
            asked_again: outcome.again.is_some(),
            text: outcome.text.clone(),
        }
    }

    /// As large as the answer would be, so that a store is as full as it would be.
    pub(crate) fn encoded(&self) -> Bytes {
        let mut to = BytesMut::with_capacity(self.bytes.max(64));
        to.put_f32_le(self.quality.unwrap_or(f32::NAN));
        to.put_u8(u8::from(self.usage.is_some()));
        let usage = self.usage.unwrap_or_default();
        for tokens in [
            usage.input,
            usage.cached_input,
            usage.cache_write,
            usage.output,
            usage.reasoning,
        ] {
            to.put_u64_le(tokens);
        }
        let model = self.model.as_deref().unwrap_or_default();
        to.put_u32_le(u32::try_from(model.len()).unwrap_or(0));
        to.put_slice(model.as_bytes());
        if to.len() < self.bytes {
            to.resize(self.bytes, 0);
        }
        to.freeze()
    }

    pub(crate) fn decoded(stored: &Bytes) -> Result<Self, BoxError> {
        let short = || Short(stored.len());
        let mut from = stored.clone();
        let quality = from.try_get_f32_le().map_err(|_| short())?;
        let is_known = from.try_get_u8().map_err(|_| short())? == 1;
        let mut tokens = [0; 5];
        for of in &mut tokens {
            *of = from.try_get_u64_le().map_err(|_| short())?;
        }
        let [input, cached_input, cache_write, output, reasoning] = tokens;
        let usage = Usage {
            input,
            cached_input,
            cache_write,
            output,
            reasoning,
            ..Usage::default()
        };
        let length = from.try_get_u32_le().map_err(|_| short())? as usize;
        if from.len() < length {
            return Err(short().into());
        }
        let model = std::str::from_utf8(&from[..length])?;
        Ok(Self {
            model: (length > 0).then(|| model.into()),
            usage: is_known.then_some(usage),
            quality: (!quality.is_nan()).then_some(quality),
            bytes: stored.len(),
            ..Self::default()
        })
    }
}

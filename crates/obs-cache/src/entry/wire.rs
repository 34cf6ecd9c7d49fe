//! The form of entries outside of this process.
//!
//! ```text
//! magic "obs$" | version 1 | encoding 0 or 1 | flags | check 16 | created 8 | fresh_until 8 | keep_until 8
//! | known 16 | unknown 4 | usage 5 x 8, and 2 x 8 | model 2 + n | route 2 + n | body | checksum 8
//! ```
//!
//! Numbers are little-endian; usage, the two counts of it that have fees, model and route are there where a flag says so.
//! The checksum is over all before it. Everything is strict: what this version would not have written is not read.
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use obs_core::{Key, Paid, Usage, Usd};

use super::Entry;
use crate::{StoreError, StoreFault, Timestamp};

const MAGIC: &[u8; 4] = b"obs$";
const VERSION: u8 = 1;
/// The body as it is.
const PLAIN: u8 = 0;
/// The body as its length (4 bytes) and that, compressed.
const ZSTD: u8 = 1;
/// An entry of one of these forms, encrypted.
#[cfg(feature = "redis")]
pub(super) const SEALED: u8 = 2;
/// Bytes of magic, version and encoding.
#[cfg(feature = "redis")]
pub(super) const HEAD: usize = MAGIC.len() + 2;
/// Longest body that is compressed, so that nothing which claims to be longer is given memory.
#[cfg(feature = "redis")]
const LONGEST: usize = 64 << 20;
#[cfg(feature = "redis")]
const LEVEL: i32 = 1;
const CHECKSUM: usize = 8;

const USAGE: u8 = 1;
const MODEL: u8 = 1 << 1;
const ROUTE: u8 = 1 << 2;
const FALLBACK: u8 = 1 << 3;
/// Of the usage, what has fees of its own.
const FEES: u8 = 1 << 4;
const FLAGS: u8 = USAGE | MODEL | ROUTE | FALLBACK | FEES;

/// Bodies of more than `compress_above` bytes are compressed, where that makes them shorter.
pub(super) fn encode(entry: &Entry, key: &Key, compress_above: usize) -> Bytes {
    let compressed = match entry.body.len() > compress_above {
        true => compressed(&entry.body),
        false => None,
    };
    let (model, route) = (name(&entry.model), name(&entry.route));
    let fees = entry.usage.map(|of| [of.cache_write_1h, of.searches]);
    let fees = fees.filter(|fees| *fees != [0, 0]);
    let mut flags = 0;
    for (flag, is_set) in [
        (USAGE, entry.usage.is_some()),
        (MODEL, model.is_some()),
        (ROUTE, route.is_some()),
        (FALLBACK, entry.fallback),
        (FEES, fees.is_some()),
    ] {
        flags |= if is_set { flag } else { 0 };
    }
    let mut out = BytesMut::with_capacity(entry.body.len() + 256);
    head(&mut out, if compressed.is_some() { ZSTD } else { PLAIN });
    out.put_u8(flags);
    out.put_slice(key.check());
    for at in [entry.created, entry.fresh_until, entry.keep_until] {
        out.put_u64_le(at.as_millis());
    }
    out.put_i128_le(entry.paid.known.pico());
    out.put_u32_le(entry.paid.unknown);
    if let Some(usage) = entry.usage {
        for tokens in [
            usage.input,
            usage.cached_input,
            usage.cache_write,
            usage.output,
            usage.reasoning,
        ] {
            out.put_u64_le(tokens);
        }
    }
    for count in fees.into_iter().flatten() {
        out.put_u64_le(count);
    }
    for (length, name) in [model, route].into_iter().flatten() {
        out.put_u16_le(length);
        out.put_slice(name.as_bytes());
    }
    out.put_slice(compressed.as_deref().unwrap_or(&entry.body));
    finished(out)
}

pub(super) fn head(out: &mut BytesMut, encoding: u8) {
    out.put_slice(MAGIC);
    out.put_slice(&[VERSION, encoding]);
}

/// With the checksum.
pub(super) fn finished(mut out: BytesMut) -> Bytes {
    let checksum = checksum(&out);
    out.put_slice(&checksum);
    out.freeze()
}

/// What is in order, without its checksum; and its encoding.
pub(super) fn checked(bytes: &Bytes) -> Result<(Bytes, u8), StoreError> {
    let mut rest = bytes.clone();
    let at = rest.len().checked_sub(CHECKSUM);
    let at = at.ok_or(StoreFault::Unreadable)?;
    let sum = rest.split_off(at);
    match rest[..] {
        [b'o', b'b', b's', b'$', VERSION, encoding, ..] if sum == checksum(&rest)[..] => {
            Ok((rest, encoding))
        }
        _ => Err(StoreFault::Unreadable.into()),
    }
}

pub(super) fn decode(bytes: &Bytes, key: &Key) -> Result<Entry, StoreError> {
    let unreadable = || StoreError::from(StoreFault::Unreadable);
    let (mut rest, _) = checked(bytes)?;
    rest.advance(MAGIC.len());
    let (entry, check) = read(rest).ok_or_else(unreadable)?;
    match check == *key.check() {
        true => Ok(entry),
        false => Err(StoreFault::Foreign.into()),
    }
}

/// What comes after the magic, and before the checksum.
fn read(mut rest: Bytes) -> Option<(Entry, [u8; 16])> {
    let [version, encoding, flags] = array(&mut rest)?;
    if version != VERSION || flags & !FLAGS != 0 {
        return None;
    }
    let check = array(&mut rest)?;
    let mut moment = || {
        Some(Timestamp::from_millis(u64::from_le_bytes(array(
            &mut rest,
        )?)))
    };
    let (created, fresh_until, keep_until) = (moment()?, moment()?, moment()?);
    let paid = Paid {
        known: Usd::from_pico(i128::from_le_bytes(array(&mut rest)?)),
        unknown: u32::from_le_bytes(array(&mut rest)?),
    };
    let mut tokens = || Some(u64::from_le_bytes(array(&mut rest)?));
    let mut usage = match flags & USAGE {
        0 => None,
        _ => Some(Usage {
            input: tokens()?,
            cached_input: tokens()?,
            cache_write: tokens()?,
            output: tokens()?,
            reasoning: tokens()?,
            ..Usage::default()
        }),
    };
    if flags & FEES != 0 {
        let usage = usage.as_mut()?;
        (usage.cache_write_1h, usage.searches) = (tokens()?, tokens()?);
        if [usage.cache_write_1h, usage.searches] == [0, 0] {
            return None;
        }
    }
    let mut text = |flag| -> Option<Option<Arc<str>>> {
        if flags & flag == 0 {
            return Some(None);
        }
        let length = usize::from(u16::from_le_bytes(array(&mut rest)?));
        let text = (rest.len() >= length).then(|| rest.split_to(length))?;
        Some(Some(std::str::from_utf8(&text).ok()?.into()))
    };
    let (model, route) = (text(MODEL)?, text(ROUTE)?);
    let body = match encoding {
        PLAIN => rest,
        ZSTD => decompressed(rest)?,
        _ => return None,
    };
    let entry = Entry {
        body,
        created,
        fresh_until,
        keep_until,
        paid,
        usage,
        model,
        route,
        fallback: flags & FALLBACK != 0,
    };
    Some((entry, check))
}

#[cfg(feature = "redis")]
fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.len()).ok()?;
    if body.len() > LONGEST {
        return None;
    }
    let compressed = zstd::bulk::compress(body, LEVEL).ok()?;
    let whole = [&length.to_le_bytes(), &compressed[..]].concat();
    (whole.len() < body.len()).then_some(whole)
}

#[cfg(feature = "redis")]
fn decompressed(mut rest: Bytes) -> Option<Bytes> {
    let length = usize::try_from(u32::from_le_bytes(array(&mut rest)?)).ok()?;
    if length > LONGEST {
        return None;
    }
    let body = zstd::bulk::decompress(&rest, length).ok()?;
    (body.len() == length).then(|| body.into())
}

/// Without a store outside of this process there is nothing to compress for.
#[cfg(not(feature = "redis"))]
fn compressed(_: &[u8]) -> Option<Vec<u8>> {
    None
}

#[cfg(not(feature = "redis"))]
fn decompressed(_: Bytes) -> Option<Bytes> {
    None
}

fn array<const N: usize>(rest: &mut Bytes) -> Option<[u8; N]> {
    let array = *rest.first_chunk()?;
    rest.advance(N);
    Some(array)
}

/// A name with its length; one that is too long to be written is left out.
fn name(name: &Option<Arc<str>>) -> Option<(u16, &str)> {
    let name = name.as_deref()?;
    Some((u16::try_from(name.len()).ok()?, name))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    *blake3::hash(bytes)
        .as_bytes()
        .first_chunk()
        .expect("a hash is longer")
}

//! Entries outside of this process: compressed, and encrypted where the operator gives a key.
//!
//! ```text
//! magic "obs$" | version 1 | encoding 2 | key 4 | salt 32 | sealed entry | tag 16 | checksum 8
//! ```
//!
//! The sealed entry is one of the plain form. Each is sealed with ChaCha20-Poly1305 under a key of its own, which
//! BLAKE3 makes of the operator's key and the salt, so that no nonce can come twice. The tag is also over the number of
//! the key, and the key and check of the entry: a value that was moved to another key does not open.
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use obs_core::Key;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};

use super::{Entry, wire};
use crate::{StoreError, StoreFault};

const SALT: usize = 32;
const HEAD: usize = wire::HEAD + 4;

/// Separates a secret used here from the same secret used elsewhere.
const SECRET_CONTEXT: &str = "obs 2026-11 key that seals stored answers";

/// The same for what is told of it.
const NUMBER_CONTEXT: &str = "obs 2026-11 number of a key that seals stored answers";

/// How entries are written outside of this process.
#[derive(Clone, Debug)]
pub struct Codec {
    compress_above: usize,
    seal: Option<SealKey>,
    opens: Vec<SealKey>,
}

/// A key that entries are encrypted with, and its number.
#[derive(Clone)]
pub struct SealKey {
    number: u32,
    secret: [u8; 32],
}

impl Codec {
    /// Compresses answers of more than 4 KiB, and encrypts nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            compress_above: 4096,
            seal: None,
            opens: Vec::new(),
        }
    }

    /// Compresses answers of more than so many bytes (zstd, level 1, off the caller's path). `usize::MAX`: none.
    #[must_use]
    pub const fn compress_above(mut self, bytes: usize) -> Self {
        self.compress_above = bytes;
        self
    }

    /// Encrypts with this key, and reads nothing that is not encrypted: with it or with one that
    /// [`opens`](Self::opens).
    #[must_use]
    pub fn seal(mut self, key: SealKey) -> Self {
        self.seal = Some(key);
        self
    }

    /// Reads what was encrypted with this key too, and writes it anew with the one that [`seal`](Self::seal)s. To
    /// change a key: give the new one here to all processes, then let it seal and the old one open, and leave the
    /// old one out when the longest time to live has passed.
    #[must_use]
    pub fn opens(mut self, key: SealKey) -> Self {
        self.opens.push(key);
        self
    }

    /// The entry as bytes.
    ///
    /// # Errors
    ///
    /// [`Other`](StoreFault::Other) when the system has no randomness to encrypt with.
    pub fn encode(&self, entry: &Entry, key: &Key) -> Result<Bytes, StoreError> {
        let plain = wire::encode(entry, key, self.compress_above);
        match &self.seal {
            None => Ok(plain),
            Some(seal) => seal.seal(&plain, key),
        }
    }

    /// The entry that [`encode`](Self::encode) gave, and whether it should be written anew, because an old key
    /// encrypted it. Never panics.
    ///
    /// # Errors
    ///
    /// [`Unreadable`](StoreFault::Unreadable) for what is no entry, or not whole; [`Sealed`](StoreFault::Sealed) for
    /// what is encrypted with another key, or not encrypted where it must be; [`Foreign`](StoreFault::Foreign) for the
    /// entry of another key, or one that was tampered with.
    pub fn decode(&self, bytes: &Bytes, key: &Key) -> Result<(Entry, bool), StoreError> {
        let (rest, encoding) = wire::checked(bytes)?;
        if encoding != wire::SEALED {
            return match self.seal {
                Some(_) => Err(StoreFault::Sealed.into()),
                None => Ok((wire::decode(bytes, key)?, false)),
            };
        }
        let number = rest[wire::HEAD..].first_chunk().copied();
        let number = u32::from_le_bytes(number.ok_or(StoreFault::Unreadable)?);
        let is_current = |seal: &&SealKey| seal.number == number;
        let current = self.seal.iter().find(is_current);
        let found = current.or_else(|| self.opens.iter().find(is_current));
        let plain = found.ok_or(StoreFault::Sealed)?.open(&rest, key)?;
        let entry = wire::decode(&plain, key)?;
        Ok((entry, current.is_none() && self.seal.is_some()))
    }
}

impl Default for Codec {
    fn default() -> Self {
        Self::new()
    }
}

impl SealKey {
    /// A key of this number, derived from any secret text (BLAKE3 key derivation), which should hold 32 random bytes
    /// at least. Two keys in use need two numbers.
    #[must_use]
    pub fn new(number: u32, secret: &[u8]) -> Self {
        Self {
            number,
            secret: blake3::derive_key(SECRET_CONTEXT, secret),
        }
    }

    /// The same, with a number that is made of the secret, so that other secrets have other numbers.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let number = blake3::derive_key(NUMBER_CONTEXT, secret);
        let number = number.first_chunk().copied().unwrap_or_default();
        Self::new(u32::from_le_bytes(number), secret)
    }

    fn seal(&self, plain: &[u8], key: &Key) -> Result<Bytes, StoreError> {
        let no_random = "the system gave no random bytes to encrypt with";
        let failed = |_| StoreError::new(StoreFault::Other, no_random);
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(failed)?;
        let mut sealed = BytesMut::from(plain);
        let tag = self.once(&salt).seal_in_place_separate_tag(
            Nonce::assume_unique_for_key([0; 12]),
            self.about(key),
            &mut sealed,
        );
        let tag = tag.map_err(failed)?;
        let mut out = BytesMut::with_capacity(HEAD + SALT + sealed.len() + 32);
        wire::head(&mut out, wire::SEALED);
        out.put_u32_le(self.number);
        out.put_slice(&salt);
        out.put_slice(&sealed);
        out.put_slice(tag.as_ref());
        Ok(wire::finished(out))
    }

    /// `sealed` has its head, and no checksum any more.
    fn open(&self, sealed: &[u8], key: &Key) -> Result<Bytes, StoreError> {
        let rest = sealed.get(HEAD..).and_then(<[u8]>::split_first_chunk);
        let (salt, rest) = rest.ok_or(StoreFault::Unreadable)?;
        let mut rest = rest.to_vec();
        let opened = self.once(salt).open_in_place(
            Nonce::assume_unique_for_key([0; 12]),
            self.about(key),
            &mut rest,
        );
        let length = opened.map_err(|_| StoreFault::Foreign)?.len();
        rest.truncate(length);
        Ok(rest.into())
    }

    /// The key of one entry.
    fn once(&self, salt: &[u8; SALT]) -> LessSafeKey {
        let key = blake3::keyed_hash(&self.secret, salt);
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes());
        LessSafeKey::new(key.expect("a hash has the length of a key"))
    }

    fn about(&self, key: &Key) -> Aad<Vec<u8>> {
        Aad::from([&self.number.to_le_bytes()[..], key.id(), key.check()].concat())
    }
}

/// Without the secret.
impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({}, ..)", self.number)
    }
}

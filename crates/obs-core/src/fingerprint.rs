//! What tells one question from another.
use std::fmt;

use serde::Serialize;

use crate::canonical::canonical;

/// Used where no secret is given, so that several processes share their answers.
const DOMAIN: &[u8; 32] = b"obs: fingerprint of an LLM call.";

/// Separates a secret used here from the same secret used elsewhere.
const SECRET_CONTEXT: &str = "obs 2026-11 key of the fingerprint of an LLM call";

/// A keyed BLAKE3 hash over named fields.
///
/// Each field is framed by its length, so that no two lists of fields run into each other.
#[derive(Clone)]
pub struct Fingerprint {
    key: [u8; 32],
    /// Made when there is much to hash: it is large, and most questions are all pending when they are finished.
    hasher: Option<Box<blake3::Hasher>>,
    /// What is still to be hashed: many short pieces take long.
    pending: Vec<u8>,
}

/// Room for most of what is asked, and no more than allocators have at hand.
const PENDING: usize = 1000;

/// So many bytes are hashed at once.
const AT_ONCE: usize = 64 << 10;

/// A secret of the operator's: who does not know it cannot tell from a [`Key`] what was asked.
#[derive(Clone)]
pub struct FingerprintSecret([u8; 32]);

/// 256 bits that tell one question from another, and 128 that verify it.
///
/// The verifier is kept beside an answer and compared when it is read: where the two disagree, the answer is another
/// question's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    id: [u8; 32],
    check: [u8; 16],
}

impl Fingerprint {
    /// With the fixed key that all processes share.
    #[must_use]
    pub fn new() -> Self {
        Self::by(*DOMAIN)
    }

    /// With a secret key.
    #[must_use]
    pub fn with_secret(secret: &FingerprintSecret) -> Self {
        Self::by(secret.0)
    }

    fn by(key: [u8; 32]) -> Self {
        Self {
            key,
            hasher: None,
            pending: Vec::with_capacity(PENDING),
        }
    }

    /// Adds one field.
    pub fn field(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.frame(b'f', name.as_bytes());
        self.frame(b'v', value);
        self
    }

    /// Adds one field that may be missing: no value is another than an empty one.
    pub fn optional(&mut self, name: &str, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => self.field(name, value),
            None => {
                self.frame(b'-', name.as_bytes());
                self
            }
        }
    }

    /// Adds all of a value, by its JSON: see [`json_text`](Self::json_text).
    pub fn json(&mut self, value: &impl Serialize) -> &mut Self {
        match serde_json::to_vec(value) {
            Ok(text) => self.json_text(&text),
            // Unlike any other: better no hit than a wrong one.
            Err(error) => self.field("no json", error.to_string().as_bytes()),
        }
    }

    /// Adds a JSON text by its meaning: the order of keys, white space, escapes and the spelling of numbers
    /// (`1`, `1.0`, `10e-1`) make no difference. Numbers are compared as exact decimals, never as floats: 2^64 and
    /// 2^64 + 1 differ. A text that is no JSON is added byte by byte.
    pub fn json_text(&mut self, text: &[u8]) -> &mut Self {
        self.json_text_without(text, &[])
    }

    /// The same without these keys of the outermost object.
    pub fn json_text_without(&mut self, text: &[u8], without: &[&str]) -> &mut Self {
        // The text, and a head for each of its pieces.
        self.pending.reserve((text.len() * 3 / 2).min(AT_ONCE));
        canonical(text, without, &mut |tag, bytes| self.frame(tag, bytes));
        self
    }

    /// The key of everything that was added.
    #[must_use]
    pub fn finish(&self) -> Key {
        let mut hasher = match &self.hasher {
            Some(hasher) => blake3::Hasher::clone(hasher),
            None => blake3::Hasher::new_keyed(&self.key),
        };
        hasher.update(&self.pending);
        // Both at once: each piece of output is another round of the hash.
        let mut output = [0; 48];
        hasher.finalize_xof().fill(&mut output);
        let mut key = Key {
            id: [0; 32],
            check: [0; 16],
        };
        let (id, check) = output.split_at(key.id.len());
        key.id.copy_from_slice(id);
        key.check.copy_from_slice(check);
        key
    }

    fn frame(&mut self, tag: u8, bytes: &[u8]) {
        if self.pending.len() + bytes.len() > AT_ONCE {
            self.flush();
        }
        self.pending.push(tag);
        let length = bytes.len() as u64;
        self.pending.extend_from_slice(&length.to_le_bytes());
        match bytes.len() > AT_ONCE {
            false => self.pending.extend_from_slice(bytes),
            true => {
                self.flush().update(bytes);
            }
        }
    }

    fn flush(&mut self) -> &mut blake3::Hasher {
        let new = || Box::new(blake3::Hasher::new_keyed(&self.key));
        let hasher = self.hasher.get_or_insert_with(new);
        hasher.update(&self.pending);
        self.pending.clear();
        hasher
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fingerprint").field(&self.finish()).finish()
    }
}

impl FingerprintSecret {
    /// Derives a key from any secret text (BLAKE3 key derivation).
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(blake3::derive_key(SECRET_CONTEXT, secret))
    }
}

/// Without the secret.
impl fmt::Debug for FingerprintSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintSecret(..)")
    }
}

impl Key {
    /// What an answer is filed under.
    #[must_use]
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// What is kept beside the answer, and compared.
    #[must_use]
    pub fn check(&self) -> &[u8; 16] {
        &self.check
    }
}

/// The id as 64 hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

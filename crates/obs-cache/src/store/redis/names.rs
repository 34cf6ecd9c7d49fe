//! Names of entries in Redis.
use bytes::Bytes;
use obs_core::Key;

/// Before the hexadecimal digits of a key. No prompt text is in a key.
pub(super) const PREFIX: &[u8; 4] = b"obs:";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Of the entry of this key.
pub(super) fn name(key: &Key) -> Bytes {
    let mut name = [0; PREFIX.len() + 64];
    let (prefix, digits) = name.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX);
    for (pair, byte) in digits.chunks_exact_mut(2).zip(key.id()) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    Bytes::copy_from_slice(&name)
}

/// The other way round: the key's [id](Key::id). `None`: it is no name of an entry.
pub(super) fn id(name: &[u8]) -> Option<[u8; 32]> {
    let digits = name.strip_prefix(PREFIX)?.as_chunks::<2>();
    let (pairs, []) = digits else { return None };
    let mut id = [0; 32];
    if pairs.len() != id.len() {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(pairs) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(id)
}

//! Makes keys.
use ring::rand::{SecureRandom, SystemRandom};

use crate::settings::keys::HASH;

/// A new key, and its hash as the settings want it; `None`: the system has no randomness.
///
/// A fast hash does: there are 256 random bits to guess, which no dictionary has, and a slow one would cost every
/// request what it costs a thief.
pub(crate) fn issue() -> Option<(String, String)> {
    let mut random = [0; 32];
    SystemRandom::new().fill(&mut random).ok()?;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = format!("obs-{}", base64::Engine::encode(&engine, random));
    let hash = format!("{HASH}{}", blake3::hash(key.as_bytes()).to_hex());
    Some((key, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_are_the_same_and_each_has_its_hash() {
        let (one, hash) = issue().unwrap();
        let (other, _) = issue().unwrap();
        assert_ne!(one, other);
        assert_eq!(one.len(), 4 + 43);
        assert_eq!(
            hash,
            format!("blake3:{}", blake3::hash(one.as_bytes()).to_hex())
        );
    }
}

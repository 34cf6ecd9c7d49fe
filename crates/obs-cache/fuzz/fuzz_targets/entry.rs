//! Reads arbitrary bytes as entries.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use obs_cache::{Codec, Entry, SealKey};
use obs_core::Fingerprint;

fuzz_target!(|data: &[u8]| {
    let key = Fingerprint::new().field("question", b"a").finish();
    let sealing = Codec::new()
        .seal(SealKey::new(2, b"new"))
        .opens(SealKey::new(1, b"old"));
    let head = |encoding: u8| [&b"obs$\x01"[..], &[encoding], data].concat();
    for bytes in [data.to_vec(), head(0), head(1), head(2)] {
        let sum = blake3::hash(&bytes);
        let summed = [&bytes[..], &sum.as_bytes()[..8]].concat();
        for bytes in [Bytes::from(bytes), Bytes::from(summed)] {
            let read = Entry::decode(&bytes, &key);
            // Compressed ones have several forms.
            if let (Ok(entry), Some(0)) = (read, bytes.get(5)) {
                assert_eq!(entry.encode(&key), bytes);
            }
            let _ = Codec::new().decode(&bytes, &key);
            assert!(
                sealing.decode(&bytes, &key).is_err(),
                "nobody has sealed it"
            );
        }
    }
});

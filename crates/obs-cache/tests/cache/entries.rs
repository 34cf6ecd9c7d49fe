//! Entries outside of this process.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use obs_cache::*;
use obs_core::*;
use proptest::{collection::vec, option, prelude::*};

fn key(question: &[u8]) -> Key {
    Fingerprint::new().field("question", question).finish()
}

fn entry() -> impl Strategy<Value = Entry> {
    let usage = proptest::array::uniform7(prop_oneof![Just(0), any::<u64>()]);
    let name = || option::of("\\PC{0,40}");
    (
        vec(any::<u8>(), 0..300),
        proptest::array::uniform3(any::<u64>()),
        (any::<i128>(), any::<u32>()),
        option::of(usage),
        (name(), name()),
        any::<bool>(),
    )
        .prop_map(
            |(body, times, (known, unknown), usage, (model, route), fallback)| {
                let [created, fresh_until, keep_until] = times.map(Timestamp::from_millis);
                let mut entry = Entry::new(Bytes::from(body), created, Duration::ZERO);
                entry.fresh_until = fresh_until;
                entry.keep_until = keep_until;
                entry.paid = Paid {
                    known: Usd::from_pico(known),
                    unknown,
                };
                entry.usage = usage.map(
                    |[
                        input,
                        cached_input,
                        cache_write,
                        output,
                        reasoning,
                        long,
                        searches,
                    ]| Usage {
                        input,
                        cached_input,
                        cache_write,
                        output,
                        reasoning,
                        cache_write_1h: long,
                        searches,
                    },
                );
                entry.model = model.map(Arc::from);
                entry.route = route.map(Arc::from);
                entry.fallback = fallback;
                entry
            },
        )
}

fn fault(bytes: &Bytes, key: &Key) -> Option<StoreFault> {
    Entry::decode(bytes, key).err().map(|error| error.fault())
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(entry in entry()) {
        let bytes = entry.encode(&key(b"a"));
        prop_assert_eq!(Entry::decode(&bytes, &key(b"a")).unwrap(), entry);
    }

    #[test]
    fn the_entry_of_another_key_is_foreign(entry in entry()) {
        let bytes = entry.encode(&key(b"a"));
        prop_assert_eq!(fault(&bytes, &key(b"b")), Some(StoreFault::Foreign));
    }

    #[test]
    fn what_is_cut_changed_or_longer_is_unreadable(
        entry in entry(),
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
        more in vec(any::<u8>(), 1..20),
    ) {
        let bytes = entry.encode(&key(b"a"));
        let at = at.index(bytes.len());
        let unreadable = Some(StoreFault::Unreadable);
        prop_assert_eq!(fault(&bytes.slice(..at), &key(b"a")), unreadable);
        let mut changed = bytes.to_vec();
        changed[at] ^= change;
        prop_assert_eq!(fault(&changed.into(), &key(b"a")), unreadable);
        let longer = [&bytes, &more[..]].concat();
        prop_assert_eq!(fault(&longer.into(), &key(b"a")), unreadable);
    }

    #[test]
    fn garbage_is_unreadable(garbage in vec(any::<u8>(), 0..400), magic in any::<bool>()) {
        let prefix: &[u8] = if magic { b"obs$\x01" } else { b"" };
        let bytes = Bytes::from([prefix, &garbage[..]].concat());
        prop_assert_eq!(fault(&bytes, &key(b"a")), Some(StoreFault::Unreadable));
    }
}

proptest! {
    /// As a bug in a writer would, which puts a right checksum under what it has written wrongly: nothing panics, and
    /// what is read as an entry is what it says, byte for byte.
    #[test]
    fn a_wrong_entry_with_a_right_checksum_is_refused_or_is_what_it_says(
        entry in entry(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in option::of(any::<prop::sample::Index>()),
        more in vec(any::<u8>(), 0..10),
    ) {
        let bytes = entry.encode(&key(b"a"));
        let mut changed = bytes[..bytes.len() - 8].to_vec();
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        if let Some(cut) = cut {
            changed.truncate(cut.index(changed.len()));
        }
        changed.extend(more);
        let sum = blake3::hash(&changed);
        changed.extend_from_slice(&sum.as_bytes()[..8]);
        let changed = Bytes::from(changed);
        if let Ok(read) = Entry::decode(&changed, &key(b"a")) {
            prop_assert_eq!(read.encode(&key(b"a")), changed);
        }
    }
}

/// Also where somebody has put a right checksum under it.
#[test]
fn headers_that_this_version_would_not_write_are_unreadable() {
    let entry = Entry::new(
        Bytes::from_static(b"body"),
        Timestamp::default(),
        Duration::MAX,
    );
    let bytes = entry.encode(&key(b"a"));
    let signed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = bytes[..bytes.len() - 8].to_vec();
        change(&mut changed);
        let hash = blake3::hash(&changed);
        changed.extend_from_slice(&hash.as_bytes()[..8]);
        fault(&changed.into(), &key(b"a"))
    };
    let unreadable = Some(StoreFault::Unreadable);
    assert_eq!(signed(&|_| {}), None);
    assert_eq!(signed(&|bytes| bytes[0] = b'O'), unreadable);
    assert_eq!(signed(&|bytes| bytes[4] = 2), unreadable, "version");
    assert_eq!(signed(&|bytes| bytes[5] = 1), unreadable, "encoding");
    assert_eq!(signed(&|bytes| bytes[6] |= 1 << 7), unreadable, "flag");
    assert_eq!(
        signed(&|bytes| bytes[6] |= 1 << 1),
        unreadable,
        "a model that is not there"
    );
    assert_eq!(signed(&|bytes| bytes.truncate(30)), unreadable);
    assert_eq!(signed(&|bytes| bytes[7] ^= 1), Some(StoreFault::Foreign));
}

#[test]
fn a_name_that_is_too_long_is_left_out() {
    let mut entry = Entry::new(
        Bytes::from_static(b"body"),
        Timestamp::default(),
        Duration::MAX,
    );
    entry.model = Some("m".repeat(70_000).into());
    entry.route = Some("cheap".into());
    let decoded = Entry::decode(&entry.encode(&key(b"a")), &key(b"a")).unwrap();
    assert_eq!((decoded.model, decoded.route), (None, Some("cheap".into())));
    assert_eq!(decoded.body, "body");
}

#[cfg(feature = "redis")]
mod coded {
    use super::*;

    fn old() -> SealKey {
        SealKey::new(1, b"old")
    }

    fn new() -> SealKey {
        SealKey::new(2, b"new")
    }

    fn fault(codec: &Codec, bytes: &Bytes, name: &[u8]) -> Option<StoreFault> {
        codec.decode(bytes, &key(name)).err().map(|e| e.fault())
    }

    proptest! {
        #[test]
        fn what_was_coded_is_decoded(
            entry in entry(),
            more in 0..5000_usize,
            above in 0..5000_usize,
            sealed in any::<bool>(),
        ) {
            let mut entry = entry;
            entry.body = [&entry.body[..], &vec![b'x'; more]].concat().into();
            let mut codec = Codec::new().compress_above(above);
            if sealed {
                codec = codec.seal(new());
            }
            let bytes = codec.encode(&entry, &key(b"a")).unwrap();
            prop_assert_eq!(codec.decode(&bytes, &key(b"a")).unwrap(), (entry, false));
            // Under another key it is nothing.
            prop_assert_eq!(fault(&codec, &bytes, b"b"), Some(StoreFault::Foreign));
        }

        #[test]
        fn what_is_cut_or_changed_is_unreadable(
            entry in entry(),
            at in any::<prop::sample::Index>(),
            change in 1..=255_u8,
            sealed in any::<bool>(),
        ) {
            let mut codec = Codec::new().compress_above(0);
            if sealed {
                codec = codec.seal(new());
            }
            let bytes = codec.encode(&entry, &key(b"a")).unwrap();
            let at = at.index(bytes.len());
            let unreadable = Some(StoreFault::Unreadable);
            prop_assert_eq!(fault(&codec, &bytes.slice(..at), b"a"), unreadable);
            let mut changed = bytes.to_vec();
            changed[at] ^= change;
            prop_assert_eq!(fault(&codec, &changed.into(), b"a"), unreadable);
        }

        /// Also where somebody has put a right checksum under it: whatever it is, it is an error or an entry.
        #[test]
        fn garbage_with_a_right_checksum_panics_nowhere(
            garbage in vec(any::<u8>(), 0..400),
            encoding in 0..4_u8,
            sealed in any::<bool>(),
        ) {
            let codec = match sealed {
                true => Codec::new().seal(new()).opens(SealKey::new(0, b"zero")),
                false => Codec::new(),
            };
            let bytes = summed([&b"obs$\x01"[..], &[encoding], &garbage].concat());
            prop_assert!(codec.decode(&bytes, &key(b"a")).is_err());
        }

        #[test]
        fn no_change_of_a_sealed_entry_goes_unseen(
            entry in entry(),
            at in any::<prop::sample::Index>(),
            change in 1..=255_u8,
        ) {
            let codec = Codec::new().seal(new());
            let bytes = codec.encode(&entry, &key(b"a")).unwrap();
            let mut changed = bytes[..bytes.len() - 8].to_vec();
            let at = at.index(changed.len());
            changed[at] ^= change;
            prop_assert!(codec.decode(&summed(changed), &key(b"a")).is_err());
        }
    }

    fn summed(mut bytes: Vec<u8>) -> Bytes {
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(&sum.as_bytes()[..8]);
        bytes.into()
    }

    fn long() -> Entry {
        let body = Bytes::from("an answer of many words. ".repeat(400));
        Entry::new(body, Timestamp::default(), Duration::MAX)
    }

    #[test]
    fn long_answers_are_compressed_and_short_ones_are_not() {
        let entry = long();
        let length = |codec: Codec| codec.encode(&entry, &key(b"a")).unwrap().len();
        assert!(length(Codec::new()) < 500);
        assert!(length(Codec::new().compress_above(10_000)) > 10_000);
        assert!(length(Codec::new().seal(new())) < 600);
    }

    #[test]
    fn a_length_that_is_not_that_of_the_body_is_unreadable() {
        let bytes = Codec::new().encode(&long(), &key(b"a")).unwrap();
        let plain = bytes.len() - 8;
        // The length is before the magic number of zstd.
        let at = bytes.windows(4).position(|w| w == [0x28, 0xb5, 0x2f, 0xfd]);
        let at = at.unwrap() - 4;
        for length in [0, 9_999, 10_001, u32::MAX] {
            let mut changed = bytes[..plain].to_vec();
            changed[at..at + 4].copy_from_slice(&length.to_le_bytes());
            let fault = fault(&Codec::new(), &summed(changed), b"a");
            assert_eq!(fault, Some(StoreFault::Unreadable), "{length}");
        }
    }

    #[test]
    fn a_sealed_entry_shows_nothing_and_is_never_the_same() {
        let mut entry = long();
        entry.model = Some("secret-model".into());
        let codec = Codec::new().compress_above(usize::MAX).seal(new());
        let seal = || codec.encode(&entry, &key(b"a")).unwrap();
        let (one, other) = (seal(), seal());
        assert_ne!(one, other);
        for part in [&b"answer"[..], b"secret-model"] {
            assert!(!one.windows(part.len()).any(|window| window == part));
        }
        assert!(!format!("{codec:?}").contains("secret"));
    }

    #[test]
    fn keys_are_changed_without_losing_an_answer() {
        let entry = long();
        let coded = |codec: &Codec| codec.encode(&entry, &key(b"a")).unwrap();
        let before = Codec::new().seal(old()).opens(new());
        let during = Codec::new().seal(new()).opens(old());
        let after = Codec::new().seal(new());
        let (by_old, by_new) = (coded(&before), coded(&after));
        let renewed = |codec: &Codec, bytes| codec.decode(bytes, &key(b"a")).unwrap().1;
        assert!(!renewed(&before, &by_old) && renewed(&before, &by_new));
        assert!(renewed(&during, &by_old) && !renewed(&during, &by_new));
        let sealed = Some(StoreFault::Sealed);
        assert_eq!(fault(&after, &by_old, b"a"), sealed);
        // Neither is what was never encrypted read, nor what is, without a key.
        assert_eq!(fault(&after, &coded(&Codec::new()), b"a"), sealed);
        assert_eq!(fault(&Codec::new(), &by_new, b"a"), sealed);
        // Numbers of their own accord are those of the secrets.
        let (one, other) = (SealKey::of(b"one"), SealKey::of(b"other"));
        let both = Codec::new().seal(other.clone()).opens(one.clone());
        let [by_one, by_other] = [one, other].map(|key| coded(&Codec::new().seal(key)));
        assert!(renewed(&both, &by_one) && !renewed(&both, &by_other));
        // The same number, and another secret.
        let other = Codec::new().seal(SealKey::new(2, b"other"));
        assert_eq!(fault(&other, &by_new, b"a"), Some(StoreFault::Foreign));
    }
}

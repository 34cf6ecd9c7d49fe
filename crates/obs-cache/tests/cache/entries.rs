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
    let usage = proptest::array::uniform5(any::<u64>());
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
                entry.usage =
                    usage.map(
                        |[input, cached_input, cache_write, output, reasoning]| Usage {
                            input,
                            cached_input,
                            cache_write,
                            output,
                            reasoning,
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

//! Events survive whatever pieces their bytes come in.
use obs_openai::sse::{Decoder, Event, EventTooLong, comment, encode};
use proptest::prelude::*;

fn read(
    pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
    limit: usize,
) -> Vec<Result<Event, EventTooLong>> {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(piece.as_ref());
        events.extend(std::iter::from_fn(|| decoder.next_event()));
    }
    decoder.close();
    events.extend(std::iter::from_fn(|| decoder.next_event()));
    events
}

/// The bytes cut at these places.
fn cut(bytes: &[u8], places: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = places
        .iter()
        .map(|place| place.index(bytes.len() + 1))
        .collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| bytes[pair[0]..pair[1]].to_vec())
        .collect()
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

/// Bytes of which a stream could consist.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"data: {\"a\":1}".to_vec()),
        Just(b"data:".to_vec()),
        Just(b"event: error".to_vec()),
        Just(b": comment".to_vec()),
        Just(b"data: [DONE]".to_vec()),
        Just(b"\xEF\xBB\xBF".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_pieces_do_not_matter(stream in stream(), places in places(), limit in 1..64usize) {
        let whole = read([&stream], limit);
        let in_pieces = read(cut(&stream, &places), limit);
        let by_byte = read(stream.chunks(1), limit);
        prop_assert_eq!(&whole, &in_pieces);
        prop_assert_eq!(&whole, &by_byte);
    }

    #[test]
    fn what_is_written_is_read(
        events in prop::collection::vec((prop::option::of("[a-z]{1,5}"), "[^\r]{1,40}", any::<bool>()), 0..6),
        places in places(),
    ) {
        let mut bytes = Vec::new();
        for (name, data, commented) in &events {
            if *commented {
                bytes.extend(comment("wait\ndata: nothing"));
            }
            bytes.extend(encode(name.as_deref(), data.as_bytes()));
        }
        let expected: Vec<_> = events
            .iter()
            .map(|(name, data, _)| Ok(Event {
                name: name.clone().map(Into::into),
                data: data.clone().into(),
            }))
            .collect();
        // A line break alone is two empty lines of data, joined by it.
        prop_assert_eq!(read(cut(&bytes, &places), 1 << 20), expected);
    }

    #[test]
    fn no_event_is_larger_than_the_limit(stream in stream(), limit in 1..32usize) {
        for event in read([&stream], limit) {
            match event {
                Ok(event) => prop_assert!(event.data.len() <= limit && !event.data.is_empty()),
                Err(error) => prop_assert_eq!(error.limit(), limit),
            }
        }
    }
}

//! A stream says the same, whatever pieces its bytes come in.
use proptest::prelude::*;

use super::fixtures::{ALL, events};

proptest! {
    #[test]
    fn the_pieces_do_not_matter(
        which in 0..ALL.len(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let bytes = ALL[which].0.as_bytes();
        let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(events(pieces), events([bytes]));
    }
}

#[test]
fn every_single_cut_is_survived() {
    for (sse, _) in ALL {
        let whole = events([sse.as_bytes()]);
        for at in 0..sse.len() {
            let (head, tail) = sse.as_bytes().split_at(at);
            assert_eq!(events([head, tail]), whole, "cut at {at}");
        }
    }
}

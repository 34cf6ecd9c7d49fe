//! How an answer is kept: a version, its form, and what was recorded.
use obs_core::BoxError;

use bytes::{Buf, Bytes};

const VERSION: u8 = 1;
const WHOLE: u8 = b'w';
const STREAM: u8 = b's';

/// What an entry holds.
#[derive(Debug)]
pub(crate) enum Entry {
    Whole(Bytes),
    Stream(Recorded),
}

/// The data of events, each behind its length (four bytes, the least first).
#[derive(Debug, Default)]
pub(crate) struct Payloads(Vec<u8>);

/// Gives the payloads again, without copying them.
#[derive(Clone, Debug)]
pub(crate) struct Recorded(Bytes);

pub(crate) fn of_whole(body: &[u8]) -> Bytes {
    let mut entry = Vec::with_capacity(body.len() + 2);
    entry.extend([VERSION, WHOLE]);
    entry.extend_from_slice(body);
    entry.into()
}

/// Whether this may be a JSON object: whether it begins and ends like one. A cache checks that an entry is its own; this
/// finds what was cut.
pub(crate) fn check_object(text: &[u8]) -> Result<(), BoxError> {
    let text = text.trim_ascii();
    if text.starts_with(b"{") && text.ends_with(b"}") {
        Ok(())
    } else {
        Err("the entry holds no JSON object".into())
    }
}

impl Entry {
    pub(crate) fn read(stored: &Bytes) -> Result<Self, BoxError> {
        match **stored {
            [VERSION, WHOLE, ..] => {
                let body = stored.slice(2..);
                check_object(&body)?;
                Ok(Self::Whole(body))
            }
            [VERSION, STREAM, _, ..] => {
                let recorded = Recorded(stored.slice(2..));
                recorded.check()?;
                Ok(Self::Stream(recorded))
            }
            _ => Err("the entry is of no version or form that is known".into()),
        }
    }
}

impl Payloads {
    pub(crate) fn push(&mut self, data: &[u8]) {
        if self.0.is_empty() {
            self.0.extend([VERSION, STREAM]);
        }
        // An event of more than 4 GiB does not come: it would not have passed the upstream's limit.
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.0.extend(length.to_le_bytes());
        self.0.extend_from_slice(data);
    }

    pub(crate) fn into_entry(self) -> Bytes {
        self.0.into()
    }
}

impl Recorded {
    /// Whether the lengths fit, and each payload may be a chunk.
    fn check(&self) -> Result<(), BoxError> {
        let mut rest = self.clone();
        while !rest.0.is_empty() {
            let payload = rest.next().ok_or("the entry ends within a chunk")?;
            check_object(&payload)?;
        }
        Ok(())
    }

    fn split_first(&mut self) -> Option<Bytes> {
        let length = self.0.try_get_u32_le().ok()?;
        let length = usize::try_from(length).ok()?;
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }
}

impl Iterator for Recorded {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.split_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(payloads: &[&str]) -> Bytes {
        let mut recorded = Payloads::default();
        for payload in payloads {
            recorded.push(payload.as_bytes());
        }
        recorded.into_entry()
    }

    #[test]
    fn payloads_come_out_as_they_went_in() {
        let Ok(Entry::Stream(payloads)) = Entry::read(&stream(&["{}", "{\"a\":1}"])) else {
            panic!("a stream was kept");
        };
        assert_eq!(payloads.collect::<Vec<_>>(), ["{}", "{\"a\":1}"]);
    }

    #[test]
    fn whatever_is_cut_or_strange_is_refused() {
        let whole = of_whole(b"{\"a\":1}");
        let stream = stream(&["{}", "{\"a\":1}"]);
        for entry in [whole, stream] {
            for length in 0..entry.len() {
                // A recorded stream may be cut between two chunks: a cache keeps the length of an entry.
                let cut = entry.slice(..length);
                assert!(Entry::read(&cut).is_err() || length == 8, "{cut:?}");
            }
            let mut other = entry.to_vec();
            other[0] = 2;
            assert!(Entry::read(&other.into()).is_err(), "another version");
        }
        assert!(Entry::read(&Bytes::from_static(b"garbage")).is_err());
        assert!(Entry::read(&Bytes::from_static(b"\x01s\xff\xff\xff\xff{}")).is_err());
    }
}

//! How an answer is kept: a version, its form, and what was recorded.
use bytes::{Buf, Bytes};
use obs_core::BoxError;

use crate::Event;

const VERSION: u8 = 2;
const WHOLE: u8 = b'w';
const STREAM: u8 = b's';

/// What an entry holds.
#[derive(Debug)]
pub(crate) enum Entry {
    Whole(Bytes),
    Stream(Recorded),
}

/// The names and the data of events, each behind its length (four bytes, the least first).
#[derive(Debug, Default)]
pub(crate) struct Events(Vec<u8>);

/// Gives the events again, without copying them.
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
///
/// # Errors
///
/// It does not.
pub fn check_object(text: &[u8]) -> Result<(), BoxError> {
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

impl Events {
    pub(crate) fn push(&mut self, event: &Event) {
        if self.0.is_empty() {
            self.0.extend([VERSION, STREAM]);
        }
        let name = event.name.as_deref().unwrap_or_default();
        for piece in [name, &event.data] {
            // An event of more than 4 GiB does not come: it would not have passed the upstream's limit.
            let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            self.0.extend(length.to_le_bytes());
            self.0.extend_from_slice(piece);
        }
    }

    pub(crate) fn into_entry(self) -> Bytes {
        self.0.into()
    }
}

impl Recorded {
    /// Whether the lengths fit, and each event may be a chunk.
    fn check(&self) -> Result<(), BoxError> {
        let mut rest = self.clone();
        while !rest.0.is_empty() {
            let event = rest.next().ok_or("the entry ends within a chunk")?;
            check_object(&event.data)?;
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
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let name = self.split_first()?;
        let data = self.split_first()?;
        let name = (!name.is_empty()).then_some(name);
        Some(Event { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(events: &[(Option<&'static str>, &'static str)]) -> Bytes {
        let mut recorded = Events::default();
        for event in events {
            recorded.push(&of(event));
        }
        recorded.into_entry()
    }

    fn of((name, data): &(Option<&'static str>, &'static str)) -> Event {
        Event {
            name: name.map(|name| Bytes::from_static(name.as_bytes())),
            data: Bytes::from_static(data.as_bytes()),
        }
    }

    const EVENTS: [(Option<&str>, &str); 2] = [(None, "{}"), (Some("x"), "{\"a\":1}")];

    #[test]
    fn events_come_out_as_they_went_in() {
        let Ok(Entry::Stream(events)) = Entry::read(&stream(&EVENTS)) else {
            panic!("a stream was kept");
        };
        assert_eq!(events.collect::<Vec<_>>(), EVENTS.map(|event| of(&event)));
    }

    #[test]
    fn whatever_is_cut_or_strange_is_refused() {
        let whole = of_whole(b"{\"a\":1}");
        let stream = stream(&EVENTS);
        for entry in [whole, stream] {
            for length in 0..entry.len() {
                // A recorded stream may be cut between two events: a cache keeps the length of an entry.
                let cut = entry.slice(..length);
                assert!(Entry::read(&cut).is_err() || length == 12, "{cut:?}");
            }
            let mut other = entry.to_vec();
            other[0] = VERSION + 1;
            assert!(Entry::read(&other.into()).is_err(), "another version");
        }
        assert!(Entry::read(&Bytes::from_static(b"garbage")).is_err());
        assert!(Entry::read(&Bytes::from_static(b"\x02s\xff\xff\xff\xff{}")).is_err());
    }
}

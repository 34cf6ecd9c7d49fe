//! From bytes to events.
use std::{collections::VecDeque, error::Error as StdError, fmt};

use bytes::Bytes;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// How much longer than the largest data a line may be: the name of its field, and a byte order mark.
const FIELD_NAME: usize = 16;

/// One event of a stream. Events without data are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What its `event` field says; those of chat completions have none.
    pub name: Option<Bytes>,
    /// Its data; several lines are joined by `\n`. The bytes are as they came, valid UTF-8 or not.
    pub data: Bytes,
}

/// An event, or a line of one, is larger than allowed. The stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLong {
    limit: usize,
}

/// Reads events from bytes that come in any pieces.
///
/// Memory is bounded by the largest event and by what one [`push`](Self::push) brings.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// A line whose end has not come.
    line: Vec<u8>,
    /// Data of the event that is being read; `None` before its first data line.
    data: Option<Vec<u8>>,
    name: Option<Bytes>,
    events: VecDeque<Event>,
    /// The last line ended with `\r`: a `\n` that follows belongs to it.
    after_cr: bool,
    /// No line has been read: a byte order mark may stand before it.
    at_start: bool,
    /// Nothing is read any more.
    dead: bool,
    /// Why, until it is told.
    fault: Option<EventTooLong>,
}

impl Decoder {
    /// A reader that refuses events of more than `limit` bytes of data, and lines that are longer than such data.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            data: None,
            name: None,
            events: VecDeque::new(),
            after_cr: false,
            at_start: true,
            dead: false,
            fault: None,
        }
    }

    /// Takes the next bytes of the stream. After its end, or an event that was too long, they are ignored.
    pub fn push(&mut self, mut bytes: &[u8]) {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while !self.dead {
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                return self.keep(bytes);
            };
            let (line, ending) = (&bytes[..end], &bytes[end..]);
            if self.line.is_empty() {
                // The same holds of a line that comes in pieces.
                if line.len() > self.longest_line() {
                    return self.fail();
                }
                self.end_line(line);
            } else {
                self.keep(line);
                if self.dead {
                    return;
                }
                let mut whole = std::mem::take(&mut self.line);
                self.end_line(&whole);
                whole.clear();
                self.line = whole;
            }
            let taken = match ending {
                [b'\r', b'\n', ..] => 2,
                [b'\r'] => {
                    self.after_cr = true;
                    1
                }
                _ => 1,
            };
            bytes = &ending[taken..];
        }
    }

    /// The end of the stream: what was read of an event so far is given as one.
    pub fn close(&mut self) {
        if self.dead {
            return;
        }
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.end_line(&line);
        }
        self.dispatch();
        self.dead = true;
    }

    /// The next event that is complete. `None`: more bytes are needed.
    ///
    /// # Errors
    ///
    /// An event was too long. It is told once, after the events before it, and nothing comes after it.
    pub fn next_event(&mut self) -> Option<Result<Event, EventTooLong>> {
        match self.events.pop_front() {
            Some(event) => Some(Ok(event)),
            None => self.fault.take().map(Err),
        }
    }

    const fn longest_line(&self) -> usize {
        self.limit.saturating_add(FIELD_NAME)
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > self.longest_line() {
            return self.fail();
        }
        self.line.extend_from_slice(bytes);
    }

    fn end_line(&mut self, mut line: &[u8]) {
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => self.add_data(value),
            b"event" => self.name = Some(Bytes::copy_from_slice(value)),
            // Comments have an empty name; ids and delays of reconnection are of no use here.
            _ => {}
        }
    }

    fn add_data(&mut self, value: &[u8]) {
        let before = self.data.as_ref().map_or(0, |data| data.len() + 1);
        if before + value.len() > self.limit {
            return self.fail();
        }
        match &mut self.data {
            None => self.data = Some(value.to_vec()),
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
        }
    }

    fn dispatch(&mut self) {
        let name = self.name.take();
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            let data = data.into();
            self.events.push_back(Event { name, data });
        }
    }

    fn fail(&mut self) {
        self.dead = true;
        self.fault = Some(EventTooLong { limit: self.limit });
        self.line = Vec::new();
        self.data = None;
    }
}

impl EventTooLong {
    /// The most bytes of data that an event may have.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for EventTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an event of the stream is larger than the limit of {} bytes",
            self.limit
        )
    }
}

impl StdError for EventTooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limit: usize, pieces: &[&[u8]]) -> Vec<Result<String, EventTooLong>> {
        let mut decoder = Decoder::new(limit);
        let mut events = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(event) = decoder.next_event() {
                events.push(event.map(|e| String::from_utf8_lossy(&e.data).into_owned()));
            }
        }
        decoder.close();
        while let Some(event) = decoder.next_event() {
            events.push(event.map(|e| String::from_utf8_lossy(&e.data).into_owned()));
        }
        events
    }

    #[track_caller]
    fn check(stream: &str, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|e| Ok((*e).to_owned())).collect();
        assert_eq!(read(1000, &[stream.as_bytes()]), expected);
        let bytes: Vec<_> = stream.as_bytes().chunks(1).collect();
        assert_eq!(read(1000, &bytes), expected, "byte by byte");
    }

    #[test]
    fn every_line_ending_is_read() {
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check("data: a\r\rdata: b\r\r", &["a", "b"]);
        check("data: a\r\n\ndata: b\n\r\n", &["a", "b"]);
    }

    #[test]
    fn lines_of_data_are_joined() {
        check("data: {\ndata:  \"a\": 1\ndata:}\n\n", &["{\n \"a\": 1\n}"]);
        check("data\ndata: x\n\n", &["\nx"]);
    }

    #[test]
    fn comments_ids_and_unknown_fields_are_no_events() {
        check(
            ": OPENROUTER PROCESSING\n\n:\nid: 7\nretry: 9\ndata:x\nfoo: bar\nfoo\n\n",
            &["x"],
        );
        check("event: ping\n\n\n\ndata:\n\n", &[]);
    }

    #[test]
    fn only_one_space_is_taken_from_a_value() {
        check("data:  x \n\ndata:\ty\n\n", &[" x ", "\ty"]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_only() {
        check("\u{feff}data: a\n\n\u{feff}data: b\n\n", &["a"]);
    }

    #[test]
    fn the_last_event_needs_no_blank_line() {
        check("data: a\n\ndata: b\n", &["a", "b"]);
        check("data: a\n\ndata: b", &["a", "b"]);
        check("data: a\r", &["a"]);
    }

    #[test]
    fn names_belong_to_their_event() {
        let mut decoder = Decoder::new(100);
        decoder.push(b"event: error\ndata: x\n\ndata: y\n\n");
        let first = decoder.next_event().unwrap().unwrap();
        assert_eq!(first.name.as_deref(), Some(b"error".as_slice()));
        assert_eq!(decoder.next_event().unwrap().unwrap().name, None);
    }

    #[test]
    fn invalid_utf8_is_passed_on() {
        let mut decoder = Decoder::new(100);
        decoder.push(b"data: \xff\xfe\n\n");
        assert_eq!(
            decoder.next_event().unwrap().unwrap().data,
            &b"\xff\xfe"[..]
        );
    }

    #[test]
    fn an_event_at_the_limit_is_read_and_one_above_is_refused() {
        let too_long = Err(EventTooLong { limit: 4 });
        assert_eq!(read(4, &[b"data: 1234\n\n"]), [Ok("1234".to_owned())]);
        assert_eq!(
            read(4, &[b"data: 1\n\ndata: 12345\n\ndata: 2\n\n"]),
            [Ok("1".to_owned()), too_long.clone()]
        );
        assert_eq!(read(4, &[b"data: 12\ndata: 34\n\n"]), [too_long]);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut decoder = Decoder::new(1 << 10);
        for _ in 0..1000 {
            decoder.push(&[b'x'; 100]);
            assert!(decoder.line.capacity() < 4 << 10);
        }
        assert!(matches!(decoder.next_event(), Some(Err(_))));
        assert!(decoder.next_event().is_none(), "told once");
        decoder.push(b"\n\ndata: x\n\n");
        decoder.close();
        assert!(decoder.next_event().is_none(), "nothing comes after it");
    }
}

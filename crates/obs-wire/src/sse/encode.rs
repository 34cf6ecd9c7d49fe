//! From events to bytes.
use std::str;

use bytes::Bytes;

use super::Event;

/// The event that ends a stream of chat completions.
pub const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// An event with this data and, if given, a name.
///
/// Line breaks in the data (`\n`, `\r\n`, `\r`) begin further `data` lines; a reader joins them by `\n`. In JSON they are
/// white space.
#[must_use]
pub fn encode(name: Option<&str>, data: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(data.len() + name.map_or(0, str::len) + 24);
    // A line break in the name would begin another field.
    if let Some(name) = name.and_then(|name| name.lines().next()) {
        line(&mut out, b"event: ", name.as_bytes());
    }
    let mut rest = data;
    while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
        line(&mut out, b"data: ", &rest[..end]);
        let ending = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + ending..];
    }
    line(&mut out, b"data: ", rest);
    out.push(b'\n');
    out.into()
}

impl Event {
    /// As it is sent.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let name = self
            .name
            .as_deref()
            .and_then(|name| str::from_utf8(name).ok());
        encode(name, &self.data)
    }
}

/// A comment: readers ignore it, and it keeps a connection alive.
#[must_use]
pub fn comment(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 4);
    for text in text.lines().chain(text.is_empty().then_some("")) {
        line(&mut out, b": ", text.as_bytes());
    }
    out.push(b'\n');
    out.into()
}

fn line(out: &mut Vec<u8>, field: &[u8], value: &[u8]) {
    out.extend_from_slice(field);
    out.extend_from_slice(value);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_several_lines_gets_several_fields() {
        assert_eq!(encode(None, b"{}"), "data: {}\n\n");
        assert_eq!(
            encode(Some("error"), b"a\r\nb\rc\n"),
            "event: error\ndata: a\ndata: b\ndata: c\ndata: \n\n"
        );
    }

    #[test]
    fn a_comment_cannot_become_data() {
        assert_eq!(comment("wait\ndata: x"), ": wait\n: data: x\n\n");
        assert_eq!(comment(""), ": \n\n");
    }
}

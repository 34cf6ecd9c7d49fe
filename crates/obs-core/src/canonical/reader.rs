//! One look at a text finds what is in it.
use memchr::memchr2;

use super::part::{Kind, Part};

/// A name that is no text: half of a pair of surrogates.
struct NoText;

/// Finds the parts of a text that is JSON.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    pub(super) parts: Vec<Part>,
    /// Texts that had escapes.
    pub(super) decoded: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            parts: Vec::with_capacity(text.len() / 16 + 8),
            decoded: vec![],
        }
    }

    /// Reads the value that comes next. One that is nested deeper is taken by its text.
    pub(super) fn value(&mut self, depth: usize) {
        self.space();
        let start = self.at;
        if depth == 0 {
            return self.verbatim(start);
        }
        match self.byte() {
            b'{' => {
                let (parts, decoded) = (self.parts.len(), self.decoded.len());
                if self.object(depth).is_err() {
                    self.parts.truncate(parts);
                    self.decoded.truncate(decoded);
                    self.verbatim(start);
                }
            }
            b'[' => {
                let list = self.begin(Kind::List);
                while !self.closes() {
                    self.value(depth - 1);
                }
                self.parts[list].end = self.parts.len() as u32;
            }
            b'"' => {
                if self.string().is_err() {
                    self.push(Kind::Verbatim, start, self.at);
                }
            }
            b'-' | b'0'..=b'9' => self.word(Kind::Number),
            _ => self.word(Kind::Word),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), NoText> {
        let object = self.begin(Kind::Object);
        while !self.closes() {
            self.string()?;
            self.space();
            // the colon
            self.at += 1;
            self.value(depth - 1);
        }
        self.parts[object].end = self.parts.len() as u32;
        Ok(())
    }

    /// Takes the bracket that opens.
    fn begin(&mut self, kind: Kind) -> usize {
        self.at += 1;
        self.push(kind, 0, 0);
        self.parts.len() - 1
    }

    /// Takes the bracket that closes, or the comma before the next.
    fn closes(&mut self) -> bool {
        self.space();
        let closes = match self.byte() {
            b'}' | b']' => true,
            b',' => false,
            _ => return false,
        };
        self.at += 1;
        self.space();
        closes
    }

    fn string(&mut self) -> Result<(), NoText> {
        let start = self.at;
        let is_plain = self.skip_string();
        if is_plain {
            self.push(Kind::Text, start + 1, self.at - 1);
            return Ok(());
        }
        let text = serde_json::from_str(&self.text[start..self.at]);
        self.decoded.push(text.map_err(|_| NoText)?);
        self.push(Kind::Decoded, self.decoded.len() - 1, 0);
        Ok(())
    }

    /// `true`: nothing in it is escaped.
    fn skip_string(&mut self) -> bool {
        let mut is_plain = true;
        self.at += 1;
        while let Some(found) = memchr2(b'"', b'\\', &self.text.as_bytes()[self.at..]) {
            self.at += found + 1;
            if self.text.as_bytes()[self.at - 1] == b'"' {
                break;
            }
            // what is escaped
            self.at += 1;
            is_plain = false;
        }
        is_plain
    }

    fn word(&mut self, kind: Kind) {
        let start = self.at;
        let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let rest = &self.text.as_bytes()[start..];
        self.at += rest.iter().position(is_end).unwrap_or(rest.len());
        self.push(kind, start, self.at);
    }

    /// Takes the value that begins here by its text, however deep it is.
    fn verbatim(&mut self, start: usize) {
        self.at = start;
        let mut open = 0;
        loop {
            self.space();
            match self.byte() {
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    open -= 1;
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                b'"' => _ = self.skip_string(),
                _ => {
                    self.word(Kind::Word);
                    self.parts.pop();
                }
            }
            if open == 0 {
                break;
            }
        }
        self.push(Kind::Verbatim, start, self.at);
    }

    fn space(&mut self) {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Zero after the end.
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// No place is beyond the length of the text.
    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let (start, end) = (start as u32, end as u32);
        self.parts.push(Part { kind, start, end });
    }
}

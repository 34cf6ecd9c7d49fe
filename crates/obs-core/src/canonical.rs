//! JSON by its meaning: what two texts have in common that say the same.
//!
//! One look at the text finds what is in it; then that is told in canonical order. It is looked at by a parser before, so that
//! what is read here is JSON.
#[cfg(test)]
mod plainly;

use memchr::memchr2;
use serde_json::value::RawValue;

/// Deeper than this a value is taken by its text: nobody nests so deep who does not mean harm.
const DEPTH: usize = 128;

/// Tells the frames of a JSON text, in canonical order, to `out`: a tag and bytes each.
pub(crate) fn canonical(text: &[u8], without: &[&str], out: &mut dyn FnMut(u8, &[u8])) {
    let value = serde_json::from_slice::<&RawValue>(text).ok();
    // Places in the text are kept short.
    let value = value.filter(|value| u32::try_from(value.get().len()).is_ok());
    let Some(value) = value else {
        return out(b'?', text);
    };
    let text = value.get();
    let mut reader = Reader {
        text,
        at: 0,
        parts: Vec::with_capacity(text.len() / 16 + 8),
        decoded: vec![],
    };
    reader.value(DEPTH);
    let mut teller = Teller {
        text,
        parts: &reader.parts,
        decoded: &reader.decoded,
        members: vec![],
        out,
    };
    teller.value(0, without);
}

/// A value, or the name of one.
#[derive(Clone, Copy)]
struct Part {
    kind: Kind,
    /// Where it is in the text; what was decoded is at this place in its list.
    start: u32,
    /// Where it ends in the text; of objects and lists, where the parts after them begin.
    end: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Object,
    List,
    /// Without escapes, and without its quotes.
    Text,
    Decoded,
    Number,
    /// true, false, null
    Word,
    Verbatim,
}

/// A name that is no text: half of a pair of surrogates.
struct NoText;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    parts: Vec<Part>,
    decoded: Vec<String>,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) {
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

struct Teller<'a> {
    text: &'a str,
    parts: &'a [Part],
    decoded: &'a [String],
    /// The members of all objects that are being told.
    members: Vec<(&'a str, usize)>,
    out: &'a mut dyn FnMut(u8, &[u8]),
}

impl<'a> Teller<'a> {
    /// Tells the value at this place.
    fn value(&mut self, place: usize, without: &[&str]) {
        let part = self.parts[place];
        let whole = self.text;
        let text = || &whole[part.start as usize..part.end as usize];
        match part.kind {
            Kind::Object => self.object(place, without),
            Kind::List => {
                let count = self.after(place, 1).count() as u64;
                (self.out)(b'[', &count.to_le_bytes());
                for item in self.after(place, 1) {
                    self.value(item, &[]);
                }
            }
            Kind::Text | Kind::Decoded => {
                let text = self.name(place);
                (self.out)(b's', text.as_bytes());
            }
            Kind::Number => match decimal(text()) {
                Some((negative, digits, exponent)) => {
                    let sign = if negative { b'-' } else { b'+' };
                    digits.with(|digits| (self.out)(sign, digits));
                    (self.out)(b'e', &exponent.to_le_bytes());
                }
                None => (self.out)(b'!', text().as_bytes()),
            },
            Kind::Word => (self.out)(b'c', text().as_bytes()),
            Kind::Verbatim => (self.out)(b'!', text().as_bytes()),
        }
    }

    fn object(&mut self, place: usize, without: &[&str]) {
        let first = self.members.len();
        for name in self.after(place, 2) {
            let member = (self.name(name), name + 1);
            if !without.contains(&member.0) {
                self.members.push(member);
            }
        }
        // Stable: of a key that comes twice, both values stay, in their order.
        self.members[first..].sort_by_key(|(name, _)| *name);
        let last = self.members.len();
        (self.out)(b'{', &((last - first) as u64).to_le_bytes());
        for member in first..last {
            let (name, value) = self.members[member];
            (self.out)(b'k', name.as_bytes());
            self.value(value, &[]);
        }
        self.members.truncate(first);
    }

    /// The places in this list or object, one for so many parts: an item, or a name and its value.
    fn after(&self, place: usize, each: usize) -> impl Iterator<Item = usize> + use<'a> {
        let (parts, end) = (self.parts, self.parts[place].end as usize);
        let next = move |from: usize| {
            let value = from + each - 1;
            match parts[value].kind {
                Kind::Object | Kind::List => parts[value].end as usize,
                _ => value + 1,
            }
        };
        let mut at = place + 1;
        std::iter::from_fn(move || {
            let this = at;
            (this < end).then(|| {
                at = next(this);
                this
            })
        })
    }

    fn name(&self, place: usize) -> &'a str {
        let Part { kind, start, end } = self.parts[place];
        match kind {
            Kind::Decoded => &self.decoded[start as usize],
            _ => &self.text[start as usize..end as usize],
        }
    }
}

/// A JSON number as sign, digits without outer zeros, and the exponent of the last digit. `None`: an exponent that
/// does not fit.
fn decimal(text: &str) -> Option<(bool, Digits<'_>, i64)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = Digits { whole, fraction };
    let zeros = digits.zeros_behind();
    let digits = digits.trimmed();
    if digits.is_empty() {
        return Some((false, digits, 0));
    }
    let exponent: i64 = exponent.parse().ok()?;
    let shift = i64::try_from(zeros).ok()? - i64::try_from(fraction.len()).ok()?;
    Some((negative, digits, exponent.checked_add(shift)?))
}

/// The digits of a number, of which some come before the point.
#[derive(Debug)]
struct Digits<'a> {
    whole: &'a str,
    fraction: &'a str,
}

impl Digits<'_> {
    fn zeros_behind(&self) -> usize {
        let zeros = |text: &str| text.len() - text.trim_end_matches('0').len();
        match zeros(self.fraction) {
            all if all == self.fraction.len() => all + zeros(self.whole),
            some => some,
        }
    }

    /// Without outer zeros.
    fn trimmed(self) -> Self {
        let fraction = self.fraction.trim_end_matches('0');
        let whole = match fraction {
            "" => self.whole.trim_end_matches('0'),
            _ => self.whole,
        };
        let whole = whole.trim_start_matches('0');
        let fraction = match whole {
            "" => fraction.trim_start_matches('0'),
            _ => fraction,
        };
        Self { whole, fraction }
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// All of them as one, without taking memory for few.
    fn with<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        let (whole, fraction) = (self.whole.as_bytes(), self.fraction.as_bytes());
        let mut few = [0; 32];
        let length = whole.len() + fraction.len();
        if fraction.is_empty() {
            take(whole)
        } else if let Some(few) = few.get_mut(..length) {
            few[..whole.len()].copy_from_slice(whole);
            few[whole.len()..].copy_from_slice(fraction);
            take(few)
        } else {
            take(&[whole, fraction].concat())
        }
    }
}

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.with(|these| other.with(|those| these == those))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Told = fn(&[u8], &[&str], &mut dyn FnMut(u8, &[u8]));

    fn frames(told: Told, text: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut frames = vec![];
        told(text, &["b", "stream"], &mut |tag, bytes| {
            frames.push((tag, bytes.to_vec()));
        });
        frames
    }

    #[track_caller]
    fn is_as_plain(text: &[u8]) {
        let shown = String::from_utf8_lossy(text);
        assert_eq!(
            frames(canonical, text),
            frames(plainly::canonical, text),
            "{shown}"
        );
    }

    /// JSON as nobody writes it: spaces, escapes, names that come twice or are none, numbers of every spelling.
    fn json() -> impl Strategy<Value = String> {
        let scalar = prop::sample::select(vec![
            "1",
            "-0.50e2",
            "1e999999999999999999999",
            "true",
            "null",
            r#""""#,
            r#""\u0062""#,
            r#""\ud800""#,
            r#""a\\\"]}""#,
            r#""\\""#,
            r#"" ,:[{""#,
            "18446744073709551617",
            "100",
            "0.0",
        ]);
        let name = prop::sample::select(vec![
            r#""a""#,
            r#""b""#,
            r#""\u0061""#,
            r#""stream""#,
            r#""\ud800""#,
            r#""""#,
            r#""\"""#,
        ]);
        let space = prop::sample::select(vec!["", " ", "\n\t\r "]);
        scalar
            .prop_map(str::to_owned)
            .prop_recursive(6, 60, 6, move |inner| {
                let item = (space.clone(), inner.clone(), space.clone());
                let item = item.prop_map(|(a, value, b)| format!("{a}{value}{b}"));
                let member = (space.clone(), name.clone(), space.clone(), item.clone());
                let member = member.prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
                let joined = |all: Vec<String>| all.join(",");
                prop_oneof![
                    prop::collection::vec(item, 0..6)
                        .prop_map(move |all| format!("[{}]", joined(all))),
                    prop::collection::vec(member, 0..6)
                        .prop_map(move |all| format!("{{{}}}", joined(all))),
                ]
            })
    }

    proptest! {
        #[test]
        fn one_look_finds_what_a_parser_for_each_level_finds(text in json()) {
            is_as_plain(text.as_bytes());
        }

        #[test]
        fn no_bytes_are_read_otherwise(text in json(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut text = text.into_bytes();
            let place = place.index(text.len());
            text[place] = byte;
            is_as_plain(&text);
            is_as_plain(&text[..place]);
        }
    }

    #[test]
    fn what_is_very_deep_is_taken_by_its_text() {
        for depth in [DEPTH - 1, DEPTH, DEPTH + 1, 10_000] {
            for (open, close) in [("[", "]"), (r#"{"b":[1, {"a" :"#, "}]}")] {
                let text = [open.repeat(depth), "1".into(), close.repeat(depth)].concat();
                is_as_plain(text.as_bytes());
            }
            let bad = format!(
                r#"{}{{"a":[1,"]"],"\ud800":{{}}}} {}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            );
            is_as_plain(bad.as_bytes());
        }
    }

    #[test]
    fn numbers_are_exact_decimals() {
        let same = ["1", "1.0", "10e-1", "0.1E1", "100e-2", "1e0"];
        let first = decimal(same[0]);
        assert!(same.iter().all(|text| decimal(text) == first), "{first:?}");
        assert_ne!(decimal("1"), decimal("-1"));
        assert_ne!(decimal("1"), decimal("10"));
        assert_ne!(
            decimal("18446744073709551616"),
            decimal("18446744073709551617")
        );
        assert_eq!(decimal("-0.00"), decimal("0e7"));
        assert_eq!(decimal("1e99999999999999999999"), None);
    }
}

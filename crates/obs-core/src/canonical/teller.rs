//! The frames of what was found, in canonical order.
use super::{
    decimal::decimal,
    part::{Kind, Part},
};

/// Tells what was found, in canonical order.
pub(super) struct Teller<'a> {
    pub(super) text: &'a str,
    pub(super) parts: &'a [Part],
    pub(super) decoded: &'a [String],
    /// The members of all objects that are being told.
    pub(super) members: Vec<(&'a str, usize)>,
    pub(super) out: &'a mut dyn FnMut(u8, &[u8]),
}

impl<'a> Teller<'a> {
    /// Tells the value at this place.
    pub(super) fn value(&mut self, place: usize, without: &[&str]) {
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

//! The fields of an object that is put together from those of several chunks.
use std::{borrow::Cow, fmt};

use obs_core::BoxError;

use crate::json::{self, Kind};

/// Fields in the order in which they were first seen, each as the text that it came with.
#[derive(Debug, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Member<'a>)>);

#[derive(Debug)]
enum Member<'a> {
    Text(&'a str),
    /// Two objects that were put together.
    Object(Members<'a>),
}

/// A field that cannot be said in the other form.
#[derive(Debug)]
pub struct Unlike(Box<str>);

impl Unlike {
    /// The field, by its name.
    #[must_use]
    pub fn new(field: &str) -> Self {
        Self(field.into())
    }
}

impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(field) = self;
        write!(
            f,
            "the kept answer has a `{field}` that cannot be converted between streamed and whole"
        )
    }
}

impl std::error::Error for Unlike {}

impl<'a> Members<'a> {
    /// Reads the fields of an object as they are.
    ///
    /// # Errors
    ///
    /// It is no JSON object.
    pub fn read(object: &'a str) -> Result<Self, BoxError> {
        let mut members = Self::default();
        json::fields(object, |key, value| {
            members.0.push((key, Member::Text(value)));
        })?;
        Ok(members)
    }

    /// Adds what a further chunk says: the same again, something in place of null, or further fields of an object.
    ///
    /// # Errors
    ///
    /// It says something else than what was said before.
    pub fn add(&mut self, key: Cow<'a, str>, value: &'a str) -> Result<(), Unlike> {
        let Some((_, member)) = self.0.iter_mut().find(|(name, _)| *name == key) else {
            self.0.push((key, Member::Text(value)));
            return Ok(());
        };
        match member {
            _ if json::is_null(value) => Ok(()),
            Member::Text(old) if *old == value => Ok(()),
            Member::Text(old) if json::is_null(old) => {
                *old = value;
                Ok(())
            }
            Member::Text(old) if both_objects(old, value) => {
                let mut object = Self::default();
                object.add_all(old)?;
                object.add_all(value)?;
                *member = Member::Object(object);
                Ok(())
            }
            Member::Object(object) if Kind::of(value) == Kind::Object => object.add_all(value),
            Member::Text(_) | Member::Object(_) => Err(Unlike::new(&key)),
        }
    }

    /// Adds it only where nothing was said: later chunks repeat it, or know less.
    pub fn add_first(&mut self, key: Cow<'a, str>, value: &'a str) {
        let found = self.0.iter_mut().find(|(name, _)| *name == key);
        match found {
            None => self.0.push((key, Member::Text(value))),
            Some((_, Member::Text(old))) if matches!(*old, "null" | "\"\"" | "0") => *old = value,
            Some(_) => {}
        }
    }

    /// Takes a field out.
    pub fn take(&mut self, key: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        match self.0.remove(at).1 {
            Member::Text(value) => Some(value),
            Member::Object(_) => None,
        }
    }

    /// The value of a field, as it was read.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find_map(|(name, member)| match member {
            Member::Text(value) if name == key => Some(*value),
            _ => None,
        })
    }

    /// Puts these fields in place of those of the same names, or behind the others.
    pub fn set_all(&mut self, fields: Self) {
        for (key, member) in fields.0 {
            match self.0.iter_mut().find(|(name, _)| *name == key) {
                Some((_, old)) => *old = member,
                None => self.0.push((key, member)),
            }
        }
    }

    /// As [`write`](Self::write), with these values (JSON already) in place of those of the same names, or behind the
    /// others; `None` leaves a field as it is.
    pub fn write_with(&self, to: &mut Writer, instead: &[(&str, Option<String>)]) {
        let of = |key: &str| {
            let found = instead.iter().find(|(name, _)| *name == key);
            found.and_then(|(_, value)| value.as_deref())
        };
        for (key, member) in &self.0 {
            match of(key) {
                Some(value) => to.field(key, value),
                None => member.write(key, to),
            }
        }
        for (key, value) in instead {
            if let Some(value) = value
                && !self.0.iter().any(|(name, _)| name == key)
            {
                to.field(key, value);
            }
        }
    }

    /// Writes the fields into the object that is being written.
    pub fn write(&self, to: &mut Writer) {
        for (key, member) in &self.0 {
            member.write(key, to);
        }
    }

    fn add_all(&mut self, object: &'a str) -> Result<(), Unlike> {
        let mut result = Ok(());
        // It is a piece of what was read before.
        let _ = json::fields(object, |key, value| {
            if result.is_ok() {
                result = self.add(key, value);
            }
        });
        result
    }
}

impl Member<'_> {
    fn write(&self, key: &str, to: &mut Writer) {
        match self {
            Self::Text(value) => to.field(key, value),
            Self::Object(object) => {
                to.key(key);
                to.object(|to| object.write(to));
            }
        }
    }
}

fn both_objects(one: &str, other: &str) -> bool {
    Kind::of(one) == Kind::Object && Kind::of(other) == Kind::Object
}

/// Writes JSON.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    comma: bool,
}

impl Writer {
    /// An object; what is inside writes its fields.
    pub fn object(&mut self, inside: impl FnOnce(&mut Self)) {
        self.nested('{', '}', inside);
    }

    /// An array; what is inside writes its items.
    pub fn array(&mut self, inside: impl FnOnce(&mut Self)) {
        self.nested('[', ']', inside);
    }

    /// The value follows.
    pub fn key(&mut self, key: &str) {
        self.value(&json::quoted(key));
        self.text.push(':');
        self.comma = false;
    }

    /// A field with a value that is JSON already.
    pub fn field(&mut self, key: &str, value: &str) {
        self.key(key);
        self.value(value);
    }

    /// A field with a string.
    pub fn string(&mut self, key: &str, text: &str) {
        self.field(key, &json::quoted(text));
    }

    /// A value that is JSON already.
    pub fn value(&mut self, value: &str) {
        if self.comma {
            self.text.push(',');
        }
        self.text.push_str(value);
        self.comma = true;
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    fn nested(&mut self, open: char, close: char, inside: impl FnOnce(&mut Self)) {
        if self.comma {
            self.text.push(',');
        }
        self.text.push(open);
        self.comma = false;
        inside(self);
        self.text.push(close);
        self.comma = true;
    }
}

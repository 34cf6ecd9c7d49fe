//! The types of the fields that we know. What is not listed is left to the provider.
use super::InvalidRequest;
use crate::json::{self, Kind};

/// What a field may hold. Every optional field may be null.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// A string.
    Text,
    /// True or false.
    Flag,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// Not negative.
    Count,
    /// At least one.
    Positive,
    /// An array.
    Array,
    /// An object.
    Object,
    /// A string or an array.
    TextOrArray,
    /// A string or an object.
    TextOrObject,
}

/// Refuses a value of a type that the field cannot have.
/// What is not listed may be anything, and every field may be null.
///
/// # Errors
///
/// It is of another type.
pub fn check_field(
    fields: &[(&str, Expect)],
    key: &str,
    value: &str,
) -> Result<(), InvalidRequest> {
    let Some((_, expect)) = fields.iter().find(|(name, _)| *name == key) else {
        return Ok(());
    };
    if json::is_null(value) || expect.admits(value) {
        return Ok(());
    }
    Err(InvalidRequest::wrong(key, expect.words(), value))
}

impl Expect {
    fn admits(self, value: &str) -> bool {
        let kind = Kind::of(value);
        match self {
            Self::Text => kind == Kind::Text,
            Self::Flag => kind == Kind::Flag,
            Self::Number => kind == Kind::Number,
            Self::Integer => is_integer(value),
            Self::Count => is_integer(value) && !value.starts_with('-'),
            Self::Positive => {
                is_integer(value) && json::number(value).is_some_and(|number| number >= 1.0)
            }
            Self::Array => kind == Kind::Array,
            Self::Object => kind == Kind::Object,
            Self::TextOrArray => matches!(kind, Kind::Text | Kind::Array),
            Self::TextOrObject => matches!(kind, Kind::Text | Kind::Object),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Flag => "true or false",
            Self::Number => "a number",
            Self::Integer => "an integer",
            Self::Count => "an integer of at least 0",
            Self::Positive => "an integer of at least 1",
            Self::Array => "an array",
            Self::Object => "an object",
            Self::TextOrArray => "a string or an array",
            Self::TextOrObject => "a string or an object",
        }
    }
}

/// Also one that no machine type holds, and one that is written as `3.0`.
fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    digits.bytes().all(|b| b.is_ascii_digit())
        || json::number(value).is_some_and(|number| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn admits(expect: Expect, good: &[&str], bad: &[&str]) {
        for value in good {
            assert!(expect.admits(value), "{value}");
        }
        for value in bad {
            assert!(!expect.admits(value), "{value}");
        }
    }

    #[test]
    fn integers_may_be_huge_or_written_with_a_point() {
        let huge = "123456789012345678901234567890";
        admits(
            Expect::Integer,
            &["0", "-3", "3.0", huge],
            &["1.5", "\"3\"", "true"],
        );
        admits(Expect::Count, &["0", "7", huge], &["-1", "0.5", "[]"]);
        admits(Expect::Positive, &["1", "2.0"], &["0", "-1", "\"1\"", "{}"]);
    }

    #[test]
    fn null_is_as_good_as_nothing() {
        let fields = [("temperature", Expect::Number)];
        assert!(check_field(&fields, "temperature", "null").is_ok());
        assert!(check_field(&fields, "temperature", "\"0\"").is_err());
        assert!(check_field(&fields, "not_ours", "\"0\"").is_ok());
    }
}

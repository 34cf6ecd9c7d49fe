//! Why there is nothing to judge by.
use std::{error, fmt};

/// A schema that answers cannot be judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSchema {
    /// It has more than 64 KiB, or more than 16,384 values where each reference is replaced by what it refers to.
    TooLarge,
    /// It is nested too deep.
    TooDeep,
    /// It refers to something else than a place in itself, or may do so.
    Elsewhere,
    /// It is for a draft before 6.
    TooOld,
    /// It is no JSON or no schema, in the words of who read it: they may repeat pieces of it.
    Unfit(String),
}

impl InvalidSchema {
    /// What is wrong, in words that repeat nothing of the schema: for logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooLarge => "it is too large: at most 64 KiB and 16,384 values",
            Self::TooDeep => "it is nested too deep",
            Self::Elsewhere => {
                "it refers to something else than a place in itself, such as `#/$defs/name`"
            }
            Self::TooOld => "it is for a draft before 6",
            Self::Unfit(_) => "it is no JSON Schema",
        }
    }
}

impl fmt::Display for InvalidSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no answer can be judged by this schema: {}",
            self.as_str()
        )?;
        match self {
            Self::Unfit(problem) => write!(f, ": {problem}"),
            _ => Ok(()),
        }
    }
}

impl error::Error for InvalidSchema {}

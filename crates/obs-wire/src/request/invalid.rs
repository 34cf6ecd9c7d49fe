//! Why a request was refused before it went anywhere.
use std::{error::Error as StdError, fmt};

use obs_core::{Error, ErrorKind};

use crate::json::Kind;

/// A request that no model could answer: no JSON, a field that is missing, or one of a wrong type.
///
/// Its text says which field it is, what it holds and what it should hold; never what is written in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    param: Option<Box<str>>,
    problem: Box<str>,
}

impl InvalidRequest {
    /// The field that is wrong, such as `messages[2].content`; `None`: the body as a whole.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The body as a whole is wrong.
    pub fn body(problem: impl Into<Box<str>>) -> Self {
        Self {
            param: None,
            problem: problem.into(),
        }
    }

    /// A field is wrong: the text goes on after its name.
    pub fn field(param: impl Into<Box<str>>, problem: impl Into<Box<str>>) -> Self {
        Self {
            param: Some(param.into()),
            problem: problem.into(),
        }
    }

    /// A field is missing.
    pub fn missing(param: impl Into<Box<str>>, expected: &str) -> Self {
        Self::field(param, format!("is missing: expected {expected}"))
    }

    /// A field has a value of a wrong type; what is written in it is not told.
    pub fn wrong(param: impl Into<Box<str>>, expected: &str, found: &str) -> Self {
        // Numbers and booleans are told: they hold no prompt.
        let found = match Kind::of(found) {
            kind @ (Kind::Number | Kind::Flag) if found.len() <= 40 => format!("{kind} ({found})"),
            kind => kind.to_string(),
        };
        Self::field(param, format!("is {found}: expected {expected}"))
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.param {
            Some(param) => write!(f, "`{param}` {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl StdError for InvalidRequest {}

/// Of kind [`ErrorKind::Caller`].
impl From<InvalidRequest> for Error {
    fn from(invalid: InvalidRequest) -> Self {
        Self::new(ErrorKind::Caller, invalid)
    }
}

//! Headers that say what they cannot.
use std::{error::Error as StdError, fmt, sync::Arc};

use http::{HeaderMap, HeaderValue};
use obs_core::{Error, ErrorKind};

/// Longest name of a tenant or session.
const LONGEST: usize = 256;

/// A header of a request cannot be understood. Its text names the header and what is expected; its value is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHeader {
    name: &'static str,
    problem: String,
}

impl InvalidHeader {
    pub(crate) fn new(name: &'static str, problem: impl fmt::Display) -> Self {
        let problem = problem.to_string();
        Self { name, problem }
    }

    /// The header, in lower case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// The one value of a header. Of two, one may be a stranger's: neither is taken.
pub(crate) fn one<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> Result<Option<&'a HeaderValue>, InvalidHeader> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(InvalidHeader::new(name, "is there more than once")),
        None => Ok(first),
    }
}

/// A name that a caller gives.
pub(crate) fn name(
    headers: &HeaderMap,
    name: &'static str,
) -> Result<Option<Arc<str>>, InvalidHeader> {
    let Some(value) = one(headers, name)? else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) if (1..=LONGEST).contains(&text.len()) => Ok(Some(text.into())),
        _ => Err(InvalidHeader::new(
            name,
            "expected 1 to 256 printable ASCII characters",
        )),
    }
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "header {}: {}", self.name, self.problem)
    }
}

impl StdError for InvalidHeader {}

/// Of kind [`ErrorKind::Caller`].
impl From<InvalidHeader> for Error {
    fn from(invalid: InvalidHeader) -> Self {
        Self::new(ErrorKind::Caller, invalid)
    }
}

//! Answers that are none.
use std::{error::Error as StdError, fmt};

use obs_core::{Error, ErrorKind};

/// The provider answered with a status of success, and what came is no answer.
#[derive(Clone, Debug)]
pub struct AnswerError {
    url: Box<str>,
    fault: AnswerFault,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerFault {
    /// A content type that cannot be read.
    ContentType {
        /// What came; `None`: the header is missing.
        found: Option<Box<str>>,
        /// What would have been right.
        expected: &'static str,
    },
    /// Compressed, which was not asked for.
    Encoded(Box<str>),
    /// No JSON, or not the JSON of an answer.
    Malformed(Box<str>),
    /// More bytes than allowed.
    TooLarge {
        /// The most bytes that an answer may have.
        limit: usize,
    },
    /// An event of more bytes than allowed.
    EventTooLong {
        /// The most bytes that an event may have.
        limit: usize,
    },
    /// Nothing that an answer has.
    Empty,
}

impl AnswerError {
    /// Of kind [`ErrorKind::Upstream`].
    pub(crate) fn error(url: &str, fault: AnswerFault) -> Error {
        let url = url.into();
        Error::new(ErrorKind::Upstream, Self { url, fault })
    }

    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self) -> &AnswerFault {
        &self.fault
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} gave no usable answer: ", self.url)?;
        match &self.fault {
            AnswerFault::ContentType { found, expected } => match found {
                Some(found) => write!(f, "content type `{found}`, expected {expected}"),
                None => write!(f, "no content type, expected {expected}"),
            },
            AnswerFault::Encoded(how) => {
                write!(f, "content encoding `{how}`, expected none")
            }
            AnswerFault::Malformed(how) => f.write_str(how),
            AnswerFault::TooLarge { limit } => write!(f, "larger than the limit of {limit} bytes"),
            AnswerFault::EventTooLong { limit } => {
                write!(f, "an event larger than the limit of {limit} bytes")
            }
            AnswerFault::Empty => f.write_str("it holds no answer"),
        }
    }
}

impl StdError for AnswerError {}

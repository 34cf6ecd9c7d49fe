//! One line of the log.
use memchr::memmem;
use serde::{
    Deserialize, Serialize,
    de::{Error as _, IgnoredAny},
};

use crate::{Entry, Feedback, SCHEMA};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// A call, told when it ends.
    Call(Box<Entry>),
    /// What somebody says of an answer, any time later.
    Feedback(Feedback),
}

impl Record {
    /// Reads a line. Fields that are not known are passed over.
    ///
    /// # Errors
    /// Where it is no JSON, or neither a call nor feedback, or of a later version of the schema.
    pub fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        // The word is in hardly any line that is a call: the first look is rarely taken.
        let record = if memmem::find(line, b"\"feedback\"").is_some() && is_feedback(line)? {
            Self::Feedback(serde_json::from_slice(line)?)
        } else {
            let entry: Box<Entry> = serde_json::from_slice(line)?;
            if entry.call.is_empty() {
                return Err(serde_json::Error::custom(
                    "neither a call (`call` names it) nor feedback (`feedback` names its call)",
                ));
            }
            Self::Call(entry)
        };
        let v = match &record {
            Self::Call(entry) => entry.v,
            Self::Feedback(feedback) => feedback.v,
        };
        if v > SCHEMA {
            return Err(serde_json::Error::custom(format!(
                "of version {v} of the schema; this program knows up to {SCHEMA}"
            )));
        }
        Ok(record)
    }
}

/// Whether there is such a field on the outside.
fn is_feedback(line: &[u8]) -> Result<bool, serde_json::Error> {
    #[derive(Deserialize)]
    struct Outside {
        feedback: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Outside>(line).map(|outside| outside.feedback.is_some())
}

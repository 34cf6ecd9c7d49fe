//! Answers that obey a schema.
mod asked;
mod invalid;
mod measure;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use jsonschema::{PatternOptions, Validator};
use obs_core::Finish;
use serde_json::Value;

use self::measure::Measure;
use super::parses::code;
use crate::{Check, Seen};

pub use self::{
    asked::{AskedSchema, SchemaStats},
    invalid::InvalidSchema,
};

/// Most bytes of a schema.
const MOST_BYTES: usize = 64 << 10;

/// Steps back that one pattern may take in one string.
const BACKTRACKS: usize = 1_000;

/// Most bytes of a compiled pattern.
const PATTERN_BYTES: usize = 256 << 10;

/// Most that judging may take: values of the schema times bytes of the answer. A few tenths of a second in the worst case.
const MOST_WORK: usize = 1 << 26;

/// Most nesting of the schema times that of the answer: the validator calls itself, and threads of tokio have stacks of 2 MiB.
const DEEPEST: usize = 2_048;

/// Accepts answers that obey a JSON Schema, of draft 6 and later; 2020-12 where it does not say. Needs the feature `json-schema`.
///
/// The JSON may be in a code fence, as with [`Parses`](crate::Parses). An answer that calls tools is accepted, for what is asked of
/// its text is not asked of it; one that was cut, and a refusal, do not obey. Formats are looked at where the draft says so, which
/// 2020-12 does not. An answer that is outlandish, being very long or nested very deep for this schema, is not judged, and accepted.
///
/// It looks at once, and takes some microseconds; for long answers to large schemas up to some tenths of a second.
///
/// ```
/// use obs_router::{Checked, Schema};
///
/// let schema = r#"{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}"#;
/// let judge = Checked::new(Schema::parse(schema)?);
/// # Ok::<(), obs_router::InvalidSchema>(())
/// ```
pub struct Schema {
    validator: Validator,
    measure: Measure,
}

impl Schema {
    /// Reads a schema from JSON.
    ///
    /// Nothing is fetched: it refers to places in itself alone, as `#` or `#/$defs/name`. Its size is bounded, so that neither
    /// compiling it nor judging by it can be made to take long by whoever wrote it: 64 KiB, and 16,384 values where each reference
    /// is replaced by what it refers to.
    ///
    /// # Errors
    ///
    /// If it is no schema, refers to anything else, or is too large.
    pub fn parse(text: &str) -> Result<Self, InvalidSchema> {
        if text.len() > MOST_BYTES {
            return Err(InvalidSchema::TooLarge);
        }
        let schema: Value =
            serde_json::from_str(text).map_err(|error| InvalidSchema::Unfit(error.to_string()))?;
        let measure = Measure::of(&schema)?;
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACKS)
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES);
        let validator = jsonschema::options()
            .offline()
            .with_pattern_options(patterns)
            .build(&schema)
            .map_err(|error| InvalidSchema::Unfit(error.to_string()))?;
        Ok(Self { validator, measure })
    }

    /// `None`: it is not judged.
    fn judge(&self, answer: &Seen) -> Option<bool> {
        if answer.finish == Some(Finish::ToolCalls) {
            return None;
        }
        let Some(json) = code(&answer.text, None) else {
            return Some(false);
        };
        if self.measure.values.saturating_mul(json.len()) > MOST_WORK {
            return None;
        }
        let Ok(value) = serde_json::from_str::<Value>(json) else {
            return Some(false);
        };
        if self.measure.depth.saturating_mul(depth(&value)) > DEEPEST {
            return None;
        }
        // An answer is not to be lost by a fault of those who look at it.
        catch_unwind(AssertUnwindSafe(|| self.validator.is_valid(&value))).ok()
    }
}

impl Check for Schema {
    fn accepts(&self, answer: &Seen) -> bool {
        self.judge(answer).unwrap_or(true)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("values", &self.measure.values)
            .finish_non_exhaustive()
    }
}

/// How deep a value is nested. A reader of JSON goes no deeper than 128.
fn depth(value: &Value) -> usize {
    let inside = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => None,
    };
    1 + inside.unwrap_or(0)
}

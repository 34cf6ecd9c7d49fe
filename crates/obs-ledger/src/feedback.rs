//! What somebody says of an answer, later.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Entry, SCHEMA, Word};

/// How good the answer of a call was: a line of its own, written when somebody says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// The version of the schema: [`SCHEMA`](crate::SCHEMA) where this crate wrote it.
    #[serde(default)]
    pub v: u32,
    /// The name of the call: that of its [`Entry`](crate::Entry).
    pub feedback: Arc<str>,
    /// When it was said, in milliseconds since 1970.
    #[serde(default)]
    pub time: u64,
    /// From 0 (bad) to 1 (good).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// The same in a word. Where both are given, the score counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Whose answer it is about; missing: the one that the caller got. Comparisons of routes say it, once for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Arc<str>>,
    /// Who says so: missing for a person, else `judge`, `verifier` or `shadow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Word>,
    /// On whose behalf: as the entry's, where it is known. Of another tenant it is no feedback to that call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Arc<str>>,
    /// In words. Not read by anything here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

/// Good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The answer would do.
    Good,
    /// It would not.
    Bad,
}

impl Feedback {
    /// Feedback of this quality to that call.
    #[must_use]
    pub fn new(call: impl Into<Arc<str>>, score: f32) -> Self {
        Self {
            v: SCHEMA,
            feedback: call.into(),
            score: Some(score),
            ..Self::default()
        }
    }

    /// Whether it is about this call, of which several tenants may know the name.
    #[must_use]
    pub fn is_of(&self, entry: &Entry) -> bool {
        self.feedback == entry.call && (self.tenant.is_none() || self.tenant == entry.tenant)
    }

    /// The score, from 0 to 1; `None` where neither a score in that range nor a verdict is given.
    #[must_use]
    pub fn quality(&self) -> Option<f32> {
        match (self.score, self.verdict) {
            (Some(score), _) => (0.0..=1.0).contains(&score).then_some(score),
            (None, Some(Verdict::Good)) => Some(1.0),
            (None, Some(Verdict::Bad)) => Some(0.0),
            (None, None) => None,
        }
    }
}

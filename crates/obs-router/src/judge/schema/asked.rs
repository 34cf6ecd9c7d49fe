//! Answers that obey the schema that they were asked to obey.
use std::{
    fmt, future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use obs_core::{Call, Commit, LlmRequest, LlmResponse};
use quick_cache::{Weighter, sync::Cache};

use super::{MOST_BYTES, Schema};
use crate::{Judge, Seen, Verdict};

/// How many schemas are kept about.
const KEPT: usize = 256;

/// Most bytes of schemas that are kept. Compiled they take some ten times as much.
const KEPT_BYTES: u64 = 1 << 20;

/// Accepts answers that obey the schema that their request [asks for](LlmRequest::answer_schema), as [`Schema`] does. Needs the feature
/// `json-schema`.
///
/// What asks for none is accepted, and a stream of it is not held back. Where a schema is not fit to judge by, being invalid,
/// referring to something outside of it, or too large, the answer is not judged and goes out; that is counted, and told at the level
/// `debug`.
///
/// Compiled schemas are kept, up to 1 MiB of their text, so that a schema that comes again costs no more than a look-up. A clone
/// shares them, and counts together.
#[derive(Clone)]
pub struct AskedSchema(Arc<Shared>);

/// What [`AskedSchema`] has said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaStats {
    /// Answers that obey.
    pub accepted: u64,
    /// Answers that do not.
    pub rejected: u64,
    /// Answers that were not judged: they call tools, are beyond measure, or their schema is not fit to judge by.
    pub unjudged: u64,
}

struct Shared {
    kept: Cache<Box<str>, Kept, ByBytes>,
    accepted: AtomicU64,
    rejected: AtomicU64,
    unjudged: AtomicU64,
}

/// What is not fit is not compiled each time either.
type Kept = Option<Arc<Schema>>;

#[derive(Clone)]
struct ByBytes;

impl Weighter<Box<str>, Kept> for ByBytes {
    fn weight(&self, text: &Box<str>, _: &Kept) -> u64 {
        text.len() as u64 + 1
    }
}

impl AskedSchema {
    /// Nothing was asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            kept: Cache::with_weighter(KEPT, KEPT_BYTES, ByBytes),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            unjudged: AtomicU64::new(0),
        }))
    }

    /// Whether an answer obeys the schema that this request asks for, if it asks for one.
    pub fn accepts<R: LlmRequest + ?Sized>(&self, request: &R, answer: &Seen) -> bool {
        let Some(text) = request.answer_schema() else {
            return true;
        };
        let verdict = self.0.schema(text).and_then(|schema| schema.judge(answer));
        let (count, will_do) = match verdict {
            Some(true) => (&self.0.accepted, true),
            Some(false) => (&self.0.rejected, false),
            None => (&self.0.unjudged, true),
        };
        count.fetch_add(1, Relaxed);
        will_do
    }

    /// How often it has said what.
    #[must_use]
    pub fn stats(&self) -> SchemaStats {
        SchemaStats {
            accepted: self.0.accepted.load(Relaxed),
            rejected: self.0.rejected.load(Relaxed),
            unjudged: self.0.unjudged.load(Relaxed),
        }
    }
}

impl Shared {
    fn schema(&self, text: &str) -> Option<Arc<Schema>> {
        if text.len() <= MOST_BYTES
            && let Some(kept) = self.kept.get(text)
        {
            return kept;
        }
        // A fault of the compiler is not the caller's.
        let read = catch_unwind(AssertUnwindSafe(|| Schema::parse(text)));
        let schema = match read {
            Ok(Ok(schema)) => Some(Arc::new(schema)),
            Ok(Err(problem)) => {
                // Not the problem in full: it may repeat what was asked.
                tracing::debug!(
                    problem = problem.as_str(),
                    "answers are not judged by a schema"
                );
                None
            }
            Err(_) => {
                tracing::debug!(problem = "a panic", "answers are not judged by a schema");
                None
            }
        };
        if text.len() <= MOST_BYTES {
            self.kept.insert(text.into(), schema.clone());
        }
        schema
    }
}

impl Default for AskedSchema {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: LlmRequest, Res: LlmResponse> Judge<R, Res> for AskedSchema {
    const COMMIT: Commit = Commit::Complete;

    type Future = future::Ready<Verdict>;

    fn commit(&self, call: &Call<R>) -> Commit {
        match call.request.answer_schema() {
            Some(_) => Commit::Complete,
            None => Commit::Head,
        }
    }

    fn judge(&self, call: &Call<R>, answer: &Res) -> Self::Future {
        let asks = call.request.answer_schema().is_some();
        let seen = asks.then(|| Seen::whole(answer)).flatten();
        let will_do = seen.is_none_or(|seen| self.accepts(&call.request, &seen));
        future::ready(Verdict::of(will_do))
    }
}

impl fmt::Debug for AskedSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedSchema")
            .field("kept", &self.0.kept.len())
            .field("stats", &self.stats())
            .finish()
    }
}

//! One call, as the log has it.
use std::{borrow::Cow, sync::Arc};

use obs_core::{Paid, Purpose, Usage, Usd};
use serde::{Deserialize, Serialize};

/// The version of the schema that is written. A field that is added does not change it; one that changes its meaning does.
pub const SCHEMA: u32 = 1;

/// A word of a set that may grow: a reason, a purpose, a kind of error. In one that is written it costs nothing.
pub type Word = Cow<'static, str>;

/// What became of one call, or of work that no caller waited for.
///
/// Times are whole microseconds since the call began, but for `time`. Money is exact: decimal text in dollars. What is not known
/// is missing; it is never zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The version of the schema: [`SCHEMA`] where this crate wrote it.
    pub v: u32,
    /// The name of the call, by which feedback is given. In work without a caller: the call that set it off.
    pub call: Arc<str>,
    /// When the call began, in milliseconds since 1970.
    pub time: u64,
    /// Set where no caller paid for this: attempts whose callers had all left, a refresh, a comparison. Such an entry has attempts
    /// and what was paid, and no answer.
    #[serde(skip_serializing_if = "is_false")]
    pub work: bool,
    /// What was asked of the model, by the names of the OpenTelemetry GenAI conventions: `chat`, `embeddings`.
    pub operation: Word,
    /// The wire format of the request, such as `openai`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Word>,
    /// The model that the caller asked for.
    pub model: Arc<str>,
    /// Whether the answer was wanted as a stream.
    #[serde(skip_serializing_if = "is_false")]
    pub stream: bool,
    /// On whose behalf, as the call's context had it: a hash, in the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Arc<str>>,
    /// The conversation, as a hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Arc<str>>,
    /// A kind of job that was known before the call, for models that learn a prior for each; imports may set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Arc<str>>,
    /// A hash of tenant, namespace and all that determines the answer: equal keys are equal questions. 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// Whether a cache may not answer it: the request wants another answer each time, or its caller said `no-store`.
    #[serde(skip_serializing_if = "is_false")]
    pub uncacheable: bool,
    /// What is known of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// The text of the answer, only where that is switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Arc<str>>,
    /// What routers decided, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// The route that gave the answer, now or when it was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Arc<str>>,
    /// What a cache did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cached>,
    /// Every request that a model got for this call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The sum of the costs that are known.
    pub paid: Usd,
    /// How many costs are not in it, because nobody knows them.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown_costs: u32,
    /// What the call would have cost with neither cache nor router, where all of it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Usd>,
    /// The route that savings of the router are measured against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_route: Option<Arc<str>>,
    /// Saved by the cache: what the stored or shared answer had cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_by_cache: Option<Usd>,
    /// Saved by the router; negative for a loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_by_router: Option<Usd>,
    /// Whether it went beyond its limit, into the grace period.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// From the beginning of the call to its last token, or to its end without one.
    pub latency_us: u64,
    /// From the beginning to the first content of a stream, as the caller got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_us: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// What kind of error, where it failed or timed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Word>,
}

/// What is known of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompt {
    /// Its size in bytes, all pieces together.
    pub bytes: u64,
    /// Its size in characters.
    pub chars: u64,
    /// Structural features, which show no text: those of `obs-learn`, in the order of its `NAMES`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<f32>,
    /// The text, only where that is switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<Vec<Piece>>,
}

/// A piece of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
}

/// Who said a piece of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The operator or developer.
    System,
    /// The user.
    User,
    /// The model, earlier.
    Assistant,
    /// The result of a tool.
    Tool,
}

/// What a router decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The route that the call takes.
    pub route: Arc<str>,
    /// Why.
    pub reason: Word,
    /// How difficult the request was found, if that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// What a cache did with the call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cached {
    /// `hit`, `stale`, `miss`, `coalesced` or `bypass`.
    pub status: Word,
    /// How old the stored answer was, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
}

/// One request to a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempt {
    /// The route that it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Arc<str>>,
    /// The model that was asked.
    pub asked: Arc<str>,
    /// The model that says that it answered, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<Arc<str>>,
    /// Why it was made: `first`, `retry`, `fallback`, `escalation`, `hedge`, `judge`, `refresh` or `shadow`.
    pub purpose: Word,
    /// Whether its answer is the one that the caller got.
    #[serde(skip_serializing_if = "is_false")]
    pub chosen: bool,
    /// Tokens used, as far as the provider told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// The price of what was seen of an answer that did not come to its end. It is in no sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Usd>,
    /// When it was made. Below zero: before this call began, which joined another's.
    pub at_us: i64,
    /// How long it took; missing while it was still under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// How long it took to the first content of its stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_us: Option<u64>,
    /// How it ended; missing while it was still under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What kind of error, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Word>,
}

/// How a call or an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a whole answer.
    Answered,
    /// With an error.
    Failed,
    /// It was dropped because its time was up, or failed with a timeout.
    TimedOut,
    /// It was dropped because nobody wanted it any more.
    #[default]
    Cancelled,
}

impl Entry {
    /// What the policy of the outermost router decided; what follows is of routers within, and of routes that had to be left.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        self.decisions.first()
    }

    /// The attempt whose answer the caller got; `None` for a hit.
    #[must_use]
    pub fn chosen(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.chosen)
    }

    /// Whether the answer was a stored or shared one.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        let of = self.cache.as_ref().map(|cached| &*cached.status);
        matches!(of, Some("hit" | "stale" | "coalesced"))
    }

    /// All that was paid, and how much of it is not known.
    #[must_use]
    pub const fn paid(&self) -> Paid {
        Paid {
            known: self.paid,
            unknown: self.unknown_costs,
        }
    }

    /// Saved by cache and router together, where all of it is known; nothing is saved by a call that was not answered.
    #[must_use]
    pub fn saved(&self) -> Option<Usd> {
        match (self.saved_by_cache, self.saved_by_router) {
            (None, None) => None,
            (cache, router) => Some(cache.unwrap_or_default() + router.unwrap_or_default()),
        }
    }
}

impl Attempt {
    /// Whether it was made for this.
    #[must_use]
    pub fn is(&self, purpose: Purpose) -> bool {
        self.purpose == purpose.as_str()
    }
}

impl Outcome {
    /// Its name in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Role {
    /// As the rest of the workspace knows it.
    #[must_use]
    pub const fn core(self) -> obs_core::Role {
        match self {
            Self::System => obs_core::Role::System,
            Self::User => obs_core::Role::User,
            Self::Assistant => obs_core::Role::Assistant,
            Self::Tool => obs_core::Role::Tool,
        }
    }
}

impl From<obs_core::Role> for Role {
    fn from(role: obs_core::Role) -> Self {
        match role {
            obs_core::Role::System => Self::System,
            obs_core::Role::User => Self::User,
            obs_core::Role::Assistant => Self::Assistant,
            obs_core::Role::Tool => Self::Tool,
        }
    }
}

const fn is_false(value: &bool) -> bool {
    !*value
}

const fn is_zero(value: &u32) -> bool {
    *value == 0
}
